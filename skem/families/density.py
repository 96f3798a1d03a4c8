"""Any one density, and its weighted maximum-likelihood estimate.

With weights ``w`` the estimate maximises ``sum_i w_i log f(x_i | theta)``. Where there is a closed
form that is taken, else BFGS in unconstrained coordinates, from the last estimate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import minimize

from skem.coordinates import Coordinates
from skem.ranges import POSITIVE, REAL, FloatArray, Range, Real

__all__ = ["Density"]

#: Values of a shape parameter that are tried at a start.
FIRST_SHAPES = (0.5, 1.0, 2.0, 5.0, 0.1, 20.0)

#: Largest slope, in nats per row, at which the optimiser stops.
FLAT = 1e-8


@dataclass(frozen=True, eq=False)
class Density:  # numpydoc ignore=PR02
    """What a component of :class:`skem.Mixture` can be.

    Parameters
    ----------
    distribution : scipy.stats distribution, or callable
        A distribution of ``scipy.stats``, continuous or discrete; each column of X has parameters
        of its own. Or a function ``f(X, **parameters)`` that returns the log-density of each row
        of X (n_samples, n_features), in nats.
    start : mapping of str to float, default={}
        Values to start from. All that a function estimates must be here; those of a distribution
        are guessed where not given.
    fixed : mapping of str to float, default={}
        Parameters that are not estimated. ``loc`` is fixed at 0 where a distribution does not
        reach over the whole line, unless ``start`` names it: the likelihood would be unbounded.
    ranges : mapping of str to Range, default={}
        Where parameters may lie (see :mod:`skem.em`): POSITIVE for ``scale`` and REAL for the
        others, unless told.

    Examples
    --------
    >>> from scipy.stats import binom
    >>> from skem import Density
    >>> Density(binom, fixed={"n": 10}).free
    ('p',)
    """

    distribution: Any
    start: Mapping[str, float] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what was given."""
        if not (self.is_scipy or callable(self.distribution)):
            raise TypeError(
                "a component must be a distribution of scipy.stats, a function that returns "
                f"log-densities, or a Density of one, got {self.distribution!r}"
            )
        if unknown := sorted({*self.start, *self.fixed, *self.ranges} - set(self.names)):
            raise ValueError(
                f"{unknown[0]!r} is no parameter of {self.name}, which has {', '.join(self.names)}"
            )
        if not self.free and not self.is_scipy and not self.fixed:
            raise ValueError(
                f"start must name the parameters of {self.name}: make it a Density(function, "
                "start={...})"
            )

    @property
    def is_scipy(self) -> bool:  # numpydoc ignore=RT01
        """Whether it is one of scipy.stats."""
        kind = self.distribution
        return hasattr(kind, "logpdf") or hasattr(kind, "logpmf")

    @property
    def name(self) -> str:  # numpydoc ignore=RT01
        """What to call it."""
        kind = self.distribution
        return str(kind.name if self.is_scipy else getattr(kind, "__name__", kind))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All parameters, in the order of scipy's."""
        if not self.is_scipy:
            return (*self.start, *(name for name in self.fixed if name not in self.start))
        scale = ("scale",) if hasattr(self.distribution, "logpdf") else ()
        return (*self._shapes, "loc", *scale)

    @cached_property
    def free(self) -> tuple[str, ...]:
        """Those that are estimated."""
        held = set(self.fixed)
        if self.is_scipy and "loc" not in self.start and not self._reaches_everywhere:
            held.add("loc")
        return tuple(name for name in self.names if name not in held)

    @property
    def _shapes(self) -> tuple[str, ...]:
        shapes = self.distribution.shapes
        return tuple(name.strip() for name in shapes.split(",")) if shapes else ()

    @cached_property
    def _reaches_everywhere(self) -> bool:
        """Whether the support is the whole line, at some values of the shapes."""
        if not hasattr(self.distribution, "logpdf"):
            return False
        for value in FIRST_SHAPES:
            shapes = {name: self.fixed.get(name, value) for name in self._shapes}
            lower, upper = self.distribution.support(**shapes)
            if not np.isnan(lower):
                return bool(np.isneginf(lower) and np.isposinf(upper))
        return False

    def log_density(self, X: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log-density of each row.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
            Rows.
        theta : ndarray of shape (n_columns, n_parameters)
            Parameters by column; those of a function are in the first row.

        Returns
        -------
        log_density : ndarray of shape (n,)
            In nats; NaN where the parameters make no sense.
        """
        with np.errstate(all="ignore"):
            if not self.is_scipy:
                values = dict(zip(self.names, theta[0], strict=True))
                return np.asarray(self.distribution(X, **values), dtype=np.float64)
            total = np.zeros(len(X))
            for x, values in zip(X.T, theta, strict=True):
                total += self._of_column(x, dict(zip(self.names, values, strict=True)))
            return total

    def maximize(
        self, X: FloatArray, weights: FloatArray, previous: FloatArray | None
    ) -> FloatArray:
        """Return the weighted maximum-likelihood estimate.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
            Rows.
        weights : ndarray of shape (n,)
            How much each counts.
        previous : ndarray of shape (n_columns, n_parameters) or None
            Where to begin; the estimate is no less likely.

        Returns
        -------
        theta : ndarray of shape (n_columns, n_parameters)
            The estimate.
        """
        seen = weights > 0
        X, weights = X[seen], weights[seen] / weights.sum()
        columns = X.T if self.is_scipy else [X]
        estimates = np.zeros((X.shape[1], len(self.names)))
        for j, x in enumerate(columns):
            begin = None if previous is None else dict(zip(self.names, previous[j], strict=True))
            found = self._estimate(x, weights, begin)
            estimates[j] = [found[name] for name in self.names]
        return estimates

    def sample(self, theta: FloatArray, n: int, rng: Any) -> FloatArray:
        """Draw rows of a distribution of scipy.

        Parameters
        ----------
        theta : ndarray of shape (n_columns, n_parameters)
            Parameters.
        n : int
            Number of rows.
        rng : RandomState
            Source of randomness.

        Returns
        -------
        X : ndarray of shape (n, n_columns)
            The rows.
        """
        if not self.is_scipy:
            raise NotImplementedError(f"{self.name} is a density alone: nothing says how to draw")
        draws = [
            self.distribution.rvs(
                **dict(zip(self.names, values, strict=True)), size=n, random_state=rng
            )
            for values in theta
        ]
        return np.column_stack(draws).astype(np.float64)

    def _of_column(self, x: Any, values: Mapping[str, float]) -> FloatArray:
        if not self.is_scipy:
            return np.asarray(self.distribution(x, **values), dtype=np.float64)
        kind = self.distribution
        return kind.logpdf(x, **values) if hasattr(kind, "logpdf") else kind.logpmf(x, **values)

    def _estimate(
        self, x: FloatArray, weights: FloatArray, begin: dict[str, float] | None
    ) -> dict[str, float]:
        """Return the estimates of one column (or of rows, for a function)."""
        closed = CLOSED.get(self.name) if self.is_scipy else None
        if closed is not None and set(self.free) == closed[0] and not self._offset:
            return {**self._constants, **closed[1](x, weights)}
        if begin is None:
            begin = self._first(x, weights)
        if not self.free:
            return begin
        spread = float(np.std(x)) or 1.0
        defaults = {"loc": Real(spread), "scale": POSITIVE}
        ranges = {name: self.ranges.get(name, defaults.get(name, REAL)) for name in self.free}
        coordinates = Coordinates(ranges)

        def loss(vector: FloatArray) -> float:
            with np.errstate(all="ignore"):
                value = -weights @ self._of_column(x, coordinates.from_vector(vector, begin))
            return float(value) if np.isfinite(value) else np.inf

        at = coordinates.to_vector(begin)
        with np.errstate(all="ignore"):
            found = minimize(loss, at, method="BFGS", jac="3-point", options={"gtol": FLAT})
        better = found.x if found.fun < loss(at) else at
        return {n: float(v) for n, v in coordinates.from_vector(better, begin).items()}

    @property
    def _constants(self) -> dict[str, float]:
        """Values of all parameters where nothing else is known."""
        return {name: float(self.fixed.get(name, name == "scale")) for name in self.names}

    @property
    def _offset(self) -> bool:
        return self.fixed.get("loc", 0.0) != 0.0

    def _first(self, x: FloatArray, weights: FloatArray) -> dict[str, float]:
        """Guess where to begin: some values of the shapes, with location and scale by moments."""
        if not self.is_scipy:
            return {**self.start, **self.fixed}
        unknown = [n for n in self._shapes if n not in self.fixed and n not in self.start]
        best, highest = None, -np.inf
        for values in product(FIRST_SHAPES, repeat=len(unknown)):
            guess = {**self._constants, **self.start, **dict(zip(unknown, values, strict=True))}
            with np.errstate(all="ignore"):
                guess.update(self._by_moments(x, weights, guess))
                height = float(weights @ self._of_column(x, guess))
            if np.isfinite(height) and height > highest:
                best, highest = guess, height
        if best is None:
            raise ValueError(
                f"no start found for {self.name}: all rows are impossible under what was tried. "
                "Give start= (or fixed=) to its Density"
            )
        return best

    def _by_moments(
        self, x: FloatArray, weights: FloatArray, guess: Mapping[str, float]
    ) -> dict[str, float]:
        """Return location and scale that give the distribution the moments of the data."""
        unknown = [n for n in ("loc", "scale") if n in self.free and n not in self.start]
        if not unknown or not hasattr(self.distribution, "logpdf"):
            return {}
        shapes = {name: guess[name] for name in self._shapes}
        mean, variance = self.distribution.stats(**shapes, moments="mv")
        centre = float(weights @ x)
        sd = float(np.sqrt(weights @ (x - centre) ** 2))
        moments = {}
        if "loc" not in unknown:
            moments["scale"] = (centre - guess["loc"]) / float(mean)
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


def _normal(x: FloatArray, weights: FloatArray) -> dict[str, float]:
    mean = float(weights @ x)
    return {"loc": mean, "scale": float(np.sqrt(weights @ (x - mean) ** 2))}


def _mean(name: str) -> Callable[[FloatArray, FloatArray], dict[str, float]]:
    return lambda x, weights: {name: float(weights @ x)}


#: By scipy's name: the free parameters for which there is a closed form, and that.
CLOSED: dict[str, tuple[set[str], Callable[[FloatArray, FloatArray], dict[str, float]]]] = {
    "norm": ({"loc", "scale"}, _normal),
    "expon": ({"scale"}, _mean("scale")),
    "poisson": ({"mu"}, _mean("mu")),
    "bernoulli": ({"p"}, _mean("p")),
    "geom": ({"p"}, lambda x, weights: {"p": 1 / float(weights @ x)}),
}
