"""Where the values of each feature lie, in one pass over the rows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Summary", "combine", "observed_values", "summands", "summary_of"]


class Summary(NamedTuple):
    """Location and spread of each feature, and whether some of its cells, or all, are missing."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    largest: NDArray[np.float64]
    missing: NDArray[np.bool_]
    nothing: NDArray[np.bool_]


@np.errstate(over="ignore", invalid="ignore")  # summary_of says what is infinite
def summands(
    near: NDArray[np.float64], X: NDArray[Any], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return first and second moments about a point, weight, largest size, and missing cells."""
    Z, sizes, missing = X - near, np.abs(X), np.isnan(X)
    Z[missing] = sizes[missing] = 0.0
    return np.array(
        [
            weights @ Z,
            weights @ (Z * Z),
            weights.sum() - weights @ missing,
            sizes.max(axis=0),
            missing.any(axis=0),
        ]
    )


@np.errstate(over="ignore", invalid="ignore")
def combine(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Combine the summands of two blocks: three add up, of the others the larger counts."""
    return np.concatenate([a[:3] + b[:3], np.maximum(a[3:], b[3:])])


def summary_of(near: NDArray[np.float64], sums: NDArray[np.float64]) -> Summary:
    """Return what the combined summands of all rows about a point say."""
    first, second, total, largest, missing = sums
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        first, second = first / total, second / total
        variance = np.maximum(second - first**2, 0.0)
    return Summary(near + first, variance, largest, missing > 0, ~(total > 0))


def observed_values(X: NDArray[Any]) -> NDArray[np.float64]:
    """Return an observed value of each feature, or zero where these rows have none."""
    first = X[(~np.isnan(X)).argmax(axis=0), np.arange(X.shape[1])]
    return np.nan_to_num(first.astype(np.float64))
