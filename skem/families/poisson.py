"""Poisson components: counts without a limit, columns independent given the component.

With the rate ``l`` of column ``j``::

    log f(x | l) = x log l_j - l_j - log x!

so ``T = (1, x)``. A missing cell says nothing: where there are such, ``T = (1, o, x o)`` with
``o`` 1 where a cell is observed. Nothing in it needs whole numbers.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from skem.families.base import FloatArray, Kernel, draw_labels, log_or_impossible
from skem.families.exponential import ExponentialFamily
from skem.families.prior import GammaPrior
from skem.ranges import POSITIVE

__all__ = ["Poisson", "PoissonParameters"]


class PoissonParameters(NamedTuple):
    """Parameters of Poisson components.

    Attributes
    ----------
    rates : ndarray of shape (n_components, n_columns)
        Mean counts.
    """

    rates: FloatArray


@dataclass(frozen=True, eq=False)
class Poisson(ExponentialFamily):
    """Components that are products of Poisson distributions.

    Parameters
    ----------
    n_components : int
        Number of components K.
    n_columns : int
        Number of columns m of counts.
    held : Held, default=Held()
        Parameters that the M-step leaves alone.
    prior : GammaPrior or None, default=None
        Prior of the rates.
    """

    prior: GammaPrior | None = None

    separable = True
    ranges = {"rates": POSITIVE}

    @property
    def n_statistics(self) -> int:
        """Width of T."""
        return 1 + self.n_columns

    @property
    def n_cell_constants(self) -> int:
        """One for each column: less the rate."""
        return self.n_columns

    def cell_constants(self, params: PoissonParameters) -> FloatArray:
        """Return ``-l``."""
        return -params.rates

    def sufficient_statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write T of each row to out."""
        out[0], out[1:] = 1.0, X.T
        return out

    def natural_parameters(self, params: PoissonParameters) -> FloatArray:
        """Return ``(-sum l, log l)``."""
        rates = params.rates
        return np.hstack([-rates.sum(axis=1, keepdims=True), log_or_impossible(rates)])

    def log_prior(self, params: PoissonParameters) -> float:
        """Return the log of the prior density, up to a constant; 0 without a prior."""
        if self.prior is None:
            return 0.0
        return float(self.prior.log_density(params.rates).sum())

    def log_base_measure(self, X: FloatArray) -> FloatArray:
        """Return ``-sum log x!`` of each row."""
        return -np.nan_to_num(gammaln(np.asarray(X, dtype=np.float64) + 1)).sum(axis=1)

    def maximize(
        self, statistics: FloatArray, kernel: Kernel, previous: PoissonParameters | None
    ) -> PoissonParameters:
        """Return the mean counts, those that the prior stands for included.

        Where a component has seen no cell of a column it keeps its rate, or takes that of all
        components together at a start.
        """
        cells, sums = self._with_prior(*self._parts(statistics))
        if previous is None:
            fallback = sums.sum(axis=0) / np.maximum(cells.sum(axis=0), np.finfo(float).tiny)
        else:
            fallback = previous.rates
        rates = np.array(np.broadcast_to(fallback, sums.shape))
        np.divide(sums, cells, out=rates, where=cells > 0)
        return PoissonParameters(self.held.put("rates", rates))

    def _parts(self, statistics: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return how much was seen of each cell, and the sum of its counts, both (K, m)."""
        counts, sums = np.split(statistics, [-self.n_columns], axis=1)
        cells = counts[:, 1:] if counts.shape[1] > 1 else counts  # of rows that are all complete
        return np.broadcast_to(cells, sums.shape), sums

    def _with_prior(self, cells: FloatArray, sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return both with what the prior stands for."""
        if self.prior is None:
            return cells, sums
        return cells + self.prior.rows, sums + self.prior.counts

    def gradient(
        self, params: PoissonParameters, new: PoissonParameters, statistics: FloatArray
    ) -> FloatArray:
        """Return ``sum r x - l sum r``, by log-rates."""
        cells, sums = self._with_prior(*self._parts(statistics))
        return (sums - cells * params.rates)[self.held.free("rates")].ravel()

    def about_origin(self, statistics: FloatArray, kernel: Kernel) -> FloatArray:
        """Return the statistics with counts of cells, whether or not some are missing."""
        cells, sums = self._parts(statistics)
        return np.hstack([statistics[:, :1], cells, sums])

    def mean_statistics(self, params: PoissonParameters, like: FloatArray) -> FloatArray:
        """Return the statistics of one row of each component, of which no cell is missing."""
        ones = np.ones((len(params.rates), 1 + self.n_columns))
        return np.hstack([ones, params.rates])

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return square roots, whose variance hardly depends on the rate (Anscombe 1948).

        A missing cell is put at its column's mean.
        """
        roots = np.sqrt(X + 3 / 8)
        observed = ~np.isnan(roots)
        roots[~observed] = 0.0
        means = weights @ roots / np.maximum(weights @ observed, np.finfo(float).tiny)
        return np.where(observed, roots, means)

    def sample(self, params: PoissonParameters, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw counts."""
        return rng.poisson(np.repeat(params.rates, counts, axis=0)).astype(np.float64)

    def impute(
        self, params: PoissonParameters, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in missing counts by the expected rate, or a draw."""
        if rng is None:
            return np.where(np.isnan(X), posterior @ params.rates, X)
        drawn = draw_labels(posterior, rng)
        return np.where(np.isnan(X), rng.poisson(params.rates[drawn]), X)
