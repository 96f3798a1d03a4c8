"""Full and tied: structures with whole matrices."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import DegenerateComponentError, FloatArray
from skem.families.covariance.base import EPS, Counts, Structure, first_degenerate
from skem.families.triangles import inverse_triangles, multiply_lower, upper_triangle

__all__ = ["Full", "Tied"]


def _unpack(second: FloatArray, d: int) -> FloatArray:
    """Turn packed upper triangles (K, d(d+1)/2) into symmetric matrices (K, d, d)."""
    i, j = upper_triangle(d)
    matrices = np.empty((len(second), d, d))
    matrices[:, i, j] = second
    matrices[:, j, i] = second
    return matrices


@lru_cache(maxsize=64)
def _packing(d: int) -> tuple[NDArray[np.int_], FloatArray]:
    """Return places of an upper triangle in a flat matrix, and how often each is in the matrix."""
    i, j = upper_triangle(d)
    return i * d + j, np.where(i == j, 1.0, 2.0)


def _pack_quadratic(P: FloatArray) -> FloatArray:
    """Pack symmetric (K, d, d) so that the dot product with packed ``z z'`` is ``z' P z``."""
    places, times = _packing(P.shape[-1])
    return P.reshape(len(P), -1)[:, places] * times


def _diagonals(matrices: FloatArray) -> FloatArray:
    """Return the diagonals (K, d) of matrices, a view."""
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def _factor(C: FloatArray, floor: FloatArray) -> FloatArray:
    """Return ``U = inv(chol(C))'`` for each covariance of (K, d, d)."""
    variances = _diagonals(C)
    try:
        L = np.linalg.cholesky(C)
    except np.linalg.LinAlgError:
        first_degenerate(variances, floor)
        raise DegenerateComponentError(_first_indefinite(C), _SINGULAR) from None
    # The squared pivots are conditional variances: each feature's given those before it.
    pivots = _diagonals(L) ** 2
    sound = pivots > 4 * C.shape[-1] * EPS * variances
    if not (sound & (variances > floor)).all():
        first_degenerate(variances, floor)
        raise DegenerateComponentError(int(np.argwhere(~sound)[0, 0]), _SINGULAR)
    return inverse_triangles(L).swapaxes(1, 2)


def _widened(C: FloatArray, unit: FloatArray) -> FloatArray:
    """Return the covariances (K, d, d) with no eigenvalue, in units (d,), below one."""
    if not np.isfinite(C).all():
        return C
    L, V = np.linalg.eigh(C / np.outer(unit, unit))
    narrow = L[:, 0] < 1.0
    V = unit[:, np.newaxis] * V[narrow] * np.sqrt(np.maximum(L[narrow], 1.0))[:, np.newaxis]
    wide = C.copy()
    wide[narrow] = V @ V.swapaxes(1, 2)
    return wide


_SINGULAR = "its covariance is singular (features collinear, or too few distinct rows)"


def _first_indefinite(matrices: FloatArray) -> int:
    """Return the index of the first matrix without a Cholesky factor."""
    for k, matrix in enumerate(matrices):
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            return k
    raise AssertionError("all matrices have a Cholesky factor")


def _check_definite(matrices: FloatArray, what: str) -> None:
    symmetric = np.allclose(matrices, matrices.swapaxes(1, 2))
    if not (symmetric and np.all(np.linalg.eigvalsh(matrices) > 0.0)):
        raise ValueError(f"'{what}' should be symmetric, positive-definite")


class Full(Structure):
    """Each component has its own covariance matrix, (K, d, d)."""

    name = "full"
    wide_from: float = 35

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return (K, d, d)."""
        return (n_components, n_features, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return K d(d+1)/2."""
        return n_components * self.n_second(n_features)

    def rows_needed(self, n_features: int) -> int:
        """Return d + 1."""
        return n_features + 1

    def prior_count(self, degrees: float, n_components: int, n_features: int) -> float:
        """Return the exponent of the inverse Wishart density, and one for the mean."""
        return degrees + n_features + 2

    def least_variances(self, precisions_cholesky: FloatArray, unit: FloatArray) -> FloatArray:
        """Return the least eigenvalues."""
        scaled = precisions_cholesky * unit[:, np.newaxis]
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

    def pack(self, matrix: FloatArray) -> FloatArray:
        """Return the upper triangle."""
        return matrix[upper_triangle(len(matrix))]

    def estimate(self, second: FloatArray, counts: Counts, means: FloatArray) -> FloatArray:
        """Return the second moments less the outer product of the means."""
        C = _unpack(second / counts.scatter[:, :1], means.shape[1])
        return self.about(C, counts, means, sign=-1.0)

    def about(
        self, covariances: FloatArray, counts: Counts, shifts: FloatArray, sign: float = 1.0
    ) -> FloatArray:
        """Add the outer products of the shifts."""
        scaled = sign * counts.mean[:, :1] / counts.scatter[:, :1] * shifts
        return covariances + scaled[:, :, np.newaxis] * shifts[:, np.newaxis, :]

    def add_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Add ridge to the diagonals."""
        return covariances + np.diag(ridge)

    def widen(self, covariances: FloatArray, least: FloatArray) -> FloatArray:
        """Raise the eigenvalues, in units of ``least``, to one."""
        try:
            np.linalg.cholesky(covariances - np.diag(least))
            return covariances
        except np.linalg.LinAlgError:
            return _widened(covariances, np.sqrt(least))

    def factor(self, covariances: FloatArray, floor: FloatArray) -> FloatArray:
        """Return the inverse Cholesky factors, transposed."""
        return _factor(covariances, floor)

    def invert(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return covariances and U."""
        covariances = np.linalg.inv(precisions)
        covariances = (covariances + covariances.swapaxes(1, 2)) / 2
        return covariances, _factor(covariances, np.zeros(1))

    def precisions(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return U U'."""
        return precisions_cholesky @ precisions_cholesky.swapaxes(-1, -2)

    def quadratic(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the packed precisions, off-diagonal elements doubled."""
        return _pack_quadratic(self.precisions(precisions_cholesky))

    def whiten(self, precisions_cholesky: FloatArray, component: int, Z: FloatArray) -> FloatArray:
        """Return U' Z."""
        return multiply_lower(precisions_cholesky[component].T, Z)

    def whiten_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Return U_k' mean_k."""
        return np.einsum("kij,ki->kj", precisions_cholesky, means)

    def multiply_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Return P_k mean_k."""
        whitened = self.whiten_means(precisions_cholesky, means)
        return np.einsum("kij,kj->ki", precisions_cholesky, whitened)

    def log_det(self, precisions_cholesky: FloatArray, n_features: int) -> FloatArray:
        """Sum the logs of the diagonal."""
        return np.log(_diagonals(precisions_cholesky)).sum(axis=1)

    def trace(self, precisions_cholesky: FloatArray, ridge: FloatArray) -> FloatArray:
        """Return the squared norms of the rows of U, weighted and summed."""
        return np.einsum("kij,kij->ki", precisions_cholesky, precisions_cholesky) @ ridge

    def amplification(
        self, covariances: FloatArray, precisions_cholesky: FloatArray, means: FloatArray
    ) -> FloatArray:
        """Bound by the diagonals of precisions and second moments."""
        U = precisions_cholesky
        moments = _diagonals(covariances) + means**2
        return np.sqrt(np.einsum("kij,kij->ki", U, U) * moments).sum(axis=1) ** 2

    def expanded(
        self, precisions_cholesky: FloatArray, means: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Multiply the means, and pack the precisions."""
        P = self.precisions(precisions_cholesky)
        return (P @ means[:, :, np.newaxis])[:, :, 0], _pack_quadratic(P) / -2

    def expand(self, covariances: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Return them as they are."""
        return covariances

    def noise(
        self, covariances: FloatArray, counts: NDArray[np.int_], n_features: int, rng: Any
    ) -> FloatArray:
        """Draw from each component's covariance."""
        centre = np.zeros(n_features)
        pairs = zip(covariances, counts, strict=True)
        return np.concatenate([rng.multivariate_normal(centre, C, n) for C, n in pairs])

    def to_vector(self, precisions_cholesky: FloatArray, scale: FloatArray) -> FloatArray:
        """Return U with the logarithm of its diagonal."""
        places, times = _packing(precisions_cholesky.shape[-1])
        scaled = precisions_cholesky * scale[:, np.newaxis]
        coordinates = scaled.reshape(len(scaled), -1)[:, places]
        np.log(coordinates, out=coordinates, where=times == 1.0)
        return coordinates.ravel()

    def from_vector(
        self, vector: FloatArray, like: FloatArray, scale: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Undo to_vector."""
        K, d, _ = like.shape
        places, times = _packing(d)
        coordinates = vector.reshape(K, -1).copy()
        np.exp(coordinates, out=coordinates, where=times == 1.0)
        U = np.zeros((K, d * d))
        U[:, places] = coordinates
        U = U.reshape(K, d, d) / scale[:, np.newaxis]
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
        U, d = precisions_cholesky, precisions_cholesky.shape[-1]
        G = -(self.about(covariances, counts, deltas) @ U)
        # By the logarithm of a diagonal element: d/dlog u = u d/du, in any units.
        factors = np.broadcast_to(1 / scale[:, np.newaxis], U.shape).copy()
        factors.reshape(len(U), -1)[:, :: d + 1] = _diagonals(U)
        G *= factors
        G.reshape(len(G), -1)[:, :: d + 1] += 1
        return counts.scatter[:, :1] * G.reshape(len(G), -1)[:, _packing(d)[0]]

    def covariances(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return inv(U U')."""
        L = inverse_triangles(precisions_cholesky.swapaxes(1, 2))
        return L @ L.swapaxes(1, 2)

    def check_definite(self, values: FloatArray, kind: str) -> None:
        """Require every matrix to be symmetric, positive-definite."""
        _check_definite(values, f"{self.name} {kind}")


class Tied(Structure):
    """All components share one covariance matrix, (d, d)."""

    name = "tied"
    shared = True
    _full = Full()

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return (d, d)."""
        return (n_features, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return d(d+1)/2, for any components at all."""
        return self.n_second(n_features) if n_components else 0

    def rows_needed(self, n_features: int) -> int:
        """Return 0."""
        return 0

    def prior_count(self, degrees: float, n_components: int, n_features: int) -> float:
        """Return one for each mean, and a share of the exponent of the one covariance."""
        return 1 + (degrees + n_features + 1) / n_components

    def least_variances(self, precisions_cholesky: FloatArray, unit: FloatArray) -> FloatArray:
        """Return that of the one covariance."""
        return self._full.least_variances(precisions_cholesky[np.newaxis], unit)

    def n_second(self, n_features: int) -> int:
        """Return d(d+1)/2."""
        return self._full.n_second(n_features)

    def second_moments(self, Z: FloatArray, out: FloatArray) -> None:
        """Write the upper triangle of ``z z'``."""
        self._full.second_moments(Z, out)

    def weighted_second(self, Z: FloatArray, weights: FloatArray) -> FloatArray:
        """Return a packed symmetric product."""
        return self._full.weighted_second(Z, weights)

    def pack(self, matrix: FloatArray) -> FloatArray:
        """Return the upper triangle."""
        return self._full.pack(matrix)

    def estimate(self, second: FloatArray, counts: Counts, means: FloatArray) -> FloatArray:
        """Return the pooled second moments less those of the means."""
        scatter = _unpack(second.sum(axis=0, keepdims=True), means.shape[1])[0]
        return (scatter - (means.T * counts.mean[:, 0]) @ means) / counts.scatter[:, 0].sum()

    def about(self, covariances: FloatArray, counts: Counts, shifts: FloatArray) -> FloatArray:
        """Add the outer products of the shifts, each by its component's share."""
        shares = counts.mean[:, 0] / counts.scatter[:, 0].sum()
        return covariances + (shifts.T * shares) @ shifts

    def add_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Add ridge to the diagonal."""
        return self._full.add_ridge(covariances[np.newaxis], ridge)[0]

    def widen(self, covariances: FloatArray, least: FloatArray) -> FloatArray:
        """Raise the eigenvalues, in units of ``least``, to one."""
        return self._full.widen(covariances[np.newaxis], least)[0]

    def keep(
        self, covariances: FloatArray, previous: FloatArray, unseen: NDArray[np.bool_]
    ) -> FloatArray:
        """Return the covariance: it is nobody's own."""
        return covariances

    def factor(self, covariances: FloatArray, floor: FloatArray) -> FloatArray:
        """Return the inverse Cholesky factor, transposed."""
        try:
            return _factor(covariances[np.newaxis], floor)[0]
        except DegenerateComponentError as error:
            raise DegenerateComponentError(None, error.reason) from None

    def invert(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the covariance and U."""
        covariances, U = self._full.invert(precisions[np.newaxis])
        return covariances[0], U[0]

    def precisions(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return U U'."""
        return self._full.precisions(precisions_cholesky)

    def quadratic(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the packed precision, shape (1, n_second)."""
        return self._full.quadratic(precisions_cholesky[np.newaxis])

    def whiten(self, precisions_cholesky: FloatArray, component: int, Z: FloatArray) -> FloatArray:
        """Return U' Z."""
        return multiply_lower(precisions_cholesky.T, Z)

    def whiten_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Return U' mean_k."""
        return means @ precisions_cholesky

    def multiply_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Return P mean_k."""
        return means @ precisions_cholesky @ precisions_cholesky.T

    def log_det(self, precisions_cholesky: FloatArray, n_features: int) -> FloatArray:
        """Sum the logs of the diagonal."""
        return self._full.log_det(precisions_cholesky[np.newaxis], n_features)

    def trace(self, precisions_cholesky: FloatArray, ridge: FloatArray) -> FloatArray:
        """Return the squared norms of the rows of U, weighted and summed."""
        return self._full.trace(precisions_cholesky[np.newaxis], ridge)

    def amplification(
        self, covariances: FloatArray, precisions_cholesky: FloatArray, means: FloatArray
    ) -> FloatArray:
        """Bound by the diagonals of the precision and of second moments."""
        return self._full.amplification(
            covariances[np.newaxis], precisions_cholesky[np.newaxis], means
        )

    def expanded(
        self, precisions_cholesky: FloatArray, means: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Multiply the means, and pack the precision."""
        P = self.precisions(precisions_cholesky)
        return means @ P, _pack_quadratic(P[np.newaxis]) / -2

    def expand(self, covariances: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Repeat the one matrix."""
        return np.repeat(covariances[np.newaxis], n_components, axis=0)

    def noise(
        self, covariances: FloatArray, counts: NDArray[np.int_], n_features: int, rng: Any
    ) -> FloatArray:
        """Draw from the one covariance."""
        covariances = self.expand(covariances, len(counts), n_features)
        return self._full.noise(covariances, counts, n_features, rng)

    def to_vector(self, precisions_cholesky: FloatArray, scale: FloatArray) -> FloatArray:
        """Return U with the logarithm of its diagonal."""
        return self._full.to_vector(precisions_cholesky[np.newaxis], scale)

    def from_vector(
        self, vector: FloatArray, like: FloatArray, scale: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Undo to_vector."""
        covariances, U = self._full.from_vector(vector, like[np.newaxis], scale)
        return covariances[0], U[0]

    def gradient(
        self,
        precisions_cholesky: FloatArray,
        counts: Counts,
        covariances: FloatArray,
        deltas: FloatArray,
        scale: FloatArray,
    ) -> FloatArray:
        """Return that of one full component with all the counts."""
        S = self.about(covariances, counts, deltas)[np.newaxis]
        total = counts.scatter.sum(axis=0, keepdims=True)
        return self._full.gradient(
            precisions_cholesky[np.newaxis], Counts(total, total), S, np.zeros_like(total), scale
        )

    def covariances(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return inv(U U')."""
        return self._full.covariances(precisions_cholesky[np.newaxis])[0]

    def check_definite(self, values: FloatArray, kind: str) -> None:
        """Require the matrix to be symmetric, positive-definite."""
        _check_definite(values[np.newaxis], f"{self.name} {kind}")
