"""Progress and early stopping through scikit-learn's callbacks, where it has them (from 1.9 on).

A fit is a task with a subtask for each start, and that has one for each evaluation. On older
versions of scikit-learn, and where no callback is set, nothing here does anything.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = ["CallbackSupportMixin", "FitTask", "with_callbacks"]

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's mixin: there are no callbacks to set."""

    def with_callbacks(method: Any) -> Any:
        """Wrap the method in nothing: a call takes as many frames as with scikit-learn's."""

        @wraps(method)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        return wrapped


class FitTask:
    """The task of one call of fit, and its subtasks.

    Parameters
    ----------
    estimator : object
        The estimator that is fitted.
    n_starts : int
        Number of starts.
    data : dict
        Training data and metadata, as hooks take them: ``X``, ``y``, ``metadata``.
    attributes : callable
        ``attributes(params)`` are the fitted attributes that some parameters would be
        published as.
    """

    def __init__(
        self, estimator: Any, n_starts: int, data: dict[str, Any], attributes: Callable[[Any], Any]
    ) -> None:
        self.estimator = estimator
        self.data = data
        self.attributes = attributes
        self.context = None
        if hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx"):
            self.context = estimator._init_callback_context(
                max_subtasks=n_starts, sequential_subtasks=False
            )
            self._begin(self.context)

    def start(self, index: int, max_iter: int) -> "StartTask | None":
        """Begin the subtask of one start; None where nobody listens."""
        if self.context is None:
            return None
        context = self.context.subcontext(task_name="start", task_id=index, max_subtasks=max_iter)
        self._begin(context)
        return StartTask(self, context)

    def end(self, params: Any) -> None:
        """End the task."""
        if self.context is not None:
            self.end_of(self.context, params)

    def end_of(self, context: Any, params: Any) -> bool:
        """Tell that a task ended with some parameters, and whether to stop there."""
        return context.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self.attributes(params),
            **self.data,
        )

    def _begin(self, context: Any) -> None:
        context.call_on_fit_task_begin(estimator=self.estimator, **self.data)


class StartTask:
    """The subtask of one start.

    Parameters
    ----------
    fit : FitTask
        The task that it is part of.
    context : CallbackContext
        Its context.
    """

    def __init__(self, fit: FitTask, context: Any) -> None:
        self.fit = fit
        self.context = context

    def evaluation(self, params: Any) -> bool:
        """Tell of an evaluation, and return whether to stop."""
        context = self.context.subcontext(task_name="evaluation")
        context.call_on_fit_task_begin(estimator=self.fit.estimator, **self.fit.data)
        return self.fit.end_of(context, params)

    def end(self, params: Any) -> None:
        """End the subtask."""
        self.fit.end_of(self.context, params)
