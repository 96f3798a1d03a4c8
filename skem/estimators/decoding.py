"""What a fitted hidden Markov model says of given sequences: states and densities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from skem.chains.markov import expected_dwell_times, stationary_distribution
from skem.estimators.chain_outputs import ask
from skem.estimators.chain_rows import ChainRows
from skem.estimators.pickling import VersionedEstimator
from skem.estimators.sequences import (
    check_known_states,
    outer_index,
    sequence_ends,
)
from skem.estimators.sources import is_open_dask, open_data, open_labels
from skem.estimators.validation import one_of
from skem.families.base import FloatArray
from skem.mixture.labels import MixtureParameters
from skem.mixture.markov import Chain

__all__ = ["FittedChain"]

DECODINGS = one_of(["viterbi", "posterior"])


class FittedChain(DensityMixin, VersionedEstimator):
    """The half of a hidden Markov model that does not fit."""

    _mixture_class: Any
    _of_components: tuple[str, ...] = ()

    def _mixture(self) -> Any:
        """Return the mixture estimator of the same components, fitted if this is."""
        # (What checks blocks of stored rows comes without starting values.)
        names = {"n_components", *self._of_components} & vars(self).keys()
        mixture = self._mixture_class(**{name: getattr(self, name) for name in names})
        for name, values in vars(self).items():
            if name.endswith("_") or name == "_covariance_type":
                setattr(mixture, name, values)
        mixture._in_chain = type(self).__name__
        if hasattr(self, "transmat_"):
            mixture.weights_ = np.full(len(self.transmat_), 1 / len(self.transmat_))
        return mixture

    def _fitted(self) -> tuple[Any, Any]:
        """Return the family, without penalty, and the published parameters of its components."""
        family, params = self._mixture()._fitted()
        return family, params.components

    @property
    def _about_text(self) -> str:
        about: str = self._mixture_class._about_text
        return about

    def _data_options(self, reset: bool) -> dict[str, Any]:
        return self._mixture()._data_options(reset)

    def _check_block(self, X: FloatArray, first_row: int) -> FloatArray:
        return self._mixture()._check_block(X, first_row)

    def __sklearn_tags__(self) -> Any:
        """Declare what the mixture of the same components does."""
        tags = super().__sklearn_tags__()
        tags.input_tags = self._mixture_class().__sklearn_tags__().input_tags
        return tags

    def _in_memory(self, X: Any) -> FloatArray:
        """Return validated X: an array, or a memory map, that is read as one."""
        X = open_data(self, np.asarray(X) if isinstance(X, np.memmap) else X, reset=False)
        if not isinstance(X, np.ndarray):
            raise TypeError(
                f"this needs X as an array or a memory map, but it is {type(X.source).__name__}: "
                "compute it first"
                if is_open_dask(X)
                else "this needs X as an array or a memory map: load it first"
            )
        return X

    def _params(self) -> MixtureParameters:
        """Return the published parameters."""
        chain = Chain(np.asarray(self.startprob_), np.asarray(self.transmat_))
        return MixtureParameters(chain, self._fitted()[1])

    def _open(self, X: Any, groups: Any = None, lengths: Any = None) -> ChainRows:
        """Return sequences in memory."""
        check_is_fitted(self)
        given, X = X, self._in_memory(X)
        ends = sequence_ends(len(X), groups, lengths, outer_index(given))
        return ChainRows(self._fitted()[0], self._params(), X, ends)

    def _ask(
        self,
        question: Callable[[ChainRows], NDArray[Any]],
        X: Any,
        groups: Any,
        lengths: Any,
        known_labels: Any = None,
        dtype: Any = None,
        width: tuple[int, ...] = (),
    ) -> Any:
        """Return the answer for each row, by default in the type of X."""
        check_is_fitted(self)
        given, X = X, open_data(self, X, reset=False)
        ends = sequence_ends(len(X), groups, lengths, outer_index(given))
        labels = open_labels(known_labels, X, len(self.transmat_))
        check_known_states(labels, ends, self.startprob_ > 0, self.transmat_ > 0)
        family, params = self._fitted()[0], self._params()
        return ask(question, family, params, X, ends, labels, dtype or X.dtype, *width)

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

        Raises
        ------
        ValueError
            If no path of states can have made the rows: it names the row.

        Warns
        -----
        UserWarning
            If a row is impossible in every state: it counts as missing.
        """
        if not DECODINGS.accepts(decoding):
            raise ValueError(f"decoding must be {DECODINGS.description}, got {decoding!r}")
        question = ChainRows.path if decoding == "viterbi" else ChainRows.likeliest_states
        states: NDArray[np.int32] = self._ask(question, X, groups, lengths, known_labels, np.int32)
        return states

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

        Raises
        ------
        ValueError
            If no path of states can have made the rows: it names the row.

        Warns
        -----
        UserWarning
            If a row is impossible in every state: it counts as missing.
        """
        check_is_fitted(self)
        width = (len(self.transmat_),)
        posterior: FloatArray = self._ask(
            ChainRows.smoothed, X, groups, lengths, known_labels, width=width
        )
        return posterior

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

        Raises
        ------
        ValueError
            If no path of states can have made the rows: it names the row.

        Warns
        -----
        UserWarning
            If a row is impossible in every state: it counts as missing.
        """
        check_is_fitted(self)
        width = (len(self.transmat_),)
        filtered: FloatArray = self._ask(ChainRows.filtered, X, groups, lengths, width=width)
        return filtered

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
            -inf for a row that is impossible given those before.
        """
        log_density: FloatArray = self._ask(ChainRows.log_densities, X, groups, lengths)
        return log_density
