"""Many starts, one answer, and a report of what each came to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed

from skem.em.driver import ROUNDING, LikelihoodFellError, Run
from skem.em.model import DegenerateError

__all__ = ["SAME_OPTIMUM", "AllStartsFailedError", "Restart", "best_run"]

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


def best_run(
    attempts: Sequence[Callable[[], Run]],
    advice: str,
    n_jobs: int | None = None,
    on_fall: str = "",
) -> tuple[Run, tuple[Restart, ...]]:
    """Make every attempt, and return the best run.

    Parameters
    ----------
    attempts : sequence of callables
        Each makes a start, runs EM from it and returns the Run. None depends on another.
    advice : str
        What to tell a person to do if none of them succeeds.
    n_jobs : int or None, default=None
        Attempts at a time, in joblib's terms.
    on_fall : str, default=""
        The same in place of it, if the log-likelihood of the last one fell or was no number.

    Returns
    -------
    best : Run
        The run with the highest objective among those that are not spurious, if there are any;
        the first among those equal to rounding.
    restarts : tuple of Restart
        All attempts, in order.

    Raises
    ------
    AllStartsFailedError
        When every attempt failed: it says why the last did, then the advice.
    """
    if n_jobs is None or len(attempts) == 1:
        outcomes = list(map(_outcome, attempts))
    else:
        outcomes = Parallel(n_jobs, require="sharedmem")(map(delayed(_outcome), attempts))
    best: Run | None = None
    for run in outcomes:
        if isinstance(run, Run) and (best is None or _is_better(run, best)):
            best = run
    if best is None:
        n = len(outcomes)
        if isinstance(outcomes[-1], LikelihoodFellError):
            advice = on_fall or advice
        cause = f"No start led to a fit: {n} of {n} starts failed; the last: {outcomes[-1]}."
        raise AllStartsFailedError(f"{cause} {advice}".rstrip())
    return best, tuple(map(_report, outcomes, _optima(outcomes)))


def _outcome(attempt: Callable[[], Run]) -> Run | Failure:
    """Return the run, or why there is none."""
    try:
        return attempt()
    except (DegenerateError, LikelihoodFellError) as error:
        return error


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
