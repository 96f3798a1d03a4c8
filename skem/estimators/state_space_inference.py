"""Standard errors of published state-space parameters."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skem.data.blocks import workers
from skem.em.information import delta_method
from skem.estimators.fitted_state_space import FittedStateSpace
from skem.estimators.state_space_fitting import free_parameters
from skem.estimators.state_space_rows import open_series
from skem.estimators.validation import InvalidParameterError, boolean
from skem.state_space.model import StateSpaceModel
from skem.state_space.series import FloatArray, StateSpace

__all__ = ["StateSpaceInferenceMixin"]


class StateSpaceInferenceMixin(FittedStateSpace):
    """The part of a state-space estimator that says how sure its parameters are."""

    def standard_errors(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        robust: bool = False,
    ) -> Bunch:
        """Return the standard errors of the published parameters.

        They are from the observed information (Louis 1982), by the delta method where parameters
        are constrained. Parameters that the likelihood does not determine have none: hold enough
        of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of the fit.
        groups, lengths : array-like, default=None
            Where sequences begin, as in :meth:`fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.
        robust : bool, default=False
            Whether to take the sandwich form (White 1982), which holds also where weights are no
            frequencies, or the model is not quite true. Sequences are the units: it takes many
            more of them than parameters.

        Returns
        -------
        errors : Bunch
            An array for each parameter, in its shape: ``errors.transition_matrix``, and so on. 0
            for what was held, NaN where there is no telling.

        Raises
        ------
        ValueError
            If ``robust`` asks for more sequences than there are.

        Warns
        -----
        ConvergenceWarning
            If some do not exist.
        """
        check_is_fitted(self)
        if not boolean.accepts(robust):
            raise InvalidParameterError(f"robust must be {boolean.description}, got {robust!r}")
        series, centre = open_series(self, X, groups, lengths, sample_weight)
        params = self._published(centre)
        model = StateSpaceModel(series, free_parameters(self, series, params, params))
        n_free = model.to_vector(params).size
        if robust and len(series.ends) <= n_free:
            raise ValueError(
                f"robust standard errors of {n_free} parameters need more sequences than that, "
                f"but there are {len(series.ends)}: say where they begin (groups or lengths), or "
                "set robust=False"
            )
        advice = "hold more of the parameters (fixed), or decrease n_states"
        with workers(0):
            variances, doubt = delta_method(model, params, _flat, advice, robust)
        if doubt is not None:
            warnings.warn(doubt, ConvergenceWarning, stacklevel=2)
        errors, place = Bunch(), 0
        for name, values in params._asdict().items():
            part = variances[place : place + values.size]
            errors[name] = np.sqrt(part).reshape(values.shape)
            place += values.size
        return errors


def _flat(params: StateSpace) -> FloatArray:
    """Return all entries, one after another."""
    arrays: list[Any] = [values.ravel() for values in params]
    return np.concatenate(arrays)
