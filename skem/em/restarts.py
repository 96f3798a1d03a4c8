"""Many starts, one answer, and a report of what each came to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from skem.em.driver import ROUNDING, LikelihoodFellError, Run
from skem.families.base import DegenerateComponentError

__all__ = ["AllStartsFailedError", "Restart", "best_run"]


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
    """

    log_likelihood: float
    n_iter: int
    converged: bool
    failure: str | None = None


class AllStartsFailedError(ValueError):
    """No start led to a fit."""


def best_run(
    attempts: Iterable[Callable[[], Run]], advice: str
) -> tuple[Run, tuple[Restart, ...]]:
    """Make every attempt, and return the run with the highest objective.

    Parameters
    ----------
    attempts : iterable of callables
        Each makes a start, runs EM from it and returns the Run.
    advice : str
        What to tell a person if none of them succeeds.

    Returns
    -------
    best : Run
        The best run; the first among those equal to rounding.
    restarts : tuple of Restart
        All attempts, in order.

    Raises
    ------
    AllStartsFailedError
        When every attempt failed: it says which component of the last degenerated and why.
    """
    best: Run | None = None
    restarts: list[Restart] = []
    for attempt in attempts:
        try:
            run = attempt()
        except (DegenerateComponentError, LikelihoodFellError) as error:
            restarts.append(Restart(float("nan"), 0, False, str(error)))
            continue
        restarts.append(Restart(run.objective, run.n_evaluations, run.converged))
        if best is None or run.objective - best.objective > ROUNDING * abs(run.objective):
            best = run
    if best is None:
        raise AllStartsFailedError(
            f"{advice} "
            f"{len(restarts)} of {len(restarts)} starts failed; the last: {restarts[-1].failure}."
        )
    return best, tuple(restarts)
