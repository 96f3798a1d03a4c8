"""Who watches runs of EM: the lines of ``verbose``, the trace, and scikit-learn's callbacks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from skem.em.driver import LikelihoodFellError, Run
from skem.em.model import DegenerateError, FloatArray
from skem.estimators.callbacks import FitTask
from skem.estimators.verbose import Reporter

__all__ = ["TraceEntry", "watched"]

#: Called after each evaluation with their number, the best objective known, and its parameters.
#: A run ends where it returns True.
Report = Callable[[int, float, Any], bool]


class TraceEntry(NamedTuple):
    """One E/M evaluation, all values in nats per row.

    Attributes
    ----------
    n_iter : int
        E/M evaluations spent, this one included.
    parameters : dict of str to ndarray
        The parameters at which the E-step was made, under the names of the fitted attributes.
    log_likelihood : float
        Their mean objective, as in ``lower_bounds_``: the log-likelihood, less penalties.
    expected_log_likelihood : float
        Mean of ``Q``, the expected log-likelihood of what is seen and what is hidden together.
    entropy : float
        Mean entropy of what is hidden, given what is seen. It and ``Q`` add up to the bound, which
        touches the log-likelihood here, after an E-step.
    """

    n_iter: int
    parameters: Mapping[str, FloatArray]
    log_likelihood: float
    expected_log_likelihood: float
    entropy: float


def watched(
    task: FitTask,
    number: int,
    start: Any,
    climb: Callable[[Report | None], Run],
    decompose: Callable[[Any], tuple[float, float]],
) -> Run:
    """Run EM from a start, and let those who watch know.

    The estimator of the task says who does: by ``verbose``, ``record_trace``, and callbacks.

    Parameters
    ----------
    task : FitTask
        The call of fit.
    number : int
        Number of the start.
    start : object
        Its parameters.
    climb : callable
        ``climb(report)`` runs EM. Its report is None where nobody watches.
    decompose : callable
        ``decompose(params)`` returns the mean expected complete-data log-likelihood and the mean
        entropy, in nats per row. Asked for by the trace alone.

    Returns
    -------
    Run
        What climb returns, and the trace in its ``record``.
    """
    estimator = task.estimator
    reporter = Reporter(estimator.verbose, estimator.verbose_interval)
    subtask = task.start(number, estimator.max_iter)
    recorded: list[tuple[int, float, Any]] = []
    listeners: list[Callable[[int, float, Any], object]] = []
    if estimator.verbose:
        listeners.append(lambda n, objective, params: reporter.iteration(n, objective))
    if estimator.record_trace:
        listeners.append(lambda *news: recorded.append(news))
    if subtask is not None:
        listeners.append(lambda n, objective, params: subtask.evaluation(params))
    reporter.begin(number)
    try:
        result = climb(_all_of(listeners))
    except (DegenerateError, LikelihoodFellError):
        if subtask is not None:
            subtask.end(start)
        raise
    reporter.end(result)
    if subtask is not None:
        subtask.end(result.params)
    if recorded:
        result = replace(result, record=tuple(_entries(recorded, task.attributes, decompose)))
    return result


def _all_of(listeners: list[Callable[[int, float, Any], object]]) -> Report | None:
    """Return one function that calls them all, and whether one of them returned True."""
    if not listeners:
        return None
    return lambda *news: any([listener(*news) is True for listener in listeners])


def _entries(
    recorded: list[tuple[int, float, Any]],
    attributes: Callable[[Any], dict[str, Any]],
    decompose: Callable[[Any], tuple[float, float]],
) -> Iterator[TraceEntry]:
    """Complete what was recorded, leaving out evaluations that were no improvement."""
    previous = None
    for n, objective, params in recorded:
        if params is not previous:
            named = attributes(params).items()
            public = {name: value for name, value in named if name.endswith("_")}
            yield TraceEntry(n, public, objective, *decompose(params))
        previous = params
