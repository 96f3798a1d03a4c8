"""Affine recursions with a constant matrix, by blocks of rows."""

import numpy as np

from skem.state_space.series import FloatArray

__all__ = ["affine_recursion"]

#: Blocks have this many times the square root of the number of rows. (Costs are a call of numpy
#: for each row of a block, and one for each block; they are flat around the optimum.)
LENGTH = 0.5

#: What is left of the state that a block starts from is dropped below this share of the largest.
NOTHING = 1e-18

#: Rows between two looks at what is left.
ROWS_BETWEEN = 16


def affine_recursion(F: FloatArray, inputs: FloatArray, start: FloatArray) -> FloatArray:
    """Return x_0, ..., x_(T-1) of ``x_t = F x_(t-1) + u_t`` with ``x_(-1) = start``.

    Blocks of rows run side by side from zero. The states that they start from follow by a scan
    over the blocks, and what comes of these is added for as long as it matters. That is exact for
    any F, and needs no eigenvectors.

    Parameters
    ----------
    F : ndarray of shape (n, n)
        The matrix.
    inputs : ndarray of shape (T, n)
        u.
    start : ndarray of shape (n,)
        State before the first row.

    Returns
    -------
    states : ndarray of shape (T, n)
        x.
    """
    n_rows, n = inputs.shape
    if n_rows == 0:
        return np.empty((0, n))
    length = max(8, int(LENGTH * n_rows**0.5))
    n_blocks = -(-n_rows // length)
    padded = np.zeros((n_blocks * length, n))
    padded[:n_rows] = inputs
    # By row of a block, contiguous over the blocks.
    states = np.ascontiguousarray(padded.reshape(n_blocks, length, n).transpose(1, 2, 0))
    work = np.empty((n, n_blocks))
    for row in range(1, length):
        np.matmul(F, states[row - 1], out=work)
        states[row] += work
    before = _scan(np.linalg.matrix_power(F, length), states[-1], start)
    largest = np.abs(states).max() + np.abs(before).max()
    for row in range(length):
        before = F @ before
        states[row] += before
        if row % ROWS_BETWEEN == ROWS_BETWEEN - 1 and np.abs(before).max() < NOTHING * largest:
            break
    padded = states.transpose(2, 0, 1).reshape(n_blocks * length, n)
    return padded[:n_rows]


def _scan(F: FloatArray, ends: FloatArray, start: FloatArray) -> FloatArray:
    """Return the states before blocks (n, n_blocks), from where blocks end that start at zero."""
    states, state = np.empty_like(ends), start
    for block in range(ends.shape[1]):
        states[:, block] = state
        state = F @ state + ends[:, block]
    return states
