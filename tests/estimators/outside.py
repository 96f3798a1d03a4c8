"""Mixtures, rows that are kept outside memory, and what being fitted to them must not change."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialMixture, GaussianMixtureEM

__all__ = [
    "CASES",
    "MEASURED",
    "assert_same_fit",
    "counts",
    "each_case",
    "each_case_with_columns",
    "fitted",
    "measured",
]


def measured(n_rows=2000, missing=0.0, seed=0):
    """Return rows of two features from three overlapping clusters, with cells missing."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n_rows, p=[0.5, 0.3, 0.2])
    means = np.array([[0.0, 0.0], [3.0, 1.0], [-1.0, 4.0]])
    X = means[labels] + rng.standard_normal((n_rows, 2)) * np.array([1.0, 0.6, 1.5])[labels, None]
    X[rng.random(X.shape) < missing] = np.nan
    return X


def counts(n_rows=2000, layout="successes", missing=0.0):
    """Return successes out of 200 in two columns, of three kinds, perhaps with failures."""
    rng = np.random.default_rng(0)
    p = np.array([[0.1, 0.5], [0.3, 0.2], [0.6, 0.7]])[rng.integers(3, size=n_rows)]
    X = rng.binomial(200, p).astype(float)
    X[rng.random(X.shape) < missing] = np.nan
    return X if layout == "successes" else np.hstack([X, 200 - X])


MEASURED, INCOMPLETE = measured(), measured(missing=0.2)
WEIGHTS = np.random.default_rng(1).integers(0, 3, len(MEASURED)).astype(float)
KNOWN = np.where(np.arange(len(MEASURED)) % 9 == 0, (MEASURED[:, 0] > 1.5).astype(int), -1)
PRIOR = {"shrinkage": 1.0, "degrees_of_freedom": 10.0}

#: A mixture, rows, and further arguments of fit.
CASES = [
    *(
        pytest.param(GaussianMixtureEM(3, covariance_type=name), MEASURED, {}, id=name)
        for name in ("full", "tied", "diag", "spherical")
    ),
    *(
        pytest.param(
            GaussianMixtureEM(3, covariance_type=name),
            INCOMPLETE,
            {"sample_weight": WEIGHTS},
            id=f"{name}-incomplete-weighted",
        )
        for name in ("full", "tied", "diag", "spherical")
    ),
    pytest.param(GaussianMixtureEM(3), MEASURED, {"sample_weight": WEIGHTS}, id="weighted"),
    pytest.param(
        GaussianMixtureEM(3),
        MEASURED,
        {"sample_weight": WEIGHTS, "known_labels": KNOWN},
        id="known-labels",
    ),
    pytest.param(GaussianMixtureEM(3, assignment="hard"), MEASURED, {}, id="hard"),
    pytest.param(GaussianMixtureEM(3, prior=PRIOR), MEASURED, {}, id="prior"),
    pytest.param(GaussianMixtureEM(3, reg_covar="scale"), MEASURED, {}, id="relative-ridge"),
    pytest.param(
        GaussianMixtureEM(
            3, fixed={"means": [True, False, False]}, means_init=[[0, 0], [3, 1], [-1, 4]]
        ),
        MEASURED,
        {},
        id="fixed",
    ),
    pytest.param(GaussianMixtureEM(3, record_trace=True), MEASURED, {}, id="trace"),
    pytest.param(
        GaussianMixtureEM(3, n_init=3, n_jobs=2, init_params="random_from_data"),
        MEASURED,
        {},
        id="restarts",
    ),
    *(
        pytest.param(GaussianMixtureEM(3, init_params=name), MEASURED, {}, id=name)
        for name in ("kmeans", "k-means++", "random")
    ),
    pytest.param(
        GaussianMixtureEM(3, init_params=np.arange(len(MEASURED)) % 3),
        MEASURED,
        {"sample_weight": WEIGHTS},
        id="labels-to-start-from",
    ),
    pytest.param(BinomialMixture(3, n_trials=200), counts(), {}, id="successes"),
    pytest.param(
        BinomialMixture(3),
        counts(layout="both", missing=0.1),
        {"sample_weight": WEIGHTS},
        id="successes-and-failures",
    ),
    pytest.param(BinomialMixture(2, n_trials=200), counts() // 50, {}, id="few-distinct-rows"),
]
each_case = pytest.mark.parametrize(("mixture", "X", "data"), CASES)
each_case_with_columns = pytest.mark.parametrize(
    ("mixture", "X", "data"), [case for case in CASES if case.values[2]]
)


def fitted(mixture, X, **data):
    """Return a clone fitted from a seed, in few evaluations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return clone(mixture).set_params(random_state=0, max_iter=50).fit(X, **data)


def assert_same_fit(actual, expected):
    """Assert that all that was published is the same, to rounding."""
    for name in ("weights_", "means_", "covariances_", "precisions_", "probabilities_"):
        if hasattr(expected, name):
            assert_allclose(getattr(actual, name), getattr(expected, name), rtol=1e-9, atol=1e-9)
    assert_allclose(actual.lower_bounds_, expected.lower_bounds_, rtol=1e-10)
    assert_allclose(actual.lower_bound_, expected.lower_bound_, rtol=1e-10)
    assert actual.n_iter_ == expected.n_iter_
    assert actual.converged_ == expected.converged_
    assert_array_equal(np.asarray(actual.labels_), expected.labels_)
    for one, other in zip(actual.restarts_, expected.restarts_, strict=True):
        assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-10)
    for one, other in zip(
        getattr(actual, "trace_", ()), getattr(expected, "trace_", ()), strict=True
    ):
        assert_allclose(one[2:], other[2:], rtol=1e-9)
    # That is no achievement where nothing happened.
    assert expected.n_iter_ > 1
