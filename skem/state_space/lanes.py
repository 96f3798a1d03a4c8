"""Sequences cut into lanes that overlap, for a recursion that forgets where it started."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skem.state_space.series import FloatArray, Index, Series

__all__ = ["Lanes", "cut"]

#: Lanes are this many times the square root of overlap, rows and entries of a covariance long.
#: (Steps cost calls of numpy, of which the overlaps are fewer with shorter lanes; and arithmetic,
#: of which they are more.)
LENGTH = 0.02


@dataclass(frozen=True, eq=False)
class Lanes:
    """Pieces of sequences, one a lane, and the rows around them.

    A lane takes the rows of its core, and up to ``overlap`` rows of the same sequence before and
    after them. Step ``overlap`` is the first row of the core in every lane.

    Parameters
    ----------
    rows : integer ndarray of shape (n_steps, n_lanes)
        Row of each step of each lane; -1 for none.
    overlap : int
        Steps before the cores, and after them.
    is_core : bool ndarray of shape (n_steps, n_lanes)
        Whether the row belongs to the core: each row of the sequences does in one lane.
    is_start, is_end : bool ndarray of shape (n_steps, n_lanes)
        Whether the row is the first, or the last, of its sequence.
    follows : bool ndarray of shape (n_lanes,)
        Whether the core of the lane follows on that of the lane before.
    """

    rows: Index
    overlap: int
    is_core: NDArray[np.bool_]
    is_start: NDArray[np.bool_]
    is_end: NDArray[np.bool_]
    follows: NDArray[np.bool_]

    @property
    def n_lanes(self) -> int:
        """Number of lanes."""
        return self.rows.shape[1]

    @property
    def core_steps(self) -> slice:
        """Steps that belong to the core of some lane."""
        return slice(self.overlap, len(self.rows) - self.overlap)

    @cached_property
    def core_rows(self) -> Index:
        """Rows of the cores, in their order."""
        return self.rows[self.core_steps].T[self._core]

    @cached_property
    def _core(self) -> NDArray[np.bool_]:
        return np.ascontiguousarray(self.is_core[self.core_steps].T)

    def by_row(self, by_step: FloatArray) -> FloatArray:
        """Return values of the core steps (n_core_steps, ..., n_lanes) by row, as core_rows."""
        return np.moveaxis(by_step, -1, 0)[self._core]

    @cached_property
    def first_step(self) -> Index:
        """First step of each lane that has a row."""
        return (self.rows >= 0).argmax(axis=0)

    def part(self, lanes: slice) -> "Lanes":
        """Return some of the lanes."""
        return Lanes(
            self.rows[:, lanes],
            self.overlap,
            self.is_core[:, lanes],
            self.is_start[:, lanes],
            self.is_end[:, lanes],
            self.follows[lanes],
        )


def cut(series: Series, sequences: Index, overlap: int, n_states: int) -> Lanes:
    """Cut sequences into lanes.

    Parameters
    ----------
    series : Series
        Where they are.
    sequences : integer ndarray of shape (n,)
        Which of them.
    overlap : int
        Rows that a lane takes before and after its core. Sequences that are not much longer are
        not cut.
    n_states : int
        Number of states.

    Returns
    -------
    Lanes
        In the order of the rows.
    """
    starts, lengths = series.starts[sequences], series.lengths[sequences]
    longest = int(lengths.max())
    length = max(int(LENGTH * n_states * (float(lengths.sum()) * overlap) ** 0.5), 1)
    if 3 * max(length, overlap) >= longest:  # a lane would hold most of a sequence
        length, overlap = longest, 0
    pieces = -(-lengths // length)
    sequence = np.repeat(np.arange(len(sequences)), pieces)
    piece = np.arange(len(sequence)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begin, end = starts[sequence], starts[sequence] + lengths[sequence]
    first = begin + piece * length
    last = np.minimum(first + length, end)

    steps = np.arange(-overlap, length + overlap)[:, np.newaxis]
    rows = first + steps
    within = (rows >= begin) & (rows < np.minimum(end, last + overlap))
    rows = np.where(within, rows, -1)
    is_core = within & (rows >= first) & (rows < last)
    return Lanes(rows, overlap, is_core, rows == begin, rows == end - 1, piece > 0)
