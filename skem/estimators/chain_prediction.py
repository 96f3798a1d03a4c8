"""What a fitted hidden Markov model says of rows that nobody saw: ahead, missing, or drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.chains.markov import forecast
from skem.data.blocks import workers
from skem.estimators.chain_criteria import ScoredChain
from skem.estimators.drawing import generator_of, lengths_to_draw
from skem.estimators.forecasting import ForecastMixin
from skem.families.base import FloatArray
from skem.missing import has_missing

__all__ = ["PredictiveChain"]


class PredictiveChain(ForecastMixin, ScoredChain):
    """The part of a hidden Markov model that forecasts, fills in and draws rows."""

    random_state: Any

    def _states_at_ends(self, X: Any, groups: Any, lengths: Any) -> FloatArray:
        sequences = self._open(X, groups, lengths)
        return sequences.filtered()[sequences.lanes.ends - 1]

    def _ahead(self, states: Any, n_steps: int) -> dict[str, FloatArray]:
        ahead = forecast(np.asarray(states), self.transmat_, n_steps)
        return {"state_probabilities": ahead, **self._rows_ahead(ahead)}

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
        posterior = sequences.smoothed()
        with workers(0):
            filled = sequences.family.impute(sequences.components, sequences.X, posterior, rng)
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
