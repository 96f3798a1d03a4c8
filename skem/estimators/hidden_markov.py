"""What hidden Markov models have in common: one EM fit of sequences."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skem.data.blocks import workers
from skem.em.driver import Run
from skem.em.restarts import best_run
from skem.estimators.callbacks import CallbackSupportMixin, FitTask, with_callbacks
from skem.estimators.chain_doubts import doubts_of_chain
from skem.estimators.chain_fitting import IMPOSSIBLE, starts_of
from skem.estimators.chain_inference import ChainInferenceMixin
from skem.estimators.constructing import set_parameters
from skem.estimators.continuing import (
    check_same_number,
    check_same_start,
    given_starting_values,
)
from skem.estimators.documentation import inherit_documentation
from skem.estimators.doubts import warn_about_fit
from skem.estimators.sequences import refuse_lengths_as_y
from skem.estimators.validation import (
    CHECKS_OF_FITS,
    Check,
    array_like,
    boolean,
    check_parameters,
    integer,
    none,
    real,
    unchanged_on_error,
)
from skem.estimators.watching import options_of

__all__ = ["HiddenMarkovModel"]


class HiddenMarkovModel(CallbackSupportMixin, ChainInferenceMixin):
    """Base of the hidden Markov models: everything that does not depend on the components.

    A subclass names the mixture estimator with the same components in ``_mixture_class``, and in
    ``_of_components`` the constructor parameters that are the mixture's as well.

    Parameters
    ----------
    n_components : int, default=1
        Number of states K.
    stationary_start : bool, default=False
        Whether the first state of a sequence has the stationary distribution of the transitions,
        as if the chain had gone on for ever; else it has a distribution of its own.
    startprob_init : array-like of shape (n_components,), default=None
        Start to begin with; NaN for what is left to the data. Zeros stay zero.
    transmat_init : array-like of shape (n_components, n_components), default=None
        Transitions to begin with; NaN for what is left to the data. Zeros stay zero: they say
        which states can follow which.
    startprob_prior : float or array-like of shape (n_components,), default=1.0
        Dirichlet prior of the start: 1 is flat, more adds as many starts but one.
    transmat_prior : float or array-like of shape (n_components, n_components), default=1.0
        The same of the transitions, by row.
    fixed : dict or None, default=None
        Parameters that the fit holds at their starting values: by name, True, or bools: of each
        entry of ``startprob`` or ``transmat``, of each state for others.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    max_iter : int, default=1000
        Largest number of E/M evaluations in a run.
    n_init : int, default=3
        Of many diverse starts, all tried for some steps, how many are followed to the end. The
        best run that is not spurious is kept.
    acceleration : {'quasi-newton'} or None, default='quasi-newton'
        How to need fewer evaluations: steps longer than EM's, each kept only if the
        log-likelihood does not fall. None is plain EM.
    n_jobs : int, default=None
        How many runs to make at a time, in joblib's terms. None means one.
    random_state : int, RandomState instance or None, default=None
        Source of randomness of the starts and of :meth:`sample`.
    warm_start : bool, default=False
        Continue from the published parameters, if there are any. Starting values that have
        changed since are an error.
    record_trace : bool, default=False
        Whether to keep a ``trace_`` of all that happens, at about three times the cost.
    verbose : int, default=0
        1 prints the progress, 2 also times and changes.
    verbose_interval : int, default=10
        Evaluations between two lines of progress.

    Attributes
    ----------
    startprob_ : ndarray of shape (n_components,)
        Distribution of the first state of a sequence.
    transmat_ : ndarray of shape (n_components, n_components)
        Row i is the distribution of the state after state i.
    stationary_distribution_ : ndarray of shape (n_components,)
        Share of time in each state in the long run.
    expected_dwell_times_ : ndarray of shape (n_components,)
        Mean number of rows of a stay in each state.
    converged_ : bool
        Whether the best run had less than ``tol`` left to gain.
    n_iter_ : int
        E/M evaluations of the best run.
    lower_bound_ : float
        Mean log-likelihood of the published parameters, in nats per row: ``score(X)``. Rows of
        which nothing is known count nowhere.
    lower_bounds_ : list of float
        Mean penalised log-likelihood at each evaluation of the best run.
    trace_ : tuple of TraceEntry
        With ``record_trace``, the best run in detail: ``n_iter``, ``parameters``,
        ``log_likelihood`` and its two parts, ``expected_log_likelihood`` and ``entropy`` (of the
        path of states).
    restarts_ : tuple of Restart
        What each run came to.
    doubts_ : dict of str to str
        Why the fit cannot be trusted, by a word: 'unreachable', 'empty', 'never followed', 'never
        left', 'alike', 'parameters', 'no end' (it has not converged), or what makes a component
        spurious. Without any it is sound.
    n_parameters_ : int
        Number of free parameters.
    n_features_in_ : int
        Number of features seen by fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X had names that are all strings.
    """

    _checks: dict[str, Check] = {
        "n_components": integer(1),
        "stationary_start": boolean,
        "startprob_init": none | array_like,
        "transmat_init": none | array_like,
        "startprob_prior": real(1.0) | array_like,
        "transmat_prior": real(1.0) | array_like,
        **CHECKS_OF_FITS,
    }

    # scikit-learn's splitters cut what has a value for each row, and routing brings it here.
    __metadata_request__fit = {"groups": True}
    __metadata_request__score = {"groups": True}

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a subclass have the documentation that it leaves to this class."""
        super().__init_subclass__(**options)
        inherit_documentation(cls, HiddenMarkovModel)

    def __init__(
        self,
        n_components: int = 1,
        *,
        stationary_start: bool = False,
        startprob_init: ArrayLike | None = None,
        transmat_init: ArrayLike | None = None,
        startprob_prior: Any = 1.0,
        transmat_prior: Any = 1.0,
        fixed: dict[str, Any] | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 3,
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        record_trace: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        set_parameters(self, locals())

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
    ) -> Self:
        """Fit the model by EM (Baum & Welch).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences, one sequence after another. A missing cell is NaN; the chain
            goes on through rows of which nothing is observed.
        y : None
            Ignored; present by convention.
        groups : array-like of shape (n_samples,), default=None
            An id for each row: a sequence begins where it changes. None takes the outer level of
            the index, if X is a frame that has one; otherwise X is one sequence.
        lengths : array-like of int, default=None
            The number of rows of each sequence, in place of ``groups``.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sequence counts: the same for all of its rows.
        known_labels : array-like of int of shape (n_samples,), default=None
            State that the chain is known to be in, -1 where that is unknown.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid, or if no start led to a fit. The estimator is
            then left as it was.

        Warns
        -----
        ConvergenceWarning
            If the fit cannot be trusted (``doubts_``): the best run had something left to gain
            after ``max_iter`` evaluations, or came to a spurious optimum, a state that cannot be
            reached, has no rows, is never left, or is followed by no row, states that nothing
            tells apart, or more parameters than numbers in X.
        """
        refuse_lengths_as_y(y, X)
        with unchanged_on_error(self):
            given = {"groups": groups, "lengths": lengths, "sample_weight": sample_weight}
            self._fit(X, y, given, known_labels)
            warn_about_fit(self)
        return self

    @with_callbacks
    def _fit(self, X: Any, y: Any, given: dict[str, Any], known_labels: Any) -> None:
        check_parameters(self, self._checks)
        continuing = self.warm_start and hasattr(self, "transmat_")
        if continuing:
            check_same_number(self, "n_components", len(self.transmat_))
            check_same_start(self)
        X, sequences = self._training_sequences(
            X, **given, known_labels=known_labels, reset=not continuing
        )
        model, start, held = self._prepare(sequences, continuing)
        with workers(0):
            model = replace(model, components=model.components.bound(sequences.rows))
        family = model.components
        with workers(sequences.rows.n_rows * family.n_statistics * self.n_components) as crew:
            model = replace(model, workers=crew)
            starts = starts_of(self, model, start, continuing)
            as_published = partial(self._as_published, family, X.dtype)
            data = {"X": X, "y": y, "metadata": given}
            task = FitTask(self, len(starts), data, as_published)
            options = options_of(task, model.decompose, doubt=model.spurious)
            on_fall = self._mixture()._on_fall
            best, self.restarts_ = best_run(model, starts, options, on_fall=on_fall)
            self._publish(family, best.params, X.dtype)
            self._publish_held(held, continuing)
            self._publish_run(best)
            self.n_parameters_ = model.n_parameters(best.params)
            bare, params = self._without_penalty(model), self._params()
            expected, self.lower_bound_ = bare.expect(params)
            if self.lower_bound_ == -np.inf:
                raise ValueError(IMPOSSIBLE)
            self._last_state = sequences.last_state(bare.kernel(params), params.labels, crew)
            self.doubts_ = doubts_of_chain(self, best, model, expected)
        task.end(best.params)

    def _publish_run(self, best: Run) -> None:
        """Set the fitted attributes that say how the run went."""
        self.converged_, self.n_iter_ = best.converged, best.n_evaluations
        self.lower_bounds_ = list(best.trace)
        self._sampler = None
        self._started_from = given_starting_values(self)
        self.__dict__.pop("trace_", None)
        if self.record_trace:
            self.trace_ = best.record
