"""Where the rows come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows", "Summary"]


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
        for X, weights in self.read(block):
            Z = X - near
            first += weights @ Z
            second += weights @ (Z * Z)
            np.maximum(largest, np.abs(X).max(axis=0), out=largest)
        first /= self.total_weight
        variance = np.maximum(second / self.total_weight - first**2, 0.0)
        return Summary(near + first, variance, largest)
