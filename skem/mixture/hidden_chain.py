"""A hidden Markov model as a model for EM: a chain of labels, components, rows in sequences."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from skem.data.blocks import SERIAL, Workers
from skem.em.model import Evaluation
from skem.errors import Doubt
from skem.families.base import (
    DegenerateComponentError,
    Family,
    FloatArray,
    Kernel,
    LossOfPrecision,
)
from skem.mixture.labels import MixtureParameters
from skem.mixture.markov import Markov
from skem.mixture.model import log_base_total
from skem.mixture.piece import Sums
from skem.mixture.sequences import Sequences

__all__ = ["ChainStatistics", "HiddenChain"]


class ChainStatistics(NamedTuple):
    """What the E-step expects of the complete data.

    Attributes
    ----------
    counts : ndarray of shape (n_states + 1, n_states)
        Starts in each state, then transitions from each.
    statistics : ndarray of shape (n_states, n_statistics)
        Statistics of the rows, summed by state.
    """

    counts: FloatArray
    statistics: FloatArray


@dataclass(frozen=True, eq=False)
class HiddenChain:
    """What is to be fitted to which sequences.

    Parameters
    ----------
    labels : Markov
        The chain.
    components : Family
        The distribution of a row in each state.
    sequences : Sequences
        The data.
    workers : Workers
        Who passes over the rows.
    """

    labels: Markov
    components: Family
    sequences: Sequences
    workers: Workers = SERIAL

    @property
    def n_units(self) -> float:
        """Number of rows of which something is known, by weight."""
        return self.sequences.n_known

    @property
    def accelerable(self) -> bool:
        """Whether its objective has a slope that the family knows."""
        return self.components.accelerable

    def evaluate(self, params: MixtureParameters) -> Evaluation:
        """Return the next parameters, and the objective and statistics of these ones.

        Raises DegenerateComponentError where the M-step has no solution.
        """
        kernel = self.kernel(params)
        while True:
            sums, objective = self._expect(kernel, params)
            counts = self.labels.table(sums.starts, sums.transitions)
            try:
                components = self.components.maximize(sums.statistics, kernel, params.components)
            except LossOfPrecision as loss:
                kernel = loss.kernel(self._no_bias)
                continue
            except DegenerateComponentError as error:
                error.objective = objective
                raise
            new = MixtureParameters(self.labels.maximize(counts, params.labels), components)
            return Evaluation(new, objective, ChainStatistics(counts, sums.statistics))

    def expect(self, params: MixtureParameters) -> tuple[Sums, float]:
        """Return what the E-step expects, and the mean objective of params."""
        return self._expect(self.kernel(params), params)

    def objective(self, params: MixtureParameters) -> float:
        """Return the mean objective of params, in nats per row."""
        return self.expect(params)[1]

    def is_possible(self, params: MixtureParameters) -> bool:
        """Return whether the chain can have made the rows, at params or a step of EM from there.

        A step moves all that is free to where every row is possible, if it can.
        """
        if self.objective(params) > -np.inf:
            return True
        try:
            with np.errstate(invalid="ignore"):
                return bool(self.objective(self.evaluate(params).params) > -np.inf)
        except DegenerateComponentError:
            return True  # a run says what is wrong then

    def start(self, posterior: NDArray[Any], chain: Any) -> MixtureParameters:
        """Return the M-step of given state probabilities (n_states, n_rows), and a chain.

        The sequences must be in one piece.
        """
        piece = self.sequences.whole
        assert piece is not None
        posterior = posterior[:, piece.lanes.order]
        kernel = self.kernel(None)
        while True:
            statistics = piece.statistics(kernel, posterior, self.workers)
            try:
                return MixtureParameters(chain, self.components.maximize(statistics, kernel, None))
            except LossOfPrecision as loss:
                kernel = loss.kernel(self._no_bias)

    def spurious(self, params: MixtureParameters) -> Doubt | None:
        """Say what makes the parameters a spurious optimum of these rows, if anything does."""
        return self.components.spurious(params.components, self.expect(params)[0].counts)

    def n_parameters(self, params: MixtureParameters) -> int:
        """Count the free parameters."""
        return self.labels.n_parameters() + self.components.n_parameters(params.components)

    def to_vector(self, params: MixtureParameters) -> FloatArray:
        """Return the free parameters in unconstrained coordinates: the chain's come first."""
        of_labels = self.labels.to_vector(params.labels)
        return np.concatenate([of_labels, self.components.to_vector(params.components)])

    def from_vector(self, vector: FloatArray, like: MixtureParameters) -> MixtureParameters:
        """Undo :meth:`to_vector`; what is not free is as in like."""
        of_labels, of_components = np.split(vector, [self.labels.n_parameters()])
        return MixtureParameters(
            self.labels.from_vector(of_labels, like.labels),
            self.components.from_vector(of_components, like.components),
        )

    def gradient(self, params: MixtureParameters, evaluation: Evaluation) -> FloatArray:
        """Return the gradient of the mean objective at params, in those coordinates."""
        new, _, (counts, statistics) = evaluation
        of_labels = self.labels.gradient(params.labels, counts)
        of_components = self.components.gradient(params.components, new.components, statistics)
        return np.concatenate([of_labels, of_components]) / self.n_units

    def contributions(self, params: MixtureParameters, units: slice) -> FloatArray:
        """Return what some of the sequences add to the total objective, less base measures."""
        kernel = self.kernel(params)
        return self.sequences.log_likelihoods(kernel, params.labels, units, self.workers)

    def decompose(self, params: MixtureParameters) -> tuple[float, float]:
        """Return the mean expected complete-data log-likelihood, and the mean entropy of paths.

        In nats per row; their sum is the objective of params.
        """
        kernel, labels = self.kernel(params), params.labels
        sums, objective = self._expect(kernel, params)
        expected = self.sequences.expected_log_density(kernel, labels, self.workers)
        counts = self.labels.table(sums.starts, sums.transitions)
        expected += float(xlogy(counts, self.labels.table(*labels)).sum())
        expected += self._constant(params)
        return expected / self.n_units, objective - expected / self.n_units

    @property
    def _no_bias(self) -> FloatArray:
        return np.zeros(self.components.n_components)

    def kernel(self, params: MixtureParameters | None) -> Kernel:
        """Return the components' kernel at params; at None that for statistics alone."""
        components = None if params is None else params.components
        incomplete = self.sequences.rows.has_missing
        return self.components.kernel(components, self._no_bias, incomplete)

    def _expect(self, kernel: Kernel, params: MixtureParameters) -> tuple[Sums, float]:
        """Return what the E-step expects, and the mean objective."""
        sums = self.sequences.sums(kernel, params.labels, self.workers)
        total = float(sums.evidence) + self._constant(params)
        return sums, total / self.n_units

    def _constant(self, params: MixtureParameters) -> float:
        """Return the base measure of all rows, and the log of the prior."""
        of_labels = self.labels.log_prior(params.labels)
        of_components = self.components.log_prior(params.components)
        return float(self._log_base_total + of_labels + of_components)

    @cached_property
    def _log_base_total(self) -> float:
        return log_base_total(self.components, self.sequences.rows)
