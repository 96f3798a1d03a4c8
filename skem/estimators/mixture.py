"""Mixture: components of any distribution of scipy.stats, or of any density."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skem.data.rows import Rows
from skem.errors import Doubt
from skem.estimators.base import MixtureEM
from skem.estimators.parameters import Estimate
from skem.estimators.validation import Check
from skem.families.base import FloatArray
from skem.families.densities import Densities, DensityParameters
from skem.families.density import Density

__all__ = ["Mixture"]

#: Rows at which slopes of the log-densities are checked, at most.
ROWS_TO_CHECK = 10_000


class Mixture(MixtureEM):
    """Mixture of components of any density, fitted by EM.

    The M-step is weighted maximum likelihood: in closed form for ``norm``, ``lognorm``,
    ``laplace``, ``uniform``, ``expon``, ``poisson``, ``binom``, ``bernoulli`` and ``geom``,
    otherwise numerically, from the last estimate. For Gaussians, binomials and Poisson counts the
    classes of these names are much faster, and do more.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    components : distribution, callable, Density, or list of K such, default=None
        What the components are: a distribution of ``scipy.stats``, continuous or discrete, or a
        :class:`Density`, which says what is fixed, and can be made of a function. One for all of
        them, or one for each. None is ``scipy.stats.norm``. Columns of X are independent given
        the component, but for a function, which gets whole rows.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    max_iter : int, default=1000
        Largest number of E/M evaluations in a run. With 0 the start itself is published.
    n_init : int, default=1
        Number of starts; the best run is kept.
    init_params : {'short-runs', 'kmeans', 'k-means++', 'random', 'random_from_data'}, \
array-like or callable, default='kmeans'
        The start: a way to make one, labels or responsibilities, or a function that returns such.
        Runs of k-means begin much alike, so that it proves little if they all end alike.
        ``'short-runs'`` looks further, in two to six times the time (17 times for
        ``scipy.stats.t``, whose M-step is slow): of two skewed groups it found the best
        normals and gammas from three seeds of four, k-means from none.
        Which cluster is which of several different components is left to chance: give several
        starts (``n_init``), or labels.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    fixed, assignment, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all mixtures
        Said once, in MixtureEM.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights.
    parameters_ : ndarray of shape (n_components, n_features, n_parameters)
        Parameters of each component, in the order of scipy's (shapes, ``loc``, ``scale``), or of
        ``start``; NaN beyond them.
    components_ : list of dict
        The same by name, an array (n_features,) each; of a function a number.
    converged_, n_iter_ : as of all mixtures
        Said once, in MixtureEM.
    lower_bound_ : float
        Mean log-likelihood of the published parameters: ``score(X)``, in nats per row.
    lower_bounds_ : list of float
        Mean log-likelihood at each evaluation of the best run, before its M-step.
    doubts_ : dict of str to str
        Why the fit cannot be trusted, by a word: those of all mixtures, 'few rows' of a component
        too (they are equal), and 'no maximum' (the likelihood still rises).
    trace_, restarts_, labels_, n_parameters_, classes_ : as of all mixtures
        Said once, in MixtureEM.
    n_features_in_ : int
        Number of columns of X seen by fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X had names that are all strings.

    See Also
    --------
    skem.em.fit : EM for models that are no mixtures.

    Notes
    -----
    ``fixed`` can name weights alone: a :class:`Density` says which of its own parameters are
    fixed. Acceleration and standard errors take slopes of the log-densities by differences.

    A missing cell of X (NaN) is left out, as columns are independent given the component. A
    function takes whole rows, so that none of their cells may be missing.

    Examples
    --------
    Waiting times of two kinds:

    >>> import numpy as np
    >>> from scipy.stats import expon, gamma
    >>> from skem import Mixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.exponential(1, 300), rng.gamma(20, 0.5, 300)])[:, np.newaxis]
    >>> start = (X[:, 0] > 4).astype(int)
    >>> mixture = Mixture(2, components=[expon, gamma], init_params=start).fit(X)
    >>> mixture.components_[1]["a"].round()
    array([24.])
    """

    _Parameters = DensityParameters
    _checks = {
        **MixtureEM._checks,
        "components": Check(lambda value: True, "a distribution, a Density, or a list of them"),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        components: Any = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "kmeans",
        weights_init: ArrayLike | None = None,
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
        super().__init__(
            n_components,
            tol=tol,
            max_iter=max_iter,
            n_init=n_init,
            init_params=init_params,
            weights_init=weights_init,
            fixed=fixed,
            assignment=assignment,
            acceleration=acceleration,
            n_jobs=n_jobs,
            random_state=random_state,
            warm_start=warm_start,
            record_trace=record_trace,
            verbose=verbose,
            verbose_interval=verbose_interval,
        )
        self.components = components

    _missing = True

    _on_fall = (
        "The likeliest causes: a density that returns other values for the same rows and "
        "parameters, or whose slope jumps, so that its estimate is not the likeliest; or numbers "
        "that are too large or too small (scale X)."
    )

    # The statistics of a stream would be the whole stream.
    partial_fit = available_if(lambda self: False)(MixtureEM.partial_fit)

    @property
    def _fixable(self) -> tuple[str, ...]:
        return ("weights",)

    @property
    def components_(self) -> list[dict[str, Any]]:
        """Return the parameters of each component by name.

        Returns
        -------
        components : list of dict
            An array (n_features,) for each name; of a function a number.
        """
        check_is_fitted(self)
        return self._by_name(self.parameters_)

    def _by_name(self, parameters: FloatArray) -> list[dict[str, Any]]:
        return [
            {
                name: theta[:, i] if density.is_scipy else float(theta[0, i])
                for i, name in enumerate(density.names)
            }
            for density, theta in zip(self._densities(len(parameters)), parameters, strict=True)
        ]

    def standard_errors(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
        *,
        robust: bool = False,
    ) -> Bunch:
        """Return the standard errors of the published parameters.

        They are from the observed information of the data (Louis 1982), by differences of the
        log-densities. They hold for many rows and components that are told apart.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            The data of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit: how often each row counts.
        known_labels : array-like of int of shape (n_samples,), default=None
            The known labels of the fit.
        robust : bool, default=False
            Whether to take the sandwich form (White 1982), which holds also where weights are no
            frequencies, or the model is not quite true.

        Returns
        -------
        errors : Bunch
            ``weights`` and ``parameters``, in the shapes of the attributes: 0 for a parameter that
            was fixed, NaN for one at the edge of its range. ``components`` are the latter by name,
            as in ``components_``.

        Raises
        ------
        ValueError
            If a log-density has no slope in some parameter, as in the bounds of a uniform
            distribution or the centre of a Laplace distribution; or if the assignment is hard.

        Warns
        -----
        ConvergenceWarning
            If some standard errors do not exist.
        """
        errors = super().standard_errors(X, sample_weight, known_labels, robust=robust)
        errors.components = self._by_name(errors.parameters)
        return errors

    def _estimates(self, errors: Any) -> dict[str, Estimate]:
        """Return what is estimated by name; NaN for components that have no such parameter."""
        densities = self._densities(len(self.parameters_))
        found = {}
        for name in dict.fromkeys(name for density in densities for name in density.free):
            k = [k for k, density in enumerate(densities) if name in density.free]
            place = [densities[i].names.index(name) for i in k]
            arrays = [self.parameters_] + ([] if errors is None else [errors.parameters])
            picked = [np.full(array.shape[:2], np.nan) for array in arrays]
            for by_column, array in zip(picked, arrays, strict=True):
                by_column[k] = array[k, :, place]
            found[name] = Estimate(*picked)
        return found

    def _reordered_params(self, places: NDArray[np.intp]) -> dict[str, Any]:
        params = super()._reordered_params(places)
        if isinstance(self.components, list | tuple):
            params["components"] = [self.components[k] for k in places]
        return params

    def _explain(
        self, doubt: Doubt | None, family: Any, params: Any, counts: FloatArray, rows: Rows
    ) -> dict[str, str]:
        if doubt is None:
            return {}
        advice = "Fix it in a Density, decrease n_components, or give more starts (n_init)."
        return {doubt.word: f"{doubt.sentence}. {advice}"}

    def _check_slopes(self, family: Densities, params: Any, rows: Rows) -> None:
        X = np.asarray(rows.first(ROWS_TO_CHECK), dtype=np.float64)
        family.check_smooth(params.components, X)

    @property
    def _estimated(self) -> tuple[str, ...]:
        return ("weights", "parameters")

    def _data_options(self, reset: bool) -> dict[str, Any]:
        # One row has no scale.
        return {**super()._data_options(reset), "ensure_min_samples": 2 if reset else 1}

    def _densities(self, n_components: int) -> tuple[Density, ...]:
        """Return one density for each component."""
        given = stats.norm if self.components is None else self.components
        if isinstance(given, list | tuple):
            if len(given) != n_components:
                raise ValueError(
                    f"components has {len(given)} densities, but n_components is {n_components}"
                )
        else:
            given = [given] * n_components
        return tuple(each if isinstance(each, Density) else Density(each) for each in given)

    def _training_family(self, rows: Rows) -> Densities:
        family = self._family(self.n_components, rows.X.shape[1])
        spreads = np.sqrt(rows.summary.variance)
        return replace(family, spreads=tuple(np.where(spreads > 0, spreads, 1.0)))

    def _family(self, n_components: int, n_features: int) -> Densities:
        return Densities(n_components, n_features, densities=self._densities(n_components))
