"""Sequences: the rows that a chain goes through, in memory, stored, or in the chunks of dask.

Sequences are units, as the rows of a mixture are: what the E-step expects of them adds up. They
are passed over in pieces of whole sequences, so that work space does not grow with their number.
"""

import itertools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from skem.chains.lanes import Index, ends_of
from skem.data.blocks import SERIAL, Workers
from skem.data.rows import Rows
from skem.families.base import FloatArray, Kernel
from skem.mixture.markov import Chain
from skem.mixture.piece import Piece, Sums

__all__ = ["Sequences", "bytes_of_row", "rows_of_piece"]

#: Bytes of work space of a piece, where it is of several sequences, but so many rows at least:
#: with fewer, calls of numpy take longer than arithmetic.
PIECE, LEAST_ROWS = 2**28, 2**14

#: Rows that starts are made from, at most, and those of a stretch of a sequence that is longer.
MOST_ROWS, STRETCH = 10_000, 250


def bytes_of_row(n_columns: int, n_states: int) -> int:
    """Return how much memory a row takes while its sequence is passed over."""
    return 8 * (3 * n_states + n_columns + 3)


def rows_of_piece(n_columns: int, n_states: int) -> int:
    """Return how many rows a piece of several sequences has at most."""
    return max(PIECE // bytes_of_row(n_columns, n_states), LEAST_ROWS)


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of rows.

    Parameters
    ----------
    rows : Rows
        Their rows, one sequence after another; their weights are the same all along a sequence.
    ends : integer ndarray of shape (n_sequences,)
        The number of rows up to the end of each.
    n_states : int
        Number of states that a chain goes through.
    known : float, optional
        Number of rows, by weight, of which something is known; all of them unless given.
    """

    rows: Rows
    ends: Index
    n_states: int
    known: float | None = None

    @property
    def n_known(self) -> float:
        """Number of rows of which something is known, by weight: no others count in a mean."""
        return self.rows.total_weight if self.known is None else self.known

    @cached_property
    def whole(self) -> Piece | None:
        """The one piece that they are, where they are in memory and so few."""
        is_one = len(self.ends) == 1 or self.rows.n_rows <= max(self._most_rows, 2 * MOST_ROWS)
        if self.rows.in_memory and is_one:
            return Piece(self.rows, self.ends, self.n_states)
        return None

    @property
    def _most_rows(self) -> int:
        return rows_of_piece(self.rows.X.shape[1], self.n_states)

    def sums(self, kernel: Kernel, chain: Chain, workers: Workers = SERIAL) -> Sums:
        """Return what the E-step expects of all of them."""
        total: Sums = self._fold("sums", kernel, chain, workers, _add)
        return total

    def expected_log_density(
        self, kernel: Kernel, chain: Chain, workers: Workers = SERIAL
    ) -> float:
        """Return the expected log-density of all rows given their states, less constants."""
        return float(self._fold("expected_log_density", kernel, chain, workers, operator.add))

    def log_likelihoods(
        self, kernel: Kernel, chain: Chain, units: slice, workers: Workers = SERIAL
    ) -> FloatArray:
        """Return the log-likelihoods of some of the sequences by weight, less base measures."""
        ends = self.ends[units]
        if not len(ends):
            return np.empty(0)
        first = int(self.ends[units.start - 1]) if units.start else 0
        rows = self.rows.take(slice(first, int(ends[-1])))
        found = Piece(rows, ends - first, self.n_states).log_likelihoods(kernel, chain, workers)
        return found if rows.weights is None else found * rows.weights[ends - first - 1]

    def last_state(self, kernel: Kernel, chain: Chain, workers: Workers = SERIAL) -> FloatArray:
        """Return the distribution of the state at the end of the last sequence (n_states,)."""
        if self.whole is not None and len(self.ends) == 1:  # whose work space is there
            return self.whole.last_state(kernel, chain, workers)
        first = int(self.ends[-2]) if len(self.ends) > 1 else 0
        rows = self.rows.pick(np.arange(first, self.ends[-1]))
        last = Piece(rows, self.ends[-1:] - first, self.n_states)
        return last.last_state(kernel, chain, workers)

    def _fold(
        self, name: str, kernel: Kernel, chain: Chain, workers: Workers, add: Callable[..., Any]
    ) -> Any:
        """Return the sum over pieces of what a method of theirs returns."""
        if self.whole is not None:
            return getattr(self.whole, name)(kernel, chain, workers)
        of_piece = partial(_of_piece, name, self.n_states, kernel, chain)
        return self.rows.fold_units(of_piece, self.ends, self._most_rows, add, workers)

    def some(self, rng: Any, anywhere: bool = True) -> "Sequences":
        """Return some of them in memory, of about MOST_ROWS rows.

        Of a long one there are stretches from all over it, each of which is a sequence then: its
        first rows may be all of one state. Where a sequence cannot begin anywhere (``anywhere``)
        they are its first rows.
        """
        index, ends = _some_rows(np.diff(self.ends, prepend=0), anywhere, rng)
        return Sequences(self.rows.pick(index), ends, self.n_states)


def _some_rows(lengths: Index, anywhere: bool, rng: Any) -> tuple[Index, Index]:
    """Return the rows of as many sequences as make about MOST_ROWS, and where these end."""
    if lengths.sum() <= MOST_ROWS:
        return np.arange(lengths.sum()), ends_of(lengths)
    order = rng.permutation(len(lengths))
    n_taken = int(np.searchsorted(np.cumsum(lengths[order]), MOST_ROWS)) + 1
    taken = np.sort(order[:n_taken])
    first = np.cumsum(lengths) - lengths
    most = max(MOST_ROWS // n_taken, 2)
    index = []
    for start, length in zip(first[taken], lengths[taken], strict=True):
        if length > most and anywhere:
            index += [start + stretch for stretch in _stretches(int(length), most, rng)]
        else:
            index.append(start + np.arange(min(length, most)))
    return np.concatenate(index), ends_of(np.array([len(each) for each in index]))


def _stretches(length: int, n_rows: int, rng: Any) -> list[Index]:
    """Return the rows of stretches of a sequence, each somewhere in its share of it."""
    n = max(n_rows // STRETCH, 1)
    size, shares = n_rows // n, np.arange(n + 1) * length // n
    return [np.arange(size) + rng.randint(a, b - size + 1) for a, b in itertools.pairwise(shares)]


def _of_piece(
    name: str,
    n_states: int,
    kernel: Kernel,
    chain: Chain,
    rows: Rows,
    ends: Index,
    workers: Workers,
) -> Any:
    return getattr(Piece(rows, ends, n_states), name)(kernel, chain, workers)


def _add(a: Sums, b: Sums) -> Sums:
    return Sums(*(x + y for x, y in zip(a, b, strict=True)))
