"""One E-step over some sequences in memory."""

from typing import Any, NamedTuple

import numpy as np

from skem.chains.expected import Expected
from skem.chains.forward_backward import ForwardBackward
from skem.chains.lanes import Index, Lanes
from skem.data.blocks import SERIAL, Workers, block_rows
from skem.data.rows import Rows
from skem.families.base import LOG_ZERO, FloatArray, Kernel
from skem.families.exponential import LinearKernel
from skem.mixture.loaded import LoadedRows
from skem.mixture.markov import Chain
from skem.mixture.posterior import mask_known
from skem.mixture.sweep import load_blocks

__all__ = ["Piece", "Sums"]


class Sums(NamedTuple):
    """What the E-step expects of sequences, by weight.

    Attributes
    ----------
    evidence : float
        Log-likelihood, less the base measure.
    starts : ndarray of shape (n_states,)
        Expected number of sequences that start in each state.
    transitions : ndarray of shape (n_states, n_states)
        Expected numbers of transitions.
    statistics : ndarray of shape (n_states, n_statistics)
        The kernel's statistics.
    """

    evidence: Any
    starts: FloatArray
    transitions: FloatArray
    statistics: FloatArray

    @property
    def counts(self) -> FloatArray:
        """Expected number of rows in each state."""
        return self.statistics[:, 0]


class Piece:
    """Some whole sequences in memory, passed over again and again.

    Parameters
    ----------
    rows : Rows
        Their rows, one sequence after another; their weights are the same all along a sequence.
    ends : integer ndarray of shape (n_sequences,)
        The number of rows up to the end of each.
    n_states : int
        Number of states K.
    """

    def __init__(self, rows: Rows, ends: Index, n_states: int) -> None:
        self.lanes = Lanes(ends)
        self.rows = rows.take(self.lanes.order)
        self.n_states = n_states
        self.algorithm = ForwardBackward(self.lanes, n_states)
        self._loaded = LoadedRows(self.rows, n_states)

    def sums(self, kernel: Kernel, chain: Chain, workers: Workers = SERIAL) -> Sums:
        """Return what the E-step expects."""
        expected = self.expect(kernel, chain, workers)
        weights = self.rows.weights
        evidence = expected.evidence if weights is None else expected.evidence * weights
        statistics = self.statistics(kernel, expected.posterior, workers)
        return Sums(np.add.reduce(evidence), expected.starts, expected.transitions, statistics)

    def expect(self, kernel: Kernel, chain: Chain, workers: Workers = SERIAL) -> Expected:
        """Return what the chain expects; posteriors, in the order of the lanes, are weighted."""
        weights = self.rows.weights
        logs, constant = self.log_densities(kernel, workers)
        expected = self.algorithm.expect(logs, chain.startprob, chain.transmat, weights, workers)
        expected.evidence[:] += constant
        if weights is not None:
            expected.posterior[:] *= weights
        return expected

    def log_likelihoods(
        self, kernel: Kernel, chain: Chain, workers: Workers = SERIAL
    ) -> FloatArray:
        """Return the log-likelihood of each sequence (n_sequences,), less its base measure."""
        evidence = np.empty(self.rows.n_rows)
        evidence[self.lanes.order] = self.expect(kernel, chain, workers).evidence
        starts = self.lanes.ends - self.lanes.lengths
        totals: FloatArray = np.add.reduceat(evidence, starts)
        return totals

    def last_state(self, kernel: Kernel, chain: Chain, workers: Workers = SERIAL) -> FloatArray:
        """Return the distribution of the state at the last row (n_states,), given all rows."""
        posterior = self.expect(kernel, chain, workers).posterior
        last = posterior[:, self.lanes.order == self.rows.n_rows - 1][:, 0]
        return last / last.sum()

    def expected_log_density(
        self, kernel: Kernel, chain: Chain, workers: Workers = SERIAL
    ) -> FloatArray:
        """Return the expected log-density of all rows given their states, less base measures."""
        posterior = self.expect(kernel, chain, workers).posterior
        logs, constant = self.log_densities(kernel, workers)
        logs = np.maximum(logs, LOG_ZERO)  # that 0 times it is 0
        return np.add.reduce(posterior * logs, axis=None) + constant * self.rows.total_weight

    def log_densities(self, kernel: Kernel, workers: Workers = SERIAL) -> tuple[FloatArray, float]:
        """Return log-densities (n_states, n_rows), and a constant that they lack.

        Columns are in the order of the lanes. Those of states that a row is known not to come
        from are -inf.
        """
        rows, out = self.rows, np.empty((self.n_states, self.rows.n_rows))
        constant = 0.0
        if (one := self._block(kernel)) is not None:
            constant = kernel.log_density(one, out)
            if rows.labels is not None:
                mask_known(out, rows.labels)
            return out, constant

        def fill(starts: range) -> float:
            constant = 0.0
            for these, block, work in load_blocks(kernel, self.n_states, rows.X, starts):
                constant = kernel.log_density(block, work[0])
                out[:, these] = work[0]
                if rows.labels is not None:
                    mask_known(out[:, these], rows.labels[these])
            return constant

        block = block_rows(kernel.width, self.n_states, rows.n_rows)
        for each in workers.map(fill, rows.n_rows, block):
            constant = each  # the same of all
        return out, constant

    def statistics(
        self, kernel: Kernel, posterior: FloatArray, workers: Workers = SERIAL
    ) -> FloatArray:
        """Return the kernel's statistics of given weights by state (n_states, n_rows)."""
        rows = self.rows
        if (one := self._block(kernel)) is not None:
            return kernel.statistics(one, posterior)

        def sums(starts: range) -> FloatArray:
            statistics: FloatArray = np.zeros(())
            for these, block, work in load_blocks(kernel, self.n_states, rows.X, starts):
                work[1] = posterior[:, these]
                statistics = statistics + kernel.statistics(block, work[1])
            return statistics

        block = block_rows(kernel.width, self.n_states, rows.n_rows)
        statistics: FloatArray = np.zeros(())
        for part in workers.map(sums, rows.n_rows, block):
            statistics = statistics + part
        return statistics

    def _block(self, kernel: Kernel) -> Any:
        """Return the loaded form of all rows, None where it is not kept.

        Other families than that of the fit pass over the rows, too: the published one, say.
        """
        return self._loaded.block(kernel) if isinstance(kernel, LinearKernel) else None
