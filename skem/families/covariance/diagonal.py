"""Variances without correlations: one for each feature, or one for all features."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray
from skem.families.covariance.base import Counts, Structure, first_degenerate

__all__ = ["Diagonal"]


@dataclass(frozen=True)
class Diagonal(Structure):
    """Variances of each component, where U is 1 / standard deviation.

    Covariances, precisions and U have the shape (K, d); or (K,) where the variances of a component
    are equal. Inside they are of w columns, w = d or 1.

    Parameters
    ----------
    name : str
        What ``covariance_type`` calls it.
    equal : bool
        Whether a component has one variance for all features.
    """

    equal: bool = field(kw_only=True)

    correlated = False

    def _columns(self, values: FloatArray) -> FloatArray:
        """Return values as (K, w)."""
        return values[:, np.newaxis] if self.equal else values

    def _as_given(self, columns: FloatArray) -> FloatArray:
        """Undo :meth:`_columns`."""
        return columns[:, 0] if self.equal else columns

    def _sum(self, values: FloatArray) -> FloatArray:
        """Sum over the features (..., d) that share a variance: (..., w)."""
        return values.sum(axis=-1, keepdims=True) if self.equal else values

    def _mean(self, values: FloatArray) -> FloatArray:
        """Return the mean of them: (..., w)."""
        return values.mean(axis=-1, keepdims=True) if self.equal else values

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return (K, d), or (K,)."""
        return (n_components,) if self.equal else (n_components, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return K w."""
        return n_components * self.n_second(n_features)

    def rows_needed(self, n_features: int) -> int:
        """Return 2."""
        return 2

    def n_second(self, n_features: int) -> int:
        """Return w: squares, or the squared length."""
        return 1 if self.equal else n_features

    def prior_count(self, degrees: float, n_components: int, n_features: int) -> float:
        """Return a feature's share of the exponent of the inverse gamma, and one for the mean."""
        return 1 + (degrees + 2) / (n_features if self.equal else 1)

    def least_variances(self, precisions_cholesky: FloatArray, unit: FloatArray) -> FloatArray:
        """Return the least variance of a feature."""
        return 1 / (self._columns(precisions_cholesky) ** 2 * self._mean(unit**2)).max(axis=1)

    def second_moments(self, Z: FloatArray, out: FloatArray) -> None:
        """Write the squares, or their sum."""
        if self.equal:
            np.einsum("ib,ib->b", Z, Z, out=out[0])
        else:
            np.multiply(Z, Z, out=out)

    def weighted_second(self, Z: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the weighted sums of squares."""
        if self.equal:
            return np.atleast_1d(np.einsum("ib,ib->b", Z, Z) @ weights)
        return (Z * Z) @ weights

    def pack(self, matrices: FloatArray) -> FloatArray:
        """Return the diagonals, or the traces."""
        return self._sum(np.diagonal(matrices, axis1=-2, axis2=-1))

    def estimate(self, second: FloatArray, counts: Counts, means: FloatArray) -> FloatArray:
        """Return mean squares less squared means."""
        squares = second - self._sum(counts.mean * means**2)
        return self._as_given(squares / self._sum(counts.scatter))

    def about(self, covariances: FloatArray, counts: Counts, shifts: FloatArray) -> FloatArray:
        """Add the squares of the shifts."""
        squares = self._sum(counts.mean * shifts**2)
        return covariances + self._as_given(squares / self._sum(counts.scatter))

    def add_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Add ridge, or its mean, to every variance."""
        return covariances + (np.mean(ridge) if self.equal else ridge)

    def widen(
        self, covariances: FloatArray, least: FloatArray
    ) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
        """Raise variances to the least, or the mean of it."""
        wide = np.maximum(covariances, np.mean(least) if self.equal else least)
        narrow = np.asarray(self._columns(wide - covariances).max(axis=1) > 0)
        return wide, narrow, 1 / np.sqrt(wide[narrow])

    def keep(
        self, covariances: FloatArray, previous: FloatArray, unseen: NDArray[np.bool_]
    ) -> FloatArray:
        """Return previous variances feature by feature."""
        return np.where(unseen.all(axis=1) if self.equal else unseen, previous, covariances)

    def roots(self, covariances: FloatArray) -> FloatArray | None:
        """Return 1 / standard deviation."""
        if not np.minimum.reduce(covariances, axis=None) > 0.0:
            return None
        return 1 / np.sqrt(covariances)

    def check(
        self, covariances: FloatArray, precisions_cholesky: FloatArray | None, floor: FloatArray
    ) -> None:
        """Look at the variances."""
        first_degenerate(self._columns(covariances), self._mean(floor))

    def invert(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return variances and U."""
        return 1 / precisions, np.sqrt(precisions)

    def precisions(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return U squared."""
        return precisions_cholesky**2

    def covariances(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return 1 / U^2."""
        return precisions_cholesky**-2.0

    def quadratic(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the precisions, (K, w)."""
        return self._columns(precisions_cholesky) ** 2

    def expanded(
        self, precisions_cholesky: FloatArray, means: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Divide means by the variances, and -1/2 too."""
        P = self.quadratic(precisions_cholesky)
        return P * means, P / -2

    def whiten(self, precisions_cholesky: FloatArray, component: int, Z: FloatArray) -> FloatArray:
        """Divide by the standard deviations."""
        return Z * precisions_cholesky[component][..., np.newaxis]

    def whiten_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Divide by the standard deviations."""
        return means * self._columns(precisions_cholesky)

    def multiply_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Divide by the variances."""
        return means * self.quadratic(precisions_cholesky)

    def log_det(self, precisions_cholesky: FloatArray, n_features: int) -> FloatArray:
        """Sum log U over features."""
        log_U = np.log(self._columns(precisions_cholesky)).sum(axis=1)
        return n_features * log_U if self.equal else log_U

    def variances(self, covariances: FloatArray) -> FloatArray:
        """Return the variances."""
        return self._columns(covariances)

    def precision_diagonals(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the precisions."""
        return self.quadratic(precisions_cholesky)

    def trace(self, precisions_cholesky: FloatArray, ridge: FloatArray) -> FloatArray:
        """Sum the precisions, weighted."""
        return self.quadratic(precisions_cholesky) @ self._sum(ridge)

    def amplification(
        self, covariances: FloatArray, precisions_cholesky: FloatArray, means: FloatArray
    ) -> FloatArray:
        """Sum (variance + mean^2) / variance."""
        moments = self._columns(covariances) + means**2
        return (moments * self.quadratic(precisions_cholesky)).sum(axis=1)

    def expand(self, covariances: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Put the variances on diagonals."""
        return self._columns(covariances)[:, :, np.newaxis] * np.eye(n_features)

    def noise(
        self, covariances: FloatArray, counts: NDArray[np.int_], n_features: int, rng: Any
    ) -> FloatArray:
        """Multiply standard normals by the standard deviations."""
        standard = rng.standard_normal((int(counts.sum()), n_features))
        return standard * np.sqrt(np.repeat(self._columns(covariances), counts, axis=0))

    def to_vector(self, precisions_cholesky: FloatArray, scale: FloatArray) -> FloatArray:
        """Return log U."""
        return np.log(precisions_cholesky).ravel()

    def from_vector(
        self, vector: FloatArray, like: FloatArray, scale: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Undo to_vector."""
        U = np.exp(vector).reshape(like.shape)
        return self.covariances(U), U

    def gradient(
        self,
        precisions_cholesky: FloatArray,
        counts: Counts,
        covariances: FloatArray,
        deltas: FloatArray,
        scale: FloatArray,
    ) -> FloatArray:
        """Return ``n (1 - u^2 s)``, summed over the features that share a variance, by log u."""
        S = self._columns(self.about(covariances, counts, deltas))
        by_log_U = self._sum(counts.scatter) * (1 - self.quadratic(precisions_cholesky) * S)
        return self._as_given(by_log_U)

    def check_definite(self, values: FloatArray, kind: str) -> None:
        """Require every value to be positive."""
        if np.any(values <= 0.0):
            raise ValueError(f"'{self.name} {kind}' should be positive")
