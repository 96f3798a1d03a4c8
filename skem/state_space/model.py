"""The linear-Gaussian state-space model as EM sees it."""

import threading
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skem.em.model import Evaluation
from skem.state_space.complete_data import expected_log_likelihood
from skem.state_space.expectation import expect
from skem.state_space.freedom import Freedom
from skem.state_space.maximization import maximize, slopes
from skem.state_space.series import FloatArray, Series, StateSpace
from skem.state_space.smoothing import rows_of
from skem.state_space.statistics import Statistics, statistics

__all__ = ["StateSpaceModel"]


@dataclass(frozen=True, eq=False)
class StateSpaceModel:
    """Sequences, and what of the parameters is to be fitted to them.

    Parameters
    ----------
    series : Series
        The observations.
    freedom : Freedom
        What is free.
    """

    series: Series
    freedom: Freedom

    @property
    def n_units(self) -> float:
        """Number of rows of which a cell is observed, by weight."""
        return self.series.n_known

    def evaluate(self, params: StateSpace) -> Evaluation:
        """Take the two steps of EM; see :class:`~skem.em.model.Model`."""
        log_likelihood, stats = self._expect(params)
        new = maximize(stats, params, self.freedom)
        return Evaluation(new, log_likelihood / self.n_units, stats)

    def _expect(self, params: StateSpace) -> tuple[float, Statistics]:
        """Return the total log-likelihood, and the statistics."""
        by_pattern = self.freedom.forms["observation_covariance"].kind == "full"
        expected = expect(self.series, params, by_pattern, self._space(params))
        return expected.log_likelihood, statistics(self.series, params, expected, by_pattern)

    def _space(self, params: StateSpace) -> FloatArray:
        """Return space that the evaluations of a thread take in turn: fresh memory is slow."""
        arrays: FloatArray | None = getattr(self._of_thread, "arrays", None)
        if arrays is None:
            arrays = np.empty((2, self.series.n_rows, len(params.transition_matrix)))
            self._of_thread.arrays = arrays
        return arrays

    @cached_property
    def _of_thread(self) -> threading.local:
        return threading.local()

    def decompose(self, params: StateSpace) -> tuple[float, float]:
        """Return Q, and the entropy of the states given the observations, in nats per row."""
        log_likelihood, stats = self._expect(params)
        expected = expected_log_likelihood(stats, params)
        return expected / self.n_units, (log_likelihood - expected) / self.n_units

    def contributions(self, params: StateSpace, units: slice) -> FloatArray:
        """Return the log-likelihood of each of some sequences, by weight."""
        by_row = rows_of(self.series, params, smooths=False).log_densities
        by_sequence = np.add.reduceat(by_row, self.series.starts) * self.series.weights
        return by_sequence[units]

    def to_vector(self, params: StateSpace) -> FloatArray:
        """Flatten what is free to unconstrained coordinates."""
        return self.freedom.to_vector(params)

    def from_vector(self, vector: FloatArray, like: StateSpace) -> StateSpace:
        """Rebuild parameters of coordinates."""
        return self.freedom.from_vector(vector, like)

    def gradient(self, params: StateSpace, evaluation: Evaluation) -> FloatArray:
        """Return the gradient of the mean log-likelihood in coordinates."""
        stats: Statistics = evaluation.statistics
        by_parameter = slopes(stats, params, self.freedom)
        return self.freedom.gradient(params, by_parameter) / self.n_units
