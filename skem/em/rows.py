"""Where the rows come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows", "Summary"]

#: How many possible rows :meth:`Rows.condensed` is ready to count.
MOST_POSSIBLE_ROWS = 2**20


class Summary(NamedTuple):
    """Location and spread of each feature, all of shape (n_features,)."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    largest: NDArray[np.float64]


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
    """

    X: NDArray[np.floating[Any]]
    weights: NDArray[np.float64] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows in memory."""
        return self.X.shape[0]

    @cached_property
    def total_weight(self) -> float:
        """Number of rows that these count for."""
        return float(self.n_rows if self.weights is None else self.weights.sum())

    @property
    def effective(self) -> float:
        """Number of rows to judge by: weights below one do not make there be fewer."""
        return max(float(self.n_rows), self.total_weight)

    def read(self, block: int) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
        """Yield blocks of rows, with their weights."""
        ones = np.ones(min(block, self.n_rows))
        for start in range(0, self.n_rows, block):
            X = self.X[start : start + block]
            yield (
                X,
                ones[: len(X)] if self.weights is None else self.weights[start : start + block],
            )

    @cached_property
    def summary(self) -> Summary:
        """Weighted mean and variance, and largest absolute value, of each feature."""
        block = max(1, 2**16 // self.X.shape[1])
        near = self.X[0].astype(np.float64)  # so that sums keep their digits far from zero
        d = near.size
        first, second, largest = np.zeros(d), np.zeros(d), np.zeros(d)
        with np.errstate(over="ignore", invalid="ignore"):
            for X, weights in self.read(block):
                Z = X - near
                first += weights @ Z
                second += weights @ (Z * Z)
                np.maximum(largest, np.abs(X).max(axis=0), out=largest)
            first /= self.total_weight
            variance = np.maximum(second / self.total_weight - first**2, 0.0)
        return Summary(near + first, variance, largest)

    def sample(self, n_rows: int, rng: Any) -> "Rows":
        """Return at most n_rows of the rows, in their order.

        Rows that all count the same are drawn without replacement. Otherwise they are drawn by
        weight, with replacement, and count by how often they were drawn.
        """
        if self.n_rows <= n_rows:
            return self
        if self.weights is None or np.ptp(self.weights) == 0:
            drawn = np.sort(rng.choice(self.n_rows, n_rows, replace=False))
            return Rows(self.X[drawn], None if self.weights is None else self.weights[drawn])
        ladder = np.cumsum(self.weights)
        drawn = np.searchsorted(ladder, rng.uniform(size=n_rows) * ladder[-1], "right")
        rows, times = np.unique(np.minimum(drawn, self.n_rows - 1), return_counts=True)
        weights = times.astype(np.float64) * (self.total_weight / n_rows)
        return Rows(self.X[rows], weights)

    def condensed(self) -> "Rows":
        """Return the distinct rows, weighted by how often they occur, if counting them is cheap.

        That is so for small whole numbers, such as counts out of few trials: each possible row
        has a number, and one pass counts the numbers. Otherwise the rows are returned as they
        are. Nothing that is a sum over rows changes.
        """
        block = max(1, 2**18 // self.X.shape[1])
        largest = np.zeros(self.X.shape[1])
        for X, _ in self.read(block):
            if (X < 0).any() or (X != np.floor(X)).any():
                return self
            np.maximum(largest, X.max(axis=0), out=largest)
        with np.errstate(over="ignore"):
            n_possible = float(np.prod(largest + 1))
        if n_possible > min(self.n_rows / 2, MOST_POSSIBLE_ROWS):
            return self
        shape = tuple(int(n) + 1 for n in largest)
        totals = np.zeros(int(n_possible))
        for X, weights in self.read(block):
            number = np.ravel_multi_index(tuple(X.T.astype(np.int64)), shape)
            totals += np.bincount(number, weights, minlength=totals.size)
        present = np.flatnonzero(totals)
        distinct = np.column_stack(np.unravel_index(present, shape)).astype(self.X.dtype)
        return Rows(distinct, totals[present])
