"""Where the rows come from."""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.random import sample_without_replacement

from skem.data.blocks import Workers
from skem.data.summary import Summary, combine, observed_values, summands, summary_of
from skem.missing import by_pattern, has_missing

__all__ = ["Divisible", "Rows", "group_by_pattern", "whole_units"]

Result = TypeVar("Result")

#: How many possible rows :meth:`Rows.condense` is ready to count.
MOST_POSSIBLE_ROWS = 2**20


class Divisible(Protocol):
    """What is known of rows besides themselves, and is cut as they are."""

    @property
    def by_row(self) -> bool:
        """Whether it knows more of each row than its label."""

    def part(self, rows: Any, labels: NDArray[np.intp] | None) -> Self:
        """Return what is known of some of the rows, with their known labels."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of data in memory, with their weights.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Data, float32 or float64, in any memory order. It is read in blocks and never copied
        whole.
    weights : ndarray of shape (n_rows,) or None, default=None
        How often each row counts; positive. None for once each.
    labels : integer ndarray of shape (n_rows,) or None, default=None
        Component that each row is known to come from, -1 where it is not known.
    place : integer ndarray of shape (n_rows,) or None, default=None
        Where the rows are that came first, second and so on, if they have been put in another
        order: which rows a sample holds does not depend on that.
    counted : float, default=0.0
        How many rows there were before equal ones were put together.
    """

    X: NDArray[np.floating[Any]]
    weights: NDArray[np.float64] | None = None
    labels: NDArray[np.intp] | None = None
    place: NDArray[np.intp] | None = None
    counted: float = 0.0

    #: Whether X is an array that can be held as a whole.
    in_memory = True

    @cached_property
    def each_weight(self) -> NDArray[np.float64]:
        """The weights as an array."""
        return np.ones(self.n_rows) if self.weights is None else self.weights

    @property
    def n_rows(self) -> int:
        """Number of rows in memory."""
        return self.X.shape[0]

    @cached_property
    def total_weight(self) -> float:
        """Number of rows that these count for."""
        return float(self.n_rows if self.weights is None else self.weights.sum())

    @cached_property
    def has_missing(self) -> bool:
        """Whether some cell is NaN."""
        return has_missing(self.X)

    def restrict(self, index: NDArray[np.intp]) -> "Rows":
        """Return some of the rows, where these are."""
        return self.take(index)

    def take(self, index: Any, weights: NDArray[np.float64] | None = None) -> "Rows":
        """Return some of the rows, in the order of an index; with other weights if given."""
        if weights is None and self.weights is not None:
            weights = self.weights[index]
        return Rows(self.X[index], weights, None if self.labels is None else self.labels[index])

    def pick(self, index: NDArray[np.intp]) -> "Rows":
        """Return some of the rows, of increasing numbers, in memory."""
        return self.take(index)

    @property
    def effective(self) -> float:
        """Number of rows to judge by: weights below one do not make there be fewer."""
        return max(float(self.n_rows), self.counted, self.total_weight)

    def read(self, block: int) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
        """Yield blocks of rows, with their weights."""
        ones = np.ones(min(block, self.n_rows))
        for start in range(0, self.n_rows, block):
            X = self.X[start : start + block]
            yield (
                X,
                ones[: len(X)] if self.weights is None else self.weights[start : start + block],
            )

    def fold(
        self,
        function: Callable[..., Any],
        block: int,
        combine: Callable[[Any, Any], Any] = operator.add,
    ) -> Any:
        """Combine ``function(X, weights)`` of all blocks of rows, in their order."""
        return reduce(combine, (function(X, weights) for X, weights in self.read(block)))

    def fold_units(
        self,
        function: Callable[..., Result],
        ends: NDArray[np.intp],
        most_rows: int,
        combine: Callable[[Result, Result], Result],
        workers: Workers,
    ) -> Result:
        """Combine ``function(rows, ends, workers)`` of pieces of whole units, in their order.

        Parameters
        ----------
        function : callable
            Takes rows in memory, the number of them up to the end of each unit, and who works.
        ends : integer ndarray of shape (n_units,)
            Where units end.
        most_rows : int
            Rows in a piece at most, unless a single unit has more.
        combine : callable
            Combines two results.
        workers : Workers
            Who works.
        """
        pieces = whole_units(ends, most_rows)
        return reduce(
            combine,
            (
                function(self.take(slice(first, last)), ends[units] - first, workers)
                for first, last, units in pieces
            ),
        )

    def sweep(
        self, function: Callable[..., Result], assignment: Divisible, block: int, workers: Workers
    ) -> Iterator[Result]:
        """Yield ``function(X, weights, assignment, starts)`` of all segments, in their order.

        Parameters
        ----------
        function : callable
            Takes all rows, and the block starts of the segment that it is to work on.
        assignment : Divisible
            How the rows are shared out.
        block : int
            Rows in a block.
        workers : Workers
            Who does it.
        """
        return workers.map(
            lambda starts: function(self.X, self.weights, assignment, starts), self.n_rows, block
        )

    @cached_property
    def summary(self) -> Summary:
        """Weighted mean and variance, and largest absolute value, of what is observed."""
        near = observed_values(self.first(1024))  # so that sums keep their digits far from zero
        sums = self.fold(partial(summands, near), max(1, 2**16 // near.size), combine)
        return summary_of(near, sums)

    def first(self, n_rows: int) -> NDArray[Any]:
        """Return so many of the first rows, or all, in memory."""
        return self.X[:n_rows]

    def sample(self, n_rows: int, rng: Any) -> "Rows":
        """Return at most n_rows of the rows, in their order.

        Rows that all count the same are drawn without replacement. Otherwise they are drawn by
        weight, with replacement, and count by how often they were drawn.
        """
        if self.n_rows <= n_rows:
            return self
        if self.place is None:
            return self.take(*self._drawn(self.weights, n_rows, rng))
        weights = None if self.weights is None else self.weights[self.place]
        drawn, weights = self._drawn(weights, n_rows, rng)
        return self.take(self.place[drawn], weights)

    def _drawn(
        self, weights: NDArray[np.float64] | None, n_rows: int, rng: Any
    ) -> tuple[NDArray[np.intp], NDArray[np.float64] | None]:
        """Return which rows are drawn, and weights of their own where they have such."""
        if self.labels is not None:
            known = np.flatnonzero(np.asarray(self.labels) >= 0)
            # What is known must not get lost: half as many again, at most, of known labels.
            if known.size > n_rows // 2:
                picked = sample_without_replacement(known.size, n_rows // 2, random_state=rng)
                known = known[picked]
            among = sample_without_replacement(self.n_rows, n_rows, random_state=rng)
            drawn = np.union1d(known, among)
            return drawn, None if weights is None else weights[drawn]
        if weights is None or np.ptp(weights) == 0:
            drawn = np.sort(sample_without_replacement(self.n_rows, n_rows, random_state=rng))
            return drawn, None if weights is None else weights[drawn]
        cumulative = np.cumsum(weights)
        drawn = np.searchsorted(cumulative, rng.uniform(size=n_rows) * cumulative[-1], "right")
        rows, times = np.unique(np.minimum(drawn, self.n_rows - 1), return_counts=True)
        return rows, times.astype(np.float64) * (self.total_weight / n_rows)

    def n_distinct(self, most: int) -> int:
        """Count the distinct rows, but not beyond a number."""
        seen: set[bytes] = set()
        for X, _ in self.read(1024):
            for row in X:
                seen.add(row.tobytes())
                if len(seen) == most:
                    return most
        return len(seen)

    def may_repeat(self) -> bool:
        """Say whether two rows are equal in the first two columns, so that they may be in all."""
        some = self.X[:, :2]
        order = np.lexsort(some.T)
        a, b = some[order[1:]], some[order[:-1]]
        return bool(((a == b) | (np.isnan(a) & np.isnan(b))).all(axis=1).any())

    def distinct(self) -> tuple["Rows", NDArray[np.intp]]:
        """Return the distinct rows, weighted by what they count, and where each row went.

        Where all rows are distinct, complete and count once they stay as they are; otherwise they
        come in lexicographic order, those with the same cells missing together.

        Returns
        -------
        rows : Rows
            The distinct rows, all with weights.
        index : ndarray of shape (n_rows,)
            Position of each row among them.
        """
        keys = self.X.T[::-1]  # of which the last is the first to sort by
        if self.labels is not None:
            keys = np.vstack([self.labels, keys])
        if self.has_missing:
            keys = np.vstack([keys, np.isnan(self.X.T)])
        order = np.lexsort(keys)
        before, after = keys[:, order[:-1]], keys[:, order[1:]]
        differs = before != after
        if self.has_missing:
            differs &= ~(np.isnan(before) & np.isnan(after))
        first = np.append(True, differs.any(axis=0))
        alike = self.weights is None or (self.weights == 1).all()
        if first.all() and alike and not self.has_missing:
            return self.take(slice(None), np.ones(self.n_rows)), np.arange(self.n_rows)
        index = np.empty_like(order)
        index[order] = np.cumsum(first) - 1
        totals = np.bincount(index, self.weights).astype(np.float64)
        return self.take(order[first], totals), index

    def condense(self) -> "Rows":
        """Return the distinct rows, weighted by how often they occur, if counting them is cheap.

        That is so for small whole numbers, such as counts out of few trials: each possible row
        has a number, and one pass counts the numbers. Otherwise the rows are returned as they
        are. Nothing that is a sum over rows changes.
        """
        if self.labels is not None or self.has_missing:
            return self
        if np.isinf(_largest_counts(self.first(1024), None)).any():
            return self
        block = max(1, 2**18 // self.X.shape[1])
        largest = self.fold(_largest_counts, block, np.maximum)
        with np.errstate(over="ignore"):
            n_possible = float(np.prod(largest + 1))
        if n_possible > min(self.n_rows / 2, MOST_POSSIBLE_ROWS):
            return self
        shape = tuple(int(n) + 1 for n in largest)
        totals = self.fold(partial(_how_often, shape), block)
        present = np.flatnonzero(totals)
        distinct = np.column_stack(np.unravel_index(present, shape)).astype(self.X.dtype)
        return Rows(distinct, totals[present], counted=self.effective)


def whole_units(ends: NDArray[np.intp], most_rows: int) -> Iterator[tuple[int, int, slice]]:
    """Yield pieces of whole units: first row, row after the last, and which units."""
    unit = first = 0
    while unit < len(ends):
        after = max(int(np.searchsorted(ends, first + most_rows, "right")), unit + 1)
        last = int(ends[after - 1])
        yield first, last, slice(unit, after)
        unit, first = after, last


def _largest_counts(X: NDArray[Any], weights: Any) -> NDArray[np.float64]:
    """Return the largest count of each column; inf where some number is no count."""
    whole = (X >= 0).all() and (X == np.floor(X)).all()
    return X.max(axis=0).astype(np.float64) if whole else np.full(X.shape[1], np.inf)


def _how_often(
    shape: tuple[int, ...], X: NDArray[Any], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return by what weight each row occurs among all that are less than a shape."""
    number = np.ravel_multi_index(tuple(X.T.astype(np.int64)), shape)
    counts = np.bincount(number, weights, minlength=int(np.prod(shape)))
    return counts.astype(np.float64, copy=False)


def group_by_pattern(rows: Rows, assignment: Divisible) -> tuple[Rows, Divisible]:
    """Return rows in an order in which those that miss the same cells are together."""
    order = by_pattern(np.isnan(rows.X))
    rows = rows.take(order)
    return rows, assignment.part(order, rows.labels)
