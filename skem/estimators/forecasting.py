"""Forecasts of sequences: what is asked for, and after which rows."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skem.estimators.sequences import outer_index
from skem.estimators.validation import InvalidParameterError, integer
from skem.families.base import FloatArray

__all__ = ["ForecastMixin"]


class ForecastMixin:
    """The part of a model of sequences that looks ahead."""

    _last_state: Any

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
            Of the rows ``means`` (n_steps, n_features_in) and ``covariances`` (n_steps,
            n_features_in, n_features_in); for categories ``probabilities`` (n_steps,
            n_features_in, n_levels) in their place. Of the states ``state_probabilities``
            (n_steps, n_components) in a hidden Markov model, ``state_means`` (n_steps, n_states)
            and ``state_covariances`` in a state-space model. The parameters are taken for known.
            Where X holds several sequences (``groups``, ``lengths``, or a frame with an outer
            index) all have a first axis of sequences.

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
        several = groups is not None or lengths is not None or outer_index(X) is not None
        if X is None:
            if groups is not None or lengths is not None:
                raise ValueError("groups and lengths belong to X, which is not given")
            if not hasattr(self, "_last_state"):
                raise ValueError("forecast needs X: the parameters were given, not fitted to rows")
            states = [self._last_state]
        else:
            states = self._states_at_ends(X, groups, lengths)
        found = self._ahead(states, n_steps)
        return Bunch(**(found if several else {name: each[0] for name, each in found.items()}))

    def _states_at_ends(self, X: Any, groups: Any, lengths: Any) -> Any:
        """Return what is known of the state at the end of each sequence."""
        raise NotImplementedError

    def _ahead(self, states: Any, n_steps: int) -> dict[str, FloatArray]:
        """Return what is known so many rows after such states, along a first axis of these."""
        raise NotImplementedError
