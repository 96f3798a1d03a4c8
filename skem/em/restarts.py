"""Many starts, one answer, and a report of what each came to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from joblib import Parallel, delayed

from skem.em.driver import ROUNDING, LikelihoodFellError, Run, run
from skem.em.model import DegenerateError, Model, has
from skem.errors import Doubt

__all__ = [
    "SAME_OPTIMUM",
    "AllStartsFailedError",
    "Options",
    "Restart",
    "Starts",
    "Watch",
    "best_run",
]

#: What a start may fail with.
Failure = DegenerateError | LikelihoodFellError

#: Runs whose ends are nearer than this, in nats per row, have come to the same optimum. (Each
#: stops short of it by its tolerance.)
SAME_OPTIMUM = 1e-6


@dataclass(frozen=True)
class Restart:
    """What became of one start.

    Parameters
    ----------
    log_likelihood : float
        The last mean objective of the run, in nats per row; NaN where it failed.
    n_iter : int
        E/M evaluations spent; 0 where it failed.
    converged : bool
        Whether it converged.
    failure : str or None
        Why it failed, None where it did not.
    spurious : str or None
        What makes it a spurious optimum, None where nothing does.
    seed : int or None
        Seed of its random start.
    optimum : int or None
        Which of the distinct optima it converged to, 0 being the highest; None where it did not
        converge.
    """

    log_likelihood: float
    n_iter: int
    converged: bool
    failure: str | None = None
    spurious: str | None = None
    seed: int | None = None
    optimum: int | None = None


class AllStartsFailedError(ValueError):
    """No start led to a fit."""


@dataclass
class Watch:
    """Who is told of a run: nobody but a function, unless a subclass says more.

    Parameters
    ----------
    report : callable or None, default=None
        As in :func:`~skem.em.driver.run`.
    """

    report: Callable[[int, float, Any], object] | None = None

    def end(self, result: Run | None) -> tuple[Any, ...]:
        """Hear that the run has ended, None where it failed; return what was recorded of it."""
        return ()


def _watch_nothing(number: int, start: Any) -> Watch:
    return Watch()


@dataclass(frozen=True)
class Options:
    """How EM is run from each of some starts.

    Parameters
    ----------
    tol : float
        As in :func:`~skem.em.driver.run`.
    max_iter : int
        Number of E/M evaluations allowed from each start.
    accelerate : bool
        Whether to look further than EM does.
    n_jobs : int or None, default=None
        Starts at a time, in joblib's terms.
    history : sequence of float, default=()
        Trace of a run that the one from a single start continues.
    watch : callable, default=a Watch that does nothing
        ``watch(number, start)`` returns the Watch of a run that begins.
    revive : callable or None, default=None
        ``revive(params)`` returns parameters from which a run that has converged goes on, or None.
    doubt : callable or None, default=None
        ``doubt(params)`` says what makes parameters a spurious optimum, or returns None.
    """

    tol: float
    max_iter: int
    accelerate: bool
    n_jobs: int | None = None
    history: Sequence[float] = ()
    watch: Callable[[int, Any], Watch] = _watch_nothing
    revive: Callable[[Any], Any] | None = None
    doubt: Callable[[Any], Doubt | None] | None = None


class Starts(Protocol):
    """A list of parameters, or what makes them one by one."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Any: ...


def best_run(
    model: Model, starts: Starts, options: Options, advice: str = "", on_fall: str = ""
) -> tuple[Run, tuple[Restart, ...]]:
    """Run EM from all starts, and return the best run.

    Parameters
    ----------
    model : Model
        What is fitted.
    starts : Starts
        Each is asked for once, when its turn comes.
    options : Options
        How to run EM.
    advice : str, default=""
        What to tell a person to do if no start leads to a fit.
    on_fall : str, default=""
        The same in place of it, if the log-likelihood of the last one fell or was no number.

    Returns
    -------
    best : Run
        The run with the highest objective among those that are not spurious, if there are any;
        the first among those equal to rounding.
    restarts : tuple of Restart
        What each start came to, in order.

    Raises
    ------
    AllStartsFailedError
        When every start failed: it says why the last did, then the advice.
    """
    n = len(starts)
    come_to = partial(_outcome, model, starts, options)
    if options.n_jobs is None or n == 1:
        outcomes = list(map(come_to, range(n)))
    else:
        outcomes = Parallel(options.n_jobs, require="sharedmem")(map(delayed(come_to), range(n)))
    best: Run | None = None
    for outcome in outcomes:
        if isinstance(outcome, Run) and (best is None or _is_better(outcome, best)):
            best = outcome
    if best is None:
        if isinstance(outcomes[-1], LikelihoodFellError):
            advice = on_fall or advice
        cause = f"No start led to a fit: {n} of {n} starts failed; the last: {outcomes[-1]}."
        raise AllStartsFailedError(f"{cause} {advice}".rstrip())
    return best, tuple(map(_report, outcomes, _optima(outcomes)))


def _outcome(model: Any, starts: Starts, options: Options, number: int) -> Run | Failure:
    """Return what a start comes to, or why it comes to nothing."""
    watch, history = None, options.history
    trace: tuple[float, ...] = ()
    try:
        params = starts[number]
        watch = options.watch(number, params)
        while params is not None:
            result = run(
                model,
                params,
                tol=options.tol,
                max_iter=options.max_iter - len(trace),
                accelerate=options.accelerate,
                history=history,
                report=watch.report,
            )
            history, trace = (), (*trace, *result.trace)
            goes_on = result.converged and len(trace) < options.max_iter
            params = options.revive(result.params) if options.revive and goes_on else None
        if len(starts) > 1 and not result.converged and has(model, "objective"):
            # The last step of a run that was cut short may decide between starts.
            result = replace(result, final=model.objective(result.params))
        spurious = options.doubt(result.params) if options.doubt else None
    except (DegenerateError, LikelihoodFellError) as error:
        if watch is not None:
            watch.end(None)
        return error
    result = replace(result, trace=trace, spurious=spurious)
    return replace(result, record=watch.end(result))


def _is_better(run: Run, best: Run) -> bool:
    if (run.spurious is None) != (best.spurious is None):
        return run.spurious is None
    return run.objective - best.objective > ROUNDING * abs(run.objective)


def _optima(outcomes: Sequence[Run | Failure]) -> list[int | None]:
    """Number the distinct optima that runs converged to, from the highest down."""
    numbers: list[int | None] = [None] * len(outcomes)
    converged = [
        (outcome.objective, i)
        for i, outcome in enumerate(outcomes)
        if isinstance(outcome, Run) and outcome.converged
    ]
    number, above = -1, float("inf")
    for objective, i in sorted(converged, reverse=True):
        if above - objective > SAME_OPTIMUM:
            number += 1
        numbers[i], above = number, objective
    return numbers


def _report(outcome: Run | Failure, optimum: int | None) -> Restart:
    if not isinstance(outcome, Run):
        return Restart(float("nan"), 0, False, failure=str(outcome))
    return Restart(
        outcome.objective,
        outcome.n_evaluations,
        outcome.converged,
        spurious=outcome.spurious and outcome.spurious.sentence,
        optimum=optimum,
    )
