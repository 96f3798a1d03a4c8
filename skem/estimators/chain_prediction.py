"""What a fitted hidden Markov model says of rows that nobody saw: ahead, missing, or drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.chains.markov import forecast
from skem.data.blocks import workers
from skem.estimators.chain_criteria import ScoredChain
from skem.estimators.drawing import generator_of, lengths_to_draw
from skem.estimators.sequences import outer_index
from skem.estimators.validation import InvalidParameterError, integer
from skem.families.base import FloatArray
from skem.missing import has_missing

__all__ = ["PredictiveChain"]


class PredictiveChain(ScoredChain):
    """The part of a hidden Markov model that forecasts, fills in and draws rows."""

    random_state: Any
    _last_state: FloatArray

    def forecast(
        self,
        n_steps: int = 1,
        X: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> Bunch:
        """Return what is known of the rows to come.

        Parameters
        ----------
        n_steps : int, default=1
            How many rows ahead.
        X : array-like of shape (n_samples, n_features_in), default=None
            Rows after whose end others come: one sequence, or several. None means the last
            sequence of the fit.
        groups, lengths : array-like, default=None
            Where several sequences are, as in :meth:`fit`.

        Returns
        -------
        forecast : Bunch
            ``means`` (n_steps, n_features_in) and ``covariances`` (n_steps, n_features_in,
            n_features_in) of the rows, for categories ``probabilities`` (n_steps, n_features_in,
            n_levels) in their place; ``state_probabilities`` (n_steps, n_components). The
            parameters are taken for known. Where X holds several sequences (``groups``,
            ``lengths``, or a frame with an outer index) all have a first axis of sequences.

        Raises
        ------
        ValueError
            If n_steps is no number of rows, X is not given and the parameters were not fitted, or
            no path of states can have made X.
        """
        check_is_fitted(self)
        if not integer(1).accepts(n_steps):
            raise InvalidParameterError(
                f"n_steps must be {integer(1).description}, got {n_steps!r}"
            )
        if X is None:
            if groups is not None or lengths is not None:
                raise ValueError("groups and lengths belong to X, which is not given")
            if not hasattr(self, "_last_state"):
                raise ValueError("forecast needs X: the parameters were given, not fitted to rows")
            now = self._last_state
        else:
            several = groups is not None or lengths is not None or outer_index(X) is not None
            sequences = self._open(X, groups, lengths)
            now = sequences.filtered()[sequences.lanes.ends - 1]
            now = now if several else now[0]
        states = forecast(now, self.transmat_, n_steps)
        return Bunch(state_probabilities=states, **self._rows_ahead(states))

    def _rows_ahead(self, states: FloatArray) -> dict[str, FloatArray]:
        """Return what is known of rows of which the states (..., K) have a distribution."""
        means, covariances = self._moments()
        seconds = covariances + means[:, :, np.newaxis] * means[:, np.newaxis]
        mean = states @ means
        products = mean[..., np.newaxis] * mean[..., np.newaxis, :]
        return {"means": mean, "covariances": np.tensordot(states, seconds, 1) - products}

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        """Return means (K, d) and covariances (K, d, d) of a row in each state."""
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

    def sample(
        self,
        n_samples: int | None = None,
        random_state: Any = None,
        *,
        lengths: ArrayLike | None = None,
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Draw sequences from the model.

        Parameters
        ----------
        n_samples : int, default=None
            Number of rows of the one sequence: 1, unless there are ``lengths``.
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

        Raises
        ------
        ValueError
            If ``n_samples`` is not the sum of ``lengths``.
        """
        check_is_fitted(self)
        sizes = lengths_to_draw(n_samples, lengths)
        rng = generator_of(self, random_state)
        states = _draw_states(self.startprob_, self.transmat_, sizes, rng)
        family, components = self._fitted()
        counts = np.bincount(states, minlength=len(self.transmat_))
        drawn = family.sample(components, counts, rng)
        X = np.empty(drawn.shape)
        X[np.argsort(states, kind="stable")] = drawn
        return X, states


def _draw_states(
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
