"""Covariance matrices that are wide enough in every direction."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpstrf

from skem.families.base import FloatArray
from skem.families.triangles import inverse_triangles

__all__ = ["widened"]

#: Largest variance, in units of the features, with which eigenvalues near one are still known to
#: some 1e-12.
WIDE = 1e4

#: Largest ``C_jj P_jj``, with P the precision matrix, and largest eigenvalue of P in units of the
#: features, with which P is still known to some 1e-10.
WELL_CONDITIONED = 1e6

#: Number of features from which to look at the rank of covariances first. Few rows make it small:
#: those of 100 rows in 768 features are widened in a third of the time.
LOW_RANK_FROM = 64


def widened(C: FloatArray, unit: FloatArray) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Return covariances with no eigenvalue, in units of the features, below one.

    A factor of the widened matrix would know the directions that were too narrow to a share of
    ``eps / least`` alone, and the likelihood with them: a bound is no place where its slope is 0.
    So U comes from the eigenvectors, or from the precision matrix.

    Parameters
    ----------
    C : ndarray of shape (K, d, d)
        Covariances.
    unit : ndarray of shape (d,)
        Units of the features.

    Returns
    -------
    C : ndarray of shape (K, d, d)
        Covariances; those that are wide enough are as they were.
    narrow : bool ndarray of shape (K,)
        Which were not.
    U : ndarray of shape (n_narrow, d, d)
        Upper triangles of those: their inverses are ``U U'``.
    """
    if not np.isfinite(C).all():
        return C, np.zeros(len(C), dtype=bool), C[:0]
    if len(unit) < LOW_RANK_FROM and (np.einsum("kii->ki", C) <= WIDE * unit**2).all():
        return _by_eigenvalues(C, unit)
    parts = zip(*(_by_itself(matrix, unit) for matrix in C), strict=True)
    wide, narrow, U = (np.concatenate(part) for part in parts)
    return wide, narrow, U


def _by_itself(
    C: FloatArray, unit: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Do the same for one matrix (d, d), the way that suits it."""
    found = _by_precisions(C, unit)
    if found is None and len(unit) >= LOW_RANK_FROM:
        found = _by_rank(C, unit)
    return _by_eigenvalues(C[np.newaxis], unit) if found is None else found


def _by_precisions(
    C: FloatArray, unit: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray] | None:
    """Lower the large eigenvalues of the precision matrix; None where it is not known well.

    Beside features that are very wide in their units it knows the narrow ones, which C knows to
    ``eps`` of the widest alone: a column of two rounded values beside unrounded ones, say. In
    units of the features ``P = G G'`` has the eigenvalues L and eigenvectors v. A root of the
    precision matrix whose eigenvalues are at most one is ``W G``, with ``W = I - sum_v (1 - 1 /
    sqrt(L)) v v'`` over those with L > 1.
    """
    if not C.diagonal().min() > 0.0:
        return None
    spread = np.sqrt(C.diagonal())
    try:
        triangle = np.linalg.cholesky(C / np.outer(spread, spread))
    except np.linalg.LinAlgError:
        return None
    root = inverse_triangles(triangle[np.newaxis])[0]
    if not np.square(root).sum(axis=0).max() <= WELL_CONDITIONED:
        return None
    G = (unit / spread)[:, np.newaxis] * root.T
    L, V = np.linalg.eigh(G @ G.T)
    if not L[-1] <= WELL_CONDITIONED:  # what is left of so narrow a direction has lost digits
        return None
    if L[-1] <= 1.0:
        return C[np.newaxis], np.zeros(1, dtype=bool), C[np.newaxis][:0]
    L, V = L[L > 1.0], V[:, L > 1.0]
    F = unit[:, np.newaxis] * (V * np.sqrt(1 - 1 / L))
    G = G - (V * (1 - L**-0.5)) @ (V.T @ G)
    return (C + F @ F.T)[np.newaxis], np.ones(1, dtype=bool), _triangles_of(G.T[np.newaxis] / unit)


def _by_eigenvalues(
    C: FloatArray, unit: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Raise the eigenvalues."""
    L, V = np.linalg.eigh(C / np.outer(unit, unit))
    narrow = L[:, 0] < 1.0
    roots = np.sqrt(np.maximum(L[narrow], 1.0))[:, np.newaxis]
    wide, V = C.copy(), V[narrow]
    F = unit[:, np.newaxis] * V * roots
    wide[narrow] = F @ F.swapaxes(1, 2)
    return wide, narrow, _triangles_of((V / roots).swapaxes(1, 2) / unit)


def _by_rank(
    C: FloatArray, unit: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray] | None:
    """Raise the eigenvalues by a root of few columns; None where there is no such root."""
    F = _root_of_low_rank(C / np.outer(unit, unit))
    return None if F is None else _widened_root(F, unit)


def _triangles_of(A: FloatArray) -> FloatArray:
    """Return the upper triangles U with ``U U' = A'A`` and a positive diagonal, (..., d, d).

    If R is the triangle of A, with its columns in the opposite order, U is R' turned around.
    """
    R: Any = np.linalg.qr(A[..., ::-1], mode="r")
    U = R.swapaxes(-1, -2)[..., ::-1, ::-1]
    signs: FloatArray = np.sign(np.einsum("...ii->...i", U))
    return U * signs[..., np.newaxis, :]


def _root_of_low_rank(C: FloatArray) -> FloatArray | None:
    """Return F (d, r) with ``C = F F'``, by pivoting; None if r is more than half of d."""
    d = len(C)
    triangle, pivots, rank, _ = dpstrf(C, lower=1)
    if 2 * rank > d:
        return None
    F = np.empty((d, rank))
    F[pivots - 1] = np.tril(triangle[:, :rank])
    return F


def _widened_root(
    F: FloatArray, unit: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Widen ``F F'``.

    Where ``F'F q = L q``, it has the eigenvalue L, with the eigenvector ``v = F q / sqrt(L)``. The
    root of the inverse of what is widened is ``I - sum_v (1 - 1 / sqrt(L)) v v'``.
    """
    L, V = np.linalg.eigh(F.T @ F)
    L, V = L[L > 1.0], F @ V[:, L > 1.0]  # sqrt(L) v
    wide = unit[:, np.newaxis] * (V * np.sqrt(1 - 1 / L))
    C: FloatArray = wide @ wide.T
    np.einsum("ii->i", C)[...] += unit**2
    root = np.eye(len(unit)) - (V * (1 / L - L**-1.5)) @ V.T
    return C[np.newaxis], np.ones(1, dtype=bool), _triangles_of(root[np.newaxis] / unit)
