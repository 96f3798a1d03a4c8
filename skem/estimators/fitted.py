"""What a fitted mixture says of rows: labels, densities, criteria, samples."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.data.blocks import workers
from skem.estimators.drawing import generator_of
from skem.estimators.frames import frame_for_frame
from skem.estimators.holding import with_held
from skem.estimators.outputs import (
    evaluate_data,
    impute_outside_memory,
    mean_of,
)
from skem.estimators.pickling import VersionedEstimator
from skem.estimators.sources import (
    open_data,
    open_weights,
)
from skem.estimators.transform import PosteriorMixin
from skem.estimators.validation import integer
from skem.families.base import FloatArray
from skem.families.held import Held
from skem.missing import by_pattern, has_missing
from skem.mixture.scoring import evaluate

__all__ = ["FittedMixture"]

#: Weights that sum to less than this share of the rows are no frequencies.
FEWEST_OF_FREQUENCIES = 0.5


class FittedMixture(PosteriorMixin, DensityMixin, VersionedEstimator):
    """The half of a mixture estimator that does not fit.

    All its methods follow from the family and the published parameters (``_fitted``) and from
    the validation of X (``_data_options``, ``_check_block``).
    """

    def _fitted(self) -> tuple[Any, Any]:
        """Return the family, without penalty, and the parameters that are published."""
        raise NotImplementedError

    def _data_options(self, reset: bool) -> dict[str, Any]:
        """Return how validate_data is to look at X; reset on the way into fit."""
        raise NotImplementedError

    def _check_block(self, X: FloatArray, first_row: int) -> FloatArray:
        """Return rows of X, of which the first has that number, or raise ValueError."""
        return X

    def _zeros_say_nothing(self) -> bool:
        """Return whether a cell may be unobserved without being missing, as one of no trials."""
        return False

    def _unobserved(self, X: FloatArray) -> NDArray[np.bool_] | None:
        """Return of which rows of X nothing is observed; None where that is of none."""
        return np.asarray(np.isnan(X).all(axis=1)) if has_missing(X) else None

    @property
    def classes_(self) -> NDArray[np.int32]:
        """Return the labels that there are.

        Returns
        -------
        classes : ndarray of shape (n_components,), int32
            0 to K - 1. Wrappers such as dask-ml's ``ParallelPostFit`` ask for it.
        """
        check_is_fitted(self)
        return np.arange(self._fitted()[0].n_components, dtype=np.int32)

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
        return evaluate_data(*self._fitted(), X, labels=np.int32)[0]

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
        rows = self._checked(X)
        return evaluate_data(*self._fitted(), rows, posterior=rows.dtype)[0]

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
        rows = self._checked(X)
        return evaluate_data(*self._fitted(), rows, log_density=rows.dtype)[0]

    @frame_for_frame
    def impute(self, X: ArrayLike, random_state: Any = None) -> FloatArray:
        """Fill in missing cells, given the observed ones of their rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data; missing cells are NaN.
        random_state : int, RandomState instance or None, default=None
            None fills in expectations. Otherwise cells are drawn, each row's together: as they
            might have been, for multiple imputation.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in)
            A copy, with the observed cells as they are.
        """
        X = self._checked(X)
        if not isinstance(X, np.ndarray):
            return impute_outside_memory(self, X, random_state)
        return self._imputed(X, random_state, *self._fitted())

    def _imputed(self, X: FloatArray, random_state: Any, family: Any, params: Any) -> FloatArray:
        if not has_missing(X):
            return X.copy()
        rng = None if random_state is None else check_random_state(random_state)
        order = by_pattern(np.isnan(X))
        rows = X[order]
        posterior = np.empty((len(X), family.n_components))
        evaluate(family, params, rows, posterior=posterior)
        filled = np.empty_like(X)
        with workers(0):  # a BLAS of one thread: small matrices, the same bits everywhere
            filled[order] = family.impute(params.components, rows, posterior, rng)
        return filled

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean log-likelihood per row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean. A row of which nothing is observed has none.

        Returns
        -------
        log_likelihood : float
            In nats per row. On the training data it is ``lower_bound_``.
        """
        X = self._checked(X)
        return mean_of(self, X, open_weights(sample_weight, X), "log_density")[0]

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
        total, _ = self._total_of(X, sample_weight, "log_density")
        return -2 * total + 2 * self._n_parameters()

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the Bayesian information criterion: -2 log L + n_parameters log N.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts; N is their sum. A warning tells where they can be no
            frequencies.

        Returns
        -------
        bic : float
            The lower the better (R's mclust reports its negative).
        """
        total, N = self._total_of(X, sample_weight, "log_density")
        return float(-2 * total + self._n_parameters() * np.log(N))

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
            How often each row counts; N is their sum. A warning tells where they can be no
            frequencies.

        Returns
        -------
        icl : float
            The lower the better. At least the BIC, and equal to it where components are
            separated completely.
        """
        total, N = self._total_of(X, sample_weight, "log_density", "log_certainty")
        return float(-2 * total + self._n_parameters() * np.log(N))

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
        rng = self._generator(n_samples, random_state)
        weights = params.labels.weights
        counts = rng.multinomial(n_samples, weights / weights.sum())  # of float32, not quite one
        X = family.sample(params.components, counts, rng)
        return X, np.repeat(np.arange(len(counts)), counts)

    def _generator(self, n_samples: int, random_state: Any) -> Any:
        """Return the generator to draw so many rows with; raise ValueError for no number."""
        if not integer(1).accepts(n_samples):
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples!r}. Sampling requires an int of at "
                "least one."
            )
        return generator_of(self, random_state)

    def _checked(self, X: Any) -> Any:
        check_is_fitted(self)
        return open_data(self, X, reset=False)

    def _n_parameters(self) -> int:
        family, params = self._fitted()
        labels, family = with_held(family, Held(getattr(self, "_held", {})))
        return labels.n_parameters(params.labels) + family.n_parameters(params.components)

    def _total_of(self, X: Any, sample_weight: Any, *names: str) -> tuple[float, float]:
        """Return the total over rows of some outputs, and N, for a criterion.

        Warns where weights are no frequencies, since N then is not the number of rows.
        """
        X = self._checked(X)
        weights = open_weights(sample_weight, X)
        mean, N = mean_of(self, X, weights, *names)
        if weights is not None and N < FEWEST_OF_FREQUENCIES * (n := int((weights > 0).sum())):
            warnings.warn(
                f"sample_weight sums to {N:.4g} over {n} rows, which a criterion takes for the "
                "number of rows: it then compares models as that few rows would. Scale weights "
                f"that are no frequencies to the sum {n}.",
                UserWarning,
                stacklevel=3,
            )
        return mean * N, N
