"""The linear-Gaussian state-space model as EM sees it."""

from dataclasses import dataclass

from skem.em.model import Evaluation
from skem.state_space.expectation import expect
from skem.state_space.freedom import Freedom
from skem.state_space.maximization import maximize, slopes
from skem.state_space.series import FloatArray, Series, StateSpace
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
        """Number of rows, by weight."""
        return self.series.total_weight

    def evaluate(self, params: StateSpace) -> Evaluation:
        """Take the two steps of EM; see :class:`~skem.em.model.Model`."""
        by_pattern = self.freedom.forms["observation_covariance"].kind == "full"
        expected = expect(self.series, params, by_pattern)
        stats = statistics(self.series, params, expected, by_pattern)
        new = maximize(stats, params, self.freedom)
        return Evaluation(new, expected.log_likelihood / self.n_units, stats)

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
