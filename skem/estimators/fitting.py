"""The starts of one call of fit, and the runs of EM from them."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skem.data.rows import Rows
from skem.em.driver import Run, run
from skem.em.model import DegenerateError
from skem.em.restarts import AllStartsFailedError, Restart, best_run
from skem.estimators.holding import all_given, complete, may_leave
from skem.estimators.outputs import without_unknown
from skem.estimators.row_validation import check_partition
from skem.estimators.sources import is_lazy, rows_of
from skem.estimators.watching import watched
from skem.families.held import Held
from skem.missing import by_pattern
from skem.mixture.model import MixtureModel
from skem.mixture.posterior import classify, normalise
from skem.mixture.revival import revive
from skem.mixture.starts import SHORT_RUNS, first_parameters, start
from skem.mixture.sweep import Share
from skem.mixture.trace import decompose

__all__ = ["ASSIGNMENTS", "Fit", "known_rows", "training_rows"]

#: What ``assignment`` can be: how the E-step shares out rows.
ASSIGNMENTS: dict[str, Share] = {"soft": normalise, "hard": classify}


def known_rows(estimator: Any, X: Any, weights: Any, labels: Any) -> Rows:
    """Return opened data as rows, without weight where neither a cell nor the label is known.

    Such a row says nothing, but would count in the objective, which is a mean over rows, and in
    the weights of hard assignment.
    """
    rows = rows_of(X, weights, labels)
    if not (rows.has_missing or estimator._zeros_say_nothing()):
        return rows
    of_known = without_unknown(estimator, X, weights, labels)
    return rows if of_known is weights else rows_of(X, of_known, labels)


def training_rows(rows: Rows) -> tuple[Rows, Any]:
    """Return the rows that count, those that miss the same cells together, and which they are."""
    index: Any = slice(None)
    if is_lazy(rows.weights):
        return rows, index
    n_samples = len(rows.X)
    if rows.weights is not None and not rows.weights.all():
        index = np.flatnonzero(rows.weights)
        rows = rows.restrict(index)
    if rows.in_memory and rows.has_missing:
        order = by_pattern(np.isnan(rows.X))
        index = np.arange(n_samples)[index][order]
        rows = replace(rows.take(order), place=np.argsort(order))
    return rows, index


@dataclass(frozen=True)
class Fit:
    """One call of fit, validated.

    Parameters
    ----------
    estimator : MixtureEM
        Whose constructor parameters say how to fit.
    model : MixtureModel
        What is fitted.
    given : NamedTuple
        Starting values, NaN where not given.
    held : Held
        Which of them EM does not leave.
    index : slice or ndarray
        Which of the user's rows the model has.
    n_samples : int
        Number of the user's rows.
    task : FitTask
        Tells callbacks.
    """

    estimator: Any
    model: MixtureModel
    given: Any
    held: Held
    index: Any
    n_samples: int
    task: Any

    def attempts(self) -> tuple[list[Callable[[], Run]], list[Any]]:
        """Return one function for each start, which makes it and runs EM from it, and seeds."""
        # The first start takes the generator as it is, so that one of k-means is scikit-learn's;
        # the others have seeds of their own, so that they can run in any order.
        estimator = self.estimator
        rng = check_random_state(estimator.random_state)
        n_further = self.n_starts(estimator, self.given) - 1
        # (A copy costs a noticeable part of a small fit.)
        further = deepcopy(rng).randint(2**31 - 1, size=n_further) if n_further else ()
        state = estimator.random_state
        seeds: list[Any] = [state if isinstance(state, Integral) else None, *map(int, further)]
        generators = [rng, *map(np.random.RandomState, seeds[1:])]
        return [partial(self._attempt, i, each) for i, each in enumerate(generators)], seeds

    def best_run(self, history: list[float] | None = None) -> tuple[Run, tuple[Restart, ...]]:
        """Run EM from all starts, and return the best run and what each start came to.

        With a history, the last objectives of an earlier run, that is continued from the values
        given.
        """
        if history is None:
            attempts, seeds = self.attempts()
        else:
            attempts, seeds = [lambda: self.run(self.given, history)], [None]
        try:
            with warnings.catch_warnings():
                # k-means on fewer distinct rows than clusters: the fit says so itself.
                warnings.filterwarnings("ignore", "Number of distinct clusters")
                estimator = self.estimator
                advice, on_fall = estimator._advice, estimator._on_fall
                best, restarts = best_run(attempts, advice, estimator.n_jobs, on_fall)
        except AllStartsFailedError as error:
            raise ValueError(str(error)) from None
        pairs = zip(restarts, seeds, strict=True)
        return best, tuple(replace(restart, seed=seed) for restart, seed in pairs)

    @staticmethod
    def n_starts(estimator: Any, given: Any) -> int:
        """Return how many starts there are: one, where all would be the same."""
        init = estimator.init_params
        once = all_given(given) or not (isinstance(init, str) or callable(init))
        return 1 if once else estimator.n_init

    def run(self, start: Any, history: Any = (), number: int = 0) -> Run:
        """Run EM from a start."""
        if self.held.masks or getattr(self.model.components, "bounded", False):
            _check_possible(self.model, start, bool(self.held.masks))
        result = watched(
            self.task,
            number,
            start,
            partial(self._climb, start, history),
            partial(decompose, self.model),
        )
        if not self.estimator.max_iter:
            return result
        return replace(result, spurious=self.model.spurious(result.params))

    def _climb(self, start: Any, history: Any, report: Any) -> Run:
        """Run EM, and further where a component had died that is to live."""
        estimator, model = self.estimator, self.model
        trace: tuple[float, ...] = ()
        while True:
            result = run(
                model,
                start,
                tol=estimator.tol,
                max_iter=estimator.max_iter - len(trace),
                accelerate=estimator.acceleration is not None
                and model.components.accelerable
                and model.share is normalise,
                history=history,
                report=report,
            )
            trace += result.trace
            result = replace(result, trace=trace)
            if not result.converged or len(trace) >= estimator.max_iter:
                break
            start, history = revive(model, result.params), ()
            if start is None:
                break
        if not result.converged and estimator.n_init > 1:
            # The last step of a run that was cut short may decide between starts.
            result = replace(result, final=model.objective(result.params))
        return result

    def first(self, rng: Any) -> Any:
        """Return the parameters of a start: those that are given, the others drawn."""
        return self.given if all_given(self.given) else complete(self.given, self._begin(rng))

    def _attempt(self, number: int, rng: Any) -> Run:
        return self.run(self.first(rng), number=number)

    def _begin(self, rng: Any) -> Any:
        """Return the parameters of a start, before any that are given take their places."""
        model, strategy = self.model, self.estimator.init_params
        if isinstance(strategy, str):
            if strategy == SHORT_RUNS and may_leave(self.given, self.held):
                strategy = "kmeans"
            return start(strategy, model, rng)
        K, rows = model.components.n_components, model.rows
        if callable(strategy):
            if not rows.in_memory:
                raise TypeError(
                    "init_params as a function needs rows in memory: give its result instead, or "
                    "the name of a start"
                )
            order = slice(None) if rows.place is None else rows.place
            X = rows.X[order].view()  # in the order of the user's
            X.flags.writeable = False
            given = check_partition(strategy(X, n_components=K, random_state=rng), rows.n_rows, K)
            shares = np.empty_like(given)
            shares[order] = given
        else:
            shares = check_partition(strategy, self.n_samples, K)[self.index]
        return first_parameters(model, shares)


def _check_possible(model: MixtureModel, start: Any, is_held: bool) -> None:
    """Raise ValueError where a row is ruled out, or what is known of it.

    A step moves all that is free to where every row is possible, if it can.
    """
    if model.objective(start) > -np.inf:
        return
    try:
        after = model.evaluate(start).params
    except DegenerateError:
        after = start
    if model.objective(after) > -np.inf:
        return
    if not is_held:
        densities = model.contributions(after, slice(None))
        row = model.rows.X[int(np.argmax(~(densities > -np.inf)))]
        raise ValueError(
            f"X has a row that no component can have produced, {row.tolist()}: it lies outside "
            "the support of the distributions (a negative or a fractional count, say). Leave it "
            "out, or choose distributions that reach it"
        )
    raise ValueError(
        "fixed contradicts the data: with the parameters that it holds, some row cannot come "
        "from any component, or not from the one that known_labels names"
    )
