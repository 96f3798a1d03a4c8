"""Whether a log-density has a slope in its parameters, and whether it has come to rest there."""

import numpy as np

from skem.coordinates import STEP
from skem.ranges import FloatArray

__all__ = ["is_smooth", "steps_of", "still_rises"]

#: Of what a smooth log-density changes by over two steps its fourth difference is a share that
#: shrinks at least with the square of the step: 0.035 for a Cauchy distribution of ten rows and
#: the longest step. At a corner within one and a half steps it is a third or more.
LARGEST_FOURTH_DIFFERENCE = 0.1

#: Steps of these differences, in standard errors. (At a corner between two points those of one
#: step may vanish; the longest finds corners between rows.)
STEPS = (1e-3, 4e-3, 0.25)

#: Square of the mean of slopes over the mean of their squares: at a maximum they cancel, and it is
#: 0; where all rows want the same it is 1.
AGREED = 0.05

#: A mean square of slopes below this is rounding: rows tell nothing of the parameter.
TELLS_NOTHING = 1e-4


def is_smooth(heights: list[FloatArray]) -> bool:
    """Say whether all rows' log-densities, at five steps in a row, are of a smooth function.

    Rows that are impossible have no say.
    """
    here = heights[2]
    rounding = 1e-9 * (1 + np.abs(here))
    with np.errstate(invalid="ignore"):
        fourth = np.abs(np.tensordot((1, -4, 6, -4, 1), heights, 1))
        change = np.maximum(np.abs(heights[0] - here), np.abs(heights[4] - here))
        smooth = fourth <= LARGEST_FOURTH_DIFFERENCE * change + rounding
        # (An infinite difference is no larger than an infinite change.)
        smooth &= np.isfinite(fourth)
    return bool((smooth | np.isneginf(here)).all())


def steps_of(apart: FloatArray) -> list[float]:
    """Return steps to look for corners by, of log-densities (n,) that are two steps apart.

    There are none where these are all the same.
    """
    slopes = apart[np.isfinite(apart)] / (2 * STEP)
    total = float(slopes @ slopes)
    return [step / np.sqrt(total) for step in STEPS] if total > 0 else []


def still_rises(behind: FloatArray, ahead: FloatArray, weights: FloatArray) -> bool:
    """Say whether a weighted log-likelihood has no maximum between two points near each other.

    Parameters
    ----------
    behind, ahead : ndarray of shape (n,)
        Log-densities of rows, two steps from each other.
    weights : ndarray of shape (n,)
        How much each counts.
    """
    if np.isnan(behind).any() or np.isnan(ahead).any():
        return False  # at the edge of what the parameter can be
    if not (np.isfinite(behind).all() and np.isfinite(ahead).all()):
        return True  # at a bound of the support
    slopes = (ahead - behind) / (2 * STEP)
    share = weights / weights.sum()
    square = float(share @ slopes**2)
    return square > TELLS_NOTHING and float(share @ slopes) ** 2 > AGREED * square
