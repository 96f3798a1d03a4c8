"""Where a distribution of scipy.stats can be, and which of its parameters decide that.

An estimate is at a maximum where the slope is zero only if the bounds of the support do not move
with it. Otherwise a row touches a bound there, or the likelihood has no bound itself. So what
moves a bound at which the density does not vanish is held, unless there is a closed form.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

__all__ = ["CIRCULAR", "FIRST_SHAPES", "has_bounds", "moves_a_bound", "reach", "typical_values"]

#: Values of a shape parameter that are tried at a start.
FIRST_SHAPES = (0.5, 1.0, 2.0, 5.0, 0.1, 20.0)

#: How near to a bound a density is looked at, and the log-density above which it has not vanished
#: there. (One that falls faster than in proportion to the distance is below -27 and regular.)
NEAR, VANISHED = 1e-12, -20.0

#: Distributions on a circle, of which the scale would be the length.
CIRCULAR = ("vonmises", "vonmises_line")


def typical_values(
    kind: Any, shapes: tuple[str, ...], told: Mapping[str, float]
) -> dict[str, Any]:
    """Return values of the shapes that a distribution can have, with what is told in its place."""
    unknown = [name for name in shapes if name not in told]
    for values in product(FIRST_SHAPES, repeat=len(unknown)):
        found = {name: told[name] for name in shapes if name in told}
        found |= dict(zip(unknown, values, strict=True))
        if not np.isnan(kind.support(**found)).any():
            return found
    return {}


def has_bounds(kind: Any, values: Mapping[str, float]) -> bool:
    """Say whether the support ends on some side."""
    return bool(np.isfinite(kind.support(**values)).any())


def moves_a_bound(kind: Any, values: Mapping[str, float], name: str) -> bool:
    """Say whether a parameter moves a bound at which the density has not vanished.

    Of a discrete distribution also whether it has to be a whole number.
    """
    values = {**values, "loc": 0.0}
    if hasattr(kind, "logpmf"):
        whole, fraction = ({**values, name: values[name] + by} for by in (1, 0.01))
        lower, upper = before = kind.support(**values)
        after = kind.support(**whole)
        moves = after != before and not np.isnan(after).any()
        some = next((bound for bound in (lower, upper) if np.isfinite(bound)), 0)
        with np.errstate(all="ignore"):
            return moves or bool(np.isnan(kind.logpmf(some, **fraction)))
    if name == "scale" and kind.name in CIRCULAR:
        return True
    values = {**values, "scale": 1.0}
    before, after = (kind.support(**{**values, name: values[name] + by}) for by in (0.0, 1e-3))
    for side, (a, b) in zip((1, -1), zip(before, after, strict=True), strict=True):
        if np.isfinite(a) and a != b:
            with np.errstate(all="ignore"):
                inside = a + side * NEAR * max(1.0, abs(a))
                if kind.logpdf(inside, **values) > VANISHED:
                    return True
    return False


def reach(kind: Any, values: Mapping[str, Any], free: tuple[str, ...]) -> tuple[float, float]:
    """Return the bounds of the support, infinite where a free parameter moves them."""
    bounds = list(map(float, kind.support(**values)))
    for name in free:
        moved = kind.support(**{**values, name: values[name] + 1e-3})
        bounds = [
            a if a == b else infinite
            for a, b, infinite in zip(bounds, moved, (-np.inf, np.inf), strict=True)
        ]
    return bounds[0], bounds[1]
