"""What the estimators have in common: scikit-learn's protocol around one EM fit."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from skem.em.blocks import workers
from skem.em.driver import Run, run
from skem.em.problem import Problem
from skem.em.restarts import AllStartsFailedError, Restart, best_run
from skem.em.rows import Rows
from skem.em.scoring import evaluate
from skem.em.starts import SHORT_RUNS, STRATEGIES, lend_rows_to_empty, start
from skem.estimators.fitted import FittedMixture, weighted_mean
from skem.estimators.validation import (
    Check,
    array_like,
    boolean,
    check_initial_weights,
    check_parameters,
    check_partition,
    check_sample_weight,
    check_shape,
    function,
    integer,
    none,
    nonzero_integer,
    one_of,
    random_state,
    real,
)
from skem.estimators.verbose import Reporter
from skem.families.base import FloatArray

__all__ = ["MixtureEM"]


class MixtureEM(FittedMixture):
    """Base of the mixture estimators: everything that does not depend on the family.

    A subclass names its family in ``_family``, a method or the family's class itself, and the
    family's parameters in ``_Parameters``; see "How to add a family" in the documentation. One
    whose family needs more, such as an origin or a penalty, overrides the methods under "The
    family". A constructor of its own has at least the parameters of this one.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    max_iter : int, default=1000
        Largest number of E/M evaluations in a run. With 0 the start itself is published.
    n_init : int, default=1
        Number of starts; the best run is kept.
    init_params : {'short-runs', 'kmeans', 'k-means++', 'random', 'random_from_data'}, \
array-like or callable, default='short-runs'
        The start: a way to make one, labels or responsibilities, or a function that returns such.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    acceleration : {'quasi-newton'} or None, default='quasi-newton'
        How to need fewer evaluations, where the family allows it. None is plain EM.
    n_jobs : int, default=None
        How many starts to run at a time, in joblib's terms. None means one.
    random_state : int, RandomState instance or None, default=None
        Source of randomness of the starts and of :meth:`sample`.
    warm_start : bool, default=False
        Continue from the published parameters, if there are any; ``n_init`` is then ignored.
    verbose : int, default=0
        1 prints the progress, 2 also times and changes.
    verbose_interval : int, default=10
        Evaluations between two lines of progress.
    """

    #: NamedTuple of the family's parameters: field ``x`` is published as the attribute ``x_``.
    _Parameters: Any

    #: Whether negative values in X are an error.
    _non_negative = False

    _checks: dict[str, Check] = {
        "n_components": integer(1),
        "tol": real(0.0),
        "max_iter": integer(0),
        "n_init": integer(1),
        "init_params": one_of(STRATEGIES) | function | array_like,
        "weights_init": none | array_like,
        "acceleration": one_of(["quasi-newton"]) | none,
        "n_jobs": nonzero_integer | none,
        "random_state": random_state,
        "warm_start": boolean,
        "verbose": integer(0) | boolean,
        "verbose_interval": integer(1),
    }

    #: What to do when no start leads to a fit.
    _advice = "No start led to a fit. Try to decrease the number of components."

    def __init__(
        self,
        n_components: int = 1,
        *,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "short-runs",
        weights_init: ArrayLike | None = None,
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    # The family: what a subclass says of it.

    def _family(self, n_components: int, n_features: int) -> Any:
        """Return the family, without penalty, for so many components and columns of X."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _family")

    def _check_data(self, X: Any, *, reset: bool) -> FloatArray:
        """Validate X to a float32 or float64 array; reset on the way into fit."""
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_non_negative=self._non_negative,
        )

    def __sklearn_tags__(self) -> Any:
        """Declare whether X may be negative."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = self._non_negative
        return tags

    def _training_family(self, rows: Rows) -> Any:
        """Return the family to fit, with what it needs to know of the rows."""
        return self._family(self.n_components, rows.X.shape[1])

    def _fitted(self) -> tuple[Any, Any]:
        """Return the family, without penalty, and the parameters that are published."""
        return self._family(len(self.weights_), self.n_features_in_), self._published()

    def _published(self) -> Any:
        """Return the published parameters, in float64."""
        names = self._Parameters._fields
        return self._Parameters(
            *(np.asarray(getattr(self, f"{name}_"), dtype=np.float64) for name in names)
        )

    def _with_initial_values(self, family: Any, partition: Callable[[], Any]) -> Any:
        """Return starting parameters: the user's where given, else those of ``partition()``."""
        start = partition()
        if self.weights_init is None:
            return start
        weights = check_initial_weights(self.weights_init, family.n_components)
        return start._replace(weights=weights)

    def _continued(self, family: Any) -> Any:
        """Return the published parameters as parameters of a family to be fitted."""
        check_shape(self.weights_, (family.n_components,), "weights_ to continue from")
        return self._fitted()[1]

    def _publish(self, family: Any, params: Any, dtype: Any) -> None:
        """Set the fitted attributes that hold the parameters."""
        for name, values in zip(params._fields, params, strict=True):
            setattr(self, f"{name}_", values.astype(dtype))

    def _coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return X in coordinates where Euclidean distances make sense, for the starts."""
        return X

    def _warn_about_data(self, rows: Rows) -> None:
        """Warn where the data cannot support the model."""

    # Fitting.

    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture by EM.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data, in the layout that the class describes.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts. An integer weight means that many identical rows, zero an
            absent one. None means once each.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid, or if no start led to a fit. The estimator is
            then left as it was.
        TypeError
            If the data are sparse, or a parameter is of the wrong type.

        Warns
        -----
        ConvergenceWarning
            If the best run had something left to gain after ``max_iter`` evaluations.
        """
        with _unchanged_on_error(self):
            self._fit(X, sample_weight)
        return self

    def fit_predict(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int32]:
        """Fit the mixture and return the likeliest component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, as in :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            The same as ``fit(X, sample_weight=sample_weight).predict(X)``.
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    def _fit(self, X: Any, sample_weight: Any) -> None:
        check_parameters(self, self._checks)
        continuing = self.warm_start and hasattr(self, "weights_")
        X = self._check_data(X, reset=not continuing)
        weights = check_sample_weight(sample_weight, len(X))
        present = slice(None) if weights is None or weights.all() else weights > 0
        rows = Rows(X[present], None if weights is None else weights[present])
        self._check_enough(rows)
        if continuing or isinstance(self.init_params, str):
            rows = rows.condensed()

        with workers(0):
            family = self._training_family(rows).bound(rows)
        with workers(rows.n_rows * family.n_statistics * self.n_components) as crew:
            problem = Problem(family, rows, crew)
            if continuing:
                history, seeds = getattr(self, "_ascent", []), [None]
                attempts = [partial(self._run, problem, self._continued(family), history)]
            else:
                history = []
                attempts, seeds = self._attempts(problem, present, len(X))
            try:
                with warnings.catch_warnings():
                    # k-means on fewer distinct rows than clusters: the fit says so itself.
                    warnings.filterwarnings("ignore", "Number of distinct clusters")
                    best, restarts = best_run(attempts, self._advice, self.n_jobs)
            except AllStartsFailedError as error:
                raise ValueError(str(error)) from None

        self._publish(family, best.params, X.dtype)
        self._publish_run(best, history)
        self.restarts_ = tuple(map(_with_seed, restarts, seeds))
        self.labels_ = np.empty(len(X), dtype=np.int32)
        log_density = np.empty(len(X))
        evaluate(*self._fitted(), X, log_density=log_density, labels=self.labels_)
        self.lower_bound_ = weighted_mean(log_density, weights)
        self.n_parameters_ = self._n_parameters()
        self._sampler = None
        self._warn_about_fit(best)

    def _check_enough(self, rows: Rows) -> None:
        if rows.effective < self.n_components:
            raise ValueError(
                "Expected n_samples >= n_components but got "
                f"n_components = {self.n_components}, n_samples = {int(rows.effective)}"
            )
        self._warn_about_data(rows)

    def _publish_run(self, best: Run, history: list[float]) -> None:
        """Set the fitted attributes that say how the run went."""
        self.converged_ = best.converged
        self.n_iter_ = best.n_evaluations
        self.lower_bounds_ = list(best.trace)
        # Continued one evaluation at a time, a run alone would never show its rate.
        self._ascent = [*history, *best.trace][-2:] if best.even else []

    def _attempts(
        self, problem: Problem, present: Any, n_samples: int
    ) -> tuple[list[Callable[[], Run]], list[Any]]:
        """Return one function for each start, which makes it and runs EM from it, and seeds."""
        K, rows = self.n_components, problem.rows

        def begin(rng: Any) -> Any:
            if isinstance(self.init_params, str):
                strategy = self.init_params
                if strategy == SHORT_RUNS and self._has_initial_values():
                    strategy = "kmeans"  # EM would have left them behind
                return start(strategy, problem, self._coordinates, rng)
            given = self.init_params
            if callable(given):
                X = rows.X.view()
                X.flags.writeable = False
                given = given(X, n_components=K, random_state=rng)
                shares = check_partition(given, rows.n_rows, K)
            else:
                shares = check_partition(given, n_samples, K)[present]
            return problem.start(lend_rows_to_empty(shares, K, rows.total_weight))

        def attempt(index: int, rng: Any) -> Run:
            params = self._with_initial_values(problem.family, partial(begin, rng))
            return self._run(problem, params, (), index)

        # The first start takes the generator as it is, so that one of k-means is scikit-learn's;
        # the others have seeds of their own, so that they can run in any order.
        once = not (isinstance(self.init_params, str) or callable(self.init_params))
        rng = check_random_state(self.random_state)
        further = deepcopy(rng).randint(2**31 - 1, size=0 if once else self.n_init - 1)
        seeds = [self.random_state if isinstance(self.random_state, Integral) else None]
        seeds += [int(seed) for seed in further]
        generators = [rng, *map(np.random.RandomState, seeds[1:])]
        return [partial(attempt, index, rng) for index, rng in enumerate(generators)], seeds

    def _run(self, problem: Problem, start: Any, history: Any, index: int = 0) -> Run:
        reporter = Reporter(self.verbose, self.verbose_interval)
        reporter.begin(index)
        result = run(
            problem,
            start,
            tol=self.tol,
            max_iter=self.max_iter,
            accelerate=self.acceleration is not None and problem.family.accelerable,
            history=history,
            report=reporter.iteration if self.verbose else None,
        )
        if not result.converged and self.n_init > 1:
            # The last step of a run that was cut short may decide between starts.
            result = replace(result, final=problem.objective(result.params))
        reporter.end(result)
        if not result.converged:
            return result
        spurious = problem.family.spurious(result.params, problem.rows.effective)
        return replace(result, spurious=spurious)

    def _has_initial_values(self) -> bool:
        names = {name for name in self.get_params() if name.endswith("_init")} - {"n_init"}
        return any(getattr(self, name) is not None for name in names)

    def _warn_about_fit(self, best: Run) -> None:
        if self.max_iter == 0:
            return
        doubts = []
        if not best.converged:
            doubts.append(
                "Best performing initialization did not converge. Try different init parameters, "
                "or increase max_iter, tol, or check for degenerate data. "
                f"(After max_iter={self.max_iter} evaluations more than tol={self.tol:g} nats "
                "per row were left to gain.)"
            )
        if best.spurious is not None:
            doubts.append(
                f"The fit cannot be trusted: {best.spurious}. Decrease n_components, increase "
                "reg_covar, or give more starts (n_init)."
            )
        empty = np.flatnonzero(self.weights_ <= np.finfo(np.float64).eps)
        if empty.size:
            doubts.append(
                f"{empty.size} of {self.n_components} components are empty (the first is "
                f"component {empty[0]}): no row belongs to them. Decrease n_components."
            )
        for doubt in doubts:
            warnings.warn(doubt, ConvergenceWarning, stacklevel=4)


@contextmanager
def _unchanged_on_error(estimator: Any) -> Iterator[None]:
    """Leave the estimator as it was if an exception passes through."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _with_seed(restart: Restart, seed: Any) -> Restart:
    return replace(restart, seed=seed)
