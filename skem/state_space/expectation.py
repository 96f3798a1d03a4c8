"""The E-step: what the model expects of the states, summed over sequences."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from skem.state_space import settled
from skem.state_space.lanes import Lanes
from skem.state_space.scalar import Pass, Step
from skem.state_space.series import FloatArray, Index, Series, StateSpace
from skem.state_space.smoothing import pass_over
from skem.state_space.sums import CovarianceSums

__all__ = ["Expectation", "expect"]

#: Complete sequences are smoothed one by one where the longest has this many times as many rows as
#: there are sequences: one costs some 2 ms, a step of all side by side 0.2 ms.
ROWS_BY_SEQUENCE = 10


class Expectation(NamedTuple):
    """What the E-step comes to.

    Attributes
    ----------
    log_likelihood : float
        In nats, in total, by weight.
    means : ndarray of shape (n_rows, n)
        Smoothed means of the states.
    disturbances : ndarray of shape (n_rows, n)
        r_t of each row.
    sums : CovarianceSums
        What belongs to covariances.
    """

    log_likelihood: float
    means: FloatArray
    disturbances: FloatArray
    sums: CovarianceSums


def expect(
    series: Series, params: StateSpace, by_pattern: bool = False, space: FloatArray | None = None
) -> Expectation:
    """Return the expectation, with covariances summed by output or by pattern.

    Parameters
    ----------
    series : Series
        The observations.
    params : StateSpace
        Parameters.
    by_pattern : bool, default=False
        Where cells are missing: whether groups of rows are those that have the same cells, or
        those that have each output.
    space : ndarray of shape (2, n_rows, n), default=None
        Where means and disturbances are written, if not into fresh memory.

    Returns
    -------
    Expectation
        All that the M-step needs.
    """
    n = len(params.transition_matrix)
    alone, together = _divide(series)
    if space is None:
        space = np.empty((2, series.n_rows, n))
    result = _Sums(series, space, by_pattern)
    if len(together):
        result = pass_over(series, params, together, lambda: _Sums(series, space, by_pattern))
    if len(alone):
        result.add_settled(params, alone)
    return Expectation(result.log_likelihood, result.means, result.disturbances, result.sums)


def _divide(series: Series) -> tuple[Index, Index]:
    """Return the sequences to smooth one by one with settled gains, and those side by side."""
    complete = np.flatnonzero(series.is_complete)
    if len(complete) and ROWS_BY_SEQUENCE * len(complete) > series.lengths[complete].max():
        complete = complete[:0]
    return complete, np.setdiff1d(np.arange(len(series.ends)), complete)


class _Sums:
    """A sink that adds up."""

    smooths = True

    def __init__(self, series: Series, space: FloatArray, by_pattern: bool) -> None:
        self._series, self._by_pattern = series, by_pattern
        if series.observed is None:
            n_groups = 0
        else:
            n_groups = len(series.patterns[0]) if by_pattern else series.values.shape[1]
        self.means, self.disturbances = space
        self.sums = CovarianceSums.zero(space.shape[-1], n_groups)
        self.log_likelihood = 0.0

    def filtered(self, lanes: Lanes, forward: Pass) -> None:
        """Add the log-likelihood of some lanes."""
        core = lanes.core_steps
        weights = self._series.row_weights[lanes.rows[core]] * lanes.is_core[core]
        self.log_likelihood += float(np.vdot(weights, forward.log_densities()))
        self._weights = weights
        self._first, self._last = lanes.is_start[core] * weights, lanes.is_end[core] * weights

    def smoothed(self, lanes: Lanes, step: Step) -> None:
        """Add one step of some lanes."""
        t, sums, V = step.number - lanes.overlap, self.sums, step.covariances
        weights, first, last = self._weights[t], self._first[t], self._last[t]
        sums.all[...] += V @ weights
        sums.cross[...] += step.cross @ (weights - last)
        sums.information[...] += step.information @ (weights - first)
        for total, some in ((sums.first, first), (sums.last, last)):
            if some.any():
                total += V @ some
        if len(sums.groups):
            by_group = V.reshape(-1, len(weights)) @ self._groups(lanes.rows[step.number], weights)
            sums.groups[...] += by_group.T.reshape(sums.groups.shape)

    def finished(self, lanes: Lanes, both: Pass) -> None:
        """Take in the means of some lanes."""
        rows, core = lanes.core_rows, lanes.core_steps
        self.means[rows] = lanes.by_row(both.means[core])
        self.disturbances[rows] = lanes.by_row(both.disturbances[core])

    def _groups(self, rows: Index, weights: FloatArray) -> Any:
        """Return by lane and group how much its row counts."""
        series = self._series
        if not self._by_pattern and series.observed is not None:
            return series.observed[rows] * weights[:, np.newaxis]
        one_each = (weights, series.patterns[1][rows], np.arange(len(rows) + 1))
        return csr_array(one_each, shape=(len(rows), len(series.patterns[0])))

    def add_settled(self, params: StateSpace, sequences: Index) -> None:
        """Smooth complete sequences one by one, and add them."""
        series = self._series
        gains = settled.gains(params, int(series.lengths[sequences].max()))
        by_length: dict[int, CovarianceSums] = {}
        for i in sequences:
            rows, weight = slice(series.starts[i], series.ends[i]), series.weights[i]
            T = int(series.lengths[i])
            Y, space = series.values[rows], (self.means[rows], self.disturbances[rows])
            self.log_likelihood += weight * settled.smooth(Y, params, gains, *space)
            if T not in by_length:
                by_length[T] = settled.covariance_sums(params, gains, T)
            for total, part in zip(self.sums[:5], by_length[T][:5], strict=True):
                total += weight * part
            if len(self.sums.groups):
                self._add_complete(weight * by_length[T].all)

    def _add_complete(self, V: FloatArray) -> None:
        """Add to the groups of rows that have all cells."""
        sets = self._series.patterns[0]
        groups = np.flatnonzero(sets.all(axis=1)) if self._by_pattern else slice(None)
        self.sums.groups[groups] += V
