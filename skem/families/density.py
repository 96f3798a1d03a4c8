"""Any one density: a distribution of scipy.stats, or a function that returns log-densities."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.coordinates import STEP, Coordinates, slope
from skem.families.density_base import DensityBase
from skem.families.smoothness import is_smooth, steps_of, still_rises
from skem.families.weighted_likelihood import estimate
from skem.ranges import FloatArray, Mask

__all__ = ["Density"]


@dataclass(frozen=True, eq=False)
class Density(DensityBase):  # numpydoc ignore=PR02
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
        reach over the whole line, and ``scale`` at 1 where it moves a bound of the support (beta,
        pareto), unless ``start`` names them or there is a closed form (uniform). (Else the
        likelihood had no maximum, or it was where a row touches a bound.) Shapes that move a bound
        (truncnorm), or are whole numbers (the n of binom), have to be fixed.
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
            if previous is None:
                seen, share = self._reached(x, weights)
                found = estimate(self, x[seen], share[seen] / share[seen].sum(), None)
            elif (seen := self._seen(x, weights)).any():
                found = estimate(self, x[seen], weights[seen] / weights[seen].sum(), begin)
            else:
                continue
            estimates[j] = [found[name] for name in self.names]
        return estimates

    def _reached(self, x: FloatArray, weights: FloatArray) -> tuple[Mask, FloatArray]:
        """Return which rows a start is made of, and weights: those within reach.

        If a component has none, they are those of all components together.
        """
        within = np.full(len(x), True)
        if self.is_scipy:
            lower, upper = self.reach
            within = (x >= lower) & (x <= upper)
        alike = np.ones(len(x))
        for each in (weights, alike):
            if (seen := self._seen(x, each) & within).any():
                return seen, each
        raise ValueError(self._out_of_reach(x[self._seen(x, alike)]))

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
            for i in np.flatnonzero(np.isfinite(at)):
                unit = np.arange(at.size) == i
                with np.errstate(invalid="ignore"):  # where a row is impossible
                    apart = heights(at + STEP * unit) - heights(at - STEP * unit)
                for step in steps_of(apart):
                    behind, ahead = (
                        [heights(at + k * step * unit) for k in ks] for ks in ((-2, -1), (1, 2))
                    )
                    if not is_smooth([*behind, here, *ahead]):
                        return self.free[i]
        return None

    def has_few_values(self, X: FloatArray, weights: FloatArray, theta: FloatArray) -> bool:
        """Say whether rows have hardly more distinct values than a column has parameters.

        A density can close in on so few, and become as high as you like. One that is discrete
        cannot: it is never above 1. (Of a function that is all that tells.)
        """
        if hasattr(self.distribution, "logpmf") or not self.free:
            return False
        if not self.is_scipy:
            if not (self.log_density(X[weights > 0], theta) > 0).any():
                return False
            _, which = np.unique(X, axis=0, return_inverse=True)
            return self._are_few(which.ravel(), weights)
        return any(
            self._are_few(np.unique(x[seen], return_inverse=True)[1], weights[seen])
            for x, _ in self._columns(X, theta)
            if (seen := self._seen(x, weights)).any()
        )

    def _are_few(self, which: Any, weights: FloatArray) -> bool:
        """Say so of the numbers of values, by their effective number (Kish 1965)."""
        by_value = np.bincount(which, weights)
        effective = by_value.sum() ** 2 / (by_value**2).sum()
        return bool(effective < len(self.free) + 0.5)

    def unsettled(
        self, X: FloatArray, weights: FloatArray, theta: FloatArray, units: FloatArray
    ) -> str | None:
        """Return a parameter in which the weighted log-likelihood still rises; None of none."""
        for unit, (x, values) in zip(units, self._columns(X, theta), strict=False):
            seen, coordinates = self._seen(x, weights), self.coordinates(unit)
            if self.closed is not None or not seen.any():
                continue
            heights, at = (
                self._heights(x[seen], values, coordinates),
                coordinates.to_vector(values),
            )
            for i in np.flatnonzero(np.isfinite(at)):
                # A shape may be large, and has no unit of its own.
                size = max(1.0, abs(at[i])) if self.free[i] in self.shapes else 1.0
                axis = size * STEP * (np.arange(at.size) == i)
                if still_rises(heights(at - axis), heights(at + axis), weights[seen]):
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
