"""CategoricalHMM: hidden Markov models with categories in each state."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from skem.estimators.categorical import CategoricalMixture
from skem.estimators.hidden_markov import HiddenMarkovModel

__all__ = ["CategoricalHMM"]


class CategoricalHMM(HiddenMarkovModel):
    """Hidden Markov model with categorical states, fitted by EM.

    Each row of a sequence comes from one of K states, between which a Markov chain moves from row
    to row. In a state it is a row of categories, drawn independently.

    Parameters
    ----------
    n_components : int, default=1
        Number of states K.
    categories : 'auto' or list of array-like, default='auto'
        The values that the cells of each column may have, in increasing order. 'auto' takes
        those of the training data.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
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
    probabilities_init : array-like of shape (n_components, n_features, n_levels), default=None
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
    probabilities_ : ndarray of shape (n_components, n_features, n_levels)
        Probability of each category of each column.
    categories_ : list of ndarray
        The categories of each column, in their order.
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
    CategoricalMixture : The same components, rows independent.

    Notes
    -----
    Baum, Petrie, Soules & Weiss (1970); Rabiner (1989). Where scaled recursions would be wrong,
    those here go over to logarithms.

    Examples
    --------
    >>> from skem import CategoricalHMM
    >>> model = CategoricalHMM.from_parameters(
    ...     startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
    ...     probabilities=[[[0.8, 0.1, 0.1]], [[0.1, 0.1, 0.8]]],
    ... )
    >>> model.predict([[0], [1], [0], [2], [2]])
    array([0, 0, 0, 1, 1], dtype=int32)
    """

    _mixture_class = CategoricalMixture
    _of_components = ("categories", "probabilities_init")
    _checks = {
        **HiddenMarkovModel._checks,
        **{name: CategoricalMixture._checks[name] for name in _of_components},
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        categories: Any = "auto",
        tol: float = 1e-8,
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
        self.categories = categories
        self.tol = tol
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
