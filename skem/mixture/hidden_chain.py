"""A hidden Markov model as a model for EM: a chain of labels, components, rows in sequences."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.chains.expected import Expected
from skem.chains.forward_backward import ForwardBackward
from skem.chains.lanes import Lanes
from skem.data.blocks import SERIAL, Workers, block_rows
from skem.data.rows import Rows
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
from skem.mixture.posterior import mask_known
from skem.mixture.sweep import load_blocks

__all__ = ["ChainStatistics", "HiddenChain", "log_densities", "sum_totals"]


class ChainStatistics(NamedTuple):
    """What the E-step expects of the complete data.

    Attributes
    ----------
    counts : ndarray of shape (n_states + 1, n_states)
        Starts in each state, then transitions from each.
    totals : ndarray of shape (n_states, n_totals)
        Statistics of the rows, summed by state.
    """

    counts: FloatArray
    totals: FloatArray


@dataclass(frozen=True, eq=False)
class HiddenChain:
    """What is to be fitted to which sequences.

    Parameters
    ----------
    labels : Markov
        The chain.
    components : Family
        The distribution of a row in each state.
    rows : Rows
        The data, in the order of the lanes; their weights are the same all along a sequence.
    lanes : Lanes
        Where sequences are.
    workers : Workers
        Who passes over the rows.
    """

    labels: Markov
    components: Family
    rows: Rows
    lanes: Lanes
    workers: Workers = SERIAL
    algorithm: ForwardBackward = field(init=False)

    def __post_init__(self) -> None:
        algorithm = ForwardBackward(self.lanes, self.components.n_components)
        object.__setattr__(self, "algorithm", algorithm)

    @property
    def n_units(self) -> float:
        """Number of rows, by weight."""
        return self.rows.total_weight

    def evaluate(self, params: MixtureParameters) -> Evaluation:
        """Return the next parameters, and the objective and statistics of these ones.

        Raises DegenerateComponentError where the M-step has no solution.
        """
        kernel = self._kernel(params)
        while True:
            expected, objective = self._expect(kernel, params)
            counts = self.labels.table(expected.starts, expected.transitions)
            totals = sum_totals(kernel, self.rows, expected.posterior, self.workers)
            try:
                components = self.components.maximize(totals, kernel, params.components)
            except LossOfPrecision as loss:
                kernel = loss.kernel(self._no_bias)
                continue
            except DegenerateComponentError as error:
                error.objective = objective
                raise
            new = MixtureParameters(self.labels.maximize(counts, params.labels), components)
            return Evaluation(new, objective, ChainStatistics(counts, totals))

    def expect(self, params: MixtureParameters) -> tuple[Expected, float]:
        """Return what the chain expects, by weight, and the mean objective of params."""
        return self._expect(self._kernel(params), params)

    def objective(self, params: MixtureParameters) -> float:
        """Return the mean objective of params, in nats per row."""
        return self.expect(params)[1]

    def start(self, posterior: NDArray[Any], chain: Any) -> MixtureParameters:
        """Return the M-step of given state probabilities (n_states, n_rows), and a chain."""
        kernel = self.components.kernel(None, self._no_bias)
        while True:
            totals = sum_totals(kernel, self.rows, posterior, self.workers)
            try:
                return MixtureParameters(chain, self.components.maximize(totals, kernel, None))
            except LossOfPrecision as loss:
                kernel = loss.kernel(self._no_bias)

    def spurious(self, params: MixtureParameters) -> Doubt | None:
        """Say what makes the parameters a spurious optimum of these rows, if anything does."""
        expected, _ = self.expect(params)
        return self.components.spurious(params.components, expected.posterior.sum(axis=1))

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
        new, _, (counts, totals) = evaluation
        of_labels = self.labels.gradient(params.labels, counts)
        of_components = self.components.gradient(params.components, new.components, totals)
        return np.concatenate([of_labels, of_components]) / self.n_units

    @property
    def _no_bias(self) -> FloatArray:
        return np.zeros(self.components.n_components)

    def _kernel(self, params: MixtureParameters) -> Kernel:
        return self.components.kernel(params.components, self._no_bias)

    def _expect(self, kernel: Kernel, params: MixtureParameters) -> tuple[Expected, float]:
        """Return what the chain expects, and the mean objective; posteriors are weighted."""
        logs = log_densities(kernel, self.rows, self.workers)
        weights, chain = self.rows.weights, params.labels
        expected = self.algorithm.expect(
            logs, chain.startprob, chain.transmat, weights, self.workers
        )
        evidence = expected.evidence if weights is None else expected.evidence * weights
        if weights is not None:
            expected.posterior[:] *= weights
        total = evidence.sum() + kernel.offset * self.n_units + kernel.constant
        total += self._log_base_total + self.labels.log_prior(chain)
        return expected, float(total) / self.n_units

    @property
    def _log_base_total(self) -> float:
        base = self.components.log_base_measure(self.rows.first(1))
        if isinstance(base, float):
            return 0.0
        return float(self.rows.each_weight @ self.components.log_base_measure(self.rows.X))


def log_densities(kernel: Kernel, rows: Rows, workers: Workers = SERIAL) -> FloatArray:
    """Return log-densities (n_states, n_rows), less the kernel's constants.

    Those of states that a row is known not to come from are -inf.
    """
    out = np.empty((kernel.n_components, rows.n_rows))

    def fill(starts: range) -> None:
        for these, block, work in load_blocks(kernel, rows.X, starts):
            out[:, these] = kernel.log_joint(block, work[0])
            if rows.labels is not None:
                mask_known(out[:, these], rows.labels[these])

    block = block_rows(kernel.width, kernel.n_components, rows.n_rows)
    for _ in workers.map(fill, rows.n_rows, block):
        pass
    return out


def sum_totals(
    kernel: Kernel, rows: Rows, responsibilities: FloatArray, workers: Workers = SERIAL
) -> FloatArray:
    """Return the kernel's totals of rows with given weights by state (n_states, n_rows)."""

    def sums(starts: range) -> FloatArray:
        totals: FloatArray = np.zeros(())
        for these, block, work in load_blocks(kernel, rows.X, starts):
            work[1] = responsibilities[:, these]
            totals = totals + kernel.totals(block, work[1])
        return totals

    block = block_rows(kernel.width, kernel.n_components, rows.n_rows)
    totals: FloatArray = np.zeros(())
    for part in workers.map(sums, rows.n_rows, block):
        totals = totals + part
    return totals
