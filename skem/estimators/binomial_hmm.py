"""BinomialHMM: hidden Markov models with binomial states."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.estimators.binomial import BinomialMixture
from skem.estimators.constructing import set_parameters
from skem.estimators.drawing import generator_of
from skem.estimators.hidden_markov import HiddenMarkovModel
from skem.families.base import FloatArray
from skem.families.binomial import Binomial

__all__ = ["BinomialHMM"]


class BinomialHMM(HiddenMarkovModel):
    """Hidden Markov model with binomial states, fitted by EM.

    Each row of a sequence comes from one of K states, between which a Markov chain moves from row
    to row. In a state it is a number of successes from a binomial distribution.

    Parameters
    ----------
    n_components : int, default=1
        Number of states K.
    n_trials : int, array-like of shape (n_columns,) or None, default=None
        Trials of each column, for rows of successes; None for rows ``[successes | failures]``.
    prior : 'conjugate', dict or None, default=None
        Beta prior of the probabilities, as in :class:`BinomialMixture`.
    probabilities_init : array-like of shape (n_components, n_columns), default=None
        Probabilities to start from.
    stationary_start, startprob_init, transmat_init, startprob_prior, transmat_prior, fixed, tol, \
max_iter, n_init, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all hidden Markov models
        Said once, in HiddenMarkovModel.

    Attributes
    ----------
    startprob_, transmat_ : as of all hidden Markov models
        Said once, in HiddenMarkovModel.
    probabilities_ : ndarray of shape (n_components, n_columns)
        Probabilities of a success.
    stationary_distribution_, expected_dwell_times_, converged_, n_iter_, lower_bound_, \
lower_bounds_, trace_, restarts_, doubts_, n_parameters_, n_features_in_, feature_names_in_ : \
as of all hidden Markov models
        Said once, in HiddenMarkovModel.

    See Also
    --------
    BinomialMixture : The same components, rows independent.

    Notes
    -----
    Baum, Petrie, Soules & Weiss (1970); Rabiner (1989). Where scaled recursions would be wrong,
    those here go over to logarithms.

    Examples
    --------
    >>> from skem import BinomialHMM
    >>> model = BinomialHMM.from_parameters(
    ...     startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
    ...     probabilities=[[0.2], [0.8]], n_trials=10,
    ... )
    >>> model.predict([[1], [3], [5], [8], [9]])
    array([0, 0, 0, 1, 1], dtype=int32)
    """

    _mixture_class = BinomialMixture
    _of_components = ("n_trials", "prior", "probabilities_init")
    _checks = {
        **HiddenMarkovModel._checks,
        **{name: BinomialMixture._checks[name] for name in _of_components},
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        n_trials: Any = None,
        prior: str | dict[str, Any] | None = None,
        probabilities_init: ArrayLike | None = None,
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

    def sample(
        self,
        n_samples: int | None = None,
        random_state: Any = None,
        *,
        lengths: ArrayLike | None = None,
        n_trials: Any = None,
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Draw sequences from the model, in the layout of the training data.

        Parameters
        ----------
        n_samples : int, default=None
            Number of rows of the one sequence: 1, unless there are ``lengths``.
        random_state : int, RandomState instance or None, default=None
            Source of randomness. None continues a generator started from the estimator's own
            ``random_state``, so that repeated calls differ.
        lengths : array-like of int, default=None
            Rows of each of several sequences, in place of ``n_samples``.
        n_trials : int or array-like of shape (n_columns,), default=None
            Number of trials of each column. Needed, and allowed, only where the estimator's own
            ``n_trials`` is None.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            Rows, one sequence after another.
        states : ndarray of shape (n_samples,)
            Their states.

        Raises
        ------
        ValueError
            If ``n_samples`` is not the sum of ``lengths``, or trials are not given, or twice.
        """
        check_is_fitted(self)
        if self.n_trials is not None and n_trials is None:
            return super().sample(n_samples, random_state, lengths=lengths)
        of_successes = copy(self)
        of_successes.n_trials = trials = self._trials(n_trials, "sample")
        of_successes.n_features_in_ = len(trials)
        rng = generator_of(self, random_state)
        successes, states = of_successes.sample(n_samples, rng, lengths=lengths)
        return np.hstack([successes, trials - successes]), states

    def impute(
        self,
        X: ArrayLike,
        random_state: Any = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        n_trials: Any = None,
    ) -> FloatArray:
        """Fill in missing cells, given all that is observed of their sequence.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Rows of all sequences; missing cells are NaN, in successes and failures alike.
        random_state : int, RandomState instance or None, default=None
            None fills in expectations. Otherwise cells are drawn, row by row.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.
        n_trials : int or array-like of shape (n_columns,), default=None
            Number of trials of missing cells. Needed, and allowed, only where the estimator's own
            ``n_trials`` is None.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            A copy, with the observed cells as they are.
        """
        check_is_fitted(self)
        if self.n_trials is not None and n_trials is None:
            return super().impute(X, random_state, groups=groups, lengths=lengths)
        trials = self._trials(n_trials, "impute")
        posterior = self.predict_proba(X, groups=groups, lengths=lengths)
        rows = self._in_memory(X)
        successes, failures = np.split(rows, 2, axis=1)
        family, components = self._fitted()
        rng = None if random_state is None else check_random_state(random_state)
        given = Binomial(family.n_components, family.n_columns, trials)
        filled = given.impute(components, successes, posterior.astype(np.float64), rng)
        failures = np.where(np.isnan(failures), trials - filled, failures)
        return np.hstack([filled, failures]).astype(rows.dtype)

    def _trials(self, n_trials: Any, purpose: str) -> FloatArray:
        """Return the trials of each column, which the data do not tell; raise if given twice."""
        trials = self._mixture()._trials_of_missing(n_trials, self.probabilities_.shape[1])
        if trials is None:
            raise ValueError(
                f"{purpose} needs n_trials, the number of trials of each column, because the data "
                "were given as [successes | failures]"
            )
        return np.asarray(trials)

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        if self.n_trials is None:
            raise ValueError("forecast needs n_trials, the number of trials of each column")
        p, n = self.probabilities_, np.asarray(self.n_trials)
        return n * p, (n * p * (1 - p))[:, np.newaxis] * np.eye(p.shape[1])
