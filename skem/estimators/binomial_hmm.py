"""BinomialHMM: hidden Markov models with binomial states."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.estimators.binomial import BinomialMixture
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
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    prior : 'conjugate', dict or None, default=None
        Beta prior of the probabilities, as in :class:`BinomialMixture`.
    startprob_prior : float or array-like of shape (n_components,), default=1.0
        Dirichlet prior of the start: 1 is flat, more adds as many starts but one.
    transmat_prior : float or array-like of shape (n_components, n_components), default=1.0
        The same of the transitions, by row.
    max_iter : int, default=1000
        Largest number of E/M evaluations in a run.
    n_init : int, default=3
        Of many diverse starts, all tried for some steps, how many are followed to the end. The
        best run that is not spurious is kept.
    startprob_init : array-like of shape (n_components,), default=None
        Start to begin with; NaN for what is left to the data. Zeros stay zero.
    transmat_init : array-like of shape (n_components, n_components), default=None
        Transitions to begin with; NaN for what is left to the data. Zeros stay zero: they say
        which states can follow which.
    probabilities_init : array-like of shape (n_components, n_columns), default=None
        Probabilities to start from.
    fixed : dict or None, default=None
        Parameters that the fit holds at their starting values: by name, True, or bools: of each
        entry of ``startprob`` or ``transmat``, of each state for others.
    acceleration : {'quasi-newton'} or None, default='quasi-newton'
        How to need fewer evaluations: steps longer than EM's, each kept only if the
        log-likelihood does not fall. None is plain EM.
    n_jobs : int, default=None
        How many runs to make at a time, in joblib's terms. None means one.
    random_state : int, RandomState instance or None, default=None
        Source of randomness of the starts and of :meth:`sample`.
    warm_start : bool, default=False
        Continue from the published parameters, if there are any.

    Attributes
    ----------
    startprob_ : ndarray of shape (n_components,)
        Distribution of the first state of a sequence.
    transmat_ : ndarray of shape (n_components, n_components)
        Row i is the distribution of the state after state i.
    probabilities_ : ndarray of shape (n_components, n_columns)
        Probabilities of a success.
    stationary_distribution_ : ndarray of shape (n_components,)
        Share of time in each state in the long run.
    expected_dwell_times_ : ndarray of shape (n_components,)
        Mean number of rows of a stay in each state.
    converged_ : bool
        Whether the best run had less than ``tol`` left to gain.
    n_iter_ : int
        E/M evaluations of the best run.
    lower_bound_ : float
        Mean log-likelihood of the published parameters, in nats per row.
    lower_bounds_ : list of float
        Mean penalised log-likelihood at each evaluation of the best run.
    restarts_ : tuple of Restart
        What each run came to.
    n_parameters_ : int
        Number of free parameters.
    n_features_in_ : int
        Number of features seen by fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X had names that are all strings.

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
        tol: float = 1e-8,
        prior: str | dict[str, Any] | None = None,
        startprob_prior: Any = 1.0,
        transmat_prior: Any = 1.0,
        max_iter: int = 1000,
        n_init: int = 3,
        startprob_init: ArrayLike | None = None,
        transmat_init: ArrayLike | None = None,
        probabilities_init: ArrayLike | None = None,
        fixed: dict[str, Any] | None = None,
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.n_components = n_components
        self.n_trials = n_trials
        self.tol = tol
        self.prior = prior
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.max_iter = max_iter
        self.n_init = n_init
        self.startprob_init = startprob_init
        self.transmat_init = transmat_init
        self.probabilities_init = probabilities_init
        self.fixed = fixed
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start

    def sample(
        self,
        n_samples: int = 1,
        random_state: Any = None,
        *,
        lengths: ArrayLike | None = None,
        n_trials: Any = None,
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Draw sequences from the model, in the layout of the training data.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows of the one sequence.
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
        """
        check_is_fitted(self)
        if self.n_trials is not None and n_trials is None:
            return super().sample(n_samples, random_state, lengths=lengths)
        of_successes = copy(self)
        of_successes.n_trials = trials = self._trials(n_trials, "sample")
        of_successes.n_features_in_ = len(trials)
        rng = self._generator(random_state)
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
        given = Binomial(family.n_components, family.n_columns, trials, incomplete=True)
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
        return n * p, n * p * (1 - p)
