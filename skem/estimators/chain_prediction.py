"""What a fitted hidden Markov model says of rows that nobody saw: ahead, missing, or drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.chains.markov import forecast
from skem.data.blocks import workers
from skem.estimators.decoding import FittedChain
from skem.estimators.sequences import check_lengths
from skem.estimators.validation import integer
from skem.families.base import FloatArray
from skem.missing import has_missing

__all__ = ["PredictiveChain"]


class PredictiveChain(FittedChain):
    """The part of a hidden Markov model that forecasts, fills in and draws rows."""

    random_state: Any

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
        now = sequences.filtered()[sequences.lanes.ends - 1]
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
        sizes = check_lengths([n_samples] if lengths is None else lengths)
        rng = self._generator(random_state)
        states = _draw_states(self.startprob_, self.transmat_, sizes, rng)
        family, components = self._fitted()
        counts = np.bincount(states, minlength=len(self.transmat_))
        drawn = family.sample(components, counts, rng)
        X = np.empty(drawn.shape)
        X[np.argsort(states, kind="stable")] = drawn
        return X, states

    def _generator(self, random_state: Any) -> Any:
        """Return the generator to draw by: the estimator's own, which goes on, where None."""
        if random_state is None:
            if getattr(self, "_sampler", None) is None:
                self._sampler = check_random_state(self.random_state)
            random_state = self._sampler
        return check_random_state(random_state)


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
