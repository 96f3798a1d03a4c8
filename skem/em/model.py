"""What EM needs to know of a model: all that the driver, restarts and standard errors ask for.

A model is any object with ``evaluate``. What it is made of (rows of data, sequences, a table of
counts) is its own affair.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from skem.errors import DegenerateError, EMWarning

__all__ = [
    "DegenerateError",
    "EMWarning",
    "Evaluation",
    "FloatArray",
    "Model",
    "Scored",
    "Smooth",
    "has",
]

FloatArray = NDArray[np.floating[Any]]


class Evaluation(NamedTuple):
    """One E-step and the M-step after it.

    Attributes
    ----------
    params : object
        The parameters that the M-step gives.
    objective : float
        Mean log-likelihood (less penalties, where there are any) of the parameters that the
        E-step *started from*, in nats per unit of data.
    statistics : object
        What the E-step expects of the complete data; None where there was no M-step.
    """

    params: Any
    objective: float
    statistics: Any


class Model(Protocol):
    """What plain EM needs.

    A model may have ``objective(params)``, by which runs that were cut short are compared.
    """

    def evaluate(self, params: Any) -> Evaluation:
        """Take the two steps of EM at params.

        Raises DegenerateError where the M-step has no solution. Its ``objective`` is that of
        params, if a run that may end here is to keep them.
        """


class Smooth(Model, Protocol):
    """What acceleration and standard errors need: coordinates, and a slope in them.

    With an attribute ``accelerable`` that is false EM is plain all the same.

    Attributes
    ----------
    n_units : float
        Units of data that the objective is a mean over, by weight.
    """

    @property
    def n_units(self) -> float: ...

    def to_vector(self, params: Any) -> FloatArray:
        """Flatten the parameters to unconstrained coordinates (may hold inf at a boundary)."""

    def from_vector(self, vector: FloatArray, like: Any) -> Any:
        """Rebuild parameters of the shapes of like from unconstrained coordinates."""

    def gradient(self, params: Any, evaluation: Evaluation) -> FloatArray:
        """Return the gradient of the mean objective at params, in those coordinates.

        By Fisher's identity it is that of the expected complete-data log-likelihood, so that the
        statistics of the evaluation of params, or its M-step, determine it.
        """


class Scored(Smooth, Protocol):
    """What robust standard errors need: the objective unit by unit."""

    def contributions(self, params: Any, units: slice) -> FloatArray:
        """Return what each of some units adds to the total objective, by weight, in nats.

        Units are numbered from 0; beyond the last one there is nothing. What does not depend on
        the parameters may be left out.
        """


def has(model: Any, name: str) -> bool:
    """Say whether a model implements something optional; None in its place means no."""
    return callable(getattr(model, name, None))
