"""Categorical components: columns of categories, independent given the component.

With the probability ``p_jl`` of level l in column j::

    log f(x | p) = sum_j log p_j,x_j

so ``T`` is the constant 1, an indicator of each level of each column, and whether some cell has a
value that is no category, which is impossible. A missing cell is at no level, and says nothing.
With several columns such a mixture is a latent class model (Lazarsfeld 1950).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.coordinates import Coordinates
from skem.families.base import LOG_ZERO, FloatArray, Kernel, draw_labels, log_or_impossible
from skem.families.exponential import ExponentialFamily, LinearKernel
from skem.families.prior import DirichletPrior
from skem.ranges import SIMPLEX

__all__ = ["Categorical", "CategoricalParameters"]


class CategoricalParameters(NamedTuple):
    """Parameters of categorical components.

    Attributes
    ----------
    probabilities : ndarray of shape (n_components, n_columns, n_levels)
        Of each level; 0 beyond the levels of a column that has fewer than others.
    """

    probabilities: FloatArray


@dataclass(frozen=True, eq=False)
class Categorical(ExponentialFamily):
    """Components that are products of categorical distributions.

    Parameters
    ----------
    n_components : int
        Number of components K.
    n_columns : int
        Number of columns m.
    categories : tuple of ndarray
        The levels of each column: the values that its cells may have, sorted.
    held : Held, default=Held()
        Parameters that the M-step leaves alone.
    prior : DirichletPrior or None, default=None
        Prior of the probabilities.
    """

    categories: tuple[NDArray[Any], ...] = ()
    prior: DirichletPrior | None = None

    separable = True
    ranges = {"probabilities": SIMPLEX}

    @property
    def n_levels(self) -> int:
        """The largest number of levels of a column."""
        return max(map(len, self.categories))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of the probabilities."""
        return {"probabilities": (self.n_components, self.n_columns, self.n_levels)}

    @property
    def n_statistics(self) -> int:
        """Width of T."""
        return 2 + self.n_columns * self.n_levels

    def kernel(self, params: Any, bias: FloatArray, incomplete: bool = False) -> LinearKernel:
        """Return the linear kernel at params; a missing cell is at no level as it is."""
        return super().kernel(params, bias)

    def sufficient_statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write T of each row to out."""
        out[0], out[-1] = 1.0, 0.0
        indicators = out[1:-1].reshape(self.n_columns, self.n_levels, -1)
        for j, (levels, of_column) in enumerate(zip(self.categories, indicators, strict=True)):
            values = np.asarray(X[:, j])
            of_column[len(levels) :] = 0.0
            for level, row in zip(levels, of_column, strict=False):
                np.equal(values, level, out=row, casting="unsafe")
            out[-1] += (of_column.sum(axis=0) == 0) & ~np.isnan(values)
        return out

    def natural_parameters(self, params: CategoricalParameters) -> FloatArray:
        """Return ``(0, log p, log 0)``."""
        K = len(params.probabilities)
        logs = log_or_impossible(params.probabilities).reshape(K, -1)
        return np.hstack([np.zeros((K, 1)), logs, np.full((K, 1), LOG_ZERO)])

    def log_prior(self, params: CategoricalParameters) -> float:
        """Return the log of the prior density, up to a constant; 0 without a prior."""
        if self.prior is None:
            return 0.0
        return float(self.prior.log_density(params.probabilities).sum())

    def maximize(
        self, statistics: FloatArray, kernel: Kernel, previous: CategoricalParameters | None
    ) -> CategoricalParameters:
        """Return the shares of the levels, what the prior stands for included.

        Where a component has seen no cell of a column it keeps its probabilities, or takes those
        of all components together at a start.
        """
        counts = self._counts(statistics)
        if previous is None:
            pooled = counts.sum(axis=0)
            pooled[pooled.sum(axis=-1) == 0] = self._levels[pooled.sum(axis=-1) == 0]
            fallback = np.array(
                np.broadcast_to(pooled / pooled.sum(axis=-1, keepdims=True), counts.shape)
            )
        else:
            fallback = previous.probabilities.copy()
        cells = counts.sum(axis=-1, keepdims=True)
        p = np.divide(counts, cells, out=fallback, where=cells > 0)
        return CategoricalParameters(self.held.put("probabilities", p))

    def _counts(self, statistics: FloatArray) -> FloatArray:
        """Return how much was seen of each level (K, m, n_levels), with that of the prior."""
        counts = statistics[:, 1:-1].reshape(-1, self.n_columns, self.n_levels)
        return counts if self.prior is None else counts + self.prior.counts

    @property
    def _levels(self) -> NDArray[np.bool_]:
        """Which levels a column has, (m, n_levels)."""
        n_levels = np.array([[len(levels)] for levels in self.categories])
        return np.arange(self.n_levels) < n_levels

    def _free(self, params: Any) -> Coordinates:
        """Return the coordinates of parameters that are neither held nor beyond the levels."""
        shape = params.probabilities.shape
        mask = np.broadcast_to(~self._levels, shape)
        if "probabilities" in self.held.masks:
            mask = mask | self.held.masks["probabilities"][:, np.newaxis, np.newaxis]
        return Coordinates(self.ranges, {"probabilities": mask})

    def gradient(
        self, params: CategoricalParameters, new: CategoricalParameters, statistics: FloatArray
    ) -> FloatArray:
        """Return ``n_l - n p_l``, of the levels that have coordinates."""
        counts = self._counts(statistics)
        slopes = counts - counts.sum(axis=-1, keepdims=True) * params.probabilities
        held = self._free(params).held["probabilities"]
        return SIMPLEX.select(slopes, params.probabilities, held)

    def mean_statistics(self, params: CategoricalParameters, like: FloatArray) -> FloatArray:
        """Return the statistics of one complete row of each component."""
        p = params.probabilities
        return np.hstack([np.ones((len(p), 1)), p.reshape(len(p), -1), np.zeros((len(p), 1))])

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the indicators of the levels; of a missing cell, how often each occurs."""
        T = self.sufficient_statistics(X, np.empty((self.n_statistics, len(X))))
        places = np.array(T[1:-1].T)
        means = weights @ places / weights.sum()
        missing = np.repeat(np.isnan(X), self.n_levels, axis=1)
        return np.where(missing, means, places)

    def sample(
        self, params: CategoricalParameters, counts: NDArray[np.int_], rng: Any
    ) -> FloatArray:
        """Draw levels."""
        return self._drawn(np.repeat(params.probabilities, counts, axis=0), rng)

    def _drawn(self, probabilities: FloatArray, rng: Any) -> FloatArray:
        """Draw levels of rows that have these probabilities (n, m, n_levels)."""
        cumulated = probabilities.cumsum(axis=-1)
        u = rng.uniform(size=(*cumulated.shape[:-1], 1)) * cumulated[..., -1:]
        return self._values((u >= cumulated).sum(axis=-1))

    def _values(self, codes: NDArray[np.int_]) -> FloatArray:
        """Return the levels of these numbers (n, m)."""
        columns = zip(self.categories, codes.T, strict=True)
        return np.column_stack([levels[column] for levels, column in columns]).astype(np.float64)

    def impute(
        self, params: CategoricalParameters, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in missing cells by the likeliest level, or a draw of all cells of a row."""
        if rng is None:
            expected = np.tensordot(posterior, params.probabilities, 1)
            return np.where(np.isnan(X), self._values(expected.argmax(axis=-1)), X)
        drawn = draw_labels(posterior, rng)
        return np.where(np.isnan(X), self._drawn(params.probabilities[drawn], rng), X)
