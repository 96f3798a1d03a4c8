"""Parameters of a state-space model: as a user gives them, and as published."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skem.estimators.continuing import check_same_number, given_starting_values
from skem.estimators.state_space_fitting import count_parameters
from skem.estimators.state_space_holding import given_values, shapes
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
            If one is missing, is not finite, or does not fit the others: ``observation_matrix``
            says how many features and states there are.
        TypeError
            If one is no array of numbers.
        """
        given = _checked(parameters)
        C = given["observation_matrix"]
        model = cls(C.shape[1], **{f"{name}_init": value for name, value in given.items()})
        if not is_diagonal(given["observation_covariance"]):
            model.observation_covariance_type = "full"
        model.fixed = _held_by_singular(given) or None
        params = given_values(model, len(C))
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
        check_same_number(self, "n_states", len(self.transition_matrix_))
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


def _checked(parameters: dict[str, Any]) -> dict[str, FloatArray]:
    """Return parameters as arrays, all of them; raise where one is not what it should be."""
    given = {name: _as_numbers(name, value) for name, value in parameters.items()}
    if unknown := sorted(set(given) - set(StateSpace._fields)):
        known = ", ".join(StateSpace._fields)
        raise ValueError(
            f"from_parameters does not know {', '.join(unknown)}: the parameters are {known}"
        )
    needed = [name for name in StateSpace._fields if name != "observation_offset"]
    if missing := [name for name in needed if name not in given]:
        raise ValueError(f"from_parameters needs {', '.join(missing)}")
    C = given["observation_matrix"]
    if C.ndim != 2 or not C.size:
        raise ValueError(
            "observation_matrix must have the shape (n_features, n_states), such as "
            f"[[1.0]], got {C.tolist()} of shape {C.shape}"
        )
    given.setdefault("observation_offset", np.zeros(len(C)))
    for name, shape in shapes(C.shape[1], len(C)).items():
        if given[name].shape != shape:
            raise ValueError(
                f"{name} must have the shape {shape}, as observation_matrix has "
                f"{C.shape[0]} features by {C.shape[1]} states, got {given[name].tolist()} of "
                f"shape {given[name].shape}"
            )
        if not np.isfinite(given[name]).all():
            raise ValueError(f"{name} must be finite numbers, got {given[name].tolist()}")
    return given


def _as_numbers(name: str, value: Any) -> FloatArray:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be an array of numbers, got {value!r}") from None


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
        matrix = given[name]
        if np.linalg.eigvalsh(matrix).min() > 0:
            continue
        held[name] = True
        silent = np.diagonal(matrix) == 0
        for coefficient in coefficients if silent.any() else ():
            mask = np.zeros(given[coefficient].shape, dtype=bool)
            mask[silent] = True
            held[coefficient] = mask
    return held
