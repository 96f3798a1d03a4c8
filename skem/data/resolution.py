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

#: Values this near to a whole number of steps are on the grid, in steps.
OFF_GRID = 0.01

#: Share of the values, by count, that have to be on the grid: a few filled in may be beside it.
ON_GRID = 3 / 4

#: A value that occurs as often has neighbours, one step away, if rounding made it.
OFTEN = 4

#: Weights are multiples of a common one, that of a single row, if it is no smaller a share of the
#: least of them. Otherwise they are no counts.
COMMON = 1e-3

#: Interquartile range of a Gaussian, in standard deviations.
QUARTILES_APART = 1.349


class Resolution(NamedTuple):
    """What the values of each column tell, in its units.

    Attributes
    ----------
    steps : ndarray of shape (n_features,)
        Step of the grid that rounded values lie on; 0 where they are not rounded. Rounded values
        have many ties, at least two rows to each distinct one on average; nearly all lie on one
        grid, whose step is the weighted median, over the rows, of the distance of a value from
        the nearest other one, so that a few values beside the grid (filled-in means, say) do not
        hide it; and where values are frequent, most are one step apart. Doses of 5, 50 and 500
        are tied, but not rounded.
    spreads : ndarray of shape (n_features,)
        Standard deviation as the quartiles have it, which rows far away do not change; inf where
        they are equal.
    """

    steps: FloatArray
    spreads: FloatArray


def resolution_of(rows: Rows) -> Resolution:
    """Return the resolution of rows; beyond some thousand a sample of them is enough.

    The scale of weights does not matter, nor whether a row is repeated or weighs more: how often
    rows occur is counted in multiples of their greatest common divisor. Rows that all occur twice
    are as good as once, because a copy of a whole row tells nothing of how it was recorded.
    """
    some = rows.sample(ENOUGH_ROWS, np.random.RandomState(0))
    X: NDArray[Any] = some.X
    counts = _counts(X, some.each_weight)
    columns = [
        _column(X[:, j].astype(np.float64), some.each_weight, counts) for j in range(X.shape[1])
    ]
    return Resolution(*np.array(columns).T)


def _counts(X: NDArray[Any], weights: FloatArray) -> FloatArray:
    """Return how many rows each row stands for; one each, if weights are no counts."""
    rows = np.ascontiguousarray(X + 0.0)  # without a minus before zero
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    _, index = np.unique(keys, return_inverse=True)
    one = _common_divisor(np.unique(np.bincount(index.ravel(), weights)))
    return weights / one if one else np.ones(len(weights))


def _common_divisor(numbers: FloatArray) -> float:
    """Return the greatest number that divides all, to rounding; 0 if it is far below the least."""
    rounding, least = 1e-9 * numbers.max(), COMMON * numbers.min()
    divisor = float(numbers[0])
    for number in numbers[1:]:
        rest = float(number)
        while rest > rounding:
            if rest < least:
                return 0.0
            divisor, rest = rest, abs(divisor - rest * round(divisor / rest))
    return divisor


def _column(
    values: FloatArray, weights: FloatArray, counts: FloatArray
) -> tuple[float, float]:
    """Return step and spread of a column."""
    observed = ~np.isnan(values)
    order = np.argsort(values[observed], kind="stable")
    values, weights, counts = (each[observed][order] for each in (values, weights, counts))
    if not values.size:
        return 0.0, np.inf
    first, third = _quantile(values, weights, 1 / 4), _quantile(values, weights, 3 / 4)
    spread = (third - first) / QUARTILES_APART if third > first else np.inf
    new = np.diff(values, prepend=-np.inf) > SAME * np.abs(values[[0, -1]]).max()
    return _step(values[new], np.add.reduceat(counts, np.flatnonzero(new))), spread


def _step(distinct: FloatArray, counts: FloatArray) -> float:
    """Return the step of increasing distinct values, which occur so often; 0 if they have none."""
    if not 2 <= len(distinct) <= counts.sum() / 2:
        return 0.0
    gaps = np.diff(distinct, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(gaps[:-1], gaps[1:])
    order = np.argsort(nearest, kind="stable")
    step = _quantile(nearest[order], counts[order], 1 / 2)
    places = (distinct - distinct[counts.argmax()]) / step
    on_grid = np.abs(places - places.round()) <= OFF_GRID
    if counts[on_grid].sum() < ON_GRID * counts.sum():
        return 0.0
    places, often = places[on_grid].round(), counts[on_grid] >= OFTEN
    apart = np.diff(places)[often[:-1] & often[1:]]
    return step if not apart.size or (apart == 1).mean() > 1 / 2 else 0.0


def _quantile(ordered: FloatArray, weights: FloatArray, share: float) -> float:
    """Return the first of ordered values at which a share of the weight is reached."""
    cumulative = weights.cumsum()
    # The margin keeps rounding, where all weights are scaled, from making it the next.
    return float(ordered[np.searchsorted(cumulative, share * cumulative[-1] * (1 - 1e-9))])
