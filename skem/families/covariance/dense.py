"""Whole matrices: one for each component, or one for all."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import DegenerateComponentError, FloatArray
from skem.families.covariance.base import EPS, Counts, Structure, first_degenerate
from skem.families.covariance.packing import pack_upper, packing, unpack
from skem.families.covariance.widening import widened
from skem.families.triangles import inverse_triangles, multiply_lower, upper_triangle

__all__ = ["Dense"]


def _diagonals(matrices: FloatArray) -> FloatArray:
    """Return the diagonals (K, d) of matrices, a view."""
    return matrices.diagonal(axis1=-2, axis2=-1)


def _check(C: FloatArray, U: FloatArray | None, floor: FloatArray) -> None:
    """Raise where a covariance of (K, d, d) is singular to rounding; U is None if one has none."""
    variances = _diagonals(C)
    if U is None:
        first_degenerate(variances, floor)
        raise DegenerateComponentError(_first_indefinite(C), _SINGULAR)
    # The squared pivots are conditional variances: each feature's given those before it.
    pivots = _diagonals(U) ** -2.0
    rounding = 4 * C.shape[-1] * EPS * variances
    if not (pivots > np.maximum(rounding, floor)).all():
        first_degenerate(variances, floor)
        if not (sound := pivots > rounding).all():
            raise DegenerateComponentError(int(np.argwhere(~sound)[0, 0]), _SINGULAR)


_SINGULAR = "its covariance is singular (features collinear, or too few distinct rows)"


def _first_indefinite(matrices: FloatArray) -> int:
    """Return the index of the first matrix without a Cholesky factor."""
    for k, matrix in enumerate(matrices):
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            return k
    raise AssertionError("all matrices have a Cholesky factor")


#: Number of features from which the kernel for many of them is the faster one (measured).
WIDE_FROM = 35


@dataclass(frozen=True)
class Dense(Structure):
    """Whole covariance matrices, of G groups of components that have one each.

    Every component is a group (G = K), or all together are one (G = 1). Covariances, precisions
    and U have the shape (K, d, d) or (d, d).

    Parameters
    ----------
    name : str
        What ``covariance_type`` calls it.
    shared : bool
        Whether all components have one matrix in common.
    """

    correlated = True

    def is_wide(self, n_features: int) -> bool:
        """Say so from 35 features on, where each component has its own matrix."""
        return not self.shared and n_features >= WIDE_FROM

    def _by_group(self, matrices: FloatArray) -> FloatArray:
        """Return matrices as (G, d, d)."""
        return matrices[np.newaxis] if self.shared else matrices

    def _as_given(self, by_group: FloatArray) -> FloatArray:
        """Undo :meth:`_by_group`."""
        return by_group[0] if self.shared else by_group

    def _grouped(self, values: FloatArray) -> FloatArray:
        """Return rows (K, m) of components as (G, K / G, m)."""
        return values[np.newaxis] if self.shared else values[:, np.newaxis]

    def _count(self, counts: Counts) -> FloatArray:
        """Return the divisor of each group's scatter, (G, 1)."""
        scatter = counts.scatter[:, :1]
        return np.add.reduce(scatter, axis=0, keepdims=True) if self.shared else scatter

    def _outer(self, counts: Counts, shifts: FloatArray) -> FloatArray:
        """Return the outer products of shifts, each by its component's share of the group."""
        if self.shared:
            return (counts.mean[:, :1] / self._count(counts) * shifts).T @ shifts
        outer = shifts[:, :, np.newaxis] * shifts[:, np.newaxis]
        if counts.mean is counts.scatter:
            return outer
        return outer * (counts.mean / counts.scatter)[:, :1, np.newaxis]

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return (K, d, d), or (d, d)."""
        matrix = (n_features, n_features)
        return matrix if self.shared else (n_components, *matrix)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return d(d+1)/2 for each matrix, if it is any component's at all."""
        n_matrices = min(n_components, 1) if self.shared else n_components
        return n_matrices * self.n_second(n_features)

    def rows_needed(self, n_features: int) -> int:
        """Return d + 1, or 0 for what is no component's own."""
        return 0 if self.shared else n_features + 1

    def prior_count(self, degrees: float, n_components: int, n_features: int) -> float:
        """Return a share of the exponent of the inverse Wishart density, and one for the mean."""
        sharing = n_components if self.shared else 1
        return 1 + (degrees + n_features + 1) / sharing

    def least_variances(self, precisions_cholesky: FloatArray, unit: FloatArray) -> FloatArray:
        """Return the least eigenvalues."""
        scaled = self._by_group(precisions_cholesky) * unit[:, np.newaxis]
        return np.linalg.svd(scaled, compute_uv=False).max(axis=-1) ** -2.0

    def n_second(self, n_features: int) -> int:
        """Return d(d+1)/2."""
        return n_features * (n_features + 1) // 2

    def second_moments(self, Z: FloatArray, out: FloatArray) -> None:
        """Write the upper triangle of ``z z'``, row by row."""
        d, start = len(Z), 0
        for i in range(d):
            np.multiply(Z[i], Z[i:], out=out[start : start + d - i])
            start += d - i

    def weighted_second(self, Z: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the upper triangle of ``(Z sqrt(w)) (Z sqrt(w))'``, a symmetric product."""
        scaled = Z * np.sqrt(weights)
        return (scaled @ scaled.T)[upper_triangle(len(Z))]

    def pack(self, matrices: FloatArray) -> FloatArray:
        """Return the upper triangles."""
        return matrices[..., *upper_triangle(matrices.shape[-1])]

    def estimate(self, second: FloatArray, counts: Counts, means: FloatArray) -> FloatArray:
        """Return the second moments less the outer products of the means."""
        if self.shared:
            second = np.add.reduce(second, axis=0, keepdims=True)
        C = unpack(second / self._count(counts), means.shape[1])
        return self._as_given(C) - self._outer(counts, means)

    def about(self, covariances: FloatArray, counts: Counts, shifts: FloatArray) -> FloatArray:
        """Add the outer products of the shifts, each by its component's share of the group."""
        return covariances + self._outer(counts, shifts)

    def add_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Add ridge to the diagonals."""
        return covariances + np.diag(ridge)

    def widen(
        self, covariances: FloatArray, least: FloatArray
    ) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
        """Raise the eigenvalues, in units of ``least``, to one."""
        C = self._by_group(covariances)
        try:
            np.linalg.cholesky(C - np.diag(least))
        except np.linalg.LinAlgError:
            return widened(C, np.sqrt(least))
        return C, np.zeros(len(C), dtype=bool), C[:0]

    def keep(
        self, covariances: FloatArray, previous: FloatArray, unseen: NDArray[np.bool_]
    ) -> FloatArray:
        """Return previous ones of unseen components, unless the one is nobody's own."""
        return covariances if self.shared else super().keep(covariances, previous, unseen)

    def roots(self, covariances: FloatArray) -> FloatArray | None:
        """Return the inverse Cholesky factors, transposed."""
        try:
            L = np.linalg.cholesky(self._by_group(covariances))
        except np.linalg.LinAlgError:
            return None
        return self._as_given(inverse_triangles(L).swapaxes(1, 2))

    def check(
        self, covariances: FloatArray, precisions_cholesky: FloatArray | None, floor: FloatArray
    ) -> None:
        """Look at the pivots."""
        U = precisions_cholesky
        try:
            _check(self._by_group(covariances), None if U is None else self._by_group(U), floor)
        except DegenerateComponentError as error:
            if not self.shared:
                raise
            raise DegenerateComponentError(None, error.reason) from None

    def invert(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return covariances and U."""
        covariances = np.linalg.inv(precisions)
        covariances = (covariances + covariances.swapaxes(-1, -2)) / 2
        return covariances, self.factor(covariances, np.zeros(1))

    def precisions(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return U U'."""
        return precisions_cholesky @ precisions_cholesky.swapaxes(-1, -2)

    def covariances(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return inv(U U')."""
        L = inverse_triangles(self._by_group(precisions_cholesky).swapaxes(1, 2))
        return self._as_given(L @ L.swapaxes(1, 2))

    def quadratic(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the packed precisions, off-diagonal elements doubled, (G, n_second)."""
        P = self._by_group(self.precisions(precisions_cholesky))
        return pack_upper(P) * packing(P.shape[-1]).times

    def expanded(
        self, precisions_cholesky: FloatArray, means: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Multiply the means, and pack the precisions."""
        P = self._by_group(self.precisions(precisions_cholesky))
        slopes = (self._grouped(means) @ P).reshape(means.shape)
        return slopes, pack_upper(P) * packing(P.shape[-1]).in_exponent

    def whiten(self, precisions_cholesky: FloatArray, component: int, Z: FloatArray) -> FloatArray:
        """Return U' Z."""
        group = 0 if self.shared else component
        return multiply_lower(self._by_group(precisions_cholesky)[group].T, Z)

    def whiten_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Return U_k' mean_k."""
        return (self._grouped(means) @ self._by_group(precisions_cholesky)).reshape(means.shape)

    def multiply_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Return P_k mean_k."""
        U = self._by_group(precisions_cholesky)
        return (self._grouped(means) @ U @ U.swapaxes(1, 2)).reshape(means.shape)

    def log_det(self, precisions_cholesky: FloatArray, n_features: int) -> FloatArray:
        """Sum the logs of the diagonals, (G,)."""
        return np.add.reduce(np.log(_diagonals(self._by_group(precisions_cholesky))), axis=1)

    def variances(self, covariances: FloatArray) -> FloatArray:
        """Return the diagonals."""
        return _diagonals(self._by_group(covariances))

    def precision_diagonals(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the squared norms of the rows of U."""
        U = self._by_group(precisions_cholesky)
        return np.einsum("kij,kij->ki", U, U)

    def trace(self, precisions_cholesky: FloatArray, ridge: FloatArray) -> FloatArray:
        """Sum the diagonals of P, weighted, (G,)."""
        return self.precision_diagonals(precisions_cholesky) @ ridge

    def amplification(
        self, covariances: FloatArray, precisions_cholesky: FloatArray, means: FloatArray
    ) -> FloatArray:
        """Bound by the diagonals of precisions and second moments."""
        moments = self.variances(covariances) + means**2
        return np.sqrt(self.precision_diagonals(precisions_cholesky) * moments).sum(axis=1) ** 2

    def expand(self, covariances: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Return a matrix for each component."""
        return (
            np.repeat(covariances[np.newaxis], n_components, axis=0)
            if self.shared
            else covariances
        )

    def noise(
        self, covariances: FloatArray, counts: NDArray[np.int_], n_features: int, rng: Any
    ) -> FloatArray:
        """Draw from each component's covariance."""
        pairs = zip(self.expand(covariances, len(counts), n_features), counts, strict=True)
        centre = np.zeros(n_features)
        return np.concatenate([rng.multivariate_normal(centre, C, n) for C, n in pairs])

    def to_vector(self, precisions_cholesky: FloatArray, scale: FloatArray) -> FloatArray:
        """Return U with the logarithm of its diagonal."""
        coordinates = pack_upper(self._by_group(precisions_cholesky) * scale[:, np.newaxis])
        np.log(coordinates, out=coordinates, where=packing(len(scale)).diagonal)
        return coordinates.ravel()

    def from_vector(
        self, vector: FloatArray, like: FloatArray, scale: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Undo to_vector."""
        n, d, _ = self._by_group(like).shape
        places, diagonal = packing(d).places, packing(d).diagonal
        coordinates = vector.reshape(n, -1).copy()
        np.exp(coordinates, out=coordinates, where=diagonal)
        U = np.zeros((n, d * d))
        U[:, places] = coordinates
        U = self._as_given(U.reshape(n, d, d) / scale[:, np.newaxis])
        return self.covariances(U), U

    def gradient(
        self,
        precisions_cholesky: FloatArray,
        counts: Counts,
        covariances: FloatArray,
        deltas: FloatArray,
        scale: FloatArray,
    ) -> FloatArray:
        """Return the upper triangles of ``n (inv(diag(U)) - S U)``, by scaled coordinates."""
        U, packed = self._by_group(precisions_cholesky), packing(len(scale))
        S = self._by_group(self.about(covariances, counts, deltas))
        # By the logarithm of a diagonal element: d/dlog u = u d/du, in any units.
        factors = np.where(packed.diagonal, pack_upper(U), 1 / scale[packed.rows])
        return self._count(counts) * (packed.diagonal - pack_upper(S @ U) * factors)

    def check_definite(self, values: FloatArray, kind: str) -> None:
        """Require every matrix to be symmetric, positive-definite."""
        symmetric = np.allclose(values, values.swapaxes(-1, -2))
        if not (symmetric and np.all(np.linalg.eigvalsh(values) > 0.0)):
            raise ValueError(f"'{self.name} {kind}' should be symmetric, positive-definite")
