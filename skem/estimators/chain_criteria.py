"""How well a fitted hidden Markov model describes sequences: score and information criteria."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skem.chains.expected import LOG_IMPOSSIBLE, logarithm
from skem.estimators.chain_rows import ChainRows
from skem.estimators.decoding import FittedChain
from skem.estimators.row_validation import check_sample_weight, weighted_mean
from skem.estimators.sequences import refuse_lengths_as_y
from skem.families.base import FloatArray

__all__ = ["ScoredChain"]


class ScoredChain(FittedChain):
    """The part of a hidden Markov model that compares it with others."""

    n_parameters_: int

    def score(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the mean log-likelihood per row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences.
        y : None
            Ignored; present by convention.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.

        Returns
        -------
        log_likelihood : float
            In nats per row. Rows of which nothing is observed do not count.
        """
        refuse_lengths_as_y(y, X)
        total, n_rows = self._total(X, groups, lengths, sample_weight)
        return total / n_rows

    def _total(self, X: Any, groups: Any, lengths: Any, sample_weight: Any) -> tuple[float, float]:
        """Return the total log-likelihood, and by how many rows."""
        by_row, observed = np.asarray(
            self._ask(
                partial(_scores, self._mixture()), X, groups, lengths, dtype=np.float64, width=(2,)
            )
        ).T
        weights = check_sample_weight(sample_weight, len(by_row))
        weights = observed if weights is None else weights * observed
        n_rows = float(weights.sum())
        return weighted_mean(by_row, weights) * n_rows, n_rows

    def aic(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return Akaike's information criterion: -2 log L + 2 n_parameters.

        Parameters
        ----------
        X, groups, lengths, sample_weight : array-like
            Sequences, as in :meth:`fit`.

        Returns
        -------
        aic : float
            The lower the better.
        """
        total, _ = self._total(X, groups, lengths, sample_weight)
        return -2 * total + 2 * self.n_parameters_

    def bic(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the Bayesian information criterion: -2 log L + n_parameters log N.

        Parameters
        ----------
        X, groups, lengths, sample_weight : array-like
            Sequences, as in :meth:`fit`. N is the number of rows observed, by weight.

        Returns
        -------
        bic : float
            The lower the better.
        """
        total, n_rows = self._total(X, groups, lengths, sample_weight)
        return float(-2 * total + self.n_parameters_ * np.log(n_rows))

    def icl(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the integrated completed likelihood criterion.

        It is the BIC with the log-likelihood replaced by that of the rows and the likeliest path
        of states together (Celeux & Durand 2008).

        Parameters
        ----------
        X, groups, lengths, sample_weight : array-like
            Sequences, as in :meth:`fit`.

        Returns
        -------
        icl : float
            The lower the better; at least the BIC.
        """
        sequences = self._open(X, groups, lengths)
        weights = check_sample_weight(sample_weight, len(sequences.X))
        weights = np.ones(len(sequences.X)) if weights is None else weights
        total, n_rows = self._total(X, groups, lengths, sample_weight)
        if total == -np.inf:
            return np.inf
        by_state = sequences.rows(sequences.logs)
        path = sequences.path()
        starts = np.zeros(len(path), dtype=bool)
        starts[sequences.lanes.ends - sequences.lanes.lengths] = True
        after = np.flatnonzero(~starts)
        log_joint = by_state[np.arange(len(path)), path] + sequences.base
        log_joint[starts] += logarithm(self.startprob_)[path[starts]]
        log_joint[after] += logarithm(self.transmat_)[path[after - 1], path[after]]
        log_joint[log_joint < LOG_IMPOSSIBLE] = -np.inf
        total = weighted_mean(log_joint, weights) * float(weights.sum())
        return float(-2 * total + self.n_parameters_ * np.log(n_rows))


def _scores(mixture: Any, rows: ChainRows) -> FloatArray:
    """Return the log-density of each row, and 1 where something of it is observed, else 0."""
    unobserved = mixture._unobserved(rows.X)
    observed = np.ones(len(rows.X)) if unobserved is None else ~unobserved
    return np.column_stack([rows.log_densities(), observed])
