"""The EM iteration: step, keep the trace, stop when nothing is left to gain."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from skem.em.acceleration import Climb, QuasiNewton
from skem.em.fixed_point import Anderson
from skem.em.model import DegenerateError, Evaluation, Model, has
from skem.errors import Doubt

__all__ = ["LikelihoodFellError", "Reason", "Run", "remaining_gain", "run"]

#: A fall of the mean objective by less than this share of it is rounding.
ROUNDING = 1e-9

#: A gain of the mean objective by less than this share of it is none.
NOTHING = 1e-13

#: Coordinates without an infinite one.
NOWHERE = np.zeros(0, dtype=np.intp)

#: Successive EM steps whose gains tell the remaining one.
EM_STEPS_TO_TELL = 3

Accelerator = QuasiNewton | Anderson

#: Why a run ended: the estimated remaining gain fell below the tolerance, no evaluations were
#: left, or ``report`` asked for it.
Reason = Literal["converged", "max_iter", "stopped"]


class LikelihoodFellError(RuntimeError):
    """The objective fell from one EM step to the next: the model's two steps do not match."""


@dataclass(frozen=True)
class Run:
    """What one run of EM came to.

    Parameters
    ----------
    params : object
        The last parameters.
    trace : tuple of float
        Mean objective, in nats per unit, of the best parameters known at each evaluation. The
        objective of ``params`` themselves is not among them, nor below the last.
    reason : {"converged", "max_iter", "stopped"}
        Why it ended.
    even : bool, default=True
        Whether the last values of the trace are those of successive EM steps.
    final : float or None, default=None
        Mean objective of ``params``, where it was evaluated.
    spurious : Doubt or None, default=None
        What makes ``params`` a spurious optimum, where that was looked into.
    record : tuple of TraceEntry, default=()
        The run in detail, where that was asked for.
    """

    params: Any
    trace: tuple[float, ...]
    reason: Reason
    even: bool = True
    final: float | None = None
    spurious: Doubt | None = None
    record: tuple[Any, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the estimated remaining gain fell below the tolerance."""
        return self.reason == "converged"

    @property
    def n_evaluations(self) -> int:
        """Number of E/M evaluations spent."""
        return len(self.trace)

    @property
    def objective(self) -> float:
        """The last objective known; -inf where nothing was evaluated."""
        if self.final is not None:
            return self.final
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
        Values of the objective, never falling. Without three finite ones ``r`` is unknown and
        the gain infinite, unless the last of them was zero.

    Returns
    -------
    gain : float
        In the units of the trace.
    """
    if len(trace) < 2:
        return np.inf
    gain = trace[-1] - trace[-2]
    if gain <= NOTHING * max(1.0, abs(trace[-1])):
        return 0.0
    if len(trace) == 2 or trace[-3] == -np.inf:
        return np.inf
    previous = trace[-2] - trace[-3]
    return gain * gain / (previous - gain) if previous > gain else np.inf


def _nothing_left(trace: Sequence[float], tol: float) -> bool:
    """Whether less than tol remains. A sudden drop onto a plateau looks like a fast rate, so the
    last gain must be that small too.
    """
    return remaining_gain(trace) < tol and trace[-1] - trace[-2] < tol


def run(
    model: Model,
    start: Any,
    *,
    tol: float,
    max_iter: int,
    accelerate: bool = False,
    history: Sequence[float] = (),
    report: Callable[[int, float, Any], object] | None = None,
) -> Run:
    """Iterate EM from a start.

    Parameters
    ----------
    model : Model
        Supplies the steps.
    start : object
        Parameters to start from.
    tol : float
        Stop when the estimated remaining gain is below this, in nats per unit.
    max_iter : int
        Number of E/M evaluations allowed.
    accelerate : bool, default=False
        Whether to look further than EM does, as far as the model allows: quasi-Newton steps for a
        smooth one, Anderson's for one without a slope. A point that turns out
        lower than the best is counted, dropped, and followed by the plain EM step.
    history : sequence of float, default=()
        Trace of a run that this one continues.
    report : callable, default=None
        Called after each evaluation with their number, the best objective known, and its
        parameters. The run ends where it returns something true.

    Returns
    -------
    Run
        Its result.

    Raises
    ------
    DegenerateError
        Where the M-step has no solution before the last evaluation allowed, where the objective
        is inf, or where it is -inf and an EM step has not changed that.
    LikelihoodFellError
        Where the objective falls by more than rounding in an EM step.
    """
    pace = _Pace(model, _accelerator(model) if accelerate else None, tol)
    ascent = list(history[-2:])  # objectives of the points kept: each higher than the last
    trace: list[float] = []  # the same by evaluation
    candidate = image = best = start
    step: Evaluation | None
    reason: Reason = "max_iter"
    bold = converged = False
    while len(trace) < max_iter:
        try:
            with np.errstate(all="ignore" if bold else None):
                step = model.evaluate(candidate)
        except (ArithmeticError, ValueError) as error:  # such as log(0), or a singular matrix
            step = None if bold else _kept(candidate, error, len(trace) + 1 == max_iter)
        if step is not None and not trace and ascent and step.objective < ascent[-1]:
            ascent = []  # the history is not of these data
        if step is not None and step.params is candidate:
            trace.append(_risen(step.objective, ascent, len(trace) + 1))
            if report is not None:
                report(len(trace), trace[-1], candidate)
            return Run(candidate, tuple(trace), "max_iter", even=False)
        if step is None or (bold and not ascent[-1] <= step.objective < np.inf):
            pace.reject(candidate, step)
            candidate, bold = image, False
        else:
            ascent.append(_risen(step.objective, ascent, len(trace) + 1))
            best, image = candidate, step.params
            candidate, bold = pace.accept(candidate, step, ascent)
            converged = not bold and pace.is_at_the_end(ascent, alone=max_iter == 1)
        trace.append(ascent[-1])
        stopped = report is not None and report(len(trace), trace[-1], best)
        if converged or stopped:
            reason = "converged" if converged else "stopped"
            break
    return Run(image, tuple(trace), reason, pace.is_even and not bold)


def _risen(objective: float, ascent: list[float], n_evaluations: int) -> float:
    """Return the objective of an EM step's result, which is no lower than the last."""
    if math.isnan(objective):
        raise LikelihoodFellError(
            f"the log-likelihood is not a number at evaluation {n_evaluations}"
        )
    if objective == np.inf:
        raise DegenerateError(f"the log-likelihood is infinite at evaluation {n_evaluations}")
    if ascent and objective == ascent[-1] == -np.inf:
        raise DegenerateError(
            f"the log-likelihood is -inf at evaluations {n_evaluations - 1} and {n_evaluations}: "
            "the data are impossible, and an EM step does not change that"
        )
    if not ascent or objective >= ascent[-1]:
        return objective
    fall = ascent[-1] - objective
    if fall > ROUNDING * max(1.0, abs(ascent[-1])):
        raise LikelihoodFellError(
            f"the log-likelihood fell by {fall:.3g} nats per unit to {objective:.6g} at "
            f"evaluation {n_evaluations}"
        )
    return ascent[-1]


def _kept(params: Any, error: Exception, is_last: bool) -> Evaluation:
    """Return params as their own successors, where they have no other at a run's last evaluation.

    A run that is cut short publishes what it has come to: that a further step would have
    collapsed is for a longer run to find out.
    """
    if is_last and isinstance(error, DegenerateError) and error.objective is not None:
        return Evaluation(params, error.objective, None)
    raise error


def _accelerator(model: Model) -> Accelerator | None:
    """Return the best accelerator that a model allows."""
    is_smooth = has(model, "to_vector") and has(model, "from_vector")
    if not (is_smooth and getattr(model, "accelerable", True)):
        return None
    return QuasiNewton() if has(model, "gradient") else Anderson()


class _Pace:
    """Chooses between the EM step and a longer one: the accelerator in terms of parameters.

    The remaining gain can be told from the gains of EM's own steps in a row, not from those of
    an accelerated climb, which pauses and gathers way again. So where the accelerator's model
    has nothing left to gain, a few EM steps follow; if they refute it the climb goes on, for
    longer each time before it is doubted again.
    """

    def __init__(self, model: Any, accelerator: Accelerator | None, tol: float) -> None:
        self._model = model
        self._has_gradient = has(model, "gradient")
        self._accelerator = accelerator
        self._tol = tol
        self._em_steps = EM_STEPS_TO_TELL
        self._climbs, self._patience = 0, 0
        self._at_boundary = NOWHERE
        self._described: tuple[Any, Any] = (None, None)  # parameters, and their vector

    @property
    def is_even(self) -> bool:
        """Whether the last gains are all of EM steps."""
        return self._em_steps >= EM_STEPS_TO_TELL

    def is_at_the_end(self, ascent: list[float], alone: bool) -> bool:
        """Say whether too little is left to gain, where the next step is EM's."""
        if alone:
            # Continued one evaluation at a time, as scikit-learn's users do to watch EM, a run
            # means what it means there: it ends with a small gain.
            return len(ascent) > 1 and ascent[-1] - ascent[-2] < self._tol
        return self.is_even and _nothing_left(ascent, self._tol)

    def accept(self, params: Any, step: Evaluation, ascent: list[float]) -> tuple[Any, bool]:
        """Return where to go from here, and whether that is further than EM goes."""
        climb = self._climb(params, step, ascent)
        if climb is None:
            self._em_steps += 1
            return step.params, False
        if climb.gain < self._tol and self._climbs >= self._patience:
            if not self.is_even or len(ascent) < 3:  # two gains tell what remains
                self._em_steps += 1
                return step.params, False
            if _nothing_left(ascent, self._tol):
                return step.params, False
            self._climbs, self._patience = 0, max(1, 2 * self._patience)
        self._em_steps = 0
        self._climbs += 1
        if self._at_boundary.size:
            climb.point[self._at_boundary] = self._boundary
        with np.errstate(all="ignore"):
            return self._model.from_vector(climb.point, step.params), True

    def reject(self, params: Any, step: Evaluation | None) -> None:
        """Go back to where the last step was accepted."""
        assert self._accelerator is not None
        described = None if step is None else self._describe(params, step)
        if described is None:
            self._accelerator.forget()
        else:
            self._accelerator.reject(*described)

    def _climb(self, params: Any, step: Evaluation, ascent: list[float]) -> Climb | None:
        """Return what the accelerator proposes, None if that is no more than EM."""
        if self._accelerator is None:
            return None
        described = self._describe(params, step)
        if described is None:
            self._accelerator.forget()
            return None
        gain = ascent[-1] - ascent[-2] if len(ascent) > 1 else np.inf
        self._accelerator.accept(*described, gain)
        return self._accelerator.propose()

    def _describe(self, params: Any, step: Evaluation) -> tuple[Any, Any, Any] | None:
        """Return point, gradient and EM step; None where there is no such thing."""
        with np.errstate(all="ignore"):
            known, vector = self._described  # most steps go on from where the last one led
            point = vector.copy() if known is params else self._model.to_vector(params)
            after = self._model.to_vector(step.params)
            if self._has_gradient:
                gradient = self._model.gradient(params, step)
            else:
                gradient = np.zeros_like(point)
            em_step = after - point
            is_finite = math.isfinite(np.add.reduce(em_step))
        self._described = (step.params, after.copy())
        self._at_boundary = NOWHERE
        if not is_finite:
            # A probability at 0 or 1 stays there: its coordinate is infinite, and left alone.
            self._at_boundary = np.flatnonzero(~np.isfinite(em_step))
            self._boundary = after[self._at_boundary]
            if np.isnan(self._boundary).any():
                return None
            for values in (point, em_step, gradient):
                values[self._at_boundary] = 0.0
        return point, gradient, em_step
