"""The EM iteration: step, keep the trace, stop when nothing is left to gain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.em.problem import Problem

__all__ = ["LikelihoodFellError", "Run", "remaining_gain", "run"]

#: A fall of the mean objective by less than this share of it is rounding. It leaves room for the
#: amplification of rounding errors that the kernels admit.
ROUNDING = 1e-9


class LikelihoodFellError(RuntimeError):
    """The objective fell from one EM step to the next: the family's two steps do not match."""


@dataclass(frozen=True)
class Run:
    """What one run of EM came to.

    Parameters
    ----------
    params : object
        The last parameters.
    trace : tuple of float
        Mean objective, in nats per row, of the best parameters known at each evaluation. The
        objective of ``params`` themselves is not among them, nor below the last.
    converged : bool
        Whether the estimated remaining gain fell below the tolerance.
    """

    params: Any
    trace: tuple[float, ...]
    converged: bool

    @property
    def n_evaluations(self) -> int:
        """Number of E/M evaluations spent."""
        return len(self.trace)

    @property
    def objective(self) -> float:
        """The last objective known; -inf where nothing was evaluated."""
        return self.trace[-1] if self.trace else -np.inf


def remaining_gain(trace: Sequence[float]) -> float:
    """Estimate how far the last value of a trace is below its limit.

    EM converges linearly: gains shrink by a factor ``r`` that tends to a constant, so that after
    a gain ``g`` there is ``g (r + r^2 + ...) = g r / (1 - r)`` still to come (Aitken's
    extrapolation; McLachlan & Krishnan 2008, section 4.9). While gains grow the limit is out of
    sight, however small they are: a plateau is not an end.

    Parameters
    ----------
    trace : sequence of float
        Values of the objective, never falling. With two of them ``r`` is unknown and the gain
        itself is returned; with fewer, infinity.

    Returns
    -------
    gain : float
        In the units of the trace.
    """
    if len(trace) < 2:
        return np.inf
    gain = trace[-1] - trace[-2]
    if gain <= ROUNDING * 1e-6 * max(1.0, abs(trace[-1])):
        return 0.0
    if len(trace) == 2:
        return gain
    previous = trace[-2] - trace[-3]
    return gain * gain / (previous - gain) if previous > gain else np.inf


def run(
    problem: Problem,
    start: Any,
    *,
    tol: float,
    max_iter: int,
    history: Sequence[float] = (),
    report: Callable[[int, float], object] | None = None,
) -> Run:
    """Iterate EM from a start.

    Parameters
    ----------
    problem : Problem
        Supplies the steps.
    start : object
        Parameters to start from.
    tol : float
        Stop when the estimated remaining gain is below this, in nats per row.
    max_iter : int
        Number of E/M evaluations allowed.
    history : sequence of float, default=()
        Trace of a run that this one continues.
    report : callable, default=None
        Called after each evaluation with the trace so far.

    Returns
    -------
    Run
        Its result.

    Raises
    ------
    DegenerateComponentError
        Where a component collapses.
    LikelihoodFellError
        Where the objective falls by more than rounding.
    """
    params, trace = start, list(history[-2:])
    n_before = len(trace)
    converged = False
    while len(trace) - n_before < max_iter and not converged:
        new, objective = problem.step(params)
        if np.isnan(objective):
            raise LikelihoodFellError("the log-likelihood is not a number")
        if len(trace) > n_before and objective < trace[-1]:
            fall = trace[-1] - objective
            if fall > ROUNDING * max(1.0, abs(objective)):
                raise LikelihoodFellError(
                    f"the log-likelihood fell by {fall:.3g} nats per row at evaluation "
                    f"{len(trace) - n_before + 1}: the family's E-step and M-step do not match"
                )
            objective = trace[-1]
        elif trace and objective < trace[-1]:
            trace, n_before = [], 0  # the history is not of these data
        trace.append(objective)
        params = new
        converged = remaining_gain(trace) < tol
        if report is not None:
            report(len(trace) - n_before, objective)
    return Run(params, tuple(trace[n_before:]), converged)
