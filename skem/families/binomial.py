"""Binomial components: success counts, columns independent given the component.

With ``s`` successes and ``f`` failures in column ``j``::

    log f(s, f | p) = s log p_j + f log(1 - p_j) + log C(s + f, s),

    log C(n, s) = gammaln(n + 1) - gammaln(s + 1) - gammaln(n - s + 1),

so ``T = (1, s, f)``. Nothing in it needs whole numbers. ``log C`` is computed through betaln,
which keeps its digits where the three gammaln would cancel. A cell that is missing says as much as
one without a trial: nothing.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from skem.families.base import FloatArray, Kernel, draw_labels, log_or_impossible
from skem.families.exponential import ExponentialFamily
from skem.families.prior import BetaPrior
from skem.ranges import PROBABILITY

__all__ = ["Binomial", "BinomialParameters"]


class BinomialParameters(NamedTuple):
    """Parameters of binomial components.

    Attributes
    ----------
    probabilities : ndarray of shape (n_components, n_columns)
        Probability of a success.
    """

    probabilities: FloatArray


@dataclass(frozen=True, eq=False)
class Binomial(ExponentialFamily):
    """Components that are products of binomials.

    Parameters
    ----------
    n_components : int
        Number of components K.
    n_columns : int
        Number of columns m of counts.
    n_trials : ndarray of shape (n_columns,) or None
        Trials of each column, for rows of successes alone; None for rows
        ``[successes | failures]`` of 2m columns.
    held : Held, default=Held()
        Parameters that the M-step leaves alone.
    prior : BetaPrior or None, default=None
        Prior of the probabilities.
    """

    n_trials: FloatArray | None = None
    prior: BetaPrior | None = None

    separable = True
    ranges = {"probabilities": PROBABILITY}
    n_cell_constants = 0

    @property
    def n_statistics(self) -> int:
        """Width of ``T = (1, s, f)``."""
        return 1 + 2 * self.n_columns

    def sufficient_statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
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
        """Return ``(0, log p, log(1 - p))``."""
        p = params.probabilities
        constant = np.zeros((len(p), 1))
        return np.hstack([constant, log_or_impossible(p), log_or_impossible(1 - p)])

    def log_prior(self, params: BinomialParameters) -> float:
        """Return the log of the prior density, up to a constant; 0 without a prior."""
        if self.prior is None:
            return 0.0
        return float(self.prior.log_density(params.probabilities).sum())

    def log_base_measure(self, X: FloatArray) -> FloatArray:
        """Return the log binomial coefficients of each row, summed over columns."""
        successes, failures = self.split(np.asarray(X, dtype=np.float64))
        log_coefficients = -betaln(successes + 1, failures + 1) - np.log1p(successes + failures)
        return log_coefficients.sum(axis=1)

    def split(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the successes and the failures in X, each (n, n_columns); 0 where missing."""
        if self.n_trials is None:
            successes, failures = X[:, : self.n_columns], X[:, self.n_columns :]
        else:
            successes, failures = X, self.n_trials - X
        missing = np.isnan(successes)
        return np.where(missing, 0.0, successes), np.where(missing, 0.0, failures)

    def mean_statistics(self, params: BinomialParameters, like: FloatArray) -> FloatArray:
        """Return successes and failures in as many trials per row as in ``like``.

        A prior is left out.
        """
        m, p = self.n_columns, params.probabilities
        trials = (like[:, 1 : m + 1] + like[:, m + 1 :]).sum(axis=0) / like[:, 0].sum()
        return np.hstack([np.ones((len(p), 1)), p * trials, (1 - p) * trials])

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return arcsine square roots of proportions, whose variance hardly depends on them.

        An unobserved cell is put at its column's mean.
        """
        successes, failures = self.split(X)
        trials = successes + failures
        angles = np.arcsin(np.sqrt((successes + 3 / 8) / (trials + 3 / 4)))
        observed = trials > 0
        means = np.divide(
            weights @ (angles * observed),
            weights @ observed,
            out=np.zeros(trials.shape[1]),
            where=observed.any(axis=0),
        )
        return np.where(observed, angles, means)

    def maximize(
        self, statistics: FloatArray, kernel: Kernel, previous: BinomialParameters | None
    ) -> BinomialParameters:
        """Return each component's share of the rows, and of its trials that succeeded.

        Pseudo-counts of a prior count as trials. Where a component has seen no trial of a column
        it keeps its probability, or takes that of all components together at a start, or 1/2
        where there is no trial at all.
        """
        m = self.n_columns
        successes, failures = self._with_prior(statistics[:, 1 : m + 1], statistics[:, m + 1 :])
        trials = successes + failures
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
        return BinomialParameters(self.held.put("probabilities", p))

    def _with_prior(
        self, successes: FloatArray, failures: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return successes and failures with those that the prior stands for."""
        if self.prior is None:
            return successes, failures
        return successes + self.prior.successes, failures + self.prior.failures

    def sample(self, params: BinomialParameters, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw successes out of ``n_trials``, which must be known and whole."""
        return self.draw(np.repeat(params.probabilities, counts, axis=0), rng)

    def draw(self, probabilities: FloatArray, rng: Any) -> FloatArray:
        """Draw successes of rows that have these probabilities (n, n_columns)."""
        n_trials = self._whole_trials("to draw counts")
        return rng.binomial(n_trials, probabilities).astype(np.float64)

    def impute(
        self, params: BinomialParameters, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in missing successes: the trials times the expected probability, or a draw."""
        if self.n_trials is None:
            raise ValueError("missing cells can be filled in only where n_trials is known")
        if rng is None:
            filling = self.n_trials * (posterior @ params.probabilities)
        else:
            drawn = draw_labels(posterior, rng)
            p = params.probabilities[drawn]
            filling = rng.binomial(self._whole_trials("to draw counts"), p)
        return np.where(np.isnan(X), filling, X)

    def _whole_trials(self, purpose: str) -> NDArray[np.int64]:
        if self.n_trials is None or (self.n_trials != np.floor(self.n_trials)).any():
            raise ValueError(f"{purpose} the number of trials must be known and whole")
        return self.n_trials.astype(np.int64)

    def gradient(
        self, params: BinomialParameters, new: BinomialParameters, statistics: FloatArray
    ) -> FloatArray:
        """Return ``s - (s + f) p``."""
        m, p = self.n_columns, params.probabilities
        successes, failures = self._with_prior(statistics[:, 1 : m + 1], statistics[:, m + 1 :])
        by_log_odds = successes * (1 - p) - failures * p
        return by_log_odds[self.held.free("probabilities")].ravel()
