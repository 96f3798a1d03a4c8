"""Parameters of a state-space model: as a user gives them, and as published."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skem.estimators.continuing import given_starting_values
from skem.estimators.state_space_fitting import count_parameters
from skem.estimators.state_space_holding import given_values
from skem.state_space.scalars import is_diagonal
from skem.state_space.series import FloatArray, StateSpace

__all__ = ["StateSpaceParameters"]


class StateSpaceParameters(BaseEstimator):
    """What a state-space estimator knows of its parameters."""

    n_states: int
    transition_matrix_: FloatArray

    @classmethod
    def from_parameters(cls, **parameters: ArrayLike) -> Self:
        """Return a model with given parameters, as if it had been fitted.

        Parameters
        ----------
        **parameters : array-like
            All seven parameters, by name: ``transition_matrix`` and so on, in the shapes of the
            attributes; ``observation_offset`` may be left out and is 0 then. A covariance that is
            singular counts as held, and so does what it leaves no noise: ``fixed`` says so.

        Returns
        -------
        model : LinearGaussianSSM
            Its :meth:`forecast` needs a sequence.

        Raises
        ------
        ValueError
            If one is missing, or does not fit the others.
        """
        given: dict[str, Any] = dict(parameters)
        C = np.atleast_2d(np.asarray(given.get("observation_matrix", np.nan), dtype=np.float64))
        given.setdefault("observation_offset", np.zeros(len(C)))
        if missing := [name for name in StateSpace._fields if name not in given]:
            raise ValueError(f"from_parameters needs {', '.join(missing)}")
        if unknown := sorted(set(given) - set(StateSpace._fields)):
            raise ValueError(f"from_parameters does not know {', '.join(unknown)}")
        model = cls(C.shape[1], **{f"{name}_init": value for name, value in given.items()})
        if not is_diagonal(np.asarray(given["observation_covariance"], dtype=np.float64)):
            model.observation_covariance_type = "full"
        model.fixed = _held_by_singular(given) or None
        params = given_values(model, len(C))
        if any(np.isnan(values).any() for values in params):
            raise ValueError("from_parameters needs numbers, not NaN")
        model.__dict__.update(cls._as_published(0.0, params))
        model.n_features_in_ = len(C)
        model._started_from = given_starting_values(model)
        model.n_parameters_ = count_parameters(model, params, model.n_states + 1)
        return model

    def _given(self, centre: Any, p: int) -> StateSpace:
        """Return the user's starting values about a centre, NaN where there are none."""
        given = given_values(self, p)
        return given._replace(observation_offset=given.observation_offset - centre)

    def _continued(self, centre: Any) -> StateSpace:
        """Return the published parameters as given ones."""
        if (n := len(self.transition_matrix_)) != self.n_states:
            raise ValueError(
                f"n_states is {self.n_states}, but the model so far has {n}: set it to {n}, or "
                "fit anew with warm_start=False"
            )
        return self._published(centre)

    def _published(self, centre: Any = 0.0) -> StateSpace:
        """Return the published parameters, with the offset from a centre."""
        params = StateSpace(*(getattr(self, f"{name}_") for name in StateSpace._fields))
        return params._replace(observation_offset=params.observation_offset - centre)

    @staticmethod
    def _as_published(centre: Any, params: StateSpace) -> dict[str, Any]:
        """Return the attributes that parameters about a centre are published as."""
        params = params._replace(observation_offset=params.observation_offset + centre)
        return {f"{name}_": np.array(values) for name, values in params._asdict().items()}


#: What cannot be estimated row by row where a covariance is 0.
_COEFFICIENTS = {
    "transition_covariance": ("transition_matrix",),
    "observation_covariance": ("observation_matrix", "observation_offset"),
    "initial_state_covariance": (),
}


def _held_by_singular(given: dict[str, Any]) -> dict[str, Any]:
    """Return what singular covariances hold, themselves among it, as ``fixed`` takes it."""
    held: dict[str, Any] = {}
    for name, coefficients in _COEFFICIENTS.items():
        matrix = np.atleast_2d(np.asarray(given[name], dtype=np.float64))
        square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
        if not (square and np.isfinite(matrix).all() and np.linalg.eigvalsh(matrix).min() <= 0):
            continue
        held[name] = True
        silent = np.diagonal(matrix) == 0
        for coefficient in coefficients if silent.any() else ():
            values = np.asarray(given[coefficient], dtype=np.float64)
            if values.shape[:1] == silent.shape:
                mask = np.zeros(values.shape, dtype=bool)
                mask[silent] = True
                held[coefficient] = mask
    return held
