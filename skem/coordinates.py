"""The unconstrained coordinates of several parameters, one after another, and slopes in them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skem.ranges import FloatArray, Mask, Range

__all__ = ["STEP", "Coordinates", "as_mapping", "read_only", "slope", "without_lists"]

#: Step of differences: what they neglect is of its second power, and rounding is divided by it.
STEP = 1e-4


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


def without_lists(params: Any) -> Any:
    """Return parameters in which values that are lists are arrays; what has no names as it is."""
    return _changed(params, lambda value: np.asarray(value) if isinstance(value, list) else value)


def read_only(params: Any) -> Any:
    """Return parameters whose arrays cannot be written to; what has no names as it is."""
    return _changed(params, _view)


def _changed(params: Any, function: Callable[[Any], Any]) -> Any:
    """Return parameters of the same kind, with a function of each of their values."""
    if hasattr(params, "_replace"):
        return type(params)(*map(function, params))
    if isinstance(params, Mapping):
        return {name: function(value) for name, value in params.items()}
    return params


def _view(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
    return value


def slope(function: Callable[[FloatArray], Any], at: FloatArray) -> FloatArray:
    """Return the slope of a function of coordinates, by central differences.

    Parameters
    ----------
    function : callable
        Takes a vector (p,), and returns a number.
    at : ndarray of shape (p,)
        Where.

    Returns
    -------
    slope : ndarray of shape (p,)
        0 where a coordinate is not finite, NaN where the function is not on both sides.
    """
    slopes = np.zeros(at.size)
    for i in np.flatnonzero(np.isfinite(at)):
        axis = STEP * (np.arange(at.size) == i)
        with np.errstate(invalid="ignore"):  # where it is infinite
            slopes[i] = (function(at + axis) - function(at - axis)) / (2 * STEP)
    return np.where(np.isfinite(slopes), slopes, np.nan)
