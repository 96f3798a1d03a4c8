"""Rows that repeat are counted, and nothing that is a sum over rows changes."""

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem import BinomialMixture
from skem.data.rows import MOST_POSSIBLE_ROWS, Rows
from tests.families.cases import BINOMIALS, POOLED, Centred, binomial_case, gaussian_case
from tests.laws import assert_same


def flips(n=10_000, trials=10, weighted=False, dtype=np.float64):
    """Return rows of heads and tails of a fixed number of flips."""
    rng = np.random.default_rng(0)
    heads = rng.binomial(trials, rng.choice([0.3, 0.7], n))
    X = np.column_stack([heads, trials - heads]).astype(dtype)
    return Rows(X, rng.uniform(0.1, 3, n) if weighted else None)


FAMILIES = [
    *(gaussian_case(structure, 3, 2) for structure in ("full", "tied", "diag", "spherical")),
    gaussian_case("full", 3, 3, 0.2, kind=Centred),
    *POOLED,
    *BINOMIALS[1:],
    binomial_case(2, 1, n_trials=10),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", FAMILIES, ids=str)
def test_objective_totals_and_parameters_are_the_same(case, weighted):
    rng = np.random.default_rng(0)
    width = case.X.shape[1]
    X = rng.integers(0, 4 if width < 5 else 2, (2000, width)).astype(float)
    rows = Rows(X, rng.uniform(0.1, 3, len(X)) if weighted else None)
    few = rows.condense()
    assert few.n_rows < rows.n_rows / 2
    expected, step = (case.model(r.X, r.weights).evaluate(case.params) for r in (rows, few))
    assert_allclose(step.objective, expected.objective, rtol=1e-12)
    scale = np.abs(expected.statistics).max()
    assert_allclose(step.statistics, expected.statistics, rtol=1e-12, atol=1e-12 * scale)
    assert_same(step.params, expected.params)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ten_thousand_series_of_ten_flips_are_eleven_rows(dtype):
    rows = flips(dtype=dtype)
    few = rows.condense()
    assert few.X.shape == (11, 2)
    assert few.X.dtype == dtype
    counts = Counter(map(tuple, rows.X))
    assert dict(zip(map(tuple, few.X), few.weights, strict=True)) == counts
    assert few.total_weight == rows.total_weight == 10_000


def test_weights_of_equal_rows_add_up():
    rows = flips(weighted=True)
    few = rows.condense()
    distinct, index = np.unique(rows.X, axis=0, return_inverse=True)
    assert_array_equal(few.X, distinct)
    assert_allclose(few.weights, np.bincount(index.ravel(), rows.weights), rtol=1e-12)
    assert_allclose(few.total_weight, rows.total_weight, rtol=1e-12)


def test_weights_below_one_do_not_make_rows_fewer():
    rows = flips(weighted=False)
    light = Rows(rows.X, np.full(rows.n_rows, 0.01)).condense()
    assert light.n_rows < 100
    assert light.effective == rows.n_rows


def test_memory_order_does_not_matter():
    rows = flips()
    few = Rows(np.asfortranarray(rows.X)).condense()
    assert_array_equal(few.X, rows.condense().X)
    assert_array_equal(few.weights, rows.condense().weights)


WHOLE = np.random.default_rng(0).integers(0, 3, (1000, 2)).astype(float)


def with_cell(value):
    """Return small whole numbers but for one cell in the middle."""
    X = WHOLE.copy()
    X[500, 1] = value
    return X


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "X",
    [
        with_cell(-1.0),
        with_cell(0.5),
        with_cell(1000.0),
        with_cell(1e100),
        np.full((1000, 4), 1e100),
        np.random.default_rng(0).integers(0, 2, (1000, 40)).astype(float),
        np.arange(2.0 * MOST_POSSIBLE_ROWS).reshape(-1, 1)[:: MOST_POSSIBLE_ROWS // 500],
        WHOLE[:10],
    ],
    ids=["negative", "half", "large", "huge", "overflow", "wide", "sparse", "few"],
)
def test_rows_that_are_not_cheap_to_count_stay_as_they_are(X):
    rows = Rows(X)
    assert rows.condense() is rows


def test_blocks_do_not_matter():
    """Values larger than those of the first block come later."""
    X = np.repeat(np.arange(6.0), 100_000)[:, np.newaxis]
    few = Rows(X).condense()
    assert_array_equal(few.X.ravel(), np.arange(6))
    assert_array_equal(few.weights, 100_000)


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_fit_of_repeated_rows_is_that_of_weighted_ones(n_components):
    rows = flips(2000)
    few = rows.condense()
    options = {"n_components": n_components, "random_state": 0, "tol": 1e-12}
    repeated = BinomialMixture(**options).fit(rows.X)
    shuffled = np.random.default_rng(1).permutation(few.n_rows)
    weighted = BinomialMixture(**options).fit(few.X[shuffled], sample_weight=few.weights[shuffled])
    assert_allclose(repeated.lower_bound_, weighted.lower_bound_, rtol=1e-12)
    assert_allclose(repeated.probabilities_, weighted.probabilities_, rtol=1e-4)
    assert_allclose(repeated.weights_, weighted.weights_, rtol=1e-3)
    assert repeated.n_iter_ == weighted.n_iter_
    assert repeated.labels_.shape == (2000,)
    assert_array_equal(repeated.labels_, repeated.predict(rows.X))
