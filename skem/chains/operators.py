"""Starts and ends of lanes of a chain that remembers for long.

What a lane makes of each state that it may start in is a matrix, its transfer operator. The
operators of all lanes are computed side by side; then they are applied from lane to lane, forward
and backward. That costs as many passes as there are states, however long the chain remembers.
"""

from typing import Protocol

import numpy as np

from skem.chains.expected import FloatArray, logarithm
from skem.chains.lanes import Lanes

__all__ = [
    "LogArithmetic",
    "MaxArithmetic",
    "ScaledArithmetic",
    "finite",
    "handed_over",
    "log_sum_exp",
]

#: Rows between two normalisations of operators.
EVERY = 8


def finite(values: FloatArray) -> FloatArray:
    """Return values, 0 for those that are not finite."""
    return np.where(np.isfinite(values), values, 0.0)


def log_sum_exp(values: FloatArray) -> FloatArray:
    """Return the log of the sum of exponentials along the first axis; -inf for none."""
    top = finite(values.max(axis=0))
    return logarithm(np.exp(values - top).sum(axis=0)) + top


class Arithmetic(Protocol):
    """How to compute with probabilities or with their logarithms."""

    def combine(self, logs: FloatArray) -> FloatArray:
        """Return what logarithms along the first axis come to together."""

    def log(self, values: FloatArray) -> FloatArray:
        """Return logarithms of values."""

    def of_log(self, logs: FloatArray) -> FloatArray:
        """Return values of these logarithms."""

    def predict(self, values: FloatArray) -> FloatArray:
        """Return ``transmat' @ values``, values (n_states, m)."""

    def multiply(self, values: FloatArray, factors: FloatArray) -> FloatArray:
        """Return products."""

    def normalise(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return values divided by their sums along the first axis, and the logs of these."""


class ScaledArithmetic:
    """Probabilities up to a factor.

    Parameters
    ----------
    transmat : ndarray of shape (n_states, n_states)
        Transition matrix.
    """

    def __init__(self, transmat: FloatArray) -> None:
        self._At = np.ascontiguousarray(transmat.T)
        self.combine, self.log, self.of_log = log_sum_exp, logarithm, np.exp

    def predict(self, values: FloatArray) -> FloatArray:
        """Return ``transmat' @ values``."""
        return self._At @ values

    def multiply(self, values: FloatArray, factors: FloatArray) -> FloatArray:
        """Return products."""
        return values * factors

    def normalise(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return values divided by their sums, and the logs of these."""
        sums = values.sum(axis=0)
        return values / np.where(sums > 0, sums, 1.0), logarithm(sums)


class LogArithmetic:
    """Logarithms of probabilities: slow, and right whatever they are.

    Parameters
    ----------
    transmat : ndarray of shape (n_states, n_states)
        Transition matrix.
    """

    def __init__(self, transmat: FloatArray) -> None:
        self._log_transmat = logarithm(transmat)[:, :, np.newaxis]

    @staticmethod
    def combine(logs: FloatArray) -> FloatArray:
        """Return the log of the sum of exponentials."""
        return log_sum_exp(logs)

    @staticmethod
    def log(values: FloatArray) -> FloatArray:
        """Return the values, which are logarithms."""
        return values

    of_log = log

    def predict(self, values: FloatArray) -> FloatArray:
        """Return the log of ``transmat' @ exp(values)``."""
        return self.combine(values[:, np.newaxis] + self._log_transmat)

    def multiply(self, values: FloatArray, factors: FloatArray) -> FloatArray:
        """Return sums of logarithms."""
        return values + factors

    def normalise(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return values less their log sums, and these."""
        sums = self.combine(values)
        return values - finite(sums), sums


class MaxArithmetic(LogArithmetic):
    """Logarithms of the likeliest path's probability in place of the sum over paths."""

    @staticmethod
    def combine(logs: FloatArray) -> FloatArray:
        """Return the largest."""
        return logs.max(axis=0)


def handed_over(
    lanes: Lanes,
    values: FloatArray,
    startprob: FloatArray,
    transmat: FloatArray,
    arithmetic: Arithmetic,
) -> tuple[FloatArray, FloatArray]:
    """Return what each lane starts from, and what comes after it says of its last state.

    Parameters
    ----------
    lanes : Lanes
        How rows are cut.
    values : ndarray of shape (n_states, n_rows)
        Densities, or log-densities.
    startprob, transmat : ndarray of shape (n_states,) and (n_states, n_states)
        The chain.
    arithmetic : Arithmetic
        That of the values.

    Returns
    -------
    log_first : ndarray of shape (n_states, n_lanes)
        Log of the distribution of the state at the first row of each lane, given the rows before.
    log_after : ndarray of shape (n_states, n_lanes)
        Log-density of the rows after each lane given its last state, the largest 0; zeros where a
        sequence ends with the lane.
    """
    operators, by_start = _transfer_operators(lanes, values, startprob, arithmetic)
    K, B = len(startprob), lanes.n_lanes
    combine = arithmetic.combine
    log_transmat = logarithm(transmat)
    log_first = np.empty((K, B))
    log_first[:, 0] = log_start = logarithm(startprob)
    for lane in range(1, B):
        if lanes.is_start[lane]:
            log_first[:, lane] = log_start
            continue
        # Past the start of a sequence it does not matter what the lane began with, if anything.
        begins_anew = not np.isnan(by_start[0, lane - 1])
        given = np.zeros(K) if begins_anew else log_first[:, lane - 1]
        end = combine((operators[:, :, lane - 1] + given).T)
        state = combine(end[:, np.newaxis] + log_transmat)
        log_first[:, lane] = state - finite(combine(state))
    log_after = np.zeros((K, B))
    for lane in range(B - 1, 0, -1):
        if lanes.is_start[lane]:
            continue
        first = by_start[:, lane]
        if np.isnan(first[0]):  # no sequence ends within the lane
            first = combine(operators[:, :, lane] + log_after[:, lane, np.newaxis])
        after = combine((first + log_transmat).T)
        log_after[:, lane - 1] = after - finite(after.max())
    return log_first, log_after


def _transfer_operators(
    lanes: Lanes, values: FloatArray, startprob: FloatArray, arithmetic: Arithmetic
) -> tuple[FloatArray, FloatArray]:
    """Return log operators [last, first, lane], and logs of what the first state explains.

    The latter, (n_states, n_lanes), are the log-densities of the rows of a lane up to where the
    sequence ends that it starts with; NaN where that does not end.
    """
    K, B = len(startprob), lanes.n_lanes
    start = arithmetic.of_log(logarithm(startprob))[:, np.newaxis, np.newaxis]
    M = np.repeat(arithmetic.of_log(logarithm(np.eye(K)))[:, :, np.newaxis], B, axis=2)
    scale, by_start = np.zeros((K, B)), np.full((K, B), np.nan)
    for step, starts in enumerate(lanes.starts):
        columns = slice(step * B, min((step + 1) * B, lanes.n_rows))
        width = columns.stop - columns.start
        if step % EVERY == EVERY - 1 or (step and starts is not None):
            M, sums = arithmetic.normalise(M)
            scale += sums
        N = M[:, :, :width]
        if step:
            N = arithmetic.predict(N.reshape(K, -1)).reshape(K, K, width)
            if starts is not None:
                new = starts[np.isnan(by_start[0, starts])]
                by_start[:, new] = scale[:, new]
                N[:, :, starts] = start
                scale[:, starts] = 0.0
        M[:, :, :width] = arithmetic.multiply(N, values[:, np.newaxis, columns])
    return arithmetic.log(M) + scale, by_start
