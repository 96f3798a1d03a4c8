"""Matrix products over the rows of a block, few numbers for each row.

A BLAS rearranges its operands for the sake of reuse. Where both are long and thin there is hardly
any, and rearranging them takes as long as the product itself. Cut into tiles they stay where they
are, in the fastest cache, and are multiplied by kernels for small matrices, where the BLAS has
such (OpenBLAS has them for AVX-512): up to twice as fast, by a call for all tiles.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["multiply", "weighted_sums"]

FloatArray = NDArray[np.floating[Any]]

#: Rows of data in a tile.
TILE = 256

#: With more components than this, tiles do not pay.
FEW_COMPONENTS = 20

#: What OpenBLAS takes as small: so many multiplications, and where the sums are over the rows of
#: data so many numbers in the result, too.
SMALL_PRODUCT, SMALL_RESULT = 10**6, 1200


def multiply(eta: FloatArray, block: FloatArray, out: FloatArray) -> FloatArray:
    """Write ``eta @ block`` to out.

    Parameters
    ----------
    eta : ndarray of shape (K, w)
        Few rows.
    block : ndarray of shape (w, b)
        A column for each row of data.
    out : ndarray of shape (K, b)
        Space for the product, which is returned.
    """
    end = _end_of_tiles(eta, block) if eta.size * TILE <= SMALL_PRODUCT else 0
    if end:
        np.matmul(eta, _tiles(block[:, :end]), out=_tiles(out[:, :end]))
    if end < block.shape[1]:
        np.matmul(eta, block[:, end:], out=out[:, end:])
    return out


def weighted_sums(weights: FloatArray, block: FloatArray) -> FloatArray:
    """Return ``weights @ block.T``.

    Parameters
    ----------
    weights : ndarray of shape (K, b)
        Weights of the rows of data, K of them.
    block : ndarray of shape (w, b)
        A column for each row of data.

    Returns
    -------
    sums : ndarray of shape (K, w)
        Sums over the rows of data.
    """
    end = _end_of_tiles(weights, block)
    if not end:
        return weights @ block.T
    K, w = len(weights), len(block)
    sums, tiles = np.empty((K, w)), _tiles(weights[:, :end])
    n_parts = -(-K * w // SMALL_RESULT)
    for part in (slice(i * w // n_parts, (i + 1) * w // n_parts) for i in range(n_parts)):
        by_tile = np.matmul(tiles, _tiles(block[part, :end]).swapaxes(1, 2))
        np.add.reduce(by_tile, axis=0, out=sums[:, part])
    if end < block.shape[1]:
        sums += weights[:, end:] @ block[:, end:].T
    return sums


def _end_of_tiles(thin: FloatArray, block: FloatArray) -> int:
    """Return how many rows of data are to be taken by tiles: none where they do not pay."""
    (w, n_rows), K = block.shape, len(thin)
    is_small = K * w * n_rows <= SMALL_PRODUCT and K * w <= SMALL_RESULT
    return 0 if is_small or K > FEW_COMPONENTS else n_rows // TILE * TILE


def _tiles(matrix: FloatArray) -> FloatArray:
    """View a matrix (k, n * TILE) as (n, k, TILE)."""
    return matrix.reshape(len(matrix), -1, TILE).swapaxes(0, 1)
