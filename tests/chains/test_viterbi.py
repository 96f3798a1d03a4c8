"""The path that is found is no less likely than any other."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skem.chains.lanes import Lanes, ends_of
from skem.chains.viterbi import likeliest_path
from skem.data.blocks import SERIAL, SMALL, workers
from tests.chains.reference import KINDS, by_enumeration, log_joint, random_lengths


def path_of(logs, pi, A, lengths, most_steps=0):
    lanes = Lanes(ends_of(lengths), most_steps)
    states = likeliest_path(lanes, np.ascontiguousarray(logs[lanes.order].T), pi, A)
    path = np.empty_like(states)
    path[lanes.order] = states
    return path


def by_loop(logs, pi, A):
    """Return the likeliest path's log-joint."""
    with np.errstate(divide="ignore"):
        best = np.log(pi) + logs[0]
        for row in logs[1:]:
            best = (best[:, None] + np.log(A)).max(axis=0) + row
    return best.max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_rows", [1, 2, 6])
def test_all_paths(kind, n_rows):
    rng = np.random.default_rng(n_rows)
    A, pi, logs = KINDS[kind](3, rng), rng.dirichlet(np.ones(3)), rng.normal(0, 2, (n_rows, 3))
    path = by_enumeration(logs, pi, A)[3]
    for most_steps in range(1, n_rows + 1):
        np.testing.assert_array_equal(path_of(logs, pi, A, [n_rows], most_steps), path)


@pytest.mark.parametrize("kind", KINDS)
def test_loop(kind):
    rng = np.random.default_rng(0)
    for _ in range(25):
        n, K = rng.integers(1, 300), rng.integers(1, 6)
        A, pi = KINDS[kind](K, rng), rng.dirichlet(np.ones(K))
        logs = rng.normal(0, rng.choice([0.3, 1.0, 5.0, 100.0]), (n, K))
        lengths = random_lengths(n, rng)
        path = path_of(logs, pi, A, lengths, int(rng.integers(0, 80)))
        for stop, length in zip(np.cumsum(lengths), lengths, strict=True):
            rows = slice(stop - length, stop)
            found, best = log_joint(path[rows], logs[rows], pi, A), by_loop(logs[rows], pi, A)
            np.testing.assert_allclose(found, best, rtol=1e-11, atol=1e-11)


def test_impossible_row_counts_as_missing():
    logs = np.zeros((5, 2))
    logs[:, 1] = 1.0
    logs[2] = -np.inf
    path = path_of(logs, np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.1, 0.9]]), [5])
    np.testing.assert_array_equal(path, 1)


def test_groups_of_lanes_and_threads_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    A, pi, logs = KINDS["sticky"](3, rng), rng.dirichlet(np.ones(3)), rng.normal(size=(4000, 3))
    lengths = [1500, 1, 2499]
    lanes = Lanes(ends_of(lengths))
    columns = np.ascontiguousarray(logs[lanes.order].T)
    expected = likeliest_path(lanes, columns.copy(), pi, A)
    monkeypatch.setattr("skem.chains.viterbi.NUMBERS_PER_GROUP", 100)
    with threadpool_limits(2), workers(SMALL) as crew:
        assert crew is not SERIAL
        actual = likeliest_path(lanes, columns, pi, A, crew)
    np.testing.assert_array_equal(actual, expected)
    assert len(np.unique(expected)) == 3
