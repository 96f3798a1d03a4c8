"""What a fitted hidden Markov model says of sequences: states, densities, what comes next."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import DensityMixin
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.chains.expected import logarithm
from skem.chains.forward_backward import ForwardBackward
from skem.chains.lanes import Lanes
from skem.chains.markov import expected_dwell_times, forecast, stationary_distribution
from skem.chains.viterbi import likeliest_path
from skem.data.blocks import workers
from skem.data.rows import Rows
from skem.estimators.pickling import VersionedEstimator
from skem.estimators.row_validation import (
    weighted_mean,
)
from skem.estimators.sequences import outer_index, sequence_ends
from skem.estimators.sources import open_data, open_labels, open_weights
from skem.estimators.validation import (
    integer,
    one_of,
)
from skem.families.base import FloatArray
from skem.missing import has_missing
from skem.mixture.hidden_chain import log_densities

__all__ = ["FittedChain"]

DECODINGS = one_of(["viterbi", "posterior"])


class _Sequences:
    """Some sequences, cut into lanes, with their log-densities in each state of a fitted chain."""

    def __init__(self, estimator: Any, X: FloatArray, ends: Any, labels: Any = None) -> None:
        self.X, self.lanes = X, Lanes(ends)
        self.family, self.components = estimator._fitted()
        self.chain = estimator.startprob_, estimator.transmat_
        family = self.family.for_missing() if has_missing(X) else self.family
        with workers(X.size * family.n_statistics * family.n_components) as crew:
            kernel = family.kernel(self.components, np.zeros(family.n_components))
            self.logs = log_densities(kernel, Rows(X, labels=labels).take(self.lanes.order), crew)
        self.base = kernel.offset + family.log_base_measure(X)

    def rows(self, by_column: NDArray[Any]) -> NDArray[Any]:
        """Return values (..., n_rows) in the order of the rows, which come first."""
        out = np.empty((by_column.shape[-1], *by_column.shape[:-1]), by_column.dtype)
        out[self.lanes.order] = np.moveaxis(by_column, -1, 0)
        return out

    def smoothed(self) -> FloatArray:
        """Return the posterior (n_rows, n_states)."""
        return self.rows(self._algorithm().expect(self.logs, *self.chain).posterior)

    def filtered(self) -> tuple[FloatArray, FloatArray]:
        """Return filtered distributions, and log-densities given the past."""
        distribution, log_likelihood = self._algorithm().filter(self.logs, *self.chain)
        return self.rows(distribution), self.rows(log_likelihood) + self.base

    def path(self) -> NDArray[np.intp]:
        """Return the likeliest path."""
        return self.rows(likeliest_path(self.lanes, self.logs, *self.chain))

    def _algorithm(self) -> ForwardBackward:
        return ForwardBackward(self.lanes, len(self.logs))


class FittedChain(DensityMixin, VersionedEstimator):
    """The half of a hidden Markov model that does not fit."""

    _mixture_class: Any
    _of_components: tuple[str, ...] = ()

    def _mixture(self) -> Any:
        """Return the mixture estimator of the same components, fitted if this is."""
        names = ("n_components", *self._of_components)
        mixture = self._mixture_class(**{name: getattr(self, name) for name in names})
        for name, values in vars(self).items():
            if name.endswith("_") or name == "_covariance_type":
                setattr(mixture, name, values)
        if hasattr(self, "transmat_"):
            mixture.weights_ = np.full(len(self.transmat_), 1 / len(self.transmat_))
        return mixture

    def _fitted(self) -> tuple[Any, Any]:
        """Return the family, without penalty, and the published parameters of its components."""
        family, params = self._mixture()._fitted()
        return family, params.components

    def _data_options(self, reset: bool) -> dict[str, Any]:
        return self._mixture()._data_options(reset)

    def _check_block(self, X: FloatArray, first_row: int) -> FloatArray:
        return self._mixture()._check_block(X, first_row)

    def __sklearn_tags__(self) -> Any:
        """Declare what the mixture of the same components does."""
        tags = super().__sklearn_tags__()
        tags.input_tags = self._mixture_class().__sklearn_tags__().input_tags
        return tags

    def _in_memory(self, X: Any, reset: bool = False) -> FloatArray:
        """Return validated X: an array, or a memory map, that is read as one."""
        X = open_data(self, np.asarray(X) if isinstance(X, np.memmap) else X, reset=reset)
        if not isinstance(X, np.ndarray):
            raise TypeError(
                f"{type(self).__name__} needs X as an array or a memory map, since a chain goes "
                "on from row to row: compute or load it first"
            )
        return X

    def _open(
        self, X: Any, groups: Any = None, lengths: Any = None, known_labels: Any = None
    ) -> _Sequences:
        check_is_fitted(self)
        given, X = X, self._in_memory(X)
        labels = open_labels(known_labels, X, len(self.transmat_))
        ends = sequence_ends(len(X), groups, lengths, outer_index(given))
        return _Sequences(self, X, ends, labels)

    @property
    def stationary_distribution_(self) -> FloatArray:
        """Return the share of time that the chain spends in each state in the long run.

        Returns
        -------
        distribution : ndarray of shape (n_components,)
            An AttributeError tells where there are several.
        """
        check_is_fitted(self)
        try:
            return stationary_distribution(self.transmat_)
        except ValueError as error:
            raise AttributeError(str(error)) from None

    @property
    def expected_dwell_times_(self) -> FloatArray:
        """Return the mean number of rows that a stay in each state lasts.

        Returns
        -------
        times : ndarray of shape (n_components,)
            Infinite for a state that is never left.
        """
        check_is_fitted(self)
        return expected_dwell_times(self.transmat_)

    def predict(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
        decoding: str = "viterbi",
    ) -> NDArray[np.int32]:
        """Return the states.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.
        known_labels : array-like of int of shape (n_samples,), default=None
            Known states, -1 where unknown.
        decoding : {'viterbi', 'posterior'}, default='viterbi'
            The likeliest path as a whole, or the likeliest state of each row, one by one.

        Returns
        -------
        states : ndarray of shape (n_samples,), int32
            Index of the state.
        """
        if not DECODINGS.accepts(decoding):
            raise ValueError(f"decoding must be {DECODINGS.description}, got {decoding!r}")
        sequences = self._open(X, groups, lengths, known_labels)
        if decoding == "viterbi":
            return sequences.path().astype(np.int32)
        return sequences.smoothed().argmax(axis=1).astype(np.int32)

    def predict_proba(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
    ) -> FloatArray:
        """Return the probability of each state, given all of the sequence (smoothed).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.
        known_labels : array-like of int of shape (n_samples,), default=None
            Known states, -1 where unknown.

        Returns
        -------
        posterior : ndarray of shape (n_samples, n_components)
            Rows sum to one.
        """
        sequences = self._open(X, groups, lengths, known_labels)
        return sequences.smoothed().astype(sequences.X.dtype)

    def filter_proba(
        self, X: ArrayLike, *, groups: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> FloatArray:
        """Return the probability of each state, given the rows up to that one (filtered).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.

        Returns
        -------
        filtered : ndarray of shape (n_samples, n_components)
            Rows sum to one.
        """
        sequences = self._open(X, groups, lengths)
        return sequences.filtered()[0].astype(sequences.X.dtype)

    def score_samples(
        self, X: ArrayLike, *, groups: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> FloatArray:
        """Return the log-density of each row, given the rows of its sequence before it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            ``log p(x_t | x_1 ... x_t-1)`` in nats. The sum over a sequence is its log-likelihood.
        """
        sequences = self._open(X, groups, lengths)
        return sequences.filtered()[1].astype(sequences.X.dtype)

    def score(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the mean log-likelihood per row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences.
        y : None
            Ignored; present by convention.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.

        Returns
        -------
        log_likelihood : float
            In nats per row. Rows of which nothing is observed do not count.
        """
        total, n_rows = self._total(X, groups, lengths, sample_weight)
        return total / n_rows

    def _total(self, X: Any, groups: Any, lengths: Any, sample_weight: Any) -> tuple[float, float]:
        """Return the total log-likelihood, and by how many rows."""
        sequences = self._open(X, groups, lengths)
        weights = open_weights(sample_weight, sequences.X)
        weights = np.ones(len(sequences.X)) if weights is None else weights
        if has_missing(sequences.X):
            weights = weights * ~np.isnan(sequences.X).all(axis=1)
        by_row: Any = sequences.filtered()[1]
        n_rows = float(weights.sum())
        return weighted_mean(by_row, weights) * n_rows, n_rows

    def aic(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return Akaike's information criterion: -2 log L + 2 n_parameters.

        Parameters
        ----------
        X, groups, lengths, sample_weight : array-like
            Sequences, as in :meth:`fit`.

        Returns
        -------
        aic : float
            The lower the better.
        """
        total, _ = self._total(X, groups, lengths, sample_weight)
        return -2 * total + 2 * self.n_parameters_

    def bic(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the Bayesian information criterion: -2 log L + n_parameters log N.

        Parameters
        ----------
        X, groups, lengths, sample_weight : array-like
            Sequences, as in :meth:`fit`. N is the number of rows observed, by weight.

        Returns
        -------
        bic : float
            The lower the better.
        """
        total, n_rows = self._total(X, groups, lengths, sample_weight)
        return float(-2 * total + self.n_parameters_ * np.log(n_rows))

    def icl(
        self, X: ArrayLike, *, groups: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> float:
        """Return the integrated completed likelihood criterion.

        It is the BIC with the log-likelihood replaced by that of the rows and the likeliest path
        of states together (Celeux & Durand 2008).

        Parameters
        ----------
        X, groups, lengths : array-like
            Sequences, as in :meth:`fit`.

        Returns
        -------
        icl : float
            The lower the better; at least the BIC.
        """
        sequences = self._open(X, groups, lengths)
        by_state = sequences.rows(sequences.logs)
        path = sequences.path()
        starts = np.zeros(len(path), dtype=bool)
        starts[sequences.lanes.ends - sequences.lanes.lengths] = True
        after = np.flatnonzero(~starts)
        log_joint = logarithm(self.startprob_)[path[starts]].sum()
        log_joint += logarithm(self.transmat_)[path[after - 1], path[after]].sum()
        rows = by_state[np.arange(len(path)), path] + sequences.base
        _, n_rows = self._total(X, groups, lengths, None)
        return float(-2 * (log_joint + rows.sum()) + self.n_parameters_ * np.log(n_rows))

    def forecast(
        self,
        X: ArrayLike,
        n_steps: int = 1,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> Bunch:
        """Return what is to be expected after the end of each sequence.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences.
        n_steps : int, default=1
            How many rows ahead.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.

        Returns
        -------
        ahead : Bunch
            ``states`` (n_sequences, n_steps, n_components), the distribution of the state;
            ``mean`` and ``variance`` (n_sequences, n_steps, n_features_in) of the cells of X.
        """
        if not integer(1).accepts(n_steps):
            raise ValueError(f"n_steps must be {integer(1).description}, got {n_steps!r}")
        sequences = self._open(X, groups, lengths)
        now = sequences.filtered()[0][sequences.lanes.ends - 1]
        states = forecast(now, self.transmat_, n_steps)
        means, variances = self._moments()
        mean = states @ means
        variance = states @ (variances + means**2) - mean**2
        return Bunch(states=states, mean=mean, variance=np.maximum(variance, 0.0))

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        """Return means and variances of the cells of a row in each state, both (K, d)."""
        raise NotImplementedError(f"{type(self).__name__} has no moments to forecast")

    def impute(
        self,
        X: ArrayLike,
        random_state: Any = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> FloatArray:
        """Fill in missing cells, given all that is observed of their sequence.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences; missing cells are NaN.
        random_state : int, RandomState instance or None, default=None
            None fills in expectations. Otherwise cells are drawn, row by row.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            A copy, with the observed cells as they are.
        """
        sequences = self._open(X, groups, lengths)
        if not has_missing(sequences.X):
            return sequences.X.copy()
        rng = None if random_state is None else check_random_state(random_state)
        family = sequences.family.for_missing()
        posterior = sequences.smoothed()
        with workers(0):
            filled = family.impute(sequences.components, sequences.X, posterior, rng)
        return filled.astype(sequences.X.dtype)

    def reordered(self, order: ArrayLike) -> Any:
        """Return a copy of the model with its states in another order.

        Parameters
        ----------
        order : array-like of int of shape (n_components,)
            The present number of each state, in the new order.

        Returns
        -------
        model : object
            A fitted copy. Starting values and masks among the constructor's parameters are those
            of the present order still. The model itself is left as it is.
        """
        check_is_fitted(self)
        places, K = np.asarray(order), len(self.transmat_)
        if places.shape != (K,) or not np.array_equal(np.sort(places), np.arange(K)):
            raise ValueError(f"order must hold each of 0 to {K - 1} once, got {order!r}")
        other = copy(self)
        mixture = self._mixture()
        for name in mixture._component_attributes():
            if name != "weights_":
                setattr(other, name, getattr(self, name)[places])
        other.startprob_ = self.startprob_[places]
        other.transmat_ = self.transmat_[np.ix_(places, places)]
        return other

    def sample(
        self, n_samples: int = 1, random_state: Any = None, *, lengths: ArrayLike | None = None
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Draw sequences from the model.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows of the one sequence.
        random_state : int, RandomState instance or None, default=None
            Source of randomness. None continues a generator started from the estimator's own
            ``random_state``, so that repeated calls differ.
        lengths : array-like of int, default=None
            Rows of each of several sequences, in place of ``n_samples``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            Rows, one sequence after another.
        states : ndarray of shape (n_samples,)
            Their states.
        """
        check_is_fitted(self)
        if not integer(1).accepts(n_samples):
            raise ValueError(f"n_samples must be {integer(1).description}, got {n_samples!r}")
        sizes = np.array([n_samples]) if lengths is None else np.asarray(lengths, dtype=np.intp)
        if random_state is None:
            if getattr(self, "_sampler", None) is None:
                self._sampler = check_random_state(self.random_state)
            random_state = self._sampler
        rng = check_random_state(random_state)
        states = _drawn_states(self.startprob_, self.transmat_, sizes, rng)
        family, components = self._fitted()
        counts = np.bincount(states, minlength=len(self.transmat_))
        drawn = family.sample(components, counts, rng)
        X = np.empty(drawn.shape)
        X[np.argsort(states, kind="stable")] = drawn
        return X, states


def _drawn_states(
    startprob: FloatArray, transmat: FloatArray, lengths: NDArray[np.intp], rng: Any
) -> NDArray[np.int64]:
    """Draw paths of given lengths, step by step of all sequences together."""
    first = np.cumsum(lengths) - lengths
    cumulated = np.cumsum(transmat, axis=1)
    states = np.empty(lengths.sum(), dtype=np.int64)
    states[first] = rng.choice(len(startprob), len(lengths), p=startprob / startprob.sum())
    for step in range(1, int(lengths.max())):
        rows = first[lengths > step] + step
        limits = cumulated[states[rows - 1]]
        u = rng.uniform(size=(len(rows), 1)) * limits[:, -1:]
        states[rows] = (u >= limits).sum(axis=1)
    return states
