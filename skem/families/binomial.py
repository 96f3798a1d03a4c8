"""Binomial components: success counts, columns independent given the component.

With ``s`` successes and ``f`` failures in column ``j``::

    log f(s, f | p) = s log p_j + f log(1 - p_j) + log C(s + f, s),

    log C(n, s) = gammaln(n + 1) - gammaln(s + 1) - gammaln(n - s + 1),

so ``T = (1, s, f)``. Nothing in it needs whole numbers. ``log C`` is computed through betaln,
which keeps its digits where the three gammaln would cancel.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, logit

from skem.families.base import (
    ExponentialFamily,
    FloatArray,
    Kernel,
    log_or_impossible,
    log_ratios,
    shares,
    shares_of_log_ratios,
)

__all__ = ["Binomial", "BinomialParameters"]


class BinomialParameters(NamedTuple):
    """Parameters of a binomial mixture.

    Attributes
    ----------
    weights : ndarray of shape (n_components,)
        Mixing weights, summing to one.
    probabilities : ndarray of shape (n_components, n_columns)
        Probability of a success.
    """

    weights: FloatArray
    probabilities: FloatArray


@dataclass(frozen=True, eq=False)
class Binomial(ExponentialFamily):
    """Mixture of products of binomials.

    Parameters
    ----------
    n_components : int
        Number of components K.
    n_columns : int
        Number of columns m of counts.
    n_trials : ndarray of shape (n_columns,) or None
        Trials of each column, for rows of successes alone; None for rows
        ``[successes | failures]`` of 2m columns.
    """

    n_components: int
    n_columns: int
    n_trials: FloatArray | None = None

    accelerable = True

    @property
    def n_statistics(self) -> int:
        """Width of ``T = (1, s, f)``."""
        return 1 + 2 * self.n_columns

    def stacked(self, n_mixtures: int) -> "Binomial":
        """Return the family of all components of several mixtures."""
        return replace(self, n_components=n_mixtures * self.n_components)

    def statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write (1, s, f) of each row to out."""
        m = self.n_columns
        out[0] = 1.0
        if self.n_trials is None:
            out[1:] = X.T
        else:
            out[1 : m + 1] = X.T
            np.subtract(self.n_trials[:, np.newaxis], out[1 : m + 1], out=out[m + 1 :])
        return out

    def natural_parameters(self, params: BinomialParameters) -> FloatArray:
        """Return ``(log w, log p, log(1 - p))``."""
        p = params.probabilities
        return np.column_stack([log_or_impossible(v) for v in (params.weights, p, 1 - p)])

    def log_base_measure(self, X: FloatArray) -> FloatArray:
        """Return the log binomial coefficients of each row, summed over columns."""
        successes, failures = self.split(np.asarray(X, dtype=np.float64))
        log_coefficients = -betaln(successes + 1, failures + 1) - np.log1p(successes + failures)
        return log_coefficients.sum(axis=1)

    def split(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the successes and the failures in X, each of shape (n, n_columns)."""
        if self.n_trials is None:
            return X[:, : self.n_columns], X[:, self.n_columns :]
        return X, self.n_trials - X

    def maximize(
        self, totals: FloatArray, kernel: Kernel, previous: BinomialParameters | None
    ) -> BinomialParameters:
        """Return each component's share of the rows, and of its trials that succeeded.

        Where a component has seen no trial of a column it keeps its probability, or takes that
        of all components together at a start, or 1/2 where there is no trial at all.
        """
        m = self.n_columns
        successes, trials = totals[:, 1 : m + 1], totals[:, 1 : m + 1] + totals[:, m + 1 :]
        if previous is None:
            pooled = np.divide(
                successes.sum(axis=0),
                trials.sum(axis=0),
                out=np.full(m, 0.5),
                where=trials.sum(axis=0) > 0,
            )
            fallback = np.broadcast_to(pooled, successes.shape).copy()
        else:
            fallback = previous.probabilities.copy()
        p = np.divide(successes, trials, out=fallback, where=trials > 0)
        return BinomialParameters(shares(totals[:, 0]), p)

    def n_parameters(self, params: BinomialParameters) -> int:
        """Count K - 1 weights and K m probabilities."""
        return params.weights.size - 1 + params.probabilities.size

    def sample(self, params: BinomialParameters, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw successes out of ``n_trials``, which must be known and whole."""
        if self.n_trials is None or (self.n_trials != np.floor(self.n_trials)).any():
            raise ValueError("to draw counts the number of trials must be known and whole")
        n_trials = self.n_trials.astype(np.int64)
        p = np.repeat(params.probabilities, counts, axis=0)
        return rng.binomial(n_trials, p).astype(np.float64)

    def to_vector(self, params: BinomialParameters) -> FloatArray:
        """Return log-ratios of the weights, and log-odds."""
        return np.concatenate([log_ratios(params.weights), logit(params.probabilities).ravel()])

    def from_vector(self, vector: FloatArray, like: BinomialParameters) -> BinomialParameters:
        """Undo :meth:`to_vector`."""
        ratios, log_odds = np.split(vector, [like.weights.size - 1])
        p = expit(log_odds).reshape(like.probabilities.shape)
        return BinomialParameters(shares_of_log_ratios(ratios), p)

    def gradient(
        self, params: BinomialParameters, new: BinomialParameters, totals: FloatArray
    ) -> FloatArray:
        """Return ``n_k - N w_k``, and ``s - (s + f) p``."""
        m, counts, p = self.n_columns, totals[:, 0], params.probabilities
        by_weights = (counts - counts.sum() * params.weights)[:-1]
        by_log_odds = totals[:, 1 : m + 1] * (1 - p) - totals[:, m + 1 :] * p
        return np.concatenate([by_weights, by_log_odds.ravel()])
