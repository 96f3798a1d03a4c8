"""Incomplete rows to fit mixtures to, and EM on them as the textbook has it, by scipy."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal
from sklearn.base import clone

from skem import BinomialMixture, GaussianMixtureEM

STRUCTURES = ["full", "tied", "diag", "spherical"]
EACH_STRUCTURE = pytest.mark.parametrize("structure", STRUCTURES)


def holes(X, share, seed=0):
    """Return X with cells missing at random, and two rows of which nothing is left."""
    missing = np.random.default_rng(seed).random(X.shape) < share
    missing[[7, 8]] = True
    return np.where(missing, np.nan, X)


class Mixture(NamedTuple):
    """Weights (K,), means (K, d) and covariances as whole matrices (K, d, d)."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


N = 90
RNG = np.random.default_rng(0)
LABELS = np.arange(N) % 3
TRUTH = Mixture(
    np.array([0.2, 0.3, 0.5]),
    np.array([[0.0, 0, 0], [4, 1, 0], [0, 5, 3]]),
    np.array([B @ B.T / 2 + 0.3 * np.eye(3) for B in RNG.normal(size=(3, 3, 3))]),
)
WHOLE = np.array([RNG.multivariate_normal(TRUTH.means[k], TRUTH.covariances[k]) for k in LABELS])
ROWS = holes(WHOLE, 0.25)
HEADS = RNG.binomial(20, np.array([0.2, 0.5, 0.9])[LABELS, np.newaxis], size=(N, 3)).astype(float)
HEADS = holes(HEADS, 0.25)
FLIPS = np.hstack([HEADS, 20 - HEADS])

CASES = {name: (GaussianMixtureEM(3, covariance_type=name), ROWS) for name in STRUCTURES}
CASES["successes"] = BinomialMixture(3, n_trials=20), HEADS
CASES["successes and failures"] = BinomialMixture(3), FLIPS


def _maker(estimator):
    fast = {"random_state": 0, "init_params": "kmeans"}
    return lambda **params: clone(estimator).set_params(**{**fast, **params})


#: ``make``, a function that makes an estimator, and ``X``, the rows to fit it to.
EACH_CASE = pytest.mark.parametrize(
    ("make", "X"), [(_maker(estimator), X) for estimator, X in CASES.values()], ids=CASES
)


def parameters_of(mixture):
    """Return the fitted parameters by name."""
    names = ("weights_", "means_", "covariances_", "probabilities_")
    return {name: getattr(mixture, name) for name in names if hasattr(mixture, name)}


def assert_same_mixture(a, b, rtol=1e-7):
    """Compare parameters, each to a share of its largest value, and the log-likelihood."""
    for name, values in parameters_of(b).items():
        atol = rtol * np.abs(values).max()
        assert_allclose(getattr(a, name), values, rtol=rtol, atol=atol, err_msg=name)
    assert_allclose(a.lower_bound_, b.lower_bound_, rtol=1e-10)


def trials_of(mixture):
    """Return what impute must be told of missing counts: nothing, or their trials."""
    return {"n_trials": 9} if mixture.get_params().get("n_trials", 20) is None else {}


def packed(covariances, structure):
    """Return whole matrices in the shape that the structure has."""
    return {
        "full": covariances,
        "tied": covariances[0],
        "diag": np.einsum("kii->ki", covariances),
        "spherical": covariances[:, 0, 0],
    }[structure]


def known(structure, truth=TRUTH, **params):
    """Return a mixture of known parameters, and these with covariances of the structure."""
    whole, eye = truth.covariances, np.eye(truth.means.shape[1])
    if structure == "tied":
        whole = np.repeat(whole[:1], len(whole), axis=0)
    if structure == "diag":
        whole = whole * eye
    if structure == "spherical":
        whole = whole[:, :1, :1] * eye
    mixture = GaussianMixtureEM.from_parameters(
        weights=truth.weights,
        means=truth.means,
        covariances=packed(whole, structure),
        covariance_type=structure,
        **params,
    )
    return mixture, truth._replace(covariances=whole)


# EM, pattern by pattern and row by row.


def log_joint(X, mixture, structure="full", ridge=0.0):
    """Return log w_k + log f_k(observed cells), less penalties, of each row: (n, K)."""
    result = np.tile(np.log(mixture.weights), (len(X), 1))
    patterns, of_row = np.unique(~np.isnan(X), axis=0, return_inverse=True)
    for p, o in enumerate(patterns):
        rows = np.flatnonzero(of_row.ravel() == p)
        for k, (mean, C) in enumerate(zip(*mixture[1:], strict=True)):
            if o.any():
                density = multivariate_normal(mean[o], C[np.ix_(o, o)])
                result[rows, k] += density.logpdf(X[np.ix_(rows, o)]).ravel()
            felt = slice(None) if structure in ("full", "tied") else o
            result[rows, k] -= ridge / 2 * np.diag(np.linalg.inv(C))[felt].sum()
    return result


def conditional(x, mean, C):
    """Return mean (d,) and covariance (d, d) of a row, given what is observed of it."""
    o = ~np.isnan(x)
    slopes = C[:, o] @ np.linalg.inv(C[np.ix_(o, o)])
    expected = np.where(o, x, mean + slopes @ (x[o] - mean[o]))
    return expected, (C - slopes @ C[o]) * np.outer(~o, ~o)


def em_step(X, mixture, structure, ridge=0.0, weights=None):
    """Return the next mixture, and the mean penalised log-likelihood of this one."""
    L = log_joint(X, mixture, structure, ridge)
    weights = np.ones(len(X)) if weights is None else weights
    R = softmax(L, axis=1) * weights[:, np.newaxis]
    if structure in ("full", "tied"):
        means, scatters = _completed(X, R, mixture)
        counts = R.sum(axis=0)
        if structure == "tied":
            scatters = np.repeat(scatters.sum(axis=0, keepdims=True), len(means), axis=0)
            counts = np.full(len(means), counts.sum())
        covariances = scatters / counts[:, np.newaxis, np.newaxis]
    else:
        means, squares, cells = _of_observed_cells(X, R)
        if structure == "spherical":
            squares, cells = (a.sum(axis=1, keepdims=True) for a in (squares, cells))
        covariances = (squares / cells)[:, :, np.newaxis] * np.eye(X.shape[1])
    covariances = covariances + ridge * np.eye(X.shape[1])
    objective = np.average(logsumexp(L, axis=1), weights=weights)
    return Mixture(R.sum(axis=0) / R.sum(), means, covariances), objective


def _completed(X, R, mixture):
    """Return means (K, d) and expected scatter about them (K, d, d) of completed rows."""
    means, scatters = np.empty_like(mixture.means), np.empty_like(mixture.covariances)
    for k, (mean, C) in enumerate(zip(*mixture[1:], strict=True)):
        expected, uncertain = zip(*(conditional(x, mean, C) for x in X), strict=True)
        means[k] = np.average(expected, axis=0, weights=R[:, k])
        Z = expected - means[k]
        scatters[k] = (Z.T * R[:, k]) @ Z + np.tensordot(R[:, k], uncertain, axes=1)
    return means, scatters


def _of_observed_cells(X, R):
    """Return means, sums of squares about them and counts of the observed cells, all (K, d)."""
    seen = ~np.isnan(X)
    cells = R.T @ seen
    means = R.T @ np.where(seen, X, 0.0) / cells
    squares = [
        r @ np.where(seen, (X - mean) ** 2, 0.0) for r, mean in zip(R.T, means, strict=True)
    ]
    return means, np.array(squares), cells
