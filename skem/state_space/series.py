"""Parameters of the model, and the sequences that it describes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FloatArray", "Index", "Series", "StateSpace", "pieces"]

FloatArray = NDArray[np.floating[Any]]
Index = NDArray[np.intp]


#: Numbers that are worked on at a time: a cache holds them, and they take no fresh memory, which
#: costs as much as the arithmetic.
NUMBERS = 2**14


def pieces(start: int, stop: int, width: int) -> list[slice]:
    """Cut rows of some width into pieces that a cache holds."""
    size = max(1, NUMBERS // width)
    return [slice(i, min(i + size, stop)) for i in range(start, stop, size)]


class StateSpace(NamedTuple):
    """Parameters: A, C, Q, R, m, P and d.

    Attributes
    ----------
    transition_matrix : ndarray of shape (n, n)
        A.
    observation_matrix : ndarray of shape (p, n)
        C.
    transition_covariance : ndarray of shape (n, n)
        Q, positive semi-definite.
    observation_covariance : ndarray of shape (p, p)
        R: positive definite, or diagonal and not negative.
    initial_state_mean : ndarray of shape (n,)
        m.
    initial_state_covariance : ndarray of shape (n, n)
        P, positive semi-definite.
    observation_offset : ndarray of shape (p,)
        d.
    """

    transition_matrix: FloatArray
    observation_matrix: FloatArray
    transition_covariance: FloatArray
    observation_covariance: FloatArray
    initial_state_mean: FloatArray
    initial_state_covariance: FloatArray
    observation_offset: FloatArray


@dataclass(frozen=True, eq=False)
class Series:
    """Sequences of observations, one below the other.

    Parameters
    ----------
    values : float64 ndarray of shape (n_rows, p)
        Observations; 0 in missing cells.
    observed : bool ndarray of shape (n_rows, p) or None
        Which cells are there; None for all of them.
    ends : integer ndarray of shape (n_sequences,)
        The number of rows up to the end of each sequence, increasing from above 0.
    weights : ndarray of shape (n_sequences,)
        How often each sequence counts.
    """

    values: FloatArray
    observed: NDArray[np.bool_] | None
    ends: Index
    weights: FloatArray

    @classmethod
    def of(cls, Y: FloatArray, ends: Index | None = None, weights: Any = None) -> "Series":
        """Return rows as sequences; NaN is a missing cell."""
        Y = np.asarray(Y, dtype=np.float64)
        ends = np.array([len(Y)]) if ends is None else np.asarray(ends, dtype=np.intp)
        weights = np.ones(len(ends)) if weights is None else np.asarray(weights, dtype=np.float64)
        missing = np.isnan(Y)
        if not missing.any():
            return cls(Y, None, ends, weights)
        return cls(np.where(missing, 0.0, Y), ~missing, ends, weights)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.values)

    @cached_property
    def starts(self) -> Index:
        """First row of each sequence."""
        return np.concatenate([[0], self.ends[:-1]])

    @cached_property
    def lengths(self) -> Index:
        """Rows in each sequence."""
        return self.ends - self.starts

    @cached_property
    def row_weights(self) -> FloatArray:
        """Weight of each row: that of its sequence."""
        return np.repeat(self.weights, self.lengths)

    @cached_property
    def is_unweighted(self) -> bool:
        """Whether all weights are one."""
        return bool((self.weights == 1.0).all())

    def weigh(self, rows: FloatArray) -> FloatArray:
        """Return an array (n_rows, d) times the weights: itself, where all of these are one."""
        return rows if self.is_unweighted else self.row_weights[:, np.newaxis] * rows

    def residuals(self, params: StateSpace, states: FloatArray, rows: slice) -> FloatArray:
        """Return by how much some rows differ from what states say; 0 in missing cells."""
        expected = states[rows] @ params.observation_matrix.T
        expected += params.observation_offset
        np.subtract(self.values[rows], expected, out=expected)
        if self.observed is not None:
            expected *= self.observed[rows]
        return expected

    @cached_property
    def total_weight(self) -> float:
        """Number of rows, by weight."""
        return float(self.weights @ self.lengths)

    @cached_property
    def n_known(self) -> float:
        """Number of rows of which a cell is observed, by weight: no others count in a mean."""
        if self.observed is None:
            return self.total_weight
        return float(self.row_weights @ self.observed.any(axis=1))

    @cached_property
    def is_complete(self) -> NDArray[np.bool_]:
        """Whether each sequence has all of its cells."""
        if self.observed is None:
            return np.ones(len(self.ends), dtype=bool)
        return np.logical_and.reduceat(self.observed.all(axis=1), self.starts)

    @cached_property
    def has_partial_rows(self) -> bool:
        """Whether some row has some of its cells, but not all."""
        if self.observed is None:
            return False
        some = self.observed.any(axis=1)
        return bool((some & ~self.observed.all(axis=1)).any())

    @cached_property
    def patterns(self) -> tuple[NDArray[np.bool_], Index]:
        """The distinct sets of cells that rows have, and which of them each row has."""
        if self.observed is None:
            p = self.values.shape[1]
            return np.ones((1, p), dtype=bool), np.zeros(self.n_rows, dtype=np.intp)
        packed = np.packbits(self.observed, axis=1)
        _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        return self.observed[first], np.reshape(which, -1)
