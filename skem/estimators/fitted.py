"""What a fitted mixture says of rows: labels, densities, criteria, samples."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.em.scoring import evaluate
from skem.estimators.validation import check_sample_weight, integer
from skem.families.base import FloatArray, shares

__all__ = ["FittedMixture", "weighted_mean"]


class FittedMixture(DensityMixin, BaseEstimator):
    """The half of a mixture estimator that does not fit.

    All its methods follow from the family and the published parameters (``_fitted``) and from
    the validation of X (``_check_data``).
    """

    def _fitted(self) -> tuple[Any, Any]:
        """Return the family, without penalty, and the parameters that are published."""
        raise NotImplementedError

    def _check_data(self, X: Any, *, reset: bool) -> FloatArray:
        """Validate X to a float32 or float64 array; reset on the way into fit."""
        raise NotImplementedError

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Return the likeliest component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Index of the component with the largest posterior probability.
        """
        X = self._checked(X)
        labels = np.empty(len(X), dtype=np.int32)
        evaluate(*self._fitted(), X, labels=labels)
        return labels

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the posterior probability of each component, given each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.

        Returns
        -------
        responsibilities : ndarray of shape (n_samples, n_components)
            Rows sum to one. A row that is impossible under every component has the weights.
        """
        X = self._checked(X)
        posterior = np.empty((len(X), len(self.weights_)), dtype=X.dtype)
        evaluate(*self._fitted(), X, posterior=posterior)
        return posterior

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the log-density (log-probability, for counts) of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, of the dtype of X; -inf for a row impossible under every component.
        """
        X = self._checked(X)
        log_density = np.empty(len(X), dtype=X.dtype)
        evaluate(*self._fitted(), X, log_density=log_density)
        return log_density

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean log-likelihood per row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.

        Returns
        -------
        log_likelihood : float
            In nats per row. On the training data it is ``lower_bound_``.
        """
        log_density, weights = self._log_densities(X, sample_weight)
        return weighted_mean(log_density, weights)

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return Akaike's information criterion: -2 log L + 2 n_parameters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        aic : float
            The lower the better.
        """
        log_likelihood, _ = self._total_log_likelihood(X, sample_weight)
        return -2 * log_likelihood + 2 * self._n_parameters()

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the Bayesian information criterion: -2 log L + n_parameters log N.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts; N is their sum.

        Returns
        -------
        bic : float
            The lower the better (R's mclust reports its negative).
        """
        log_likelihood, N = self._total_log_likelihood(X, sample_weight)
        return float(-2 * log_likelihood + self._n_parameters() * np.log(N))

    def icl(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the integrated completed likelihood criterion.

        It is the BIC with each row's log-density replaced by its log-joint with its likeliest
        component: ``bic(X) - 2 sum_i log max_k p(k | x_i)`` (Biernacki, Celeux & Govaert 2000,
        with the labels of the maximum posterior probability; R's mclust reports its negative).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts; N is their sum.

        Returns
        -------
        icl : float
            The lower the better. At least the BIC, and equal to it where components are
            separated completely.
        """
        X = self._checked(X)
        weights = check_sample_weight(sample_weight, len(X))
        log_density, log_certainty = np.empty((2, len(X)))
        evaluate(*self._fitted(), X, log_density=log_density, log_certainty=log_certainty)
        N = _total(weights, len(X))
        completed = weighted_mean(log_density + log_certainty, weights) * N
        return float(-2 * completed + self._n_parameters() * np.log(N))

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Draw rows from the mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Source of randomness. None continues a generator started from the estimator's own
            ``random_state``, so that repeated calls differ.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            Rows, sorted by component.
        y : ndarray of shape (n_samples,)
            Their components.
        """
        check_is_fitted(self)
        return self._draw(n_samples, random_state, *self._fitted())

    def _draw(
        self, n_samples: int, random_state: Any, family: Any, params: Any
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Draw rows, component by component, and their labels."""
        if not integer(1).accepts(n_samples):
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples!r}. Sampling requires an int of at "
                "least one."
            )
        if random_state is None:
            # One generator for all calls, so that they differ and yet can be reproduced.
            if getattr(self, "_sampler", None) is None:
                self._sampler = check_random_state(self.random_state)
            random_state = self._sampler
        rng = check_random_state(random_state)
        counts = rng.multinomial(n_samples, shares(params.weights))  # of float32, not quite one
        return family.sample(params, counts, rng), np.repeat(np.arange(len(counts)), counts)

    def _checked(self, X: Any) -> FloatArray:
        check_is_fitted(self)
        return self._check_data(X, reset=False)

    def _n_parameters(self) -> int:
        family, params = self._fitted()
        return family.n_parameters(params)

    def _log_densities(
        self, X: Any, sample_weight: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        X = self._checked(X)
        weights = check_sample_weight(sample_weight, len(X))
        log_density = np.empty(len(X))
        evaluate(*self._fitted(), X, log_density=log_density)
        return log_density, weights

    def _total_log_likelihood(self, X: Any, sample_weight: Any) -> tuple[float, float]:
        log_density, weights = self._log_densities(X, sample_weight)
        N = _total(weights, len(log_density))
        return weighted_mean(log_density, weights) * N, N


def _total(weights: NDArray[np.float64] | None, n: int) -> float:
    return float(n if weights is None else weights.sum())


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64] | None) -> float:
    """Return the mean; a row of weight zero does not count even where its value is -inf.

    Parameters
    ----------
    values : ndarray of shape (n,)
        One number for each row.
    weights : ndarray of shape (n,) or None
        Their weights.

    Returns
    -------
    mean : float
        The weighted mean.
    """
    if weights is None:
        return float(values.mean())
    present = weights > 0
    return float(np.average(values[present], weights=weights[present]))
