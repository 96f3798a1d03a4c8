"""Checks of constructor parameters, starting values and weights, and what errors leave behind."""

import numbers
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem.ranges import Range

__all__ = [
    "NOTHING_OBSERVED",
    "Check",
    "InvalidParameterError",
    "array_like",
    "boolean",
    "check_block",
    "check_cells",
    "check_finite_array",
    "check_initial_weights",
    "check_known_labels",
    "check_parameters",
    "check_range",
    "check_sample_weight",
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
    "weighted_mean",
]


#: What is wrong with data of which nothing could be told.
NOTHING_OBSERVED = "X has no row of which something is observed (of counts, that has a trial)"


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


def check_cells(X: NDArray[Any], bad: NDArray[np.bool_], message: str, first_row: int = 0) -> None:
    """Raise ValueError, naming the first bad cell of a block that starts with a given row."""
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{message}; X[{first_row + row}, {column}] is {X[row, column]:g}")


def check_block(block: Any, first_row: int, *, allow_nan: bool) -> NDArray[Any]:
    """Return a block of stored rows as float32 or float64; raise ValueError for a bad cell."""
    block = np.asarray(block)
    if block.dtype.kind not in "biuf":
        raise TypeError(f"X must hold numbers, but its rows from {first_row} on are {block.dtype}")
    block = block.astype(np.float32 if block.dtype == np.float32 else np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(block.sum()):  # which costs little, and tells enough in most cases
            return block
    check_cells(block, np.isinf(block), "X contains infinity", first_row)
    if not allow_nan:
        check_cells(block, np.isnan(block), "X contains NaN", first_row)
    return block


def check_known_labels(labels: Any, n_samples: int, n_components: int) -> NDArray[np.intp] | None:
    """Return known labels as integers; None where none is known.

    Raises
    ------
    ValueError
        If they are not integers from -1 (unknown) to n_components - 1, one for each row.
    """
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.shape != (n_samples,):
        raise ValueError(
            f"known_labels.shape == {array.shape}, expected {(n_samples,)}: one label per row, -1 "
            "where it is unknown"
        )
    if array.dtype.kind not in "iuf":
        raise ValueError(f"known_labels must be integers, but got an array of {array.dtype}")
    if (broken := np.floor(array) != array).any():
        row = int(broken.argmax())
        raise ValueError(
            f"known_labels must be integers, -1 where unknown, but known_labels[{row}] is "
            f"{array[row]}"
        )
    if array.min() < -1 or array.max() >= n_components:
        raise ValueError(
            f"known_labels must lie between -1 (unknown) and n_components - 1 = "
            f"{n_components - 1}, but they reach from {array.min():g} to {array.max():g}"
        )
    array = array.astype(np.intp)
    return array if (array >= 0).any() else None


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


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64] | None) -> float:
    """Return the mean; a row of weight zero does not count even where its value is -inf.

    Parameters
    ----------
    values : ndarray of shape (n,)
        One number for each row.
    weights : ndarray of shape (n,) or None
        Their weights.

    Returns
    -------
    mean : float
        The weighted mean.

    Raises
    ------
    ValueError
        If no row has a weight.
    """
    if weights is None:
        return float(values.mean())
    present = weights > 0
    if not present.any():
        raise ValueError(NOTHING_OBSERVED)
    return float(np.average(values[present], weights=weights[present]))


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
