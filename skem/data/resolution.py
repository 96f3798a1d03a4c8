"""How finely each column is recorded, and how far it spreads."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.data.rows import Rows

__all__ = ["Resolution", "resolution_of"]

FloatArray = NDArray[np.float64]

#: Rows to look at. Where a grid is too fine to be seen in so many, hardly two rows share a value.
ENOUGH_ROWS = 4096

#: Values nearer than this share of the largest are the same, but for arithmetic.
SAME = 4 * float(np.finfo(np.float64).eps)

#: Values this near to a whole number of steps are on the grid, in steps.
OFF_GRID = 0.01

#: More than this share of the distinct values have to be on the grid, and half of the rows: means
#: that are filled in may be beside it.
ON_GRID = 2 / 3

#: The most frequent values, one of which has to be on the grid.
ORIGINS = 3

#: A value with this share of the rows that a distinct one has on average is frequent. Where there
#: are three such values or more, the others are first left out: they may be filled in.
FREQUENT = 1 / 8

#: Interquartile range of a Gaussian, in standard deviations.
QUARTILES_APART = 1.349


class Resolution(NamedTuple):
    """What the values of each column tell, in its units.

    Attributes
    ----------
    steps : ndarray of shape (n_features,)
        Step of the grid that rounded values lie on; 0 where they are not rounded. Of distinct
        values, if they are rounded, more than two in three lie on one grid, so that a few beside
        it (filled-in means, say) do not hide it, and of neighbouring ones most are one step apart:
        doses of 5, 50 and 500 repeat, but are not rounded. The step is the median, over distinct
        values, of the distance from the nearest other one; or else the median over the rows, or
        the third quartile, which few values beside the grid do not change.
    spreads : ndarray of shape (n_features,)
        Standard deviation as the quartiles have it, which rows far away do not change; inf where
        they are equal.
    """

    steps: FloatArray
    spreads: FloatArray


def resolution_of(rows: Rows) -> Resolution:
    """Return the resolution of rows; beyond some thousand a sample of them is enough.

    A weight of two is the same as two rows, and the scale of all weights does not matter.
    """
    some = rows
    if not rows.in_memory or rows.n_rows > ENOUGH_ROWS:  # (a generator takes .1 ms to make)
        some = rows.sample(ENOUGH_ROWS, np.random.RandomState(0))
    X: NDArray[Any] = some.X
    columns = [_column(X[:, j].astype(np.float64), some.each_weight) for j in range(X.shape[1])]
    return Resolution(*np.array(columns).T)


def _column(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Return step and spread of a column."""
    observed = ~np.isnan(values)
    order = np.argsort(values[observed], kind="stable")
    values, weights = values[observed][order], weights[observed][order]
    if not values.size:
        return 0.0, np.inf
    first, third = _quantile(values, weights, 1 / 4), _quantile(values, weights, 3 / 4)
    spread = (third - first) / QUARTILES_APART if third > first else np.inf
    new = np.diff(values, prepend=-np.inf) > SAME * np.abs(values[[0, -1]]).max()
    return _step(values[new], np.add.reduceat(weights, np.flatnonzero(new))), spread


def _step(distinct: FloatArray, counts: FloatArray) -> float:
    """Return the step of increasing values, with the weight of each; 0 if they are on no grid."""
    frequent = counts >= FREQUENT * counts.mean()
    step = 0.0
    if 2 < np.count_nonzero(frequent) < len(distinct):
        step = _grid(distinct[frequent], counts[frequent])
    return step or (_grid(distinct, counts) if len(distinct) > 1 else 0.0)


def _grid(distinct: FloatArray, counts: FloatArray) -> float:
    """Return the step of two values or more; 0 if they are on no grid."""
    gaps = np.diff(distinct, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(gaps[:-1], gaps[1:])
    order = np.argsort(nearest, kind="stable")
    nearest, by_row, once = nearest[order], counts[order], np.ones(len(nearest))
    tries = [(once, 1 / 2), (by_row, 1 / 2), (by_row, 3 / 4)]
    candidates = dict.fromkeys(_quantile(nearest, weights, share) for weights, share in tries)
    return next((step for step in candidates if _is_grid(step, distinct, counts)), 0.0)


def _is_grid(step: float, distinct: FloatArray, counts: FloatArray) -> bool:
    """Say whether most values lie on a grid, mostly one step apart."""
    for origin in distinct[np.argsort(-counts, kind="stable")[:ORIGINS]]:
        places = (distinct - origin) / step
        on_grid = np.abs(places - places.round()) <= OFF_GRID
        if on_grid.mean() > ON_GRID and counts[on_grid].sum() >= counts.sum() / 2:
            return bool((np.diff(places[on_grid].round()) == 1).mean() > 1 / 2)
    return False


def _quantile(ordered: FloatArray, weights: FloatArray, share: float) -> float:
    """Return the first of ordered values at which a share of the weight is reached."""
    cumulative = weights.cumsum()
    # The margin keeps rounding, where all weights are scaled, from making it the next.
    return float(ordered[np.searchsorted(cumulative, share * cumulative[-1] * (1 - 1e-9))])
