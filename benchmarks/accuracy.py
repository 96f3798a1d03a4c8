"""Speed has not been bought with digits: log-densities beside scipy.stats, bits beside threads."""

import warnings

import numpy as np
from scipy.special import logsumexp
from scipy.stats import binom, multivariate_normal
from threadpoolctl import threadpool_limits

from benchmarks.data import binomial, gaussian
from benchmarks.iterations import SHAPES
from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_most
from skem import BinomialMixture, GaussianMixtureEM

CLOSE = 1e-10


def table(settings: Settings, machine: Machine) -> Table:
    """Return the largest relative errors."""
    result = Table("Accuracy: relative error of log-densities against scipy.stats")
    for _, d, K, _ in SHAPES:
        X, _ = gaussian(settings.few(20_000, 500), d, K)
        result.rows.append(_gaussian(f"{d} columns, K={K}", X, *_spread(d, K)))
    X, weights, means, covariances = _tight()
    case = "components 1e6 times tighter than their distance from the mean"
    result.rows.append(_gaussian(case, X, weights, means, covariances))
    result.rows += [_binomial(settings), _threads(settings)]
    return result


def _spread(d: int, K: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the parameters of a mixture with correlated components."""
    rng = np.random.default_rng(1)
    A = np.eye(d) + 0.3 * rng.normal(size=(K, d, d)) / np.sqrt(d)
    means = gaussian(1, d, K)[1].means
    return np.full(K, 1 / K), means, A @ A.swapaxes(1, 2)


def _tight() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of two components of unit variance, two million apart, and the parameters."""
    rng = np.random.default_rng(0)
    means = np.array([[-1e6, 0.0], [1e6, 0.0]])
    X = means[rng.integers(2, size=1000)] + rng.normal(size=(1000, 2))
    return X, np.full(2, 0.5), means, np.tile(np.eye(2), (2, 1, 1))


def _gaussian(case, X, weights, means, covariances) -> Row:
    mixture = GaussianMixtureEM.from_parameters(
        weights=weights, means=means, covariances=covariances
    )
    logs = [
        np.log(w) + multivariate_normal(m, C).logpdf(X)
        for w, m, C in zip(weights, means, covariances, strict=True)
    ]
    return _row(case, mixture.score_samples(X), logsumexp(logs, axis=0))


def _binomial(settings: Settings) -> Row:
    X, start = binomial(settings.few(20_000, 500), 4, 3)
    mixture = BinomialMixture(
        3, n_trials=10, weights_init=start.weights, probabilities_init=start.means, max_iter=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the start is no optimum
        mixture.fit(X)
    logs = [
        np.log(w) + binom.logpmf(X, 10, p).sum(axis=1)
        for w, p in zip(start.weights, start.means, strict=True)
    ]
    return _row("binomial, 4 columns, K=3", mixture.score_samples(X), logsumexp(logs, axis=0))


def _row(case: str, values: np.ndarray, reference: np.ndarray) -> Row:
    error = float(np.max(np.abs(values - reference) / np.abs(reference)))
    return Row(case, "skem", error, **at_most(error, CLOSE))


def _threads(settings: Settings) -> Row:
    """Fit with one thread and with eight, and count the numbers that differ."""
    X, start = gaussian(settings.few(200_000, 5_000), 10, 10)
    fits = []
    for threads in (1, 8):
        with threadpool_limits(threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mixture = GaussianMixtureEM(
                10,
                weights_init=start.weights,
                means_init=start.means,
                covariances_init=np.tile(1.5 * np.eye(10), (10, 1, 1)),
                max_iter=5,
            ).fit(X)
        fits.append(np.concatenate([mixture.means_.ravel(), mixture.covariances_.ravel()]))
    different = int(np.sum(fits[0] != fits[1]))
    case = "numbers that differ between one thread and eight"
    return Row(case, "skem", different, f"of {fits[0].size}", **at_most(different, 0))
