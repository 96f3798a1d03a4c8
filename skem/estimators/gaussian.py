"""GaussianMixtureEM: a superset of scikit-learn's GaussianMixture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skem.data.resolution import Resolution, resolution_of
from skem.data.rows import Rows
from skem.errors import Doubt
from skem.estimators.advice import doubts_about
from skem.estimators.base import MixtureEM
from skem.estimators.column_name import column_name
from skem.estimators.gaussian_attributes import GaussianAttributes
from skem.estimators.priors import conjugate_prior
from skem.estimators.row_validation import check_squares
from skem.estimators.validation import (
    array_like,
    check_finite_array,
    check_parameters,
    check_weights,
    mapping,
    none,
    one_of,
    real,
)
from skem.families.amplification import admissible_amplification
from skem.families.base import FloatArray
from skem.families.covariance import STRUCTURES
from skem.families.gaussian import Gaussian
from skem.families.gaussian_density import GaussianParameters

__all__ = ["GaussianMixtureEM"]

#: Share of a feature's variance that ``reg_covar="scale"`` leaves each component at least. With
#: 1e-6 a tenth of mixtures of random matrices, 3 to 10 features, was up to 2 nats a row below
#: scikit-learn's fit: some component was too narrow for the bound, so called flat, and avoided.
RELATIVE_LEAST = 1e-10

#: Variance that it leaves each component at least of values in steps of one. Sums over the whole
#: numbers of a density this wide are within 1.5 % of one, so that nothing is gained by components
#: that sit on them. With 1/12, the variance of rounding itself, BIC finds five components in 8 of
#: 8 samples of 250 answers from 1 to 5 of one group; with 1/4 one in 8 of 8.
VARIANCE_OF_STEP = 1 / 4


class GaussianMixtureEM(GaussianAttributes):
    """Gaussian mixture, fitted by EM.

    Every parameter, method and attribute of :class:`sklearn.mixture.GaussianMixture` is here
    under the same name. New are sample weights, missing values, known labels, parameters held
    fixed, standard errors, any partition as a start, and a report on every start.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        Structure of the covariances: one matrix per component, one for all, one variance per
        component and feature, or one per component.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row. In
        scikit-learn, whose default is 1e-3, it is compared with the last change.
    reg_covar : float or 'scale', default='scale'
        What keeps components from collapsing. 'scale' maximises the likelihood under the
        constraint that no component is narrower, in any direction, than 1e-5 of each feature's
        spread, nor than half a step where values are rounded to an even grid. Units do
        not matter, and a fit that is wide enough is that without any bound. A
        number is as in scikit-learn, whose default is 1e-6: it is added to every variance, in
        squared units of the data, which maximises the log-likelihood less
        ``reg_covar / 2 * trace(precision)`` in each component's log-density.
    prior : {'conjugate'}, dict or None, default=None
        Prior of means and covariances, with which components cannot collapse: the fit maximises
        the posterior density, and nothing is added to variances; of ``reg_covar`` there remains
        the bound by rounding, if it is 'scale'. 'conjugate' is that of Fraley &
        Raftery (2007): ``shrinkage`` 0.01 rows at the ``mean`` of the data,
        ``degrees_of_freedom`` n_features + 2, and as ``scale`` the covariance of the data divided
        by ``n_components ** (2 / n_features)``, in the shape that one component's has. A dict
        gives some of the four.
    max_iter : int, default=1000
        Largest number of E/M evaluations in a run. With 0 the start itself is published.
    n_init : int, default=1
        Number of starts; the best run that is not spurious is kept. A start given as an array
        is made once.
    init_params : {'short-runs', 'kmeans', 'k-means++', 'random', 'random_from_data'}, \
array-like or callable, default='short-runs'
        The start. A name: the best of short runs of EM on (a sample of) the rows, which move
        components from where k-means puts them; clusters
        of k-means; rows shared out among K rows picked by
        k-means++, or at random; random responsibilities. An array: labels (n_samples,) or
        responsibilities (n_samples, K). A callable: ``f(X, n_components=, random_state=)`` that
        returns such an array.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.
    precisions_init : array-like, default=None
        Precisions to start from, in the shape of ``precisions_``.
    covariances_init : array-like, default=None
        Covariances to start from, instead of ``precisions_init``, in the shape of
        ``covariances_``.
    fixed, assignment, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all mixtures
        Said once, in MixtureEM.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights.
    means_ : ndarray of shape (n_components, n_features)
        Means.
    covariances_ : ndarray
        Covariances: (n_components, n_features, n_features) if full, (n_features, n_features) if
        tied, (n_components, n_features) if diag, (n_components,) if spherical.
    precisions_ : ndarray
        Their inverses, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangles U (standard deviations' inverses, if diag or spherical) with ``U U'``
        the precision.
    converged_, n_iter_ : as of all mixtures
        Said once, in MixtureEM.
    lower_bound_ : float
        Mean log-likelihood of the published parameters: ``score(X)``, in nats per row.
    lower_bounds_ : list of float
        Mean penalised log-likelihood at each evaluation of the best run, before its M-step. An
        evaluation that was no improvement repeats the best value.
    trace_, restarts_, labels_, n_parameters_, classes_ : as of all mixtures
        Said once, in MixtureEM.
    doubts_ : dict of str to str
        Why the fit cannot be trusted and what helps, by a word: those of all mixtures, 'flat',
        'spike', and 'few rows' of a component too; and 'data', where columns that are constant or
        collinear make the data flat, however many components there are.
    n_features_in_ : int
        Number of features seen by fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X had names that are all strings.

    See Also
    --------
    BinomialMixture : Mixture of binomials, for counts out of trials.
    sklearn.mixture.GaussianMixture : The class it replaces.

    Notes
    -----
    EM for Gaussian mixtures: Dempster, Laird & Rubin (1977), section 4.3; McLachlan & Peel,
    *Finite Mixture Models* (2000), chapter 3. Attributes have the dtype of X; the computation is
    in float64.

    Examples
    --------
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> X = load_old_faithful().data
    >>> mixture = GaussianMixtureEM(n_components=2, random_state=0).fit(X)
    >>> mixture.means_[mixture.means_[:, 0].argsort()].round(2)
    array([[ 2.04, 54.48],
           [ 4.29, 79.97]])
    >>> round(mixture.lower_bound_ * len(X), 2)
    -1130.26
    """

    _Parameters = GaussianParameters
    _fixable = ("weights", "means", "covariances")
    _missing = True
    _checks = {
        **MixtureEM._checks,
        "covariance_type": one_of(STRUCTURES),
        "reg_covar": real(0.0) | one_of(["scale"]),
        "prior": one_of(["conjugate"]) | mapping | none,
        "means_init": none | array_like,
        "precisions_init": none | array_like,
        "covariances_init": none | array_like,
    }

    _advice = (
        "Fitting the mixture model failed because some components have ill-defined empirical "
        "covariance (for instance caused by singleton "
        "or collapsed samples). Try to decrease the number of components, increase reg_covar, or "
        "scale the input data. "
        "(With prior='conjugate' components cannot collapse.)"
    )

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-8,
        reg_covar: float | str = "scale",
        prior: str | dict[str, Any] | None = None,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "short-runs",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        covariances_init: ArrayLike | None = None,
        fixed: dict[str, Any] | None = None,
        assignment: str = "soft",
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        record_trace: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.prior = prior
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.covariances_init = covariances_init
        self.fixed = fixed
        self.assignment = assignment
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.record_trace = record_trace
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    @classmethod
    def from_parameters(
        cls,
        *,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        covariance_type: str = "full",
        **params: Any,
    ) -> Self:
        """Make a mixture of known parameters, as if it had been fitted.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Mixing weights, summing to one.
        means : array-like of shape (n_components, n_features)
            Means.
        covariances : array-like
            Covariances, in the shape that belongs to ``covariance_type``.
        covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
            Structure of the covariances.
        **params : dict
            Further constructor parameters. With ``warm_start=True``, fit continues from here.

        Returns
        -------
        mixture : GaussianMixtureEM
            Ready to predict, score and sample. What only a fit can tell (``converged_``,
            ``n_iter_``, ``lower_bound_``, ``labels_``, ``restarts_``) it does not have.

        Raises
        ------
        ValueError
            If the shapes do not agree, the weights do not sum to one, or a covariance is not
            positive definite.

        Examples
        --------
        >>> from skem import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters(
        ...     weights=[0.5, 0.5], means=[[-1.0], [1.0]], covariances=[1.0, 1.0],
        ...     covariance_type="spherical",
        ... )
        >>> mixture.predict([[-2.0], [0.5]])
        array([0, 1], dtype=int32)
        """
        shape = np.shape(means)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(
                f"means must have the shape (n_components, n_features), but got {shape}"
            )
        K, d = shape
        self = cls(n_components=K, covariance_type=covariance_type, **params)
        check_parameters(self, self._checks)
        structure = self._structure()
        C = check_finite_array(covariances, structure.shape(K, d), "covariances")
        structure.check_definite(C, "covariance")
        U = structure.factor(C, np.zeros(d))
        self._set_parameters(
            check_weights(weights, K), check_finite_array(means, (K, d), "means"), C, U
        )
        self.n_features_in_ = d
        self.n_parameters_ = self._n_parameters()
        return self

    def _data_options(self, reset: bool) -> dict[str, Any]:
        return {**super()._data_options(reset), "ensure_min_samples": 2 if reset else 1}

    def _training_family(self, rows: Rows) -> Gaussian:
        mean, variance, largest, *_ = rows.summary
        check_squares(self, largest, variance)
        scale = np.sqrt(variance)
        family = Gaussian(
            structure=self._structure(),
            n_components=self.n_components,
            origin=mean,
            scale=np.where(scale > 0, scale, 1.0),
            floor=(4 * np.finfo(np.float64).eps * largest) ** 2,
            max_amplification=admissible_amplification(self.tol),
        )
        least: FloatArray
        rounding: FloatArray
        least, rounding = np.zeros((2, variance.size))
        ridge: Any = 0.0 if self.prior is not None or self.reg_covar == "scale" else self.reg_covar
        if self.reg_covar == "scale":
            least, rounding = _bounds(variance, resolution_of(rows))
        if self.prior is not None:
            prior = conjugate_prior(self.prior, family, rows, self._column_names(variance.size))
            return replace(family, rounding=rounding, prior=prior)
        return replace(family, least=least, rounding=rounding, ridge=ridge)

    def _explain(
        self, doubt: Doubt | None, family: Any, params: Any, counts: FloatArray, rows: Rows
    ) -> dict[str, str]:
        names = self._column_names(params.means.shape[1])
        return doubts_about(doubt, family, params, counts, rows, names)

    def _column_names(self, n_features: int) -> list[Any]:
        return [column_name(self, j) for j in range(n_features)]


def _bounds(variance: FloatArray, resolution: Resolution) -> tuple[FloatArray, FloatArray]:
    """Return the least variances, and those that the rounding of the data hides.

    A row far from all others makes variances as large as it likes, but not quartiles. A constant
    feature has the least variance that the others have on average.
    """
    least = RELATIVE_LEAST * np.minimum(variance, resolution.spreads**2)
    typical = least[variance > 0].mean() if variance.any() else RELATIVE_LEAST
    hidden = np.minimum(resolution.steps**2 * VARIANCE_OF_STEP, variance / 2)
    return np.where(variance > 0, least, typical), hidden
