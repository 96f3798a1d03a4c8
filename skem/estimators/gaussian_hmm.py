"""GaussianHMM: hidden Markov models with Gaussian states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skem.estimators.gaussian import GaussianMixtureEM
from skem.estimators.hidden_markov import HiddenMarkovModel
from skem.families.base import FloatArray

__all__ = ["GaussianHMM"]


class GaussianHMM(HiddenMarkovModel):
    """Hidden Markov model with Gaussian states, fitted by EM.

    Each row of a sequence comes from one of K states, between which a Markov chain moves from row
    to row. In a state it is from a Gaussian distribution.

    Parameters
    ----------
    n_components : int, default=1
        Number of states K.
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        Structure of the covariances.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    reg_covar : float or 'scale', default='scale'
        Added to the variances, as in :class:`GaussianMixtureEM`.
    prior : 'conjugate', dict or None, default=None
        Prior of means and covariances, as in :class:`GaussianMixtureEM`.
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
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.
    covariances_init : array-like, default=None
        Covariances to start from, in the shape of ``covariances_``.
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
    means_ : ndarray of shape (n_components, n_features)
        Means.
    covariances_ : ndarray
        Covariances, in the shape that belongs to ``covariance_type``.
    precisions_ : ndarray
        Their inverses.
    precisions_cholesky_ : ndarray
        Upper triangles U with ``U U'`` the precision.
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
    GaussianMixtureEM : The same components, rows independent.

    Notes
    -----
    Baum, Petrie, Soules & Weiss (1970); Rabiner (1989). Where scaled recursions would be wrong,
    those here go over to logarithms.

    Examples
    --------
    >>> from skem import GaussianHMM
    >>> from skem.datasets import load_old_faithful
    >>> X = load_old_faithful().data
    >>> model = GaussianHMM(n_components=2, covariance_type="diag", random_state=0).fit(X)
    >>> round(model.lower_bound_ * len(X), 2)
    -1113.54
    >>> model.transmat_[model.means_[:, 0].argsort()[0]].max().round(2)
    np.float64(0.94)
    """

    _mixture_class = GaussianMixtureEM
    _of_components = ("covariance_type", "reg_covar", "prior", "means_init", "covariances_init")
    _checks = {
        **HiddenMarkovModel._checks,
        **{name: GaussianMixtureEM._checks[name] for name in _of_components},
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-8,
        reg_covar: float | str = "scale",
        prior: str | dict[str, Any] | None = None,
        startprob_prior: Any = 1.0,
        transmat_prior: Any = 1.0,
        max_iter: int = 1000,
        n_init: int = 3,
        startprob_init: ArrayLike | None = None,
        transmat_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        covariances_init: ArrayLike | None = None,
        fixed: dict[str, Any] | None = None,
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.prior = prior
        self.startprob_prior = startprob_prior
        self.transmat_prior = transmat_prior
        self.max_iter = max_iter
        self.n_init = n_init
        self.startprob_init = startprob_init
        self.transmat_init = transmat_init
        self.means_init = means_init
        self.covariances_init = covariances_init
        self.fixed = fixed
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        family, params = self._fitted()
        K, d = params.means.shape
        variances = np.einsum("kii->ki", family.structure.expand(params.covariances, K, d))
        return params.means + family.origin, variances
