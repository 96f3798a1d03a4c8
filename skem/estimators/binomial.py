"""BinomialMixture: mixtures of binomials, for counts of successes out of trials."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from skem.em.rows import Rows
from skem.estimators.base import MixtureEM
from skem.estimators.validation import (
    InvalidParameterError,
    array_like,
    check_finite_array,
    check_initial_weights,
    check_shape,
    none,
    real,
)
from skem.families.base import FloatArray
from skem.families.binomial import Binomial, BinomialParameters

__all__ = ["BinomialMixture"]


#: Log-likelihoods of larger counts could not be told from those of impossible rows.
MOST_COUNTS = 1e100


class BinomialMixture(MixtureEM):
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
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    max_iter : int, default=10000
        Largest number of E/M evaluations in a run. With 0 the start itself is published.
    n_init : int, default=1
        Number of starts; the best run that is not spurious is kept. A start given as an array
        is made once.
    init_params : {'short-runs', 'kmeans', 'k-means++', 'random', 'random_from_data'}, \
array-like or callable, default='short-runs'
        The start. A name: the best of many short runs of EM on (a sample of) the rows; clusters
        of k-means on arcsine-transformed proportions; rows shared
        out among K rows picked by k-means++, or at random; random responsibilities. An array:
        labels (n_samples,) or responsibilities (n_samples, K). A callable:
        ``f(X, n_components=, random_state=)`` that returns such an array.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    probabilities_init : array-like of shape (n_components, n_columns), default=None
        Probabilities to start from. Components that start alike stay alike.
    acceleration : {'quasi-newton'} or None, default='quasi-newton'
        How to need fewer evaluations: steps longer than EM's, each kept only if the
        log-likelihood does not fall. None is plain EM.
    n_jobs : int, default=None
        How many starts to run at a time, in joblib's terms. None means one.
    random_state : int, RandomState instance or None, default=None
        Source of randomness of the starts and of :meth:`sample`.
    warm_start : bool, default=False
        Continue from the published parameters, if there are any; ``n_init`` is then ignored.
    verbose : int, default=0
        1 prints the progress, 2 also times and changes.
    verbose_interval : int, default=10
        Evaluations between two lines of progress.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights.
    probabilities_ : ndarray of shape (n_components, n_columns)
        Probability of a success. 0 and 1 are legitimate estimates.
    converged_ : bool
        Whether the best run had less than ``tol`` left to gain.
    n_iter_ : int
        E/M evaluations of the best run.
    lower_bound_ : float
        Mean log-likelihood of the published parameters, binomial coefficients included:
        ``score(X)``, in nats per row.
    lower_bounds_ : list of float
        Mean log-likelihood at each evaluation of the best run, before its M-step. An
        evaluation that was no improvement repeats the best value.
    restarts_ : tuple of Restart
        What each start came to: ``log_likelihood`` (the last in its trace, per row), ``n_iter``,
        ``converged``, ``failure``, ``spurious`` (what makes it untrustworthy) and ``seed``.
    labels_ : ndarray of shape (n_samples,), int32
        Likeliest component of each training row.
    n_parameters_ : int
        Number of free parameters.
    n_features_in_ : int
        Number of columns of X seen by fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
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
    _checks = {
        **MixtureEM._checks,
        "n_trials": real(0.0) | none | array_like,
        "probabilities_init": none | array_like,
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        n_trials: Any = None,
        tol: float = 1e-8,
        max_iter: int = 10000,
        n_init: int = 1,
        init_params: Any = "short-runs",
        weights_init: ArrayLike | None = None,
        probabilities_init: ArrayLike | None = None,
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.n_trials = n_trials
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.probabilities_init = probabilities_init
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
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
        n_trials : int or array-like of shape (n_columns,), default=None
            Number of trials of each column. Needed, and allowed, only where the estimator's own
            ``n_trials`` is None.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            Rows, sorted by component.
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
        m = family.n_columns
        trials = _check_trials(n_trials, m, type(self).__name__)
        given = Binomial(family.n_components, m, trials)
        successes, y = self._draw(n_samples, random_state, given, params)
        return np.hstack([successes, trials - successes]), y

    def _check_data(self, X: Any, *, reset: bool) -> FloatArray:
        X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        name = type(self).__name__
        _check_cells(X, X < 0, f"Negative values in data passed to {name}: counts must be >= 0")
        if (most := float(X.max())) > MOST_COUNTS:
            raise ValueError(f"{name} takes counts up to {MOST_COUNTS:g}; the largest is {most:g}")
        trials = self._trials(X.shape[1])
        if trials is not None:
            _check_cells(X, X > trials, f"{name} got more successes than n_trials={self.n_trials}")
        return X

    def _trials(self, n_features: int) -> FloatArray | None:
        """Return the trials of each column, or None; raise ValueError if X cannot be so wide."""
        if self.n_trials is not None:
            return _check_trials(self.n_trials, n_features, type(self).__name__)
        if n_features % 2:
            raise ValueError(
                f"X has {n_features} columns, an odd number. With n_trials=None, X must be "
                "[successes | failures], two blocks of equally many columns; for columns of "
                "successes alone, set n_trials to the number of trials (an int, or one for each "
                "column)"
            )
        return None

    def _family(self, n_components: int, n_features: int) -> Binomial:
        trials = self._trials(n_features)
        return Binomial(n_components, n_features // 2 if trials is None else n_features, trials)

    def _with_initial_values(
        self, family: Binomial, partition: Callable[[], BinomialParameters]
    ) -> BinomialParameters:
        weights = probabilities = None
        if self.weights_init is not None:
            weights = check_initial_weights(self.weights_init, family.n_components)
        if self.probabilities_init is not None:
            probabilities = check_finite_array(
                self.probabilities_init, (family.n_components, family.n_columns), "probabilities"
            )
            if np.any(probabilities < 0) or np.any(probabilities > 1):
                raise ValueError(
                    "The parameter 'probabilities' should be in the range [0, 1], but got max "
                    f"value {probabilities.max():.5f}, min value {probabilities.min():.5f}"
                )
        if weights is not None and probabilities is not None:
            return BinomialParameters(weights, probabilities)
        start = partition()
        return BinomialParameters(
            start.weights if weights is None else weights,
            start.probabilities if probabilities is None else probabilities,
        )

    def _continued(self, family: Binomial) -> BinomialParameters:
        shape = (family.n_components, family.n_columns)
        check_shape(self.probabilities_, shape, "probabilities_ to continue from")
        return super()._continued(family)

    def _coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return arcsine square roots of proportions, whose variance hardly depends on them.

        An unobserved cell is put at its column's mean.
        """
        successes, failures = self._family(self.n_components, X.shape[1]).split(X)
        trials = successes + failures
        angles = np.arcsin(np.sqrt((successes + 3 / 8) / (trials + 3 / 4)))
        observed = trials > 0
        means = np.divide(
            weights @ (angles * observed),
            weights @ observed,
            out=np.zeros(trials.shape[1]),
            where=observed.any(axis=0),
        )
        return np.where(observed, angles, means)

    def _warn_about_data(self, rows: Rows) -> None:
        family = self._training_family(rows)
        if family.n_columns > 1 or self.n_components == 1:
            return
        successes, failures = family.split(rows.X)
        most = float((successes + failures).max())
        if most < 2 * self.n_components - 1:
            warnings.warn(
                f"{self.n_components} binomial components cannot be identified from one column "
                f"with at most {most:g} trials: at least {2 * self.n_components - 1} are needed. "
                "Other parameters fit these data equally well; decrease n_components.",
                ConvergenceWarning,
                stacklevel=5,
            )


def _check_trials(n_trials: Any, n_columns: int, name: str) -> FloatArray:
    """Return the number of trials of each column as an array."""
    trials = np.asarray(n_trials, dtype=np.float64)
    if trials.ndim == 0:
        trials = np.full(n_columns, trials)
    if trials.shape != (n_columns,):
        raise ValueError(
            f"n_trials has the shape {trials.shape}, but X has {n_columns} columns of successes: "
            "give an int, or one number for each column"
        )
    if not (np.isfinite(trials).all() and (trials >= 0).all()):
        raise InvalidParameterError(
            f"The 'n_trials' parameter of {name} must hold finite numbers >= 0. Got {n_trials!r}."
        )
    return trials


def _check_cells(X: FloatArray, bad: NDArray[np.bool_], message: str) -> None:
    """Raise ValueError, naming the first bad cell."""
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{message}; X[{row}, {column}] is {X[row, column]:g}")
