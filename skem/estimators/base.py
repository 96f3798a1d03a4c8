"""What the estimators have in common: scikit-learn's protocol around one EM fit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem.data.blocks import workers
from skem.em.driver import Run
from skem.em.restarts import Restart, best_run
from skem.estimators.callbacks import CallbackSupportMixin, FitTask, with_callbacks
from skem.estimators.continuing import check_same_start, given_starting_values
from skem.estimators.documentation import inherit_documentation
from skem.estimators.doubts import doubts_of, warn_about_fit
from skem.estimators.fitting import (
    ASSIGNMENTS,
    Starts,
    known_rows,
    training_rows,
    without_cluster_warnings,
)
from skem.estimators.inference import InferenceMixin
from skem.estimators.online import OnlineMixin
from skem.estimators.outputs import (
    evaluate_data,
    label_rows,
    with_known_labels,
)
from skem.estimators.reordering import ReorderMixin
from skem.estimators.sources import (
    open_data,
    open_labels,
    open_weights,
)
from skem.estimators.validation import (
    CHECKS_OF_FITS,
    Check,
    array_like,
    check_parameters,
    function,
    integer,
    none,
    one_of,
    unchanged_on_error,
)
from skem.estimators.watching import options_of
from skem.families.base import FloatArray
from skem.mixture.model import MixtureModel
from skem.mixture.online import Online
from skem.mixture.posterior import normalise
from skem.mixture.revival import revive
from skem.mixture.starts import STRATEGIES
from skem.mixture.trace import decompose

__all__ = ["MixtureEM"]


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
        Starting values that have changed since are an error.
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
    doubts_ : dict of str to str
        Why the fit cannot be trusted and what helps, by a word: 'no end' (it has not converged),
        'few rows' (fewer distinct ones than components), 'empty' (a component), 'alike' (no row
        tells two components apart), or a word of the family. Without any it is sound.
    labels_ : ndarray of shape (n_samples,), int32
        Likeliest component of each training row.
    n_parameters_ : int
        Number of free parameters.
    classes_ : ndarray of shape (n_components,), int32
        Labels that there are: 0 to K - 1.
    """

    _checks: dict[str, Check] = {
        "n_components": integer(1),
        **CHECKS_OF_FITS,
        "max_iter": integer(0),
        "init_params": one_of(STRATEGIES) | function | array_like,
        "weights_init": none | array_like,
        "assignment": one_of(ASSIGNMENTS),
    }

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
            If the fit cannot be trusted (``doubts_``): the best run had something left to gain
            after ``max_iter`` evaluations, a component is empty or spurious, no row tells two
            apart, or the data cannot tell so many.
        """
        with unchanged_on_error(self):
            self._fit(X, y, sample_weight, known_labels)
            warn_about_fit(self)
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
    def _fit(self, X: Any, y: Any, sample_weight: Any, known_labels: Any) -> None:
        check_parameters(self, self._checks)
        continuing = self.warm_start and hasattr(self, "weights_")
        if continuing:
            check_same_start(self)
        X = open_data(self, X, reset=not continuing)
        weights = open_weights(sample_weight, X)
        labels = open_labels(known_labels, X, self.n_components)
        rows, index = training_rows(known_rows(self, X, weights, labels))
        self._check_rows(rows, self.n_components)
        if continuing or isinstance(self.init_params, str):
            rows = rows.condense()
        labels_model, family, given, held = self._prepare(
            rows, self._continued if continuing else self._given
        )
        with workers(0):
            family = family.bound(rows)

        data = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        as_published = partial(self._as_published, family, held, X.dtype)
        with workers(rows.n_rows * family.n_statistics * self.n_components) as crew:
            model = MixtureModel(labels_model, family, rows, crew, ASSIGNMENTS[self.assignment])
            starts = Starts(self, model, given, held, index, len(X))
            task = FitTask(self, len(starts), data, as_published)
            history = getattr(self, "_ascent", []) if continuing else []
            options = options_of(
                task,
                partial(decompose, model),
                history=history,
                revive=partial(revive, model),
                doubt=model.spurious if self.max_iter else None,
            )
            with without_cluster_warnings():
                best, found = best_run(model, starts, options, self._advice, self._on_fall)
            self._publish_run(best, starts.with_seeds(found), history)
            self._publish_best(best, starts, "_" if continuing else "_init", X.dtype)
            self._publish_rows(X, weights, labels, model)
            self.doubts_ = doubts_of(self, best, model)
        task.end(best.params)

    def _publish_run(self, best: Run, restarts: tuple[Restart, ...], history: list[float]) -> None:
        """Set the fitted attributes that say how the run went."""
        self.restarts_ = restarts
        self.converged_ = best.converged
        self.n_iter_ = best.n_evaluations
        self.lower_bounds_ = list(best.trace)
        # Continued one evaluation at a time, a run alone would never show its rate.
        self._ascent = [*history, *best.trace][-2:] if best.even else []
        self.__dict__.pop("trace_", None)
        if self.record_trace:
            self.trace_ = best.record

    def _publish_best(self, best: Run, starts: Starts, suffix: str, dtype: Any) -> None:
        """Set the fitted attributes that say what it came to, and how to go on from there."""
        model, held = starts.model, starts.held
        exact = {name: getattr(self, f"{name}{suffix}") for name in held.masks}
        self._publish(model.components, best.params, dtype)
        self._publish_held(held, exact)
        self._held = dict(held.masks)
        self.n_parameters_ = self._n_parameters()
        self._total_weight = model.rows.total_weight
        self._online = Online(model.labels, model.components.for_streams(), self._total_weight)
        for of_batches in ("n_steps_", "_batch"):
            self.__dict__.pop(of_batches, None)
        self._sampler = None
        self._started_from = given_starting_values(self)

    def _publish_rows(self, X: FloatArray, weights: Any, labels: Any, model: MixtureModel) -> None:
        """Set the fitted attributes that say what the published parameters make of the rows."""
        if labels is None and model.share is normalise:
            self.labels_, self.lower_bound_ = label_rows(self, X, weights)
            return
        family, params = self._fitted()
        (self.labels_,) = evaluate_data(family, params, X, labels=np.int32)
        if labels is not None:
            self.labels_ = with_known_labels(self.labels_, labels)
        self.lower_bound_ = replace(model, components=family).objective(params)
