"""Triangular matrices: their places, inverses and products."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

from skem.families.base import FloatArray

__all__ = ["PANEL", "inverse_triangles", "multiply_lower", "upper_triangle"]

#: Rows of a triangle that are multiplied at a time: enough for BLAS to be at its best.
PANEL = 32


@lru_cache(maxsize=64)
def upper_triangle(d: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return rows and columns of the upper triangle, in the order of packing."""
    return np.triu_indices(d)


def inverse_triangles(L: FloatArray) -> FloatArray:
    """Invert lower triangles (K, d, d)."""
    K, d, _ = L.shape
    if d == 1:
        return 1 / L
    if K > 2 * d:  # row by row, by substitution, in all of them at once
        inverse, pivots = np.zeros(L.shape), np.einsum("kii->ki", L)
        np.einsum("kii->ki", inverse)[...] = 1 / pivots
        for i in range(1, d):
            row = L[:, i : i + 1, :i] @ inverse[:, :i, :i]
            inverse[:, i, :i] = row[:, 0] / -pivots[:, i : i + 1]
        return inverse
    inverse = np.empty(L.shape)
    for k in range(K):  # a C-ordered lower triangle is a Fortran-ordered upper one: no copy
        inverse[k].T[...] = dtrtri(L[k].T, lower=0)[0]
    return inverse


def multiply_lower(L: FloatArray, Z: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Return the product of L (d, c + d) with Z (c + d, b), leaving out most zeros.

    The last d columns of L are a lower triangle. ``out`` (d, b) is space for the product.
    """
    d, c = len(L), L.shape[1] - len(L)
    product = np.empty((d, Z.shape[1])) if out is None else out
    for start in range(0, d, PANEL):
        stop = min(start + PANEL, d)
        np.matmul(L[start:stop, : c + stop], Z[: c + stop], out=product[start:stop])
    return product
