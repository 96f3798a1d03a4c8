"""Checks of constructor parameters and starting values, and what errors leave behind."""

import numbers
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem.ranges import Range

__all__ = [
    "CHECKS_OF_FITS",
    "Check",
    "InvalidParameterError",
    "array_like",
    "boolean",
    "check_finite_array",
    "check_initial_weights",
    "check_parameters",
    "check_range",
    "check_shape",
    "check_starting_values",
    "check_weights",
    "integer",
    "mapping",
    "nonzero_integer",
    "one_of",
    "random_state",
    "real",
    "unchanged_on_error",
    "whole_number",
]


class InvalidParameterError(ValueError, TypeError):
    """A constructor parameter has a wrong type or value.

    It is both a ValueError and a TypeError, as scikit-learn's error of the same name is.
    """


@dataclass(frozen=True)
class Check:
    """A condition on a parameter, and how to say it."""

    accepts: Callable[[Any], bool]
    description: str

    def __or__(self, other: "Check") -> "Check":
        """Accept what either accepts."""
        return Check(
            lambda value: self.accepts(value) or other.accepts(value),
            f"{self.description} or {other.description}",
        )


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


def integer(minimum: int) -> Check:
    """Accept an integer of at least minimum."""
    return Check(
        lambda value: _is_integer(value) and value >= minimum,
        f"an int in the range [{minimum}, inf)",
    )


nonzero_integer = Check(lambda value: _is_integer(value) and value != 0, "an int other than 0")


def real(minimum: float) -> Check:
    """Accept a finite number of at least minimum."""
    return Check(
        lambda value: (
            isinstance(value, numbers.Real)
            and not isinstance(value, bool | np.bool_)
            and minimum <= value < np.inf  # type: ignore[operator]
        ),
        f"a float in the range [{minimum:.1f}, inf)",
    )


whole_number = Check(
    lambda value: real(0.0).accepts(value) and value % 1 == 0,
    "an int in the range [0, inf)",
)


def one_of(options: Any) -> Check:
    """Accept one of some strings."""
    names = ", ".join(repr(option) for option in options)
    return Check(
        lambda value: isinstance(value, str) and value in options, f"a str among {{{names}}}"
    )


array_like = Check(
    lambda value: (
        (hasattr(value, "__len__") or hasattr(value, "__array__"))
        and not isinstance(value, str | dict)
    ),
    "an array-like",
)
mapping = Check(lambda value: isinstance(value, dict), "a dict")
boolean = Check(lambda value: isinstance(value, bool | np.bool_), "a bool")
none = Check(lambda value: value is None, "None")
function = Check(callable, "a callable")
random_state = Check(
    lambda value: (
        value is None
        or (_is_integer(value) and 0 <= value < 2**32)
        or isinstance(value, np.random.RandomState)
        or value is np.random
    ),
    "None, an int in the range [0, 2**32) or a RandomState instance",
)


#: What estimators ask of the constructor parameters that say how to fit.
CHECKS_OF_FITS = {
    "fixed": none | mapping,
    "tol": real(0.0),
    "max_iter": integer(1),
    "n_init": integer(1),
    "acceleration": one_of(["quasi-newton"]) | none,
    "n_jobs": nonzero_integer | none,
    "random_state": random_state,
    "warm_start": boolean,
    "record_trace": boolean,
    "verbose": integer(0) | boolean,
    "verbose_interval": integer(1),
}


def check_parameters(estimator: Any, checks: dict[str, Check]) -> None:
    """Raise InvalidParameterError for the first parameter of estimator that fails its check."""
    for name, check in checks.items():
        value = getattr(estimator, name)
        if not check.accepts(value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be "
                f"{check.description}. Got {value!r} instead."
            )


def check_shape(array: NDArray[Any], shape: tuple[int, ...], name: str) -> None:
    """Raise ValueError unless the array has a shape."""
    if array.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )


def check_finite_array(values: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """Return values as a new float64 array of a shape; raise ValueError if they cannot be."""
    array = check_starting_values(values, shape, name)
    if np.isnan(array).any():
        raise ValueError(f"The parameter '{name}' should be finite, but it contains NaN or inf")
    return array


def check_starting_values(values: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """The same for values that may be NaN, which means not given, for whole components."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The parameter '{name}' should be an array of numbers: {error}"
        ) from None
    check_shape(array, shape, name)
    unknown = np.isnan(array.reshape((*shape, 1)[0], -1))
    if np.isinf(array).any() or (unknown.any(axis=1) != unknown.all(axis=1)).any():
        raise ValueError(
            f"The parameter '{name}' should be finite, but it contains NaN or inf (NaN is allowed "
            "for whole components only, of which no value is given)"
        )
    return array


def check_range(range_: Range, values: NDArray[Any], name: str) -> None:
    """Raise ValueError unless values, NaN apart, are in a range."""
    known = ~np.isnan(values.reshape(len(values), -1)).any(axis=1)
    if known.any():
        range_.check(name, values[known])


def check_initial_weights(values: ArrayLike, n_components: int) -> NDArray[np.float64]:
    """Return mixing weights; raise ValueError unless they lie in [0, 1] and sum to one.

    Some may be NaN, which means not given; the others then sum to at most one.
    """
    weights = check_starting_values(values, (n_components,), "weights")
    given = weights[~np.isnan(weights)]
    if np.any(given < 0.0) or np.any(given > 1.0):
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{given.max():.5f}, min value {given.min():.5f}"
        )
    # Weights given in single precision sum to one within their own rounding.
    total = given.sum()
    if total > 1 + 1e-6 or (given.size == weights.size and total < 1 - 1e-6):
        raise ValueError(
            f"The parameter 'weights' should be normalized, but got sum(weights) = {total:.5f}"
        )
    if given.size < weights.size:
        if total > 1 - 1e-12:
            raise ValueError(
                f"The parameter 'weights' leaves nothing for the components whose weight is NaN: "
                f"the others sum to {total:g}"
            )
        return weights
    return weights if abs(total - 1.0) < 1e-15 * weights.size else weights / total


def check_weights(values: ArrayLike, n_components: int) -> NDArray[np.float64]:
    """Return mixing weights of which none may be NaN."""
    check_finite_array(values, (n_components,), "weights")
    return check_initial_weights(values, n_components)


@contextmanager
def unchanged_on_error(estimator: Any) -> Iterator[None]:
    """Leave the estimator as it was if an exception passes through."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
