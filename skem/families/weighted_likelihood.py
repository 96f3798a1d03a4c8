"""The weighted maximum-likelihood estimate of a density.

With weights ``w`` it maximises ``sum_i w_i log f(x_i | theta)``. Where there is a closed form that
is taken, else BFGS in unconstrained coordinates, from the last estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from skem.coordinates import slope
from skem.ranges import FloatArray

if TYPE_CHECKING:
    from skem.families.density import Density

__all__ = ["FIRST_SHAPES", "estimate"]

#: Values of a shape parameter that are tried at a start.
FIRST_SHAPES = (0.5, 1.0, 2.0, 5.0, 0.1, 20.0)

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
    closed = CLOSED.get((density.name, frozenset(density.free))) if density.is_scipy else None
    if closed is not None and not density.fixed.get("loc"):
        return {**_constants(density), **closed(x, weights, density.fixed)}
    if begin is None:
        begin = _first(density, x, weights)
    if not density.free:
        return begin
    return _climb(density, x, weights, begin)


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
    shapes = {name: guess[name] for name in density.shapes}
    mean, variance = density.distribution.stats(**shapes, moments="mv")
    centre = float(weights @ x)
    sd = float(np.sqrt(weights @ (x - centre) ** 2))
    moments = {}
    if "loc" not in unknown:
        # About a location that is fixed; the mean tells nothing where it is that location.
        about = centre - guess["loc"]
        square = float(variance) + float(mean) ** 2
        moments["scale"] = about / float(mean) if mean else np.sqrt((sd**2 + about**2) / square)
    elif np.isfinite(variance) and variance > 0:
        moments["scale"] = sd / float(np.sqrt(variance))
    else:
        moments["scale"] = sd
    if "scale" not in unknown:
        moments["scale"] = guess["scale"]
    if not moments["scale"] > 0:
        moments["scale"] = sd or 1.0
    if "loc" in unknown:
        shift = float(mean) if np.isfinite(mean) else 0.0
        moments["loc"] = centre - moments["scale"] * shift
    return moments


Closed = Callable[[FloatArray, FloatArray, Mapping[str, Any]], dict[str, float]]


def _normal(x: FloatArray, weights: FloatArray, fixed: Any = None) -> dict[str, float]:
    mean = float(weights @ x)
    return {"loc": mean, "scale": float(np.sqrt(weights @ (x - mean) ** 2))}


def _log_normal(x: FloatArray, weights: FloatArray, fixed: Any) -> dict[str, float]:
    with np.errstate(divide="ignore"):
        of_logs = _normal(np.log(x), weights)
    return {"s": of_logs["scale"], "scale": float(np.exp(of_logs["loc"]))}


def _laplace(x: FloatArray, weights: FloatArray, fixed: Any) -> dict[str, float]:
    """Return the weighted median, and the mean distance from it."""
    order = np.argsort(x, kind="stable")
    cumulated = np.cumsum(weights[order])
    median = float(x[order[np.searchsorted(cumulated, 0.5 * cumulated[-1])]])
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
