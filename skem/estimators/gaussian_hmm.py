"""GaussianHMM: hidden Markov models with Gaussian states."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from skem.estimators.constructing import set_parameters
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
    reg_covar : float or 'scale', default='scale'
        Added to the variances, as in :class:`GaussianMixtureEM`.
    prior : 'conjugate', dict or None, default=None
        Prior of means and covariances, as in :class:`GaussianMixtureEM`.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.
    covariances_init : array-like, default=None
        Covariances to start from, in the shape of ``covariances_``.
    stationary_start, startprob_init, transmat_init, startprob_prior, transmat_prior, fixed, tol, \
max_iter, n_init, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all hidden Markov models
        Said once, in HiddenMarkovModel.

    Attributes
    ----------
    startprob_, transmat_ : as of all hidden Markov models
        Said once, in HiddenMarkovModel.
    means_ : ndarray of shape (n_components, n_features)
        Means.
    covariances_ : ndarray
        Covariances, in the shape that belongs to ``covariance_type``.
    precisions_ : ndarray
        Their inverses.
    precisions_cholesky_ : ndarray
        Upper triangles U with ``U U'`` the precision.
    stationary_distribution_, expected_dwell_times_, converged_, n_iter_, lower_bound_, \
lower_bounds_, trace_, restarts_, doubts_, n_parameters_, n_features_in_, feature_names_in_ : \
as of all hidden Markov models
        Said once, in HiddenMarkovModel.

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
        reg_covar: float | str = "scale",
        prior: str | dict[str, Any] | None = None,
        means_init: ArrayLike | None = None,
        covariances_init: ArrayLike | None = None,
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

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        family, params = self._fitted()
        K, d = params.means.shape
        return params.means + family.origin, family.structure.expand(params.covariances, K, d)
