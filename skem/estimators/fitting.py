"""The rows and the starts of one call of fit."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skem.data.rows import Rows
from skem.em.model import DegenerateError
from skem.em.restarts import Restart
from skem.estimators.holding import all_given, complete, may_leave
from skem.estimators.outputs import without_unknown
from skem.estimators.row_validation import check_partition
from skem.estimators.sources import is_lazy, rows_of
from skem.families.held import Held
from skem.missing import by_pattern
from skem.mixture.model import MixtureModel
from skem.mixture.posterior import classify, normalise
from skem.mixture.starts import first_parameters, start
from skem.mixture.sweep import Share

__all__ = ["ASSIGNMENTS", "Starts", "known_rows", "training_rows", "without_cluster_warnings"]

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


@contextmanager
def without_cluster_warnings() -> Iterator[None]:
    """Let k-means find fewer distinct rows than clusters: the fit says so itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Number of distinct clusters")
        yield


@dataclass(eq=False)
class Starts:
    """The starts of one call of fit, each made when it is asked for.

    Parameters
    ----------
    estimator : MixtureEM
        Whose constructor parameters say how to make them.
    model : MixtureModel
        What is fitted.
    given : MixtureParameters
        Starting values, NaN where not given.
    held : Held
        Which of them EM does not leave.
    index : slice or ndarray
        Which of the user's rows the model has.
    n_samples : int
        Number of the user's rows.

    Attributes
    ----------
    seeds : list of (int or None)
        The seed of each; None where it is given, or its generator is not made of one.
    """

    estimator: Any
    model: MixtureModel
    given: Any
    held: Held
    index: Any
    n_samples: int

    def __post_init__(self) -> None:
        """Draw seeds."""
        self._is_given = all_given(self.given)
        # The first start takes the generator as it is, so that one of k-means is scikit-learn's;
        # the others have seeds of their own, so that they can run in any order.
        state, n_further = self.estimator.random_state, len(self) - 1
        rng = check_random_state(state)
        # (A copy costs a noticeable part of a small fit.)
        further = deepcopy(rng).randint(2**31 - 1, size=n_further) if n_further else ()
        is_number = isinstance(state, Integral) and not self._is_given
        self.seeds: list[Any] = [state if is_number else None, *map(int, further)]
        self._generators = [rng, *map(np.random.RandomState, self.seeds[1:])]

    def __len__(self) -> int:
        """Return how many there are: one, where all would be the same."""
        init = self.estimator.init_params
        once = self._is_given or not (isinstance(init, str) or callable(init))
        return 1 if once else self.estimator.n_init

    def make(self, number: int) -> Any:
        """Return the parameters of a start: those that are given, the others drawn."""
        if self._is_given:
            return self.given
        return complete(self.given, self._begin(self._generators[number]))

    def __getitem__(self, number: int) -> Any:
        """Return the same; raises ValueError where they rule out what is known."""
        start = self.make(number)
        if self.held.masks or getattr(self.model.components, "bounded", False):
            _check_possible(self.model, start, bool(self.held.masks))
        return start

    def with_seeds(self, restarts: tuple[Restart, ...]) -> tuple[Restart, ...]:
        """Return what the starts came to, with their seeds."""
        pairs = zip(restarts, self.seeds, strict=True)
        return tuple(replace(restart, seed=seed) for restart, seed in pairs)

    def _begin(self, rng: Any) -> Any:
        """Return the parameters of a start, before any that are given take their places."""
        model, strategy = self.model, self.estimator.init_params
        if isinstance(strategy, str):
            return start(strategy, model, rng, search=not may_leave(self.given, self.held))
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
