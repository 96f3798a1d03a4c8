"""Starts and ends of lanes of a chain that remembers for long.

What a lane makes of each state that it may start in is a matrix, its transfer operator. The
operators of all lanes are computed side by side; then they are applied from lane to lane, forward
and backward. That costs as many passes as there are states, however long the chain remembers.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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

    def apply(self, operator: FloatArray, values: FloatArray) -> FloatArray:
        """Return ``operator @ values``, values (n_states,)."""

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

    def apply(self, operator: FloatArray, values: FloatArray) -> FloatArray:
        """Return ``operator @ values``."""
        return operator @ values

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

    def apply(self, operator: FloatArray, values: FloatArray) -> FloatArray:
        """Return the log of ``exp(operator) @ exp(values)``."""
        return self.combine((operator + values).T)

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
    kind: Callable[[FloatArray], Arithmetic],
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
    kind : callable
        Makes the arithmetic of the values from a transition matrix.

    Returns
    -------
    log_first : ndarray of shape (n_states, n_lanes)
        Log of the distribution of the state at the first row of each lane, given the rows before.
    log_after : ndarray of shape (n_states, n_lanes)
        Log-density of the rows after each lane given its last state, the largest 0; zeros where a
        sequence ends with the lane.
    """
    arithmetic, reverse = kind(transmat), kind(transmat.T)
    operators, by_start = _transfer_operators(lanes, values, startprob, arithmetic)
    K, B, log_start = len(startprob), lanes.n_lanes, logarithm(startprob)
    onward = arithmetic.predict(operators.reshape(K, -1)).reshape(K, K, B)
    back = reverse.predict(operators.swapaxes(0, 1).reshape(K, -1)).reshape(K, K, B)
    # Past the start of a sequence it does not matter what the lane began with.
    begins_anew, is_start = ~np.isnan(by_start[0]), lanes.is_start
    first, after = np.empty((B, K)), np.empty((B, K))
    first[1:] = onward[:, 0, :-1].T
    first[is_start[:-1]] = arithmetic.of_log(log_start)
    is_known = is_start[:-1] | np.append(True, begins_anew[:-1])
    _carry(arithmetic, np.moveaxis(onward, 2, 0), first, is_known)
    after[:-1] = reverse.predict(arithmetic.of_log(by_start[:, 1:])).T
    after[is_start[1:]] = arithmetic.of_log(np.zeros(K))
    is_known = is_start[1:] | np.append(begins_anew[1:], True)
    _carry(arithmetic, np.moveaxis(back, 2, 0)[::-1], after[::-1], is_known[::-1])
    log_first = arithmetic.log(arithmetic.normalise(first.T)[0])
    log_first[:, lanes.is_start[:-1]] = log_start[:, np.newaxis]
    log_after = arithmetic.log(after.T)
    return log_first, log_after - finite(log_after.max(axis=0))


def _carry(
    arithmetic: Arithmetic, operators: FloatArray, values: FloatArray, is_known: NDArray[np.bool_]
) -> None:
    """Set values (n_lanes, n_states) that are not known to the operator of those before."""
    operators = np.ascontiguousarray(operators)
    for lane in np.flatnonzero(~is_known):
        values[lane] = arithmetic.apply(operators[lane - 1], values[lane - 1])
        if lane % EVERY == 0:
            values[lane], _ = arithmetic.normalise(values[lane])


def _transfer_operators(
    lanes: Lanes, values: FloatArray, startprob: FloatArray, arithmetic: Arithmetic
) -> tuple[FloatArray, FloatArray]:
    """Return operators [last, first, lane], and logs of what the first state explains.

    The latter, (n_states, n_lanes), are the log-densities of the rows of a lane up to where the
    sequence ends that it starts with; NaN where that does not end. Both are up to a factor by
    lane.
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
    M, sums = arithmetic.normalise(M)
    scale += sums
    factors = arithmetic.of_log(scale - finite(scale.max(axis=0)))
    return arithmetic.multiply(M, factors), by_start - finite(by_start.max(axis=0))
