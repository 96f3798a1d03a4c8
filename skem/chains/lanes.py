"""Rows of sequences cut into lanes: a loop over steps takes one row of each lane at a time.

A recursion along n rows needs n calls of numpy. Cut into B lanes of about L = n / B rows that are
passed over side by side, it needs L calls, each on B columns.

Columns are in the order of the steps: first the first row of each lane, then the second, and so
on. Column ``l * B + b`` is row l of lane b, so that the columns of a step are contiguous and the
successor of column c is column c + B. The first lanes have a row more than the others where the
rows do not come out even: then the last step has fewer columns, and there is no padding.

Sequences start anywhere in the lanes; many short ones need no special case.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Group", "Lanes", "ends_of"]

Index = NDArray[np.intp]

#: Lanes have about this many times the square root of the number of rows: the cost of calls grows
#: with the length of lanes, that of handing over with their number. It is flat around the optimum.
LENGTH = 0.5


def ends_of(lengths: Any) -> Index:
    """Return where sequences of given lengths end: the number of rows up to each end."""
    return np.cumsum(np.asarray(lengths, dtype=np.intp))


@dataclass(frozen=True, eq=False)
class Lanes:
    """Sequences, cut into lanes.

    Parameters
    ----------
    ends : integer ndarray of shape (n_sequences,)
        The number of rows up to the end of each sequence, increasing from above 0.
    most_steps : int, default=0
        Rows in a lane at most; 0 for a good choice.
    """

    ends: Index
    most_steps: int = 0

    @property
    def n_rows(self) -> int:
        """Number of rows, and of columns."""
        return int(self.ends[-1])

    @cached_property
    def lengths(self) -> Index:
        """Rows in each sequence."""
        return np.diff(self.ends, prepend=0)

    @cached_property
    def n_lanes(self) -> int:
        """Number of lanes B."""
        return -(-self.n_rows // (self.most_steps or self._good_length()))

    @cached_property
    def n_steps(self) -> int:
        """Rows in the longest lanes; the others have one less."""
        return -(-self.n_rows // self.n_lanes)

    @cached_property
    def n_long(self) -> int:
        """Number of the longest lanes, which come first; 1 to n_lanes."""
        return self.n_rows - self.n_lanes * (self.n_steps - 1)

    def _good_length(self) -> int:
        lengths, root = self.lengths, self.n_rows**0.5
        if lengths[0] <= root and lengths.min() == lengths.max():
            return int(lengths[0])  # a lane is a sequence, and there is nothing to hand over
        return max(1, round(LENGTH * root))

    @cached_property
    def first_rows(self) -> Index:
        """First row of each lane, and the number of rows."""
        lane = np.arange(self.n_lanes + 1)
        return lane * (self.n_steps - 1) + np.minimum(lane, self.n_long)

    @cached_property
    def order(self) -> Index:
        """Row of each column."""
        steps = np.arange(self.n_steps)[:, np.newaxis]
        return (steps + self.first_rows[:-1]).reshape(-1)[: self.n_rows]

    def columns(self, rows: Index) -> Index:
        """Return the columns of some rows."""
        lane = np.searchsorted(self.first_rows, rows, side="right") - 1
        return (rows - self.first_rows[lane]) * self.n_lanes + lane

    @cached_property
    def start_columns(self) -> Index:
        """Column of the first row of each sequence."""
        return self.columns(self.ends - self.lengths)

    @cached_property
    def end_columns(self) -> Index:
        """Column of the last row of each sequence."""
        return self.columns(self.ends - 1)

    @cached_property
    def last_columns(self) -> Index:
        """Column of the last row of each lane."""
        return self.columns(self.first_rows[1:] - 1)

    @cached_property
    def all_ends(self) -> Index:
        """Columns of the last rows of sequences and of lanes, each once."""
        return np.union1d(self.end_columns, self.last_columns)

    @cached_property
    def sorted_starts(self) -> Index:
        """Columns of the first rows of sequences, in increasing order."""
        return np.sort(self.start_columns)

    @cached_property
    def starts(self) -> list[Index | None]:
        """By step, the lanes in which a sequence starts there, sorted; None for none."""
        step, lane = np.divmod(self.sorted_starts, self.n_lanes)
        cuts = np.searchsorted(step, np.arange(self.n_steps + 1))
        return [lane[a:b] if b > a else None for a, b in pairwise(cuts)]

    @cached_property
    def is_start(self) -> NDArray[np.bool_]:
        """Whether each lane starts where a sequence does, and the end, as one more."""
        known = np.zeros(self.n_lanes + 1, dtype=bool)
        known[-1] = True
        if self.starts[0] is not None:
            known[self.starts[0]] = True
        return known

    def groups(self, n_groups: int) -> "list[Group]":
        """Return groups of neighbouring lanes of about equal number, for threads to work on."""
        bounds = [i * self.n_lanes // n_groups for i in range(n_groups + 1)]
        return [Group(self, range(a, b)) for a, b in pairwise(bounds) if b > a]

    def by_sequence(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum values that have a column each by sequence."""
        rows = np.empty_like(values)
        rows[self.order] = values
        return np.add.reduceat(rows, self.ends - self.lengths)


class Group:
    """Some neighbouring lanes.

    Parameters
    ----------
    lanes : Lanes
        All lanes.
    members : range
        Which of them these are.

    Attributes
    ----------
    columns : list of slice
        By step, the columns of these lanes; in the last step only of those that are long.
    starts : list of (integer ndarray or None)
        By step, in which of these lanes a sequence starts there, counted from the first.
    first_start, last_start : integer ndarray of shape (len(members),)
        First and last step after 0 at which a sequence starts in a lane; the number of steps, and
        0, where there is none.
    lengths : integer ndarray of shape (len(members),)
        Number of rows in each lane.
    """

    def __init__(self, lanes: Lanes, members: range) -> None:
        self.members = members
        self.columns = []
        self.starts: list[Index | None] = []
        self.first_start = np.full(len(members), lanes.n_steps)
        self.last_start = np.zeros(len(members), dtype=np.intp)
        for step, starts in enumerate(lanes.starts):
            offset = step * lanes.n_lanes
            stop = min(offset + members.stop, lanes.n_rows)
            self.columns.append(slice(min(offset + members.start, stop), stop))
            if starts is not None:
                a, b = np.searchsorted(starts, [members.start, members.stop])
                starts = starts[a:b] - members.start if b > a else None
            self.starts.append(starts)
            if starts is not None and step > 0:
                self.last_start[starts] = step
                self.first_start[starts] = np.minimum(self.first_start[starts], step)

        is_long = np.arange(members.start, members.stop) < lanes.n_long
        self.lengths = lanes.n_steps - 1 + is_long.astype(np.intp)

    def n_in(self, step: int) -> int:
        """Return how many of these lanes have a row in a step; none after the last."""
        if step == len(self.columns):
            return 0
        return self.columns[step].stop - self.columns[step].start
