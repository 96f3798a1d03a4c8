"""Checks of constructor parameters, starting values and weights."""

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Check",
    "InvalidParameterError",
    "array_like",
    "boolean",
    "check_initial_weights",
    "check_parameters",
    "check_sample_weight",
    "check_shape",
    "integer",
    "nonzero_integer",
    "one_of",
    "random_state",
    "real",
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
            and minimum <= value < np.inf
        ),
        f"a float in the range [{minimum:.1f}, inf)",
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
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The parameter '{name}' should be an array of numbers: {error}"
        ) from None
    check_shape(array, shape, name)
    if not np.isfinite(array).all():
        raise ValueError(f"The parameter '{name}' should be finite, but it contains NaN or inf")
    return array


def check_initial_weights(values: ArrayLike, n_components: int) -> NDArray[np.float64]:
    """Return mixing weights; raise ValueError unless they lie in [0, 1] and sum to one."""
    weights = check_finite_array(values, (n_components,), "weights")
    if np.any(weights < 0.0) or np.any(weights > 1.0):
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.max():.5f}, min value {weights.min():.5f}"
        )
    # Weights given in single precision sum to one within their own rounding.
    if abs(weights.sum() - 1.0) > 1e-6:
        raise ValueError(
            "The parameter 'weights' should be normalized, but got "
            f"sum(weights) = {weights.sum():.5f}"
        )
    return weights / weights.sum()


def check_sample_weight(sample_weight: Any, n_samples: int) -> NDArray[np.float64] | None:
    """Return sample weights as float64, or None.

    Raises
    ------
    TypeError
        If they are not numbers.
    ValueError
        If they are of the wrong length, negative, NaN, infinite or all zero.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, numbers.Number):
        return np.full(n_samples, _positive(float(sample_weight)))  # type: ignore[arg-type]
    try:
        weights = np.array(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError("sample_weight must be an array of numbers") from None
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight.shape == {weights.shape}, expected {(n_samples,)}: one weight per row"
        )
    if not np.isfinite(weights).all():
        raise ValueError("sample_weight contains NaN or inf; weights must be finite")
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise ValueError(
            f"sample_weight must be non-negative, but sample_weight[{row}] is {weights[row]}"
        )
    if not weights.any():
        raise ValueError("sample_weight is zero for every row; at least one must be positive")
    total = weights.sum()
    if not 1e-100 < total < 1e100:
        raise ValueError(
            f"the sum of sample_weight is {total:.3g}; scale it to between 1e-100 and 1e100"
        )
    return weights


def _positive(weight: float) -> float:
    if not 0 < weight < np.inf:
        raise ValueError(f"sample_weight must be positive and finite, got {weight}")
    return weight


def check_partition(partition: Any, n_samples: int, n_components: int) -> NDArray[Any]:
    """Return ``init_params`` given as an array: labels as integers, or responsibilities.

    Raises
    ------
    ValueError
        If it is neither integers in [0, n_components) of shape (n_samples,) nor non-negative
        numbers of shape (n_samples, n_components) with a positive sum in every row.
    """
    array = np.asarray(partition)
    if array.shape == (n_samples,):
        if array.dtype.kind not in "iuf" or (np.floor(array) != array).any():
            raise ValueError("init_params, as labels, must be integers")
        if array.min() < 0 or array.max() >= n_components:
            raise ValueError(
                f"init_params, as labels, must lie in [0, {n_components}), but they reach from "
                f"{array.min()} to {array.max()}"
            )
        return array.astype(np.int64)
    if array.shape == (n_samples, n_components) and array.dtype.kind in "biuf":
        responsibilities = array.astype(np.float64)
        sums = responsibilities.sum(axis=1, keepdims=True)
        if not ((responsibilities >= 0).all() and (sums > 0).all() and np.isfinite(sums).all()):
            raise ValueError(
                "init_params, as responsibilities, must be finite and non-negative, and no row "
                "may be zero throughout"
            )
        return responsibilities / sums
    raise ValueError(
        f"init_params, as an array, must hold labels of shape ({n_samples},) or responsibilities "
        f"of shape ({n_samples}, {n_components}), but its shape is {array.shape}"
    )
