"""Triangular matrices: their places, inverses and products."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

__all__ = ["PANEL", "inverse_triangles", "multiply_lower", "upper_triangle"]

FloatArray = NDArray[np.floating[Any]]

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
    # A C-ordered lower triangle is a Fortran-ordered upper one: dtrtri then copies nothing.
    return np.stack([dtrtri(triangle.T, lower=0)[0].T for triangle in L])


def multiply_lower(L: FloatArray, Z: FloatArray) -> FloatArray:
    """Return the product of a lower triangle (d, d) with Z (d, b), leaving out most zeros."""
    d = len(L)
    product = np.empty_like(Z)
    for start in range(0, d, PANEL):
        stop = min(start + PANEL, d)
        np.matmul(L[start:stop, :stop], Z[:stop], out=product[start:stop])
    return product
