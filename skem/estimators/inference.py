"""Standard errors of published parameters."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skem.data.blocks import workers
from skem.data.rows import Rows
from skem.em.information import delta_method
from skem.estimators.fitting import known_rows, training_rows
from skem.estimators.parameters import ParametricMixture
from skem.estimators.sources import open_data, open_labels, open_weights
from skem.estimators.validation import InvalidParameterError, boolean
from skem.families.base import FloatArray
from skem.mixture.model import MixtureModel
from skem.ranges import SIMPLEX

__all__ = ["InferenceMixin", "at_edges", "standard_errors_of"]


class InferenceMixin(ParametricMixture):
    """The part of a mixture estimator that says how sure its parameters are."""

    def _check_slopes(self, family: Any, params: Any, rows: Rows) -> None:
        """Raise where log-densities have no slope at some rows: not in an exponential family."""

    @property
    def _estimated(self) -> tuple[str, ...]:
        """Parameters that have standard errors."""
        return self._fixable

    def standard_errors(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
        *,
        robust: bool = False,
    ) -> Bunch:
        """Return the standard errors of the published parameters.

        They are from the observed information of the data (Louis 1982), by the delta method where
        parameters are constrained. They hold for many rows and components that are told apart;
        where those overlap much a bootstrap says more.

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
            An array for each kind of parameter, in its shape: ``errors.weights``, and so on. 0 for
            one that was fixed, NaN for one at the edge of its range.

        Raises
        ------
        ValueError
            If the assignment is hard: its estimates are not those of the maximum likelihood.

        Warns
        -----
        ConvergenceWarning
            If some standard errors do not exist.
        """
        check_is_fitted(self)
        if not boolean.accepts(robust):
            raise InvalidParameterError(f"robust must be {boolean.description}, got {robust!r}")
        if self.assignment == "hard":
            raise ValueError("standard_errors needs assignment='soft': hard estimates are biased")
        X = open_data(self, X, reset=False)
        weights = open_weights(sample_weight, X)
        labels = open_labels(known_labels, X, self.n_components)
        rows, _ = training_rows(known_rows(self, X, weights, labels))
        # Not bound to the rows: what they share would be missing from the scores of each.
        labels_model, family, params, _ = self._prepare(rows, self._continued)
        self._check_slopes(family, params, rows)
        with workers(rows.n_rows * family.n_statistics * self.n_components) as crew:
            model = MixtureModel(labels_model, family, rows, crew)
            return standard_errors_of(model, at_edges(model, params), self._estimated, robust)


def at_edges(model: Any, params: Any) -> Any:
    """Return estimates; those that tend to an edge of their range are on it.

    Parameters
    ----------
    model : Smooth
        What was fitted.
    params : MixtureParameters
        The estimates.

    Returns
    -------
    params : MixtureParameters
        What is on an edge has no standard error; the others have that of a model that holds it.
    """
    values, following = params.by_name(), model.evaluate(params).params.by_name()
    ranges = dict.fromkeys(params.labels._fields, SIMPLEX) | getattr(
        model.components, "ranges", {}
    )
    return params.with_arrays(
        **{name: ranges[name].move_to_edges(values[name], following[name]) for name in ranges}
    )


def standard_errors_of(model: Any, params: Any, names: tuple[str, ...], robust: bool) -> Bunch:
    """Return standard errors in the shapes of the parameters.

    Parameters
    ----------
    model : Smooth
        What was fitted.
    params : MixtureParameters
        The estimates.
    names : tuple of str
        Arrays of params that are wanted.
    robust : bool
        Whether to take the sandwich form.

    Returns
    -------
    errors : Bunch
        An array for each name: 0 where a parameter is held, NaN where there is no telling.

    Warns
    -----
    ConvergenceWarning
        Where some are NaN.
    """
    arrays = params.by_name()
    flat = partial(_flat, names)
    variances, doubt = delta_method(model, params, flat, "decrease n_components", robust)
    if doubt:
        warnings.warn(doubt, ConvergenceWarning, stacklevel=3)
    errors, start = Bunch(), 0
    for name in names:
        values = arrays[name]
        errors[name] = np.sqrt(variances[start : start + values.size]).reshape(values.shape)
        start += values.size
    return errors


def _flat(names: tuple[str, ...], params: Any) -> FloatArray:
    """Return some arrays of parameters, one after another."""
    return np.concatenate([params.by_name()[name].ravel() for name in names])
