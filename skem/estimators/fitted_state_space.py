"""What a fitted state-space model says of sequences: states, densities, forecasts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from skem.data.blocks import workers
from skem.estimators.documentation import share_documentation
from skem.estimators.drawing import generator_of, lengths_to_draw
from skem.estimators.forecasting import ForecastMixin
from skem.estimators.number_validation import LEAVE_OUT
from skem.estimators.row_validation import NOTHING_OBSERVED
from skem.estimators.sequences import (
    outer_index,
    refuse_lengths_as_y,
    sequence_ends,
)
from skem.estimators.state_space_parameters import StateSpaceParameters
from skem.estimators.state_space_rows import open_series
from skem.state_space.ahead import forecast, imputed, sample
from skem.state_space.expectation import expect
from skem.state_space.series import FloatArray
from skem.state_space.smoothing import rows_of

__all__ = ["FittedStateSpace"]


class FittedStateSpace(ForecastMixin, DensityMixin, StateSpaceParameters):
    """The half of a state-space estimator that does not fit."""

    random_state: Any
    _sampler: Any
    _about_text = LEAVE_OUT

    __metadata_request__score = {"groups": True}
    __metadata_request__predict = {"groups": True}

    def _by_row(self, X: Any, groups: Any, lengths: Any, smooths: bool) -> Any:
        check_is_fitted(self)
        series, centre = open_series(self, X, groups, lengths)
        with workers(0):
            return rows_of(series, self._published(centre), smooths)

    def filter(
        self, X: ArrayLike, *, groups: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return what is known of the states given the rows up to their own.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Sequences; NaN where a cell is missing.
        groups, lengths : array-like, default=None
            Where sequences begin, as in :meth:`fit`.

        Returns
        -------
        means : ndarray of shape (n_samples, n_states)
            Of the state at each row.
        covariances : ndarray of shape (n_samples, n_states, n_states)
            Of the same.
        """
        found = self._by_row(X, groups, lengths, smooths=False)
        return found.means, found.covariances

    def smooth(
        self, X: ArrayLike, *, groups: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return what is known of the states given all rows of their sequence.

        Parameters
        ----------
        X, groups, lengths : as in filter
            Said once, there.

        Returns
        -------
        means : ndarray of shape (n_samples, n_states)
            Of the state at each row.
        covariances : ndarray of shape (n_samples, n_states, n_states)
            Of the same.
        """
        found = self._by_row(X, groups, lengths, smooths=True)
        return found.means, found.covariances

    def predict(
        self, X: ArrayLike, *, groups: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> FloatArray:
        """Return the smoothed means of the states.

        Parameters
        ----------
        X, groups, lengths : as in filter
            Said once, there.

        Returns
        -------
        states : ndarray of shape (n_samples, n_states)
            The first result of :meth:`smooth`, without the cost of covariances.
        """
        check_is_fitted(self)
        series, centre = open_series(self, X, groups, lengths)
        with workers(0):
            return expect(series, self._published(centre)).means

    def impute(
        self, X: ArrayLike, *, groups: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> FloatArray:
        """Return X with missing cells replaced by their expectations given all others.

        Parameters
        ----------
        X, groups, lengths : as in filter
            Said once, there.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            A copy; observed cells are as they were.
        """
        check_is_fitted(self)
        series, centre = open_series(self, X, groups, lengths)
        params = self._published(centre)
        with workers(0):
            filled = imputed(series, params, expect(series, params).means) + centre
        X = np.asarray(X, dtype=np.float64)
        return np.where(np.isnan(X), filled, X)

    def score_samples(
        self, X: ArrayLike, *, groups: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> FloatArray:
        """Return the log-density of each row given the rows before it, in nats.

        Parameters
        ----------
        X, groups, lengths : as in filter
            Said once, there.

        Returns
        -------
        log_densities : ndarray of shape (n_samples,)
            That of the observed cells; 0 where a row has none.
        """
        return self._by_row(X, groups, lengths, smooths=False).log_densities

    def score(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> float:
        """Return the mean log-likelihood, in nats per row.

        Parameters
        ----------
        X : as in filter
            Said once, there.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sequence counts: the same in all of its rows.
        groups, lengths : as in filter
            Said once, there.

        Returns
        -------
        log_likelihood : float
            In nats per row. Rows of which no cell is observed do not count.
        """
        refuse_lengths_as_y(y, X)
        total, weight = self._total(X, sample_weight, groups, lengths)
        return total / weight

    def _total(self, X: Any, sample_weight: Any, groups: Any, lengths: Any) -> tuple[float, float]:
        """Return the log-likelihood, and the number of rows observed, by weight."""
        check_is_fitted(self)
        series, centre = open_series(self, X, groups, lengths, sample_weight)
        if not series.n_known:
            raise ValueError(NOTHING_OBSERVED)
        with workers(0):
            expected = expect(series, self._published(centre))
        return expected.log_likelihood, series.n_known

    def aic(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> float:
        """Return Akaike's information criterion: the lower, the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.
        groups, lengths : as in filter
            Said once, there.

        Returns
        -------
        aic : float
            In total, not by row.
        """
        total, _ = self._total(X, sample_weight, groups, lengths)
        return 2 * self.n_parameters_ - 2 * total

    def bic(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> float:
        """Return the Bayesian information criterion: the lower, the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.
        groups, lengths : as in filter
            Said once, there.

        Returns
        -------
        bic : float
            In total, not by row; the units of data are rows of which a cell is observed.
        """
        total, weight = self._total(X, sample_weight, groups, lengths)
        return float(self.n_parameters_ * np.log(weight) - 2 * total)

    def _states_at_ends(self, X: Any, groups: Any, lengths: Any) -> Any:
        means, covariances = self.filter(X, groups=groups, lengths=lengths)
        last = sequence_ends(len(means), groups, lengths, outer_index(X)) - 1
        return list(zip(means[last], covariances[last], strict=True))

    def _ahead(self, states: Any, n_steps: int) -> dict[str, FloatArray]:
        params = self._published()
        found = zip(*(forecast(params, m, P, n_steps) for m, P in states), strict=True)
        names = ("state_means", "state_covariances", "means", "covariances")
        return {name: np.array(each) for name, each in zip(names, found, strict=True)}

    def sample(
        self,
        n_samples: int | None = None,
        random_state: Any = None,
        *,
        lengths: ArrayLike | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Draw sequences from the model.

        Parameters
        ----------
        n_samples : int, default=None
            Number of rows of the one sequence: 1, unless there are ``lengths``.
        random_state : int, RandomState instance or None, default=None
            Source of randomness. None continues a generator started from the estimator's own
            ``random_state``, so that repeated calls differ.
        lengths : array-like of int, default=None
            Rows of each of several sequences, in place of ``n_samples``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows, one sequence after another.
        states : ndarray of shape (n_samples, n_states)
            The states that led to them.

        Raises
        ------
        ValueError
            If ``n_samples`` is not the sum of ``lengths``.
        """
        check_is_fitted(self)
        sizes = lengths_to_draw(n_samples, lengths)
        rng, params = generator_of(self, random_state), self._published()
        drawn = [sample(params, int(size), rng) for size in sizes]
        rows, states = zip(*drawn, strict=True)
        return np.concatenate(rows), np.concatenate(states)


share_documentation(FittedStateSpace, "filter")
