"""Affine recursions with a constant matrix, by blocks of rows."""

import numpy as np

from skem.state_space.series import FloatArray, pieces

__all__ = ["affine_recursion"]

#: Numbers in a block of rows: so wide are the matrices of the products. (Wider ones cost more
#: multiplications, narrower ones run at less speed.)
WIDTH = 48


def affine_recursion(
    F: FloatArray, states: FloatArray, start: FloatArray, backward: bool = False
) -> None:
    """Turn u into x of ``x_t = F x_(t-1) + u_t``, in place, with ``x_(-1) = start``.

    A block of rows that starts from zero is one product with a matrix of powers of F. The states
    that blocks start from follow by the same recursion over the blocks; what comes of these is
    another product. That is exact for any F, and needs no eigenvectors.

    Parameters
    ----------
    F : ndarray of shape (n, n)
        The matrix.
    states : ndarray of shape (T, n)
        u, contiguous; x in the end.
    start : ndarray of shape (n,)
        State before the first row.
    backward : bool, default=False
        Whether to go from the last row to the first: ``x_t = F x_(t+1) + u_t``.
    """
    n_rows, n = states.shape
    length = max(2, WIDTH // n)
    if n_rows < 2 * length:
        _one_by_one(F, states[::-1] if backward else states, start)
        return
    n_blocks, n_left = divmod(n_rows, length)
    # What is left over comes last, on the way.
    blocks, left = (
        (states[n_left:], states[:n_left][::-1])
        if backward
        else (states[: n_rows - n_left], states[n_rows - n_left :])
    )
    blocks = blocks.reshape(n_blocks, length * n)
    within, from_before, whole = _matrices(F, length, backward)
    width = blocks.shape[1]
    for rows in pieces(0, n_blocks, width):
        blocks[rows] = blocks[rows] @ within
    ends = (blocks[:, :n] if backward else blocks[:, -n:]).copy()
    affine_recursion(whole, ends, start, backward)
    before = np.empty_like(ends)
    if backward:
        before[:-1], before[-1], last = ends[1:], start, ends[0]
    else:
        before[1:], before[0], last = ends[:-1], start, ends[-1]
    for rows in pieces(0, n_blocks, width):
        blocks[rows] += before[rows] @ from_before
    _one_by_one(F, left, last)


def _matrices(
    F: FloatArray, length: int, backward: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what a block makes of its inputs, of the state before it, and over all of it.

    The first two are to be multiplied from the right.
    """
    n, width = len(F), length * len(F)
    powers = np.zeros((length + 2, n, n))  # transposed; the last is none
    powers[0] = np.eye(n)
    for i in range(length):
        powers[i + 1] = powers[i] @ F.T
    order = np.arange(length)[:: -1 if backward else 1]
    steps = order - order[:, np.newaxis]  # from the row of an input to another
    within = powers[np.where(steps < 0, length + 1, steps)].transpose(0, 2, 1, 3)
    from_before = powers[order + 1].transpose(1, 0, 2)
    return within.reshape(width, width), from_before.reshape(n, width), powers[length].T


def _one_by_one(F: FloatArray, states: FloatArray, start: FloatArray) -> None:
    """Run from row to row."""
    state = start
    for row in states:
        row += F @ state
        state = row
