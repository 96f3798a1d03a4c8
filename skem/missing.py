"""Missing cells, which are NaN: whether there are any, and rows that miss the same ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_pattern", "has_missing"]


def has_missing(X: NDArray[Any]) -> bool:
    """Whether some cell is NaN; a sum tells, at little cost, that none is."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isnan(X.sum()) and np.isnan(X).any())


def by_pattern(missing: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return an order of rows in which those that miss the same cells are together."""
    bits = np.packbits(missing, axis=1)
    return np.lexsort(bits.T[::-1])
