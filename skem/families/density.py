"""Any one density: a distribution of scipy.stats, or a function that returns log-densities."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from skem.coordinates import STEP, Coordinates, slope
from skem.families.weighted_likelihood import FIRST_SHAPES, estimate
from skem.ranges import POSITIVE, REAL, FloatArray, Mask, Range, Real

__all__ = ["Density"]

#: Of what a smooth log-density changes by over two steps its fourth difference is a share that
#: shrinks at least with the square of the step. At a corner it is twice the change.
LARGEST_FOURTH_DIFFERENCE = 0.05

#: Steps of these differences: at a corner between two points those of one step may vanish.
STEPS = (STEP, 4 * STEP)


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
        if self.is_scipy and hasattr(self.distribution, "dist"):
            name = self.distribution.dist.name
            raise TypeError(
                f"a component must be a distribution without its parameters, got a frozen {name}: "
                f"what is fixed goes into Density({name}, fixed={{...}})"
            )
        if self.is_scipy and not hasattr(self.distribution, "shapes"):
            raise TypeError(
                "a component must be a distribution of one variable that scipy.stats has by name, "
                f"such as scipy.stats.norm, got {self.distribution!r}"
            )
        if not (self.is_scipy or callable(self.distribution)):
            raise TypeError(
                "a component must be a distribution of scipy.stats, a function that returns "
                f"log-densities, or a Density of one, got {self.distribution!r}"
            )
        if unknown := sorted({*self.start, *self.fixed, *self.ranges} - set(self.names)):
            raise ValueError(
                f"{unknown[0]!r} is no parameter of {self.name}, which has {', '.join(self.names)}"
            )
        if both := sorted(set(self.start) & set(self.fixed)):
            raise ValueError(f"{both[0]!r} is in start and in fixed: give it in one of them")
        for where in ("start", "fixed"):
            for name, value in getattr(self, where).items():
                self._check(where, name, value)
        if not self.free and not self.is_scipy and not self.fixed:
            raise ValueError(
                f"start must name the parameters of {self.name}: make it a Density(function, "
                "start={...})"
            )

    def _check(self, where: str, name: str, value: Any) -> None:
        """Raise where a value of a parameter is no number, or none that it can have."""
        what = f"{where}[{name!r}] of {self.name}"
        if not isinstance(value, int | float | np.integer | np.floating):
            raise TypeError(f"{what} must be a number, got {value!r}")
        if not np.isfinite(value):
            raise ValueError(f"{what} must be finite, got {value!r}")
        if self.is_scipy and name == "scale" and not value > 0:
            raise ValueError(f"{what} must be positive, got {value!r}")
        if name in self.ranges:
            self.ranges[name].check(what, value)

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
        return (*self.shapes, "loc", *scale)

    @cached_property
    def free(self) -> tuple[str, ...]:
        """Those that are estimated."""
        held = set(self.fixed)
        if self.is_scipy and "loc" not in self.start and not self._reaches_everywhere:
            held.add("loc")
        return tuple(name for name in self.names if name not in held)

    @property
    def shapes(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """Names of the shape parameters of a distribution of scipy."""
        shapes = self.distribution.shapes
        return tuple(name.strip() for name in shapes.split(",")) if shapes else ()

    @cached_property
    def _reaches_everywhere(self) -> bool:
        """Whether the support is the whole line, at some values of the shapes."""
        if not hasattr(self.distribution, "logpdf"):
            return False
        for value in FIRST_SHAPES:
            shapes = {name: self.fixed.get(name, value) for name in self.shapes}
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
            In nats; NaN where the parameters make no sense. A missing cell adds nothing.
        """
        with np.errstate(all="ignore"):
            total = np.zeros(len(X))
            for x, values in self._columns(X, theta):
                added = self.of_column(x, values)
                total += np.where(np.isnan(x), 0.0, added) if self.is_scipy else added
            return total

    def of_column(self, x: Any, values: Mapping[str, float]) -> FloatArray:
        """Return the log-density of each cell of a column; of each row, for a function."""
        kind = self.distribution
        if not self.is_scipy:
            x = np.asarray(x).view()
            x.flags.writeable = False  # it is the user's X that a function would change
            found = np.asarray(kind(x, **values), dtype=np.float64)
            if found.shape != (len(x),):
                raise ValueError(
                    f"{self.name} must return {len(x)} log-densities, one for each row, got an "
                    f"array of shape {found.shape}"
                )
            return found
        return kind.logpdf(x, **values) if hasattr(kind, "logpdf") else kind.logpmf(x, **values)

    def coordinates(self, unit: float) -> Coordinates:
        """Return the coordinates of the free parameters of a column with a spread."""
        defaults = {"loc": Real(unit), "scale": POSITIVE}
        return Coordinates(
            {name: self.ranges.get(name, defaults.get(name, REAL)) for name in self.free}
        )

    def n_coordinates(self, n_columns: int) -> int:
        """Count the parameters that are estimated."""
        return len(self.free) * (n_columns if self.is_scipy else 1)

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
        if previous is None:
            estimates = np.full((X.shape[1], len(self.names)), np.nan)
        else:
            estimates = previous.copy()
        for j, (x, begin) in enumerate(self._columns(X, estimates)):
            seen = self._seen(x, weights)
            if not seen.any() and previous is not None:
                continue
            if not seen.any():  # at a start: as in all components together
                seen, weights = self._seen(x, np.ones(len(X))), np.ones(len(X))
            share = weights[seen] / weights[seen].sum()
            found = estimate(self, x[seen], share, None if previous is None else begin)
            estimates[j] = [found[name] for name in self.names]
        return estimates

    def slope(
        self, X: FloatArray, weights: FloatArray, theta: FloatArray, units: FloatArray
    ) -> FloatArray:
        """Return the slope of the weighted log-likelihood, by differences.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
            Rows.
        weights : ndarray of shape (n,)
            How much each counts.
        theta : ndarray of shape (n_columns, n_parameters)
            Parameters.
        units : ndarray of shape (n_columns,)
            Spreads of the columns.

        Returns
        -------
        slope : ndarray of shape (n_coordinates,)
            In the coordinates, column after column; not finite where there is none.
        """
        slopes = []
        for unit, (x, values) in zip(units, self._columns(X, theta), strict=False):
            seen, coordinates = self._seen(x, weights), self.coordinates(unit)
            heights = self._heights(x[seen], values, coordinates)
            slopes.append(slope(_weighted(heights, weights[seen]), coordinates.to_vector(values)))
        return np.concatenate(slopes)

    def corner(self, X: FloatArray, theta: FloatArray, units: FloatArray) -> str | None:
        """Return a parameter in which the log-density of some row has no slope; None of none."""
        for unit, (x, values) in zip(units, self._columns(X, theta), strict=False):
            coordinates, x = self.coordinates(unit), x[self._seen(x, np.ones(len(x)))]
            heights, at = self._heights(x, values, coordinates), coordinates.to_vector(values)
            with np.errstate(all="ignore"):
                here = self.of_column(x, values)  # at a bound a coordinate may round to beyond it
            for i, step in product(np.flatnonzero(np.isfinite(at)), STEPS):
                axis = step * (np.arange(at.size) == i)
                behind, ahead = ([heights(at + k * axis) for k in ks] for ks in ((-2, -1), (1, 2)))
                if not _is_smooth([*behind, here, *ahead]):
                    return self.free[i]
        return None

    def _heights(
        self, x: FloatArray, values: Mapping[str, float], coordinates: Coordinates
    ) -> Callable[[FloatArray], FloatArray]:
        """Return the function of coordinates that returns the log-densities of a column."""

        def heights(vector: FloatArray) -> FloatArray:
            with np.errstate(all="ignore"):
                return self.of_column(x, coordinates.from_vector(vector, values))

        return heights

    def to_vector(self, theta: FloatArray, units: FloatArray) -> FloatArray:
        """Return the coordinates of parameters, column after column."""
        n = len(theta) if self.is_scipy else 1
        by_name = [dict(zip(self.names, values, strict=True)) for values in theta[:n]]
        pairs = zip(units, by_name, strict=False)
        return np.concatenate([self.coordinates(unit).to_vector(each) for unit, each in pairs])

    def from_vector(self, vector: FloatArray, like: FloatArray, units: FloatArray) -> FloatArray:
        """Undo :meth:`to_vector`; what is not free is as in like."""
        theta, n = like.copy(), len(self.free)
        for j in range(self.n_coordinates(len(like)) // n if n else 0):
            values = dict(zip(self.names, like[j], strict=True))
            values = self.coordinates(units[j]).from_vector(vector[n * j : n * (j + 1)], values)
            theta[j] = [values[name] for name in self.names]
        return theta

    def _columns(self, X: FloatArray, theta: FloatArray) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Pair columns with their parameters by name; all rows with those of a function."""
        columns = X.T if self.is_scipy else [X]
        for x, values in zip(columns, theta, strict=False):
            yield x, dict(zip(self.names, values, strict=True))

    def _seen(self, x: FloatArray, weights: FloatArray) -> Mask:
        """Say which cells of a column count."""
        return (weights > 0) & ~np.isnan(x) if self.is_scipy else weights > 0

    def means(self, theta: FloatArray) -> FloatArray:
        """Return the expectation of each column (n_columns,)."""
        by_column = [
            self.distribution.mean(**dict(zip(self.names, t, strict=True))) for t in theta
        ]
        return np.array(by_column, dtype=np.float64)

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


def _weighted(
    heights: Callable[[FloatArray], FloatArray], weights: FloatArray
) -> Callable[[FloatArray], Any]:
    """Return the function that sums by weight."""
    return lambda vector: weights @ heights(vector)


def _is_smooth(heights: list[FloatArray]) -> bool:
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
