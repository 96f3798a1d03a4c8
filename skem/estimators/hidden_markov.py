"""What hidden Markov models have in common: one EM fit of sequences.

A hidden Markov model has the components of a mixture, and a chain of labels in place of weights.
All that concerns the components is asked of a mixture estimator with the same parameters
(``_mixture``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, check_random_state

from skem.chains.lanes import ends_of
from skem.chains.markov import reachable
from skem.data.blocks import workers
from skem.em.driver import Run, run
from skem.em.restarts import AllStartsFailedError, best_run
from skem.estimators.chain_outputs import check_units
from skem.estimators.chain_summary import DescribedChain
from skem.estimators.holding import check_fixed, with_held
from skem.estimators.inference import standard_errors_of
from skem.estimators.sequences import (
    outer_index,
    refuse_lengths_as_y,
    sequence_ends,
    sequence_weights,
)
from skem.estimators.sources import is_lazy, open_data, open_labels, open_weights, rows_of
from skem.estimators.validation import (
    Check,
    array_like,
    boolean,
    check_parameters,
    integer,
    mapping,
    none,
    nonzero_integer,
    one_of,
    random_state,
    real,
    unchanged_on_error,
)
from skem.estimators.warn_once import warn
from skem.mixture.chain_starts import starts
from skem.mixture.hidden_chain import HiddenChain
from skem.mixture.labels import MixtureParameters, Weights
from skem.mixture.markov import Chain, Markov
from skem.mixture.sequences import Sequences

__all__ = ["HiddenMarkovModel"]

#: A state that fewer rows than this are expected in is empty.
NEXT_TO_NOTHING = 0.01

#: A probability of the chain below this is on its way to zero, which no run quite reaches.
EDGE = 1e-6

#: A probability to stay from which on a state counts as never left.
FOR_EVER = 1 - 1e-10


class HiddenMarkovModel(DescribedChain):
    """Base of the hidden Markov models: everything that does not depend on the components.

    A subclass names the mixture estimator with the same components in ``_mixture_class``, and in
    ``_of_components`` the constructor parameters that are the mixture's as well.
    """

    _of_components: tuple[str, ...] = ()

    _checks: dict[str, Check] = {
        "n_components": integer(1),
        "tol": real(0.0),
        "max_iter": integer(1),
        "n_init": integer(1),
        "startprob_init": none | array_like,
        "transmat_init": none | array_like,
        "startprob_prior": real(1.0) | array_like,
        "transmat_prior": real(1.0) | array_like,
        "fixed": none | mapping,
        "acceleration": one_of(["quasi-newton"]) | none,
        "n_jobs": nonzero_integer | none,
        "random_state": random_state,
        "warm_start": boolean,
    }

    # scikit-learn's splitters cut what has a value for each row, and routing brings it here.
    __metadata_request__fit = {"groups": True}
    __metadata_request__score = {"groups": True}

    @classmethod
    def from_parameters(cls, *, startprob: ArrayLike, transmat: ArrayLike, **params: Any) -> Self:
        """Make a model of known parameters, as if it had been fitted.

        Parameters
        ----------
        startprob : array-like of shape (n_components,)
            Distribution of the first state.
        transmat : array-like of shape (n_components, n_components)
            Transition matrix.
        **params : dict
            The parameters of the states by their names, as the mixture of the same components
            takes them (``means=``, ``covariances=``, ``rates=``, ``probabilities=``), and further
            constructor parameters.

        Returns
        -------
        model : object
            Ready to predict, score, forecast and sample.

        Raises
        ------
        ValueError
            If the shapes do not agree, or probabilities do not sum to one.
        """
        K = len(np.atleast_1d(startprob))
        own = {name: params[name] for name in cls._get_param_names() if name in params}
        shared = {name: own[name] for name in cls._of_components if name in own}
        arrays = {name: values for name, values in params.items() if name not in own}
        self = cls(n_components=K, **own)
        mixture = cls._mixture_class.from_parameters(weights=np.full(K, 1 / K), **arrays, **shared)
        self._take_over(mixture)
        self.n_features_in_ = mixture.n_features_in_
        self.startprob_init, self.transmat_init = startprob, transmat
        chain = self._given_chain(continuing=False)
        self.startprob_init = self.transmat_init = None
        if any(np.isnan(values).any() for values in chain):
            raise ValueError("startprob and transmat must be given as a whole, without NaN")
        self.startprob_, self.transmat_ = chain
        free = Markov(self._free(chain, dict.fromkeys(Chain._fields, False)))
        family, components = self._fitted()
        self.n_parameters_ = free.n_parameters() + family.n_parameters(components)
        return self

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
            If the best run had something left to gain after ``max_iter`` evaluations, or came to
            something that cannot be trusted: a spurious optimum, a state that cannot be reached,
            has no rows, or is never left.
        """
        refuse_lengths_as_y(y, X)
        with unchanged_on_error(self):
            for doubt in self._fit(X, groups, lengths, sample_weight, known_labels):
                warn(doubt, ConvergenceWarning, stacklevel=2)
        return self

    def _fit(
        self, X: Any, groups: Any, lengths: Any, sample_weight: Any, known_labels: Any
    ) -> list[str]:
        """Fit, and return what there is to doubt."""
        check_parameters(self, self._checks)
        continuing = self.warm_start and hasattr(self, "transmat_")
        X, sequences = self._training_sequences(
            X, groups, lengths, sample_weight, known_labels, reset=not continuing
        )
        model, family, given, held = self._model(sequences, continuing)
        with workers(sequences.rows.n_rows * family.n_statistics * self.n_components) as crew:
            model = replace(model, workers=crew)
            attempts = self._attempts(model, given, continuing)
            try:
                best, self.restarts_ = best_run(attempts, "", self.n_jobs)
            except AllStartsFailedError as error:
                raise ValueError(str(error)) from None
            self._publish(family, best.params, X.dtype)
            self._publish_held(held, continuing)
            self.converged_, self.n_iter_ = best.converged, best.n_evaluations
            self.lower_bounds_ = list(best.trace)
            self.n_parameters_ = model.n_parameters(best.params)
            counts, self.lower_bound_ = self._without_penalty(model).expect(self._params())
            if self.lower_bound_ == -np.inf:
                raise ValueError(
                    "X is impossible under the model: zeros that are held or were given "
                    "(startprob_init, transmat_init) contradict each other, X or known_labels"
                )
        self._sampler = None
        return self._doubts(best, model.labels, counts)

    def _training_sequences(
        self,
        X: Any,
        groups: Any,
        lengths: Any,
        sample_weight: Any,
        known_labels: Any,
        reset: bool,
    ) -> tuple[Any, Sequences]:
        """Return validated X, and the sequences that count."""
        given, X = X, open_data(self, X, reset=reset)
        ends = sequence_ends(len(X), groups, lengths, outer_index(given))
        if self.n_components == 1 and sample_weight is not None:
            ends = np.arange(1, len(X) + 1)  # with one state rows are exchangeable
        weights = open_weights(sample_weight, X)
        check_units(X, ends, self.n_components)
        by_sequence = sequence_weights(None if weights is None else np.asarray(weights), ends)
        labels = open_labels(known_labels, X, self.n_components)
        rows = rows_of(X, weights, labels)
        if by_sequence is not None and not by_sequence.all():
            ends = ends_of(np.diff(ends, prepend=0)[by_sequence > 0])
            if not is_lazy(weights):  # those of dask leave them out by themselves
                rows = rows.restrict(np.flatnonzero(weights))
        if rows.n_rows < self.n_components:
            raise ValueError(
                "Expected n_samples >= n_components but got "
                f"n_components = {self.n_components}, n_samples = {rows.n_rows}"
            )
        return X, Sequences(rows, ends, self.n_components)

    def _model(
        self, sequences: Sequences, continuing: bool
    ) -> tuple[HiddenChain, Any, MixtureParameters, Any]:
        """Return the model of rows, its family, starting values, and what of these is held."""
        rows, mixture, fixed = sequences.rows, self._mixture(), dict(self.fixed or {})
        of_chain = {name: fixed.pop(name, False) for name in Chain._fields}
        with workers(0):
            mixture._check_rows(rows, self.n_components)
            family = mixture._training_family(rows)
            given = (mixture._continued if continuing else mixture._given)(family)
            names = tuple(name for name in mixture._fixable if name != "weights")
            held = check_fixed(fixed, given, self.n_components, names, mixture._shared)
            _, family = with_held(family, held)
            family = family.bound(rows)
        chain = self._given_chain(continuing)
        free = self._free(chain, of_chain)
        pseudo = Markov.table(
            np.broadcast_to(self.startprob_prior, chain.startprob.shape),
            np.broadcast_to(self.transmat_prior, chain.transmat.shape),
        )
        labels = Markov(free, pseudo - 1.0)
        given = MixtureParameters(chain, given.components)
        return HiddenChain(labels, family, sequences), family, given, held

    def _given_chain(self, continuing: bool) -> Chain:
        """Return the chain to start from, NaN where it is left to the data."""
        K, suffix = self.n_components, "_" if continuing else "_init"
        values = []
        for name, shape in zip(Chain._fields, ((K,), (K, K)), strict=True):
            given = getattr(self, name + suffix)
            array = np.full(shape, np.nan) if given is None else np.array(given, np.float64)
            if array.shape != shape:
                raise ValueError(f"{name}{suffix} must have the shape {shape}, got {array.shape}")
            if (array < 0).any() or (array > 1).any():
                raise ValueError(f"{name}{suffix} must hold probabilities, from 0 to 1")
            sums = np.nan_to_num(array).sum(axis=-1)
            complete = ~np.isnan(array).any(axis=-1)
            if (np.abs(sums - 1) > 1e-6)[complete].any() or (sums > 1 + 1e-6).any():
                raise ValueError(f"{name}{suffix} must sum to one along its last axis")
            values.append(array)
        return Chain(*values)

    def _free(self, chain: Chain, fixed: dict[str, Any]) -> NDArray[np.bool_]:
        """Return which probabilities (n_components + 1, n_components) are free: no zeros."""
        masks = []
        for name, values in zip(Chain._fields, chain, strict=True):
            held = np.asarray(fixed[name])
            if held.dtype != bool or (held.ndim and held.shape != values.shape):
                raise ValueError(
                    f"fixed[{name!r}] must be a bool or bools of the shape {values.shape}"
                )
            held = np.broadcast_to(held, values.shape)
            if np.isnan(values[held]).any():
                raise ValueError(
                    f"fixed[{name!r}] holds values that are not given: set {name}_init (NaN for "
                    "those that are free)"
                )
            masks.append(~held & (values != 0))
        return Markov.table(*masks).astype(bool, copy=False)

    def _attempts(
        self, model: HiddenChain, given: MixtureParameters, continuing: bool
    ) -> list[Callable[[], Run]]:
        """Return functions that run EM, from what is given or from the best of many starts."""
        if continuing or not any(np.isnan(v).any() for v in given.by_name().values()):
            return [partial(self._run, model, given)]
        rng = check_random_state(self.random_state)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Number of distinct clusters")
            found = starts(model, given, self.n_init, rng)
        return [partial(self._run, model, start) for start in found]

    def _run(self, model: HiddenChain, start: MixtureParameters) -> Run:
        result = run(
            model,
            start,
            tol=self.tol,
            max_iter=self.max_iter,
            accelerate=self.acceleration is not None and model.components.accelerable,
        )
        if result.converged:
            return replace(result, spurious=model.spurious(result.params))
        return replace(result, final=model.objective(result.params))

    def _publish(self, family: Any, params: MixtureParameters, dtype: Any) -> None:
        """Set the fitted attributes that hold the parameters."""
        mixture = self._mixture()
        weights = Weights(np.full(self.n_components, 1 / self.n_components))
        mixture._publish(family, MixtureParameters(weights, params.components), dtype)
        self._take_over(mixture)
        self.startprob_ = params.labels.startprob.copy()
        self.transmat_ = params.labels.transmat.copy()

    def _take_over(self, mixture: Any) -> None:
        """Set the fitted attributes of the components as a mixture has them."""
        for name, values in vars(mixture).items():
            if name not in ("weights_", "n_parameters_", *mixture.get_params(deep=False)):
                setattr(self, name, values)

    def _without_penalty(self, model: HiddenChain) -> HiddenChain:
        """Return the model of the same rows whose objective is the log-likelihood alone."""
        family = self._fitted()[0]
        family = family.for_missing() if model.sequences.rows.has_missing else family
        return replace(model, labels=Markov(model.labels.free), components=family)

    def _publish_held(self, held: Any, continuing: bool) -> None:
        """Put back what was held, to the last bit: it went through other coordinates."""
        if continuing:
            return
        for name, mask in held.masks.items():
            if (given := getattr(self, f"{name}_init")) is not None:
                where = ... if name in held.shared else mask
                getattr(self, f"{name}_")[where] = np.asarray(given)[where]

    def _doubts(self, best: Run, labels: Markov, counts: NDArray[Any]) -> list[str]:
        doubts = []
        if not best.converged:
            doubts.append(
                f"After max_iter={self.max_iter} evaluations more than tol={self.tol:g} nats per "
                "row were left to gain: increase max_iter or tol, or decrease n_components."
            )
        if best.spurious is not None:
            doubts.append(
                f"The fit cannot be trusted: {best.spurious.sentence}. Decrease n_components, or "
                "give more starts (n_init)."
            )
        unreachable = np.flatnonzero(~reachable(self.startprob_, self.transmat_))
        if unreachable.size:
            doubts.append(f"The chain cannot reach {_states(unreachable)}.")
        empty = np.setdiff1d(np.flatnonzero(counts <= NEXT_TO_NOTHING), unreachable)
        if empty.size:
            doubts.append(f"No row belongs to {_states(empty)}. Decrease n_components.")
        leaves = labels.free[1:].sum(axis=1) > 1
        forever = np.flatnonzero((np.diagonal(self.transmat_) >= FOR_EVER) & leaves)
        if forever.size and self.n_components > 1:
            doubts.append(
                f"The chain never leaves {_states(forever)}. If that is meant, say so by zeros in "
                "transmat_init; otherwise the sequences end there, and its stay is not known."
            )
        return doubts

    def standard_errors(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
        robust: bool = False,
    ) -> Bunch:
        """Return the standard errors of the published parameters.

        They are from the observed information of the data (Louis 1982), by the delta method where
        parameters are constrained.

        Parameters
        ----------
        X, groups, lengths, sample_weight, known_labels : array-like
            The data of the fit, as in :meth:`fit`.
        robust : bool, default=False
            The sandwich form, which mixtures have, does not exist here: its rows must be
            independent.

        Returns
        -------
        errors : Bunch
            An array for each kind of parameter, in its shape: ``errors.transmat``, and so on. 0
            for one that was fixed, NaN for one at the edge of its range.

        Raises
        ------
        ValueError
            If robust is true.

        Warns
        -----
        ConvergenceWarning
            If some standard errors do not exist.
        """
        if robust:
            raise ValueError(
                "robust must be False for a hidden Markov model: the sandwich form needs "
                "independent rows. Refit to sequences drawn with replacement (a bootstrap)"
            )
        _, sequences = self._training_sequences(
            X, groups, lengths, sample_weight, known_labels, reset=False
        )
        model, family, given, _ = self._model(sequences, continuing=True)
        names = tuple(name for name in self._mixture()._fixable if name != "weights")
        chain = (np.where(values < EDGE, 0.0, values) for values in given.labels)
        given = given._replace(labels=Chain(*chain))
        with workers(sequences.rows.n_rows * family.n_statistics * self.n_components) as crew:
            model = replace(model, workers=crew)
            return standard_errors_of(model, given, (*Chain._fields, *names), robust=False)


def _states(numbers: NDArray[Any]) -> str:
    """Return states by their numbers, as words."""
    return f"state{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
