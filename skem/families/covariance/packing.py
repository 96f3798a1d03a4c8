"""Symmetric matrices as their packed upper triangles, row by row."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray
from skem.families.triangles import upper_triangle

__all__ = ["Packing", "pack_upper", "packing", "unpack"]


class Packing(NamedTuple):
    """Where the elements of d x d matrices are in packed upper triangles, and the other way.

    Attributes
    ----------
    places : integer ndarray of shape (d(d+1)/2,)
        Place of each packed element in a flat matrix.
    packed : integer ndarray of shape (d * d,)
        Place of each element of a flat symmetric matrix among the packed ones.
    times : ndarray of shape (d(d+1)/2,)
        How often each packed element is in the matrix: 1 on the diagonal, else 2.
    in_exponent : ndarray of shape (d(d+1)/2,)
        The same times -1/2, as in the exponent of the density.
    diagonal : bool ndarray of shape (d(d+1)/2,)
        Which packed elements are on the diagonal.
    rows : integer ndarray of shape (d(d+1)/2,)
        Row of each packed element.
    """

    places: NDArray[np.int_]
    packed: NDArray[np.int_]
    times: FloatArray
    in_exponent: FloatArray
    diagonal: NDArray[np.bool_]
    rows: NDArray[np.int_]


@lru_cache(maxsize=64)
def packing(d: int) -> Packing:
    """Return the packing of matrices of d features."""
    i, j = upper_triangle(d)
    packed = np.empty((d, d), dtype=np.intp)
    packed[i, j] = packed[j, i] = np.arange(len(i))
    times = np.where(i == j, 1.0, 2.0)
    return Packing(i * d + j, packed.ravel(), times, times / -2, i == j, i)


def unpack(second: FloatArray, d: int) -> FloatArray:
    """Turn packed upper triangles (K, d(d+1)/2) into symmetric matrices (K, d, d)."""
    return second.take(packing(d).packed, axis=1).reshape(-1, d, d)


def pack_upper(matrices: FloatArray) -> FloatArray:
    """Return the packed upper triangles of matrices (K, d, d)."""
    flat = matrices.reshape(len(matrices), -1)
    return flat.take(packing(matrices.shape[-1]).places, axis=1)
