"""The weighted maximum-likelihood estimate of a density.

With weights ``w`` it maximises ``sum_i w_i log f(x_i | theta)``. Where there is a closed form that
is taken, else BFGS in unconstrained coordinates, from the last estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from skem.coordinates import slope
from skem.families.support import CIRCULAR, FIRST_SHAPES
from skem.ranges import FloatArray

if TYPE_CHECKING:
    from skem.families.density import Density

__all__ = ["closed_form", "estimate"]

#: Largest slope, in nats per row, at which the optimiser stops.
FLAT = 1e-8


def estimate(
    density: Density, x: FloatArray, weights: FloatArray, begin: Mapping[str, float] | None
) -> Mapping[str, float]:
    """Return the estimates of one column (or of rows, for a function), by name.

    Parameters
    ----------
    density : Density
        What is estimated.
    x : ndarray of shape (n,) or (n, n_columns)
        The column, or the rows.
    weights : ndarray of shape (n,)
        How much each counts; their sum is one.
    begin : mapping of str to float or None
        Where to begin; the estimate is no less likely. None finds a start.
    """
    if density.closed is not None:
        return {**_constants(density), **density.closed(x, weights, density.fixed)}
    if begin is None:
        begin = _first(density, x, weights)
    if not density.free:
        return begin
    return _climb(density, x, weights, begin)


def closed_form(name: str, free: Collection[str], fixed: Mapping[str, float]) -> Closed | None:
    """Return the function that estimates what is free of a distribution of scipy, if there is one.

    It takes the column, weights whose sum is one, and what is fixed.
    """
    return None if fixed.get("loc") else CLOSED.get((name, frozenset(free)))


def _climb(
    density: Density, x: FloatArray, weights: FloatArray, begin: Mapping[str, float]
) -> Mapping[str, float]:
    """Return the estimates that BFGS comes to."""
    coordinates = density.coordinates(float(np.std(x)) or 1.0)

    def loss(vector: FloatArray) -> float:
        with np.errstate(all="ignore"):
            value = -weights @ density.of_column(x, coordinates.from_vector(vector, begin))
        return float(value) if np.isfinite(value) else np.inf

    at = coordinates.to_vector(begin)
    by_differences: Any = partial(slope, loss)
    with np.errstate(all="ignore"):
        found = minimize(loss, at, method="BFGS", jac=by_differences, options={"gtol": FLAT})
    better = found.x if found.fun < loss(at) else at
    return {n: float(v) for n, v in coordinates.from_vector(better, begin).items()}


def _constants(density: Density) -> dict[str, float]:
    """Return values of all parameters where nothing else is known."""
    return {name: float(density.fixed.get(name, name == "scale")) for name in density.names}


def _first(density: Density, x: FloatArray, weights: FloatArray) -> dict[str, float]:
    """Guess where to begin: some values of the shapes, with location and scale by moments."""
    if not density.is_scipy:
        return {**density.start, **density.fixed}
    told = {**density.fixed, **density.start}
    unknown = [name for name in density.shapes if name not in told]
    best, highest = None, -np.inf
    for values in product(FIRST_SHAPES, repeat=len(unknown)):
        guess = {**_constants(density), **told, **dict(zip(unknown, values, strict=True))}
        with np.errstate(all="ignore"):
            guess.update(_by_moments(density, x, weights, guess))
            height = float(weights @ density.of_column(x, guess))
        if np.isfinite(height) and height > highest:
            best, highest = guess, height
    if best is None:
        raise ValueError(
            f"no start found for {density.name}: all rows are impossible under what was tried. "
            "Give start= (or fixed=) to its Density"
        )
    return best


def _by_moments(
    density: Density, x: FloatArray, weights: FloatArray, guess: Mapping[str, float]
) -> dict[str, float]:
    """Return location and scale that give the distribution the moments of the data."""
    unknown = [n for n in ("loc", "scale") if n in density.free and n not in density.start]
    if not unknown or not hasattr(density.distribution, "logpdf"):
        return {}
    if density.name in CIRCULAR:
        return {"scale": guess["scale"], "loc": _quantile(x, weights, 0.5)}
    shapes = {name: guess[name] for name in density.shapes}
    mean, variance = map(float, density.distribution.stats(**shapes, moments="mv"))
    if not (np.isfinite(mean) and np.isfinite(variance) and variance > 0):
        return _by_quartiles(density, x, weights, guess, unknown)
    centre = float(weights @ x)
    sd = float(np.sqrt(weights @ (x - centre) ** 2))
    moments = {}
    if "scale" not in unknown:
        moments["scale"] = guess["scale"]
    elif "loc" in unknown:
        moments["scale"] = sd / float(np.sqrt(variance))
    else:
        # About a location that is fixed; the mean tells nothing where it is that location.
        about = centre - guess["loc"]
        square = variance + mean**2
        moments["scale"] = about / mean if mean else np.sqrt((sd**2 + about**2) / square)
    if not moments["scale"] > 0:
        moments["scale"] = sd or 1.0
    if "loc" in unknown:
        moments["loc"] = centre - moments["scale"] * mean
    return moments


def _by_quartiles(
    density: Density,
    x: FloatArray,
    weights: FloatArray,
    guess: Mapping[str, float],
    unknown: Collection[str],
) -> dict[str, float]:
    """Return location and scale by the quartiles, where there are no moments."""
    shapes = {name: guess[name] for name in density.shapes}
    q1, q2, q3 = (_quantile(x, weights, share) for share in (0.25, 0.5, 0.75))
    p1, p2, p3 = density.distribution.ppf([0.25, 0.5, 0.75], **shapes)
    found = {"scale": guess["scale"]}
    if "scale" in unknown:
        about = (q2 - guess["loc"]) / p2 if "loc" not in unknown and p2 else 0.0
        found["scale"] = about if about > 0 else (q3 - q1) / (p3 - p1) or float(np.std(x)) or 1.0
    if "loc" in unknown:
        found["loc"] = q2 - found["scale"] * p2
    return {name: float(value) for name, value in found.items()}


def _quantile(x: FloatArray, weights: FloatArray, share: float) -> float:
    """Return the smallest value up to which there is a share of the weights."""
    order = np.argsort(x, kind="stable")
    cumulated = np.cumsum(weights[order])
    return float(x[order[np.searchsorted(cumulated, share * cumulated[-1])]])


Closed = Callable[[FloatArray, FloatArray, Mapping[str, Any]], dict[str, float]]


def _normal(x: FloatArray, weights: FloatArray, fixed: Any = None) -> dict[str, float]:
    mean = float(weights @ x)
    return {"loc": mean, "scale": float(np.sqrt(weights @ (x - mean) ** 2))}


def _log_normal(x: FloatArray, weights: FloatArray, fixed: Any) -> dict[str, float]:
    within = x > 0  # others are impossible whatever the estimate
    of_logs = _normal(np.log(x[within]), weights[within] / weights[within].sum())
    return {"s": of_logs["scale"], "scale": float(np.exp(of_logs["loc"]))}


def _laplace(x: FloatArray, weights: FloatArray, fixed: Any) -> dict[str, float]:
    """Return the weighted median, and the mean distance from it."""
    median = _quantile(x, weights, 0.5)
    return {"loc": median, "scale": float(weights @ np.abs(x - median))}


def _mean(name: str) -> Closed:
    return lambda x, weights, fixed: {name: float(weights @ x)}


def _uniform(x: FloatArray, weights: FloatArray, fixed: Any) -> dict[str, float]:
    return {"loc": float(x.min()), "scale": float(np.ptp(x))}


#: By scipy's name, and by the parameters that are free.
CLOSED: dict[tuple[str, frozenset[str]], Closed] = {
    ("norm", frozenset({"loc", "scale"})): _normal,
    ("lognorm", frozenset({"s", "scale"})): _log_normal,
    ("laplace", frozenset({"loc", "scale"})): _laplace,
    ("uniform", frozenset({"loc", "scale"})): _uniform,
    ("uniform", frozenset({"scale"})): lambda x, w, fixed: {"scale": float(x.max())},
    ("expon", frozenset({"scale"})): _mean("scale"),
    ("poisson", frozenset({"mu"})): _mean("mu"),
    ("bernoulli", frozenset({"p"})): _mean("p"),
    ("binom", frozenset({"p"})): lambda x, w, fixed: {"p": float(w @ x) / fixed["n"]},
    ("geom", frozenset({"p"})): lambda x, w, fixed: {"p": 1 / float(w @ x)},
}
