"""Who watches runs of EM: the lines of ``verbose``, the trace, and scikit-learn's callbacks."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from skem.em.driver import Run
from skem.em.model import FloatArray
from skem.em.restarts import Options, Watch
from skem.estimators.callbacks import FitTask
from skem.estimators.verbose import Reporter

__all__ = ["TraceEntry", "options_of"]


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


def options_of(
    task: FitTask, decompose: Callable[[Any], tuple[float, float]], **further: Any
) -> Options:
    """Return how an estimator wants EM to be run.

    Parameters
    ----------
    task : FitTask
        The call of fit.
    decompose : callable
        ``decompose(params)`` returns the mean expected complete-data log-likelihood and the mean
        entropy, in nats per row. Asked for by the trace alone.
    **further
        What else there is to say; see :class:`~skem.em.restarts.Options`.

    Returns
    -------
    Options
        As the constructor parameters say.
    """
    estimator = task.estimator
    return Options(
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        accelerate=estimator.acceleration is not None,
        n_jobs=estimator.n_jobs,
        watch=partial(_Watch, task, decompose),
        **further,
    )


class _Watch(Watch):
    """A run that those are told of who want to be: by verbose, record_trace, and callbacks."""

    def __init__(
        self,
        task: FitTask,
        decompose: Callable[[Any], tuple[float, float]],
        number: int,
        start: Any,
    ) -> None:
        self._task, self._decompose, self._start = task, decompose, start
        estimator = task.estimator
        self._reporter = Reporter(estimator.verbose, estimator.verbose_interval)
        self._subtask = task.start(number, estimator.max_iter)
        self._records = estimator.record_trace
        self._recorded: list[tuple[int, float, Any]] = []
        listens = estimator.verbose or self._records or self._subtask is not None
        super().__init__(self._tell if listens else None)
        self._reporter.begin(number)

    def _tell(self, n: int, objective: float, params: Any) -> bool:
        """Tell of an evaluation, and return whether to stop."""
        self._reporter.iteration(n, objective)
        if self._records:
            self._recorded.append((n, objective, params))
        return self._subtask is not None and self._subtask.evaluation(params) is True

    def end(self, result: Run | None) -> tuple[TraceEntry, ...]:
        """Tell that the run has ended, and return its trace."""
        if self._subtask is not None:
            self._subtask.end(self._start if result is None else result.params)
        if result is None:
            return ()
        self._reporter.end(result)
        return tuple(_entries(self._recorded, self._task.attributes, self._decompose))


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
