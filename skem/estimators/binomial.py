"""BinomialMixture: mixtures of binomials, for counts of successes out of trials."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.data.rows import Rows
from skem.estimators.base import MixtureEM
from skem.estimators.frames import frame_for_frame
from skem.estimators.outputs import impute_outside_memory
from skem.estimators.parameters import Estimate
from skem.estimators.priors import beta_prior
from skem.estimators.trials import SuccessesOutOfTrials, check_trials
from skem.estimators.validation import (
    array_like,
    mapping,
    none,
    one_of,
    whole_number,
)
from skem.families.base import FloatArray
from skem.families.binomial import Binomial, BinomialParameters
from skem.missing import has_missing
from skem.mixture.scoring import evaluate

__all__ = ["BinomialMixture"]


class BinomialMixture(SuccessesOutOfTrials):
    """Mixture of binomials, fitted by EM.

    Each row of counts was produced by one of K hidden coins (of sets of coins, one for each
    column: columns are independent given the component).

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    n_trials : int, array-like of shape (n_columns,) or None, default=None
        The layout of X. None: X is ``[successes | failures]``, 2m columns in two blocks, and
        every cell has its own number of trials; a cell with 0 trials is unobserved. A number,
        or one for each column: X holds m columns of successes, at most ``n_trials``.
    prior : {'conjugate'}, dict or None, default=None
        Beta prior of the probabilities, with which none is 0 or 1, so that no new row is
        impossible: the fit maximises the posterior density. 'conjugate' adds half a success and
        half a failure to each column of each component. A dict gives other pseudo-counts,
        ``successes``, ``failures`` or both: a number, or one for each column.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    max_iter : int, default=10000
        Largest number of E/M evaluations in a run. With 0 the start itself is published.
    n_init : int, default=1
        Number of starts; the best run that is not spurious is kept. A start given as an array
        is made once.
    init_params : {'short-runs', 'kmeans', 'k-means++', 'random', 'random_from_data'}, \
array-like or callable, default='short-runs'
        The start. A name: the best of short runs of EM on (a sample of) the rows, which move
        components from where k-means puts them; clusters
        of k-means on arcsine-transformed proportions; rows shared
        out among K rows picked by k-means++, or at random; random responsibilities. An array:
        labels (n_samples,) or responsibilities (n_samples, K). A callable:
        ``f(X, n_components=, random_state=)`` that returns such an array.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    probabilities_init : array-like of shape (n_components, n_columns), default=None
        Probabilities to start from. Components that start alike stay alike.
    fixed, assignment, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all mixtures
        Said once, in MixtureEM.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights.
    probabilities_ : ndarray of shape (n_components, n_columns)
        Probability of a success. 0 and 1 are legitimate estimates, unless there is a ``prior``.
    converged_, n_iter_ : as of all mixtures
        Said once, in MixtureEM.
    lower_bound_ : float
        Mean log-likelihood of the published parameters, binomial coefficients included:
        ``score(X)``, in nats per row.
    lower_bounds_ : list of float
        Mean log-likelihood at each evaluation of the best run, before its M-step; the log of the
        density of a ``prior`` is added. An evaluation that was no improvement repeats the best
        value.
    trace_, restarts_, labels_, n_parameters_, classes_ : as of all mixtures
        Said once, in MixtureEM.
    doubts_ : dict of str to str
        Why the fit cannot be trusted, by a word: those of all mixtures, and 'unclear' (one column
        of so few trials that other parameters fit it equally well).
    n_features_in_ : int
        Number of columns of X seen by fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X had names that are all strings.

    See Also
    --------
    GaussianMixtureEM : Mixture of Gaussians.

    Notes
    -----
    Counts may be fractional: the binomial coefficient is defined through the gamma function. A
    row that is impossible under every component (a failure where all probabilities are 1, say)
    has log-probability -inf, and the weights as posterior. With one column, K components can
    be told apart only if some row has at least 2K - 1 trials (Teicher 1963; Blischke 1964);
    fit warns where none has.

    Examples
    --------
    The two coins of Do & Batzoglou (2008): five series of ten flips.

    >>> from skem import BinomialMixture
    >>> mixture = BinomialMixture(n_components=2, n_trials=10, random_state=0)
    >>> mixture = mixture.fit([[5], [9], [8], [4], [7]])
    >>> mixture.probabilities_[mixture.probabilities_[:, 0].argsort()].round(2)
    array([[0.51],
           [0.79]])
    """

    _Parameters = BinomialParameters
    _non_negative = True
    _missing = True
    _checks = {
        **MixtureEM._checks,
        "n_trials": whole_number | none | array_like,
        "prior": one_of(["conjugate"]) | mapping | none,
        "probabilities_init": none | array_like,
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        n_trials: Any = None,
        prior: str | dict[str, Any] | None = None,
        tol: float = 1e-8,
        max_iter: int = 10000,
        n_init: int = 1,
        init_params: Any = "short-runs",
        weights_init: ArrayLike | None = None,
        probabilities_init: ArrayLike | None = None,
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
        self.n_trials = n_trials
        self.prior = prior
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.probabilities_init = probabilities_init
        self.fixed = fixed
        self.assignment = assignment
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.record_trace = record_trace
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def sample(
        self, n_samples: int = 1, random_state: Any = None, *, n_trials: Any = None
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Draw rows from the mixture, in the layout of the training data.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Source of randomness. None continues a generator started from the estimator's own
            ``random_state``, so that repeated calls differ.
        n_trials : int or array-like of shape (n_columns,) or (n_samples, n_columns), default=None
            Number of trials of each column, or of each row and column. Needed, and allowed, only
            where the estimator's own ``n_trials`` is None.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            Rows, sorted by component; in the order of ``n_trials`` where that is by row.
        y : ndarray of shape (n_samples,)
            Their components.
        """
        check_is_fitted(self)
        family, params = self._fitted()
        if self.n_trials is not None:
            if n_trials is not None:
                raise ValueError("n_trials is a parameter of the estimator already")
            return self._draw(n_samples, random_state, family, params)
        if n_trials is None:
            raise ValueError(
                "sample needs n_trials, the number of trials of each column, because the data "
                "were given as [successes | failures]"
            )
        rng = self._generator(n_samples, random_state)
        trials = check_trials(n_trials, family.n_columns, type(self).__name__, n_samples)
        given = replace(family, n_trials=trials)
        if trials.ndim == 1:
            successes, y = self._draw(n_samples, rng, given, params)
        else:  # which row has which trials tells nothing of its component
            weights = params.labels.weights
            y = rng.choice(len(weights), size=n_samples, p=weights / weights.sum())
            successes = given.draw(params.components.probabilities[y], rng)
        return np.hstack([successes, trials - successes]), y

    @frame_for_frame
    def impute(
        self, X: ArrayLike, random_state: Any = None, *, n_trials: Any = None
    ) -> FloatArray:
        """Fill in missing cells, given the observed ones of their rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data; missing cells are NaN, in successes and failures alike.
        random_state : int, RandomState instance or None, default=None
            None fills in expectations. Otherwise counts are drawn, each row's together: as they
            might have been, for multiple imputation.
        n_trials : int or array-like of shape (n_columns,), default=None
            Number of trials of missing cells. Needed, and allowed, only where the estimator's own
            ``n_trials`` is None.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            A copy, with the observed cells as they are.
        """
        X = self._checked(X)
        if not isinstance(X, np.ndarray):
            return impute_outside_memory(self, X, random_state, n_trials=n_trials)
        family, params = self._fitted()
        trials = self._trials_of_missing(n_trials, family.n_columns)
        if self.n_trials is not None:
            return self._imputed(X, random_state, family, params)
        if not has_missing(X):
            return X.copy()
        if trials is None:
            raise ValueError(
                "impute needs n_trials, the number of trials of each missing cell, because the "
                "data were given as [successes | failures]"
            )
        successes, failures = np.split(X, 2, axis=1)
        # Observed cells may have other numbers of trials, but they are not filled in.
        posterior = np.empty((len(X), family.n_components))
        evaluate(family, params, X, posterior=posterior)
        rng = None if random_state is None else check_random_state(random_state)
        given = Binomial(family.n_components, family.n_columns, trials)
        filled = given.impute(params.components, successes, posterior, rng)
        failures = np.where(np.isnan(failures), trials - filled, failures)
        return np.hstack([filled, failures]).astype(X.dtype)

    @classmethod
    def from_parameters(
        cls, *, weights: ArrayLike, probabilities: ArrayLike, n_trials: Any = None, **params: Any
    ) -> Self:
        """Make a mixture of known parameters, as if it had been fitted.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Mixing weights, summing to one.
        probabilities : array-like of shape (n_components, n_columns)
            Probabilities of a success.
        n_trials : int, array-like of shape (n_columns,) or None, default=None
            The layout of X, as in the constructor.
        **params : dict
            Further constructor parameters. With ``warm_start=True``, fit continues from here.

        Returns
        -------
        mixture : BinomialMixture
            Ready to predict, score and sample. What only a fit can tell (``converged_``,
            ``n_iter_``, ``lower_bound_``, ``labels_``, ``restarts_``) it does not have.

        Raises
        ------
        ValueError
            If the shapes do not agree, the weights do not sum to one, or a probability is none.

        Examples
        --------
        >>> from skem import BinomialMixture
        >>> coins = BinomialMixture.from_parameters(
        ...     weights=[0.5, 0.5], probabilities=[[0.6], [0.5]], n_trials=10
        ... )
        >>> coins.predict_proba([[5], [9], [8], [4], [7]])[:, 0].round(2)
        array([0.45, 0.8 , 0.73, 0.35, 0.65])
        """
        shape = np.shape(probabilities)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(
                f"probabilities must have the shape (n_components, n_columns), but got {shape}"
            )
        K, m = shape
        mixture = cls(n_components=K, n_trials=n_trials, **params)
        n_features = 2 * m if n_trials is None else m
        return mixture._with_parameters(weights, n_features, probabilities=probabilities)

    def _training_family(self, rows: Rows) -> Binomial:
        family = self._family(self.n_components, rows.X.shape[1])
        if self.prior is None:
            return family
        return replace(family, prior=beta_prior(self.prior, family.n_columns))

    def _estimates(self, errors: Any) -> dict[str, Estimate]:
        of_probabilities = None if errors is None else errors.probabilities
        return {"probability": Estimate(self.probabilities_, of_probabilities)}
