"""The unconstrained coordinates of several parameters, one after another, and slopes in them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skem.ranges import FloatArray, Mask, Range

__all__ = ["STEP", "Coordinates", "as_mapping", "slope"]

#: Step of differences. With four points the error is of its fourth power, and rounding is divided
#: by it.
STEP = 1e-3


@dataclass(frozen=True)
class Coordinates:
    """Where several parameters may lie, and their coordinates.

    Parameters are a named tuple or a mapping of names to arrays. They may have further fields,
    which stay as they are.

    Parameters
    ----------
    ranges : mapping of str to Range
        Of each parameter that has coordinates, in their order.
    held : mapping of str to bool ndarray, default={}
        What of them is held.
    """

    ranges: Mapping[str, Range]
    held: Mapping[str, Mask] = field(default_factory=dict)

    def check(self, params: Any) -> None:
        """Raise ValueError for the first parameter that is outside its range."""
        values = as_mapping(params)
        for name, range_ in self.ranges.items():
            range_.check(name, values[name])

    def to_vector(self, params: Any) -> FloatArray:
        """Return the coordinates of what is free."""
        values = as_mapping(params)
        parts = [r.to_vector(values[name], self.held.get(name)) for name, r in self.ranges.items()]
        return np.concatenate(parts) if parts else np.empty(0)

    def from_vector(self, vector: FloatArray, like: Any) -> Any:
        """Return parameters of the kind and shapes of like."""
        values, found, start = as_mapping(like), {}, 0
        for name, range_ in self.ranges.items():
            held = self.held.get(name)
            n = range_.n_coordinates(np.shape(values[name]), held)
            found[name] = range_.from_vector(vector[start : start + n], values[name], held)
            start += n
        return like._replace(**found) if hasattr(like, "_replace") else {**like, **found}

    def n_coordinates(self, params: Any) -> int:
        """Count the free parameters."""
        values = as_mapping(params)
        return sum(
            range_.n_coordinates(np.shape(values[name]), self.held.get(name))
            for name, range_ in self.ranges.items()
        )


def as_mapping(params: Any) -> Mapping[str, Any]:
    """Return the values of a named tuple or a mapping by their names."""
    if isinstance(params, Mapping):
        return params
    if isinstance(params, tuple) and hasattr(params, "_asdict"):
        return params._asdict()
    raise TypeError(f"parameters must be a named tuple or a dict of arrays, got {params!r}")


def slope(function: Callable[[FloatArray], Any], at: FloatArray, step: float = STEP) -> FloatArray:
    """Return the slope of a function of coordinates.

    By differences over four points (Abramowitz & Stegun 1964, 25.3.6), where the coordinates are
    finite; 0 elsewhere.

    Parameters
    ----------
    function : callable
        Takes a vector (p,), and returns a number or an array.
    at : ndarray of shape (p,)
        Where.
    step : float, default=STEP
        Distance between points.

    Returns
    -------
    slope : ndarray of shape (p, ...)
        One by coordinate, of the shape of what the function returns.
    """
    slopes = np.zeros((at.size, *np.shape(function(at))))
    for i in np.flatnonzero(np.isfinite(at)):
        axis = np.zeros(at.size)
        axis[i] = step
        with np.errstate(invalid="ignore"):  # where it is infinite
            far, near = (function(at + k * axis) - function(at - k * axis) for k in (2, 1))
            slopes[i] = (8 * near - far) / (12 * step)
    return slopes
