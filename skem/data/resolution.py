"""How finely each column is recorded, and how far it spreads."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.data.rows import Rows

__all__ = ["Resolution", "resolution_of"]

FloatArray = NDArray[np.float64]

#: Rows to look at. Where so many hold no ties, the spread has thousands of steps, and a component
#: of half a step is as narrow as a thousandth of the spread anyway.
ENOUGH_ROWS = 4096

#: Values nearer than this share of the largest are the same, but for arithmetic.
SAME = 4 * float(np.finfo(np.float64).eps)

#: Interquartile range of a Gaussian, in standard deviations.
QUARTILES_APART = 1.349


class Resolution(NamedTuple):
    """What the values of each column tell, in its units.

    Attributes
    ----------
    steps : ndarray of shape (n_features,)
        Step between neighbouring values, 0 where few are tied: they are rounded if there are half
        as many distinct ones as rows, or fewer. It is the weighted median, over the rows, of the
        distance of a value from the nearest other one, so that a few values beside the grid
        (filled-in means, say) do not hide it.
    spreads : ndarray of shape (n_features,)
        Standard deviation as the quartiles have it, which rows far away do not change; inf where
        they are equal.
    """

    steps: FloatArray
    spreads: FloatArray


def resolution_of(rows: Rows) -> Resolution:
    """Return the resolution of rows; beyond some thousand a sample of them is enough."""
    some = rows.sample(ENOUGH_ROWS, np.random.RandomState(0))
    weights = some.each_weight * (some.effective / some.total_weight)
    X: NDArray[Any] = some.X
    columns = [_column(X[:, j].astype(np.float64), weights) for j in range(X.shape[1])]
    return Resolution(*np.array(columns).T)


def _column(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Return step and spread of a column; weights sum to the number of rows."""
    observed = ~np.isnan(values)
    order = np.argsort(values[observed], kind="stable")
    values, weights = values[observed][order], weights[observed][order]
    if not values.size:
        return 0.0, np.inf
    first, third = _quantile(values, weights, 1 / 4), _quantile(values, weights, 3 / 4)
    spread = (third - first) / QUARTILES_APART if third > first else np.inf
    new = np.diff(values, prepend=-np.inf) > SAME * np.abs(values[[0, -1]]).max()
    distinct, counts = values[new], np.add.reduceat(weights, np.flatnonzero(new))
    if not 2 <= len(distinct) <= counts.sum() / 2:
        return 0.0, spread
    gaps = np.diff(distinct, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(gaps[:-1], gaps[1:])
    order = np.argsort(nearest, kind="stable")
    return _quantile(nearest[order], counts[order], 1 / 2), spread


def _quantile(ordered: FloatArray, weights: FloatArray, share: float) -> float:
    """Return the first of ordered values at which a share of the weight is reached."""
    cumulative = weights.cumsum()
    # The margin keeps rounding, where all weights are scaled, from making it the next.
    return float(ordered[np.searchsorted(cumulative, share * cumulative[-1] * (1 - 1e-9))])
