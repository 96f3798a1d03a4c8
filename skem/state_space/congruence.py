"""The product ``A X A'`` of one matrix with symmetric matrices of many lanes."""

import numpy as np

from skem.state_space.series import FloatArray

__all__ = ["Congruence"]

#: With so many states at most the map of all entries is one product, else it is two.
MOST_STATES = 6


class Congruence:
    """Computes ``A X A'``, symmetric to the last bit but for the blocks of a product.

    Parameters
    ----------
    A : ndarray of shape (n, n)
        The matrix.
    n_lanes : int
        Number of lanes.
    """

    def __init__(self, A: FloatArray, n_lanes: int) -> None:
        n = len(A)
        self._A, self._shape, self._is_small = A, (n, n, n_lanes), n <= MOST_STATES
        if self._is_small:
            entries = np.einsum("ik,jl->ijkl", A, A)
            self._map = ((entries + entries.swapaxes(0, 1)) / 2).reshape(n * n, n * n)
        else:
            self._work = np.empty(self._shape)

    def __call__(self, X: FloatArray, out: FloatArray) -> None:
        """Write the products of matrices X (n, n, n_lanes), which are symmetric."""
        n, _, B = self._shape
        if self._is_small:
            np.matmul(self._map, X.reshape(n * n, B), out=out.reshape(n * n, B))
            return
        np.matmul(self._A, X.reshape(n, n * B), out=out.reshape(n, n * B))
        work = self._work
        np.copyto(work, out.transpose(1, 0, 2))
        np.matmul(self._A, work.reshape(n, n * B), out=out.reshape(n, n * B))
        np.copyto(work, out)
        np.add(work, work.transpose(1, 0, 2), out=out)
        out *= 0.5
