"""Covariance matrices that are wide enough in every direction."""

import numpy as np
from scipy.linalg.lapack import dpstrf

from skem.families.base import FloatArray

__all__ = ["widened"]

#: Number of features from which to look at the rank of covariances first. Few rows make it small:
#: those of 100 rows in 768 features are widened in a third of the time.
LOW_RANK_FROM = 64


def widened(C: FloatArray, unit: FloatArray) -> FloatArray:
    """Return the covariances (K, d, d) with no eigenvalue, in units (d,), below one."""
    if not np.isfinite(C).all():
        return C
    if len(unit) < LOW_RANK_FROM:
        return _by_eigenvalues(C, unit)
    return np.array([_by_rank(matrix, unit) for matrix in C])


def _by_eigenvalues(C: FloatArray, unit: FloatArray) -> FloatArray:
    """Raise the eigenvalues of (K, d, d); matrices that are wide enough stay as they are."""
    L, V = np.linalg.eigh(C / np.outer(unit, unit))
    narrow = L[:, 0] < 1.0
    V = unit[:, np.newaxis] * V[narrow] * np.sqrt(np.maximum(L[narrow], 1.0))[:, np.newaxis]
    wide = C.copy()
    wide[narrow] = V @ V.swapaxes(1, 2)
    return wide


def _by_rank(C: FloatArray, unit: FloatArray) -> FloatArray:
    """Do the same for one matrix (d, d), by a root of few columns where it has one."""
    F = _root_of_low_rank(C / np.outer(unit, unit))
    return _by_eigenvalues(C[np.newaxis], unit)[0] if F is None else _widened_root(F, unit)


def _root_of_low_rank(C: FloatArray) -> FloatArray | None:
    """Return F (d, r) with ``C = F F'``, by pivoting; None if r is more than half of d."""
    d = len(C)
    triangle, pivots, rank, _ = dpstrf(C, lower=1)
    if 2 * rank > d:
        return None
    F = np.empty((d, rank))
    F[pivots - 1] = np.tril(triangle[:, :rank])
    return F


def _widened_root(F: FloatArray, unit: FloatArray) -> FloatArray:
    """Return ``F F'`` with no eigenvalue below one, in units (d,) of its features.

    Where ``F'F q = L q``, ``F F'`` has the eigenvalue L, with the eigenvector ``F q / sqrt(L)``.
    """
    L, V = np.linalg.eigh(F.T @ F)
    wide = L > 1.0
    V = unit[:, np.newaxis] * (F @ (V[:, wide] * np.sqrt(1 - 1 / L[wide])))
    C: FloatArray = V @ V.T
    np.einsum("ii->i", C)[...] += unit**2
    return C
