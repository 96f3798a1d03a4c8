"""Diagonal and spherical: structures without correlations, where U is 1 / standard deviation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray
from skem.families.covariance.base import Counts, Structure, first_degenerate

__all__ = ["Diagonal", "Spherical"]


class _Uncorrelated(Structure):
    """What diagonal and spherical covariances have in common."""

    correlated = False

    def rows_needed(self, n_features: int) -> int:
        """Return 2."""
        return 2

    def invert(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return variances and U."""
        return 1 / precisions, np.sqrt(precisions)

    def precisions(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return U squared."""
        return precisions_cholesky**2

    def whiten(self, precisions_cholesky: FloatArray, component: int, Z: FloatArray) -> FloatArray:
        """Divide by the standard deviations."""
        return Z * precisions_cholesky[component][..., np.newaxis]

    def to_vector(self, precisions_cholesky: FloatArray, scale: FloatArray) -> FloatArray:
        """Return log U."""
        return np.log(precisions_cholesky).ravel()

    def from_vector(
        self, vector: FloatArray, like: FloatArray, scale: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Undo to_vector."""
        U = np.exp(vector).reshape(like.shape)
        return self.covariances(U), U

    def covariances(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return 1 / U^2."""
        return precisions_cholesky**-2.0

    def check_definite(self, values: FloatArray, kind: str) -> None:
        """Require every value to be positive."""
        if np.any(values <= 0.0):
            raise ValueError(f"'{self.name} {kind}' should be positive")


class Diagonal(_Uncorrelated):
    """Each component has a variance for each feature, (K, d)."""

    name = "diag"

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return (K, d)."""
        return (n_components, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return K d."""
        return n_components * n_features

    def n_second(self, n_features: int) -> int:
        """Return d."""
        return n_features

    def prior_count(self, degrees: float, n_components: int, n_features: int) -> float:
        """Return the exponent of the inverse gamma density, and one for the mean."""
        return degrees + 3

    def least_variances(self, precisions_cholesky: FloatArray, unit: FloatArray) -> FloatArray:
        """Return the least variance of a feature."""
        return (precisions_cholesky * unit).max(axis=1) ** -2.0

    def second_moments(self, Z: FloatArray, out: FloatArray) -> None:
        """Write the squares."""
        np.multiply(Z, Z, out=out)

    def weighted_second(self, Z: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the weighted sums of squares."""
        return (Z * Z) @ weights

    def pack(self, matrix: FloatArray) -> FloatArray:
        """Return the diagonal."""
        return np.diagonal(matrix)

    def estimate(self, second: FloatArray, counts: Counts, means: FloatArray) -> FloatArray:
        """Return mean squares less squared means."""
        return (second - counts.mean * means**2) / counts.scatter

    def about(self, covariances: FloatArray, counts: Counts, shifts: FloatArray) -> FloatArray:
        """Add the squares of the shifts."""
        return covariances + counts.mean / counts.scatter * shifts**2

    def add_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Add ridge to every variance."""
        return covariances + ridge

    def widen(self, covariances: FloatArray, least: FloatArray) -> FloatArray:
        """Raise variances to the least."""
        return np.maximum(covariances, least)

    def keep(
        self, covariances: FloatArray, previous: FloatArray, unseen: NDArray[np.bool_]
    ) -> FloatArray:
        """Return previous variances feature by feature."""
        return np.where(unseen, previous, covariances)

    def factor(self, covariances: FloatArray, floor: FloatArray) -> FloatArray:
        """Return 1 / standard deviation."""
        first_degenerate(covariances, floor)
        return 1 / np.sqrt(covariances)

    def quadratic(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the precisions."""
        return precisions_cholesky**2

    def whiten_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Divide by the standard deviations."""
        return means * precisions_cholesky

    def multiply_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Divide by the variances."""
        return means * precisions_cholesky**2

    def log_det(self, precisions_cholesky: FloatArray, n_features: int) -> FloatArray:
        """Sum log U."""
        return np.log(precisions_cholesky).sum(axis=1)

    def trace(self, precisions_cholesky: FloatArray, ridge: FloatArray) -> FloatArray:
        """Sum the precisions, weighted."""
        return precisions_cholesky**2 @ ridge

    def amplification(
        self, covariances: FloatArray, precisions_cholesky: FloatArray, means: FloatArray
    ) -> FloatArray:
        """Sum (variance + mean^2) / variance."""
        return ((covariances + means**2) * precisions_cholesky**2).sum(axis=1)

    def expanded(
        self, precisions_cholesky: FloatArray, means: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Divide means by the variances, and -1/2 too."""
        P = precisions_cholesky**2
        return P * means, P / -2

    def expand(self, covariances: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Put the variances on diagonals."""
        return covariances[:, :, np.newaxis] * np.eye(n_features)

    def gradient(
        self,
        precisions_cholesky: FloatArray,
        counts: Counts,
        covariances: FloatArray,
        deltas: FloatArray,
        scale: FloatArray,
    ) -> FloatArray:
        """Return ``n (1 - u^2 s)`` by log u."""
        S = self.about(covariances, counts, deltas)
        return counts.scatter * (1 - precisions_cholesky**2 * S)

    def noise(
        self, covariances: FloatArray, counts: NDArray[np.int_], n_features: int, rng: Any
    ) -> FloatArray:
        """Multiply standard normals by the standard deviations."""
        standard = rng.standard_normal((int(counts.sum()), n_features))
        return standard * np.sqrt(np.repeat(covariances, counts, axis=0))


class Spherical(_Uncorrelated):
    """Each component has one variance for all features, (K,)."""

    name = "spherical"

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return (K,)."""
        return (n_components,)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return K."""
        return n_components

    def n_second(self, n_features: int) -> int:
        """Return 1: the squared length."""
        return 1

    def prior_count(self, degrees: float, n_components: int, n_features: int) -> float:
        """Return a feature's share of the exponent of the inverse gamma, and one for the mean."""
        return 1 + (degrees + 2) / n_features

    def least_variances(self, precisions_cholesky: FloatArray, unit: FloatArray) -> FloatArray:
        """Return the variances."""
        return (precisions_cholesky**2 * np.mean(unit**2)) ** -1.0

    def second_moments(self, Z: FloatArray, out: FloatArray) -> None:
        """Write the squared lengths."""
        np.einsum("ib,ib->b", Z, Z, out=out[0])

    def weighted_second(self, Z: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the weighted sum of squared lengths."""
        return np.atleast_1d(np.einsum("ib,ib->b", Z, Z) @ weights)

    def pack(self, matrix: FloatArray) -> FloatArray:
        """Return the trace."""
        return np.atleast_1d(np.trace(matrix))

    def estimate(self, second: FloatArray, counts: Counts, means: FloatArray) -> FloatArray:
        """Return the mean square over features, less that of the means."""
        squares = second[:, 0] - (counts.mean * means**2).sum(axis=1)
        return squares / counts.scatter.sum(axis=1)

    def about(self, covariances: FloatArray, counts: Counts, shifts: FloatArray) -> FloatArray:
        """Add the mean squares of the shifts."""
        squares = (counts.mean * shifts**2).sum(axis=1)
        return covariances + squares / counts.scatter.sum(axis=1)

    def add_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Add the mean ridge to every variance."""
        return covariances + np.mean(ridge)

    def widen(self, covariances: FloatArray, least: FloatArray) -> FloatArray:
        """Raise variances to the mean of the least."""
        return np.maximum(covariances, np.mean(least))

    def factor(self, covariances: FloatArray, floor: FloatArray) -> FloatArray:
        """Return 1 / standard deviation."""
        first_degenerate(covariances[:, np.newaxis], np.atleast_1d(np.mean(floor)))
        return 1 / np.sqrt(covariances)

    def quadratic(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the precisions, shape (K, 1)."""
        return precisions_cholesky[:, np.newaxis] ** 2

    def whiten_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Divide by the standard deviations."""
        return means * precisions_cholesky[:, np.newaxis]

    def multiply_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Divide by the variances."""
        return means * precisions_cholesky[:, np.newaxis] ** 2

    def log_det(self, precisions_cholesky: FloatArray, n_features: int) -> FloatArray:
        """Return d log U."""
        return n_features * np.log(precisions_cholesky)

    def trace(self, precisions_cholesky: FloatArray, ridge: FloatArray) -> FloatArray:
        """Return the precision times the sum of ridge."""
        return precisions_cholesky**2 * ridge.sum()

    def amplification(
        self, covariances: FloatArray, precisions_cholesky: FloatArray, means: FloatArray
    ) -> FloatArray:
        """Return d + squared Mahalanobis distance."""
        return means.shape[1] + (means**2).sum(axis=1) * precisions_cholesky**2

    def expanded(
        self, precisions_cholesky: FloatArray, means: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Divide means by the variances, and -1/2 too."""
        P = precisions_cholesky[:, np.newaxis] ** 2
        return P * means, P / -2

    def expand(self, covariances: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Put the variance on the whole diagonal."""
        return covariances[:, np.newaxis, np.newaxis] * np.eye(n_features)

    def gradient(
        self,
        precisions_cholesky: FloatArray,
        counts: Counts,
        covariances: FloatArray,
        deltas: FloatArray,
        scale: FloatArray,
    ) -> FloatArray:
        """Return ``n (1 - u^2 s)``, summed over features, by log u."""
        S = self.about(covariances, counts, deltas)
        return counts.scatter.sum(axis=1) * (1 - precisions_cholesky**2 * S)

    def noise(
        self, covariances: FloatArray, counts: NDArray[np.int_], n_features: int, rng: Any
    ) -> FloatArray:
        """Multiply standard normals by the standard deviation."""
        standard = rng.standard_normal((int(counts.sum()), n_features))
        return standard * np.sqrt(np.repeat(covariances, counts))[:, np.newaxis]
