"""Forward-backward in logarithms: for sequences in which scaled numbers would vanish.

With zeros among the transitions a state may be far less likely than others for long, and still be
the one that explains the rows in the end. No scale is right for both. Logarithms are, at the cost
of an exponential for each pair of states and row.
"""

import numpy as np

from skem.chains.expected import Expected, FloatArray, logarithm
from skem.chains.lanes import Index, Lanes, ends_of
from skem.chains.operators import LogArithmetic, finite, handed_over, log_sum_exp

__all__ = ["LogChain"]


class LogChain:
    """Forward and backward variables of some sequences, in logarithms.

    Parameters
    ----------
    log_densities : ndarray of shape (n_states, n_rows)
        Columns in the order of the rows.
    lengths : integer ndarray of shape (n_sequences,)
        Rows in each sequence.
    startprob, transmat : ndarray of shape (n_states,) and (n_states, n_states)
        The chain.

    Attributes
    ----------
    log_filtered : ndarray of shape (n_states, n_rows)
        Log of the distribution of the state given the past and this row.
    evidence : ndarray of shape (n_rows,)
        Log-density of each row given the past. All rows of a sequence that is impossible have
        -inf; all else is then as of one of which nothing was seen.
    """

    def __init__(
        self,
        log_densities: FloatArray,
        lengths: Index,
        startprob: FloatArray,
        transmat: FloatArray,
    ) -> None:
        self.lanes = Lanes(ends_of(lengths))
        self.startprob, self.transmat = startprob, transmat
        self.log_densities = log_densities
        self._run()
        impossible = (
            np.add.reduceat(self.evidence, self.lanes.ends - self.lanes.lengths) == -np.inf
        )
        if impossible.any():
            unseen = np.repeat(impossible, lengths)
            self.log_densities = np.where(unseen, 0.0, log_densities)
            self._run()
            self.evidence[unseen] = -np.inf

    def _run(self) -> None:
        lanes, order = self.lanes, self.lanes.order
        logs, forward = self.log_densities[:, order], LogArithmetic(self.transmat)
        first, self._after = handed_over(lanes, logs, self.startprob, self.transmat, LogArithmetic)
        predicted, alpha, evidence = np.empty_like(logs), np.empty_like(logs), np.empty(len(order))
        for step, starts in enumerate(lanes.starts):
            columns = self._columns(step)
            p = first
            if step:
                p = forward.predict(alpha[:, self._before(columns)])
            if starts is not None:
                p[:, starts] = logarithm(self.startprob)[:, np.newaxis]
            joint = p + logs[:, columns]
            evidence[columns] = sums = log_sum_exp(joint)
            predicted[:, columns], alpha[:, columns] = p, joint - finite(sums)
        rows = np.argsort(order)
        self._log_predicted, self.log_filtered = predicted[:, rows], alpha[:, rows]
        self.evidence = evidence[rows]

    def expected(self, weights: FloatArray | None = None) -> Expected:
        """Return what the chain expects, columns in the order of the rows.

        Parameters
        ----------
        weights : ndarray of shape (n_rows,), optional
            How often rows count, the same all along a sequence.
        """
        w = np.ones(len(self.evidence)) if weights is None else weights
        log_posterior = self.log_filtered + self._log_after()
        log_posterior -= log_sum_exp(log_posterior)
        posterior = np.exp(log_posterior)
        starts = self.lanes.ends - self.lanes.lengths
        goes_on = np.ones(len(w), dtype=bool)
        goes_on[starts] = False
        after = np.flatnonzero(goes_on)
        # No NaN where both are zero: there is nothing to divide then.
        log_ratio = log_posterior[:, after] - finite(self._log_predicted[:, after])
        transitions = np.array(
            [
                np.exp(alpha + log_row[:, np.newaxis] + log_ratio) @ w[after]
                for alpha, log_row in zip(
                    self.log_filtered[:, after - 1], logarithm(self.transmat), strict=True
                )
            ]
        )
        return Expected(posterior, transitions, posterior[:, starts] @ w[starts], self.evidence)

    def _log_after(self) -> FloatArray:
        """Return log-densities of what comes after each row given its state, up to a constant."""
        lanes, order = self.lanes, self.lanes.order
        logs, backward = self.log_densities[:, order], LogArithmetic(self.transmat.T)
        after = np.empty_like(logs)
        after[:, lanes.last_columns] = self._after
        for step in range(lanes.n_steps - 1, 0, -1):
            columns, starts = self._columns(step), lanes.starts[step]
            before = backward.predict(after[:, columns] + logs[:, columns])
            if starts is not None:
                before[:, starts] = 0.0
            after[:, self._before(columns)] = before - finite(before.max(axis=0))
        return after[:, np.argsort(order)]

    def _columns(self, step: int) -> slice:
        B = self.lanes.n_lanes
        return slice(step * B, min((step + 1) * B, self.lanes.n_rows))

    def _before(self, columns: slice) -> slice:
        return slice(columns.start - self.lanes.n_lanes, columns.stop - self.lanes.n_lanes)
