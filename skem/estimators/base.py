"""What the estimators have in common: scikit-learn's protocol around one EM fit."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning

from skem.data.blocks import workers
from skem.data.rows import Rows
from skem.em.driver import Run
from skem.em.restarts import AllStartsFailedError, best_run
from skem.errors import Doubt
from skem.estimators.callbacks import CallbackSupportMixin, FitTask, with_callbacks
from skem.estimators.documentation import inherit_documentation
from skem.estimators.fitting import ASSIGNMENTS, Fit, training_rows
from skem.estimators.holding import check_fixed, with_held
from skem.estimators.inference import InferenceMixin
from skem.estimators.online import OnlineMixin
from skem.estimators.reordering import ReorderMixin
from skem.estimators.sources import (
    clamped,
    evaluated,
    is_lazy,
    labelled,
    opened,
    opened_labels,
    opened_weights,
)
from skem.estimators.summary import Estimate
from skem.estimators.validation import (
    Check,
    array_like,
    boolean,
    check_cells,
    check_finite_array,
    check_initial_weights,
    check_parameters,
    check_range,
    check_shape,
    check_starting_values,
    check_weights,
    function,
    integer,
    mapping,
    none,
    nonzero_integer,
    one_of,
    random_state,
    real,
    unchanged_on_error,
)
from skem.families.base import FloatArray
from skem.families.held import Held
from skem.mixture.labels import Independent, MixtureParameters, Weights
from skem.mixture.online import Online
from skem.mixture.posterior import normalise
from skem.mixture.problem import Problem
from skem.mixture.scoring import components_alike
from skem.mixture.starts import STRATEGIES

__all__ = ["MixtureEM"]

#: A component that has no more of all rows together is empty, or is becoming so.
NEXT_TO_NOTHING = 0.01

#: Rows that tell whether two components are alike.
ROWS_TO_TELL_APART = 1000


def _version() -> str:
    """Return the version of the package, which imports this module first."""
    from skem import __version__

    return __version__


class MixtureEM(CallbackSupportMixin, InferenceMixin, ReorderMixin, OnlineMixin):
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
    fixed : dict or None, default=None
        Parameters that the fit holds at their starting values: by name, True or a bool for each
        component, as in ``{"weights": True}``.
    assignment : {'soft', 'hard'}, default='soft'
        'soft' is EM. 'hard' gives each row to its likeliest component alone (classification EM).
    acceleration : {'quasi-newton'} or None, default='quasi-newton'
        How to need fewer evaluations, where the family allows it: steps longer than EM's, each
        kept only if the log-likelihood does not fall. None is plain EM.
    n_jobs : int, default=None
        How many starts to run at a time, in joblib's terms. None means one.
    random_state : int, RandomState instance or None, default=None
        Source of randomness of the starts and of :meth:`sample`.
    warm_start : bool, default=False
        Continue from the published parameters, if there are any; ``n_init`` is then ignored.
    record_trace : bool, default=False
        Whether to keep a ``trace_`` of all that happens, at about twice the cost.
    verbose : int, default=0
        1 prints the progress, 2 also times and changes.
    verbose_interval : int, default=10
        Evaluations between two lines of progress.

    Attributes
    ----------
    converged_ : bool
        Whether the best run had less than ``tol`` left to gain.
    n_iter_ : int
        E/M evaluations of the best run.
    trace_ : tuple of TraceEntry
        With ``record_trace``, the best run in detail: ``n_iter``, ``parameters``,
        ``log_likelihood`` and its two parts, ``expected_log_likelihood`` and ``entropy``.
    restarts_ : tuple of Restart
        What each start came to: ``log_likelihood`` (the last in its trace, per row), ``n_iter``,
        ``converged``, ``failure``, ``spurious`` (what makes it untrustworthy), ``seed`` and
        ``optimum`` (which of the distinct optima found, 0 the highest).
    labels_ : ndarray of shape (n_samples,), int32
        Likeliest component of each training row.
    n_parameters_ : int
        Number of free parameters.
    classes_ : ndarray of shape (n_components,), int32
        Labels that there are: 0 to K - 1.
    """

    #: NamedTuple of the components' parameters: field ``x`` is published as the attribute ``x_``.
    _Parameters: Any

    #: Parameters that can be fixed, and those of them that all components share.
    @property
    def _fixable(self) -> tuple[str, ...]:
        return ("weights", *self._Parameters._fields)

    _shared: tuple[str, ...] = ()

    #: Whether negative values in X are an error.
    _non_negative = False

    #: Whether cells of X may be missing, which are NaN.
    _missing = False

    _checks: dict[str, Check] = {
        "n_components": integer(1),
        "tol": real(0.0),
        "max_iter": integer(0),
        "n_init": integer(1),
        "init_params": one_of(STRATEGIES) | function | array_like,
        "weights_init": none | array_like,
        "fixed": none | mapping,
        "assignment": one_of(ASSIGNMENTS),
        "acceleration": one_of(["quasi-newton"]) | none,
        "n_jobs": nonzero_integer | none,
        "random_state": random_state,
        "warm_start": boolean,
        "record_trace": boolean,
        "verbose": integer(0) | boolean,
        "verbose_interval": integer(1),
    }

    #: What to do when no start leads to a fit.
    _advice = "No start led to a fit. Try to decrease the number of components."

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a subclass have the documentation that it leaves to this class."""
        super().__init_subclass__(**options)
        inherit_documentation(cls, MixtureEM)

    def __init__(
        self,
        n_components: int = 1,
        *,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "short-runs",
        weights_init: ArrayLike | None = None,
        fixed: dict[str, Any] | None = None,
        assignment: str = "soft",
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        record_trace: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.fixed = fixed
        self.assignment = assignment
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.record_trace = record_trace
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    # The family: what a subclass says of it.

    def _family(self, n_components: int, n_features: int) -> Any:
        """Return the family, without penalty, for so many components and columns of X."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _family")

    def _data_options(self, reset: bool) -> dict[str, Any]:
        return {
            "dtype": [np.float64, np.float32],
            "ensure_all_finite": "allow-nan" if self._missing else True,
        }

    def _check_block(self, X: FloatArray, first_row: int) -> FloatArray:
        if self._non_negative:
            message = f"Negative values in data passed to {type(self).__name__}"
            check_cells(X, X < 0, message, first_row)
        return X

    def __sklearn_tags__(self) -> Any:
        """Declare whether X may be negative, or have missing cells."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = self._non_negative
        tags.input_tags.allow_nan = self._missing
        return tags

    def _training_family(self, rows: Rows) -> Any:
        """Return the family to fit, with what it needs to know of the rows."""
        return self._family(self.n_components, rows.X.shape[1])

    def _fitted(self) -> tuple[Any, Any]:
        """Return the family, without penalty, and the parameters that are published."""
        return self._family(len(self.weights_), self.n_features_in_), self._published()

    def _published(self) -> Any:
        """Return the published parameters, in float64."""
        return MixtureParameters(
            *(
                kind(*(np.asarray(getattr(self, f"{name}_"), np.float64) for name in kind._fields))
                for kind in (Weights, self._Parameters)
            )
        )

    def _given(self, family: Any) -> Any:
        """Return the user's starting values, in the fields of the parameters; NaN where none."""
        nothing = np.array(np.nan)
        weights = nothing
        if self.weights_init is not None:
            weights = check_initial_weights(self.weights_init, family.n_components)
        components = self._Parameters(*(nothing for _ in self._Parameters._fields))
        given = MixtureParameters(Weights(weights), components)
        for name, shape in getattr(family, "shapes", {}).items():
            if (values := getattr(self, f"{name}_init", None)) is not None:
                array = check_starting_values(values, shape, f"{name}_init")
                check_range(family.ranges[name], array, f"{name}_init")
                given = given.with_arrays(**{name: array})
        return given

    def _continued(self, family: Any) -> Any:
        """Return the published parameters as parameters of a family to be fitted."""
        if self.n_components != (K := len(self.weights_)):
            raise ValueError(
                f"n_components is {self.n_components}, but the mixture so far has {K}: "
                f"set it to {K}, or fit anew with warm_start=False"
            )
        params = self._published()
        for name, shape in getattr(family, "shapes", {}).items():
            check_shape(params.by_name()[name], shape, f"{name}_ to continue from")
        weights = params.labels.weights
        return params.with_arrays(weights=weights / weights.sum())  # of float32, not quite one

    def _publish(self, family: Any, params: Any, dtype: Any) -> None:
        """Set the fitted attributes that hold the parameters."""
        for name, values in params.by_name().items():
            setattr(self, f"{name}_", values.astype(dtype))

    def _component_attributes(self) -> list[str]:
        own = [name for name in self._published().by_name() if name not in self._shared]
        return [f"{name}_" for name in own]

    def _estimates(self, errors: Any) -> dict[str, Estimate]:
        """Return the parameters that each component has for each column."""
        return {
            name: Estimate(values, None if errors is None else errors.get(name))
            for name, values in self._published().by_name().items()
            if name not in self._shared and values.ndim == 2
        }

    def _warn_about_data(self, rows: Rows) -> None:
        """Warn where the data cannot support the model."""

    def _with_parameters(self, weights: ArrayLike, n_features: int, **arrays: ArrayLike) -> Self:
        """Publish given parameters as if they had been fitted, after checks."""
        check_parameters(self, self._checks)
        K = self.n_components
        family = self._family(K, n_features)
        for name, shape in family.shapes.items():
            values = check_finite_array(arrays[name], shape, name)
            family.ranges[name].check(name, values)
            setattr(self, f"{name}_", values)
        self.weights_ = check_weights(weights, K)
        self.n_features_in_ = n_features
        self.n_parameters_ = self._n_parameters()
        return self

    # Fitting.

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
    ) -> Self:
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
        known_labels : array-like of int of shape (n_samples,), default=None
            Component that each row is known to come from, -1 where that is unknown. A row of
            known label belongs to its component entirely. Where all are known the fit is the
            closed form of complete data.

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
            If the best run had something left to gain after ``max_iter`` evaluations, or came to
            something that cannot be trusted: a component that is empty or spurious.
        UserWarning
            If no row tells two components apart.
        """
        with unchanged_on_error(self):
            best = self._fit(X, y, sample_weight, known_labels)
            self._warn_about_fit(best)
        return self

    def fit_predict(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
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
        known_labels : array-like of int of shape (n_samples,), default=None
            Known labels, as in :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Where they are known those labels, otherwise the same as ``fit(...).predict(X)``.
        """
        return self.fit(X, y, sample_weight, known_labels).labels_

    @with_callbacks
    def _fit(self, X: Any, y: Any, sample_weight: Any, known_labels: Any) -> Run:
        check_parameters(self, self._checks)
        continuing = self.warm_start and hasattr(self, "weights_")
        X = opened(self, X, reset=not continuing)
        weights = opened_weights(sample_weight, X)
        labels = opened_labels(known_labels, X, self.n_components)
        rows, index = training_rows(X, weights, labels)
        self._check_rows(rows, self.n_components)
        if continuing or isinstance(self.init_params, str):
            rows = rows.condensed()
        if rows.in_memory and (n := rows.n_distinct(self.n_components)) < self.n_components:
            warnings.warn(
                f"X has only {n} distinct rows, fewer than the {self.n_components} components: "
                "some of these can but be copies of others, or empty. Decrease n_components.",
                ConvergenceWarning,
                stacklevel=5,
            )

        labels_model, family, given, held = self._prepared(
            rows, self._continued if continuing else self._given
        )
        with workers(0):
            family = family.bound(rows)

        history = getattr(self, "_ascent", []) if continuing else []
        data = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        as_published = partial(self._as_published, family, held, X.dtype)
        task = FitTask(self, Fit.n_starts(self, given), data, as_published)
        with workers(rows.n_rows * family.n_statistics * self.n_components) as crew:
            problem = Problem(labels_model, family, rows, crew, ASSIGNMENTS[self.assignment])
            fit = Fit(self, problem, given, held, index, len(X), task)
            if continuing:
                attempts, seeds = [lambda: fit.run(given, history)], [None]
            else:
                attempts, seeds = fit.attempts()
            try:
                with warnings.catch_warnings():
                    # k-means on fewer distinct rows than clusters: the fit says so itself.
                    warnings.filterwarnings("ignore", "Number of distinct clusters")
                    best, restarts = best_run(attempts, self._advice, self.n_jobs)
            except AllStartsFailedError as error:
                raise ValueError(str(error)) from None
            exact = {
                name: getattr(self, f"{name}_" if continuing else f"{name}_init")
                for name in held.masks
            }
            self._publish(family, best.params, X.dtype)
            self._publish_held(held, exact)
            self._publish_run(best, history)
            self.restarts_ = tuple(
                replace(restart, seed=seed) for restart, seed in zip(restarts, seeds, strict=True)
            )
            self._publish_rows(X, weights, labels, problem)
            self.doubts_ = self._doubts(best, problem)
        self._warn_about_copies(rows)
        self._held = dict(held.masks)
        self.n_parameters_ = self._n_parameters()
        self._total_weight = rows.total_weight
        self._online = Online(labels_model, family.for_streams(), rows.total_weight)
        vars(self).pop("n_steps_", None)
        self._sampler = None
        task.end(best.params)
        return best

    def _prepared(self, rows: Rows, values: Any) -> tuple[Independent, Any, Any, Held]:
        """Return labels and components to fit to rows, starting values, and which are held."""
        with workers(0):
            family = self._training_family(rows)
            given = values(family)
            held = check_fixed(self.fixed, given, self.n_components, self._fixable, self._shared)
            return *with_held(family, held), given, held

    def _as_published(self, family: Any, held: Held, dtype: Any, params: Any) -> dict[str, Any]:
        """Return the attributes that some parameters would be published as."""
        image = copy.copy(self)
        vars(image).clear()
        vars(image).update({name: getattr(self, name) for name in self.get_params(deep=False)})
        before = set(vars(image))
        image._publish(family, params, dtype)
        image._held = dict(held.masks)
        return {name: value for name, value in vars(image).items() if name not in before}

    def _check_rows(self, rows: Rows, least: int) -> None:
        if rows.effective < least:
            raise ValueError(
                "Expected n_samples >= n_components but got "
                f"n_components = {self.n_components}, n_samples = {int(rows.effective)}"
            )
        if rows.has_missing and (nothing := rows.summary.nothing).any():
            column = int(nothing.argmax())
            name = getattr(self, "feature_names_in_", {column: column})[column]
            raise ValueError(
                f"X has no observed value in column {name!r}: all of its cells are missing. "
                "Leave it out"
            )
        self._warn_about_data(rows)

    def _publish_held(self, held: Held, exact: dict[str, Any]) -> None:
        """Put back what was held, to the last bit: it went through other coordinates."""
        for name, values in exact.items():
            if values is not None:
                where = ... if name in self._shared else held.masks[name]
                getattr(self, f"{name}_")[where] = np.asarray(values)[where]

    def _publish_run(self, best: Run, history: list[float]) -> None:
        """Set the fitted attributes that say how the run went."""
        self.converged_ = best.converged
        self.n_iter_ = best.n_evaluations
        self.lower_bounds_ = list(best.trace)
        # Continued one evaluation at a time, a run alone would never show its rate.
        self._ascent = [*history, *best.trace][-2:] if best.even else []
        vars(self).pop("trace_", None)
        if self.record_trace:
            self.trace_ = best.record

    def _publish_rows(self, X: FloatArray, weights: Any, labels: Any, problem: Problem) -> None:
        """Set the fitted attributes that say what the published parameters make of the rows."""
        family, params = self._fitted()
        if labels is None and problem.share is normalise:
            self.labels_, self.lower_bound_ = labelled(self, X, weights)
            return
        (self.labels_,) = evaluated(family, params, X, labels=np.int32)
        if labels is not None:
            self.labels_ = clamped(self.labels_, labels)
        family = family.for_missing() if problem.rows.has_missing else family
        self.lower_bound_ = replace(problem, components=family).objective(params)

    def _doubts(self, best: Run, problem: Problem) -> dict[str, str]:
        """Return why the fit cannot be trusted, by a word, in words that do not depend on K."""
        doubts = self._explain(best.spurious, problem, best.params) if self.max_iter else {}
        if self.max_iter and (self.weights_ * problem.rows.effective <= NEXT_TO_NOTHING).any():
            doubts["empty"] = "a component is empty: no row belongs to it. Decrease n_components."
        return doubts

    def _explain(self, doubt: Doubt | None, problem: Problem, params: Any) -> dict[str, str]:
        """Return why the parameters cannot be trusted and what helps, by a word."""
        if doubt is None:
            return {}
        advice = "Decrease n_components, or give more starts (n_init)."
        return {doubt.word: f"{doubt.sentence}. {advice}"}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out labels that are lazy: they hold on to the data, or to a cluster."""
        state = super().__getstate__()
        kept = {name: value for name, value in state.items() if not is_lazy(value)}
        return {**kept, "_skem_version": _version()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Warn where another version of the package has written the state."""
        state = dict(state)
        version = state.pop("_skem_version", "unknown")
        if version != _version():
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=f"skem.{type(self).__name__}",
                    current_sklearn_version=_version(),
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)

    def _warn_about_copies(self, rows: Rows) -> None:
        """Warn where two components have come out alike, as some of the rows tell."""
        if self.n_components == 1 or self.max_iter == 0:
            return
        step = -(-rows.n_rows // ROWS_TO_TELL_APART)
        X = rows.X[::step] if rows.in_memory else rows.first(ROWS_TO_TELL_APART)
        pair = components_alike(*self._fitted(), X)
        if pair is not None:
            warnings.warn(
                f"Components {pair[0]} and {pair[1]} have come out alike: no row tells them "
                "apart, so that only the sum of their weights means something. Decrease "
                "n_components.",
                UserWarning,
                stacklevel=5,
            )

    def _warn_about_fit(self, best: Run) -> None:
        if self.max_iter == 0:
            return
        doubts = []
        if not best.converged:
            doubts.append(
                "Best performing initialization did not converge. Try different init parameters, "
                "or increase max_iter, tol, or check for degenerate data. "
                + (
                    f"(After max_iter={self.max_iter} evaluations more than tol={self.tol:g} nats "
                    "per row were left to gain.)"
                    if best.n_evaluations == self.max_iter
                    else f"(A callback stopped it after {best.n_evaluations} evaluations.)"
                )
            )
        if self.doubts_:
            doubts.append(f"The fit cannot be trusted: {' '.join(self.doubts_.values())}")
        for doubt in doubts:
            warnings.warn(doubt, ConvergenceWarning, stacklevel=3)
