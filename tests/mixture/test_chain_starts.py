"""Where fits of hidden Markov models start: what long sequences show of their states."""

import numpy as np
import pytest

from skem import GaussianHMM
from skem.chains.lanes import ends_of
from skem.data.rows import Rows
from skem.mixture.sequences import STRETCH, Sequences

MEANS = np.array([[0.0], [2.0], [4.0], [5.0]])


def late_regimes(n_rows=8000, lasting=200):
    """Return rows of states that last, of which two are not seen before the middle."""
    rng, n = np.random.default_rng(0), n_rows // lasting
    states = np.repeat(np.r_[rng.integers(0, 2, n // 2), rng.integers(0, 4, n - n // 2)], lasting)
    return MEANS[states] + rng.normal(size=(n_rows, 1))


def sequences(lengths):
    """Return sequences whose rows are their numbers."""
    rows = np.arange(float(sum(lengths)))[:, np.newaxis]
    return Sequences(Rows(rows), ends_of(np.array(lengths)), 2)


def some(lengths, anywhere=True):
    """Return the rows of each sequence that starts are made from."""
    found = sequences(lengths).some(np.random.RandomState(0), anywhere)
    return np.split(found.rows.X[:, 0], found.ends[:-1])


def test_states_that_come_late_are_found(monkeypatch):
    X = late_regimes()
    transmat = np.full((4, 4), 0.001) + 0.996 * np.eye(4)
    options = {"covariance_type": "diag", "random_state": 0}
    truth = {
        "startprob_init": np.full(4, 0.25),
        "transmat_init": transmat,
        "means_init": MEANS,
        "covariances_init": np.ones((4, 1)),
    }
    best = GaussianHMM(4, **options, **truth).fit(X).score(X)
    monkeypatch.setattr("skem.mixture.sequences.MOST_ROWS", 3000)
    assert GaussianHMM(4, **options).fit(X).score(X) > best - 1e-6
    # From its first rows alone a fit ends far below.
    first = GaussianHMM(4, **options).fit(X[:3000])
    names = ("startprob", "transmat", "means", "covariances")
    given = {f"{name}_init": getattr(first, f"{name}_") for name in names}
    assert GaussianHMM(4, **options, **given).fit(X).score(X) < best - 0.01


def test_a_long_sequence_is_seen_in_stretches_from_all_over_it():
    stretches = some([40_000])
    assert len(stretches) == 10_000 // STRETCH
    for i, stretch in enumerate(stretches):
        np.testing.assert_array_equal(np.diff(stretch), np.ones(STRETCH - 1))
        assert i * 1000 <= stretch[0] <= stretch[-1] < (i + 1) * 1000


@pytest.mark.parametrize("lengths", [[40_000], [12_000, 3, 9000], [300] * 100, [3] * 20_000])
def test_rows_are_some_of_their_sequences(lengths):
    bounds = np.cumsum(lengths)
    stretches = some(lengths)
    rows = np.concatenate(stretches)
    assert (np.diff(rows) > 0).all()
    assert 5000 < len(rows) <= 10_003
    for stretch in stretches:
        assert len(set(np.searchsorted(bounds, stretch, "right"))) == 1
        assert len(stretch) == stretch[-1] - stretch[0] + 1


def test_sequences_that_cannot_begin_anywhere_begin_where_they_do():
    (rows,) = some([40_000], anywhere=False)
    np.testing.assert_array_equal(rows, np.arange(10_000))


def test_few_rows_are_all_there():
    np.testing.assert_array_equal(np.concatenate(some([500, 200])), np.arange(700))
