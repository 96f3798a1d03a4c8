"""Labels that are the states of a Markov chain."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray

__all__ = ["Chain", "Markov"]

#: A probability below this is on its way to zero, and is left to EM: its logarithm falls by the
#: same in each step, for ever, which misleads an accelerator (20 evaluations in place of 16).
NEGLIGIBLE = 1e-8


class Chain(NamedTuple):
    """Parameters of a Markov chain.

    Attributes
    ----------
    startprob : ndarray of shape (n_states,)
        Distribution of the first state of a sequence.
    transmat : ndarray of shape (n_states, n_states)
        Row i is the distribution of the state after i.
    """

    startprob: FloatArray
    transmat: FloatArray


@dataclass(frozen=True, eq=False)
class Markov:
    """A Markov chain of labels.

    Start and transitions are K + 1 distributions over K states: the rows of a table, the start
    first.

    Parameters
    ----------
    free : bool ndarray of shape (n_states + 1, n_states)
        Probabilities that the M-step changes. The others keep their values, zeros among them.
    pseudo_counts : ndarray of shape (n_states + 1, n_states) or float, default=0.0
        What a Dirichlet prior adds to the expected numbers of starts and transitions.
    """

    free: NDArray[np.bool_]
    pseudo_counts: FloatArray | float = 0.0

    @staticmethod
    def table(start: FloatArray, transitions: FloatArray) -> FloatArray:
        """Return the rows of a table."""
        return np.vstack([start, transitions])

    def tied(self, chain: Chain) -> Chain:
        """Return the chain with what follows from the rest of it: here nothing does."""
        return chain

    def maximize(self, counts: FloatArray, previous: Chain) -> Chain:
        """M-step: expected transitions from each state, as shares of what is free.

        Parameters
        ----------
        counts : ndarray of shape (n_states + 1, n_states)
            Expected numbers of starts and transitions.
        previous : Chain
            Where there are none, or all is held, they stay.
        """
        table = self.table(*previous)
        counts = np.where(self.free, counts + self.pseudo_counts, 0.0)
        totals = counts.sum(axis=1, keepdims=True)
        rest = 1.0 - np.where(self.free, 0.0, table).sum(axis=1, keepdims=True)
        shares = np.divide(counts * rest, totals, out=table.copy(), where=totals > 0)
        table = np.where(self.free, shares, table)
        return Chain(table[0], table[1:])

    def log_prior(self, params: Chain) -> float:
        """Return the log of the prior density, up to a constant."""
        pseudo = np.where(self.free, self.pseudo_counts, 0.0)
        if not pseudo.any():
            return 0.0
        with np.errstate(divide="ignore"):
            logs = np.log(self.table(*params))
        there = pseudo > 0
        return float(pseudo[there] @ logs[there])

    def n_parameters(self) -> int:
        """Count free probabilities, less one in each row: their sum is given."""
        return int(self._coordinates.sum())

    @cached_property
    def _coordinates(self) -> NDArray[np.bool_]:
        """Free probabilities but the one of each row that the others are relative to.

        That is the probability to stay, which is hardly ever zero.
        """
        mask = self.free.copy()
        mask[np.arange(len(mask)), self._reference] = False
        return mask

    @cached_property
    def _reference(self) -> NDArray[np.intp]:
        K = self.free.shape[1]
        last = K - 1 - self.free[:, ::-1].argmax(axis=1)
        own = np.append(K - 1, np.arange(K))
        return np.where(self.free[np.arange(K + 1), own], own, last)

    def to_vector(self, params: Chain) -> FloatArray:
        """Return the logarithms of free probabilities, less that of the reference of their row.

        They are -inf for those that are negligible, and infinite in rows whose reference is.
        """
        table = self.table(*params)
        negligible = table < NEGLIGIBLE
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.where(negligible, 0.0, table))
            logs = logs - logs[np.arange(len(logs)), self._reference][:, np.newaxis]
        return np.where(negligible, -np.inf, logs)[self._coordinates]

    def from_vector(self, vector: FloatArray, like: Chain) -> Chain:
        """Undo :meth:`to_vector`; what is held or has no finite coordinate is as in like."""
        table = self.table(*like)
        logs = np.where(self.free, 0.0, -np.inf)
        logs[self._coordinates] = vector
        moving = logs > -np.inf
        top = logs.max(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            odds = np.where(moving, np.exp(logs - top), 0.0)
            shares = odds / odds.sum(axis=1, keepdims=True)
        rest = np.where(moving, table, 0.0).sum(axis=1, keepdims=True)
        moving &= np.isfinite(shares).all(axis=1)[:, np.newaxis]
        table = np.where(moving, shares * rest, table)
        return Chain(table[0], table[1:])

    def gradient(self, params: Chain, counts: FloatArray) -> FloatArray:
        """Return the slope of the expected log-probability of starts and transitions."""
        counts = np.where(self.free, counts + self.pseudo_counts, 0.0)
        free = np.where(self.free, self.table(*params), 0.0)
        total = free.sum(axis=1, keepdims=True)
        shares = np.divide(free, total, out=np.zeros_like(free), where=total > 0)
        return (counts - counts.sum(axis=1, keepdims=True) * shares)[self._coordinates]
