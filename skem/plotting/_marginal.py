"""The marginal of a Gaussian mixture in some of its features, which is a Gaussian mixture too."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem import GaussianMixtureEM

#: What a Gaussian mixture publishes, skem's or scikit-learn's.
GAUSSIAN = ("weights_", "means_", "covariances_", "precisions_cholesky_")


def marginal(estimator: Any, features: Sequence[int]) -> GaussianMixtureEM:
    """Return the exact marginal: means and covariances without the other features."""
    features = list(features)
    weights = np.asarray(estimator.weights_, dtype=np.float64)
    return GaussianMixtureEM.from_parameters(
        weights=weights / weights.sum(),
        means=estimator.means_[:, features],
        covariances=_covariances(estimator, features),
    )


def _covariances(estimator: Any, features: list[int]) -> NDArray[np.float64]:
    """Return the covariance matrices of the features, (K, p, p), whatever the structure."""
    C = np.asarray(estimator.covariances_, dtype=np.float64)
    (K, d), p = estimator.means_.shape, len(features)
    if C.ndim == 3:
        return C[:, features][:, :, features]
    if C.ndim == 1:
        return C[:, None, None] * np.eye(p)
    # Variances of K = d components have the shape of a tied matrix, but only the matrix has a
    # triangular factor. That it was fitted so counts, not what covariance_type has become since.
    if C.shape == (K, d) and (d == 1 or estimator.precisions_cholesky_[-1, 0] != 0):
        return C[:, features, None] * np.eye(p)
    return np.broadcast_to(C[np.ix_(features, features)], (K, p, p))


def grid(mixture: GaussianMixtureEM, j: int, low: float, high: float, n: int) -> NDArray[Any]:
    """Return points from low to high of feature j: n, and more where components are tight."""
    deviations = np.sqrt(mixture.covariances_[:, j, j])
    tight = deviations < 3 * (high - low) / n
    # A contour around a tight component may lie many of its deviations away.
    steps = np.linspace(-8, 8, np.clip(4 * n // max(tight.sum(), 1), 9, 65))
    near = mixture.means_[tight, j, None] + deviations[tight, None] * steps
    points = np.union1d(np.linspace(low, high, n), near)
    return points[(points >= low) & (points <= high)]


def reach(mixture: GaussianMixtureEM, j: int, n_std: float) -> tuple[float, float]:
    """Return how far feature j goes within so many standard deviations of any component."""
    deviations = n_std * np.sqrt(mixture.covariances_[:, j, j])
    means = mixture.means_[:, j]
    return float((means - deviations).min()), float((means + deviations).max())


def density_levels(mixture: GaussianMixtureEM, regions: NDArray[np.float64]) -> NDArray[Any]:
    """Return the log-densities at the boundaries of regions of highest density, ascending."""
    draws, _ = mixture.sample(10_000, random_state=0)
    return np.unique(np.quantile(mixture.score_samples(draws), 1 - regions))


def ellipse(mixture: GaussianMixtureEM, k: int, radius: float) -> NDArray[np.float64]:
    """Return points at a Mahalanobis distance from the mean of component k, shape (2, n)."""
    angle = np.linspace(0, 2 * np.pi, 181)
    L = np.linalg.cholesky(mixture.covariances_[k])
    return mixture.means_[k][:, None] + radius * L @ np.stack([np.cos(angle), np.sin(angle)])
