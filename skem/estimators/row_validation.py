"""Checks of data, and of what is given by row: weights, known labels, partitions."""

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.estimators.column_name import column_name

__all__ = [
    "NOTHING_OBSERVED",
    "check_block",
    "check_cells",
    "check_known_labels",
    "check_partition",
    "check_sample_weight",
    "check_squares",
    "weighted_mean",
]

#: Values below this have squares that lose digits, or vanish.
SMALLEST = 1e-140

#: What is wrong with data of which nothing could be told.
NOTHING_OBSERVED = "X has no row of which something is observed (of counts, that has a trial)"


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


def check_squares(estimator: Any, largest: NDArray[Any], variance: NDArray[Any]) -> None:
    """Raise ValueError for values whose squares overflow, or vanish.

    Parameters
    ----------
    estimator : object
        Knows the names of its columns.
    largest, variance : ndarray of shape (n_features,)
        Largest absolute value, and variance, of each column.
    """
    if not np.isfinite(variance).all():
        raise ValueError(
            f"X is too large: with values up to {largest.max():.3g} its squares overflow. Scale it"
        )
    too_small = (largest > 0) & (largest < SMALLEST)
    if too_small.any():
        column = int(too_small.argmax())
        raise ValueError(
            f"X is too small: the squares of column {column_name(estimator, column)!r}, with "
            f"values up to {largest[column]:.3g}, vanish. Scale it, or leave it out"
        )
