"""Components of any density: their sufficient statistic is the weighted sample itself."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.errors import Doubt
from skem.families.base import (
    LOG_ZERO,
    DegenerateComponentError,
    FloatArray,
    Kernel,
    draw_labels,
)
from skem.families.density import Density
from skem.families.exponential import ExponentialFamily

__all__ = ["Densities", "DensityParameters"]


class DensityParameters(NamedTuple):
    """Parameters of components of any density.

    Attributes
    ----------
    parameters : ndarray of shape (n_components, n_columns, n_parameters)
        In the order of each density's names; NaN beyond them.
    """

    parameters: FloatArray


class Sample:
    """Rows and their responsibilities; samples add up by standing one after another.

    Parameters
    ----------
    parts : list of tuple
        Rows (b, d) with responsibilities (K, b).
    """

    __array_ufunc__ = None  # an array of zeros, which sums begin with, leaves the sum to this one

    def __init__(self, parts: list[tuple[FloatArray, FloatArray]]) -> None:
        self.parts = parts

    def __add__(self, other: "Sample") -> "Sample":
        """Return both."""
        return Sample([*self.parts, *other.parts])

    def __radd__(self, nothing: Any) -> "Sample":
        """Return itself."""
        return self

    def joined(self) -> tuple[FloatArray, FloatArray]:
        """Return all rows (n, d), with their responsibilities (K, n)."""
        if len(self.parts) > 1:
            rows, responsibilities = zip(*self.parts, strict=True)
            self.parts = [(np.concatenate(rows), np.concatenate(responsibilities, axis=1))]
        return self.parts[0]

    def __getitem__(self, index: Any) -> FloatArray:
        """Return the total responsibilities (K, 1), which come first in all statistics."""
        counts = sum(r.sum(axis=1) for _, r in self.parts)
        return np.asarray(counts)[:, np.newaxis][index]


@dataclass(frozen=True, eq=False)
class DensityKernel:
    """Kernel of any densities.

    Parameters
    ----------
    family : Densities
        The densities.
    params : DensityParameters or None
        Their parameters.
    bias : ndarray of shape (n_components,)
        Added to the log-density of each component.
    """

    family: "Densities"
    params: DensityParameters | None
    bias: FloatArray

    @property
    def width(self) -> int:
        """Rows of the working form: a column each."""
        return self.family.n_columns

    def load(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Return the rows in double precision."""
        return np.asarray(X, dtype=np.float64)

    def log_density(self, block: FloatArray, out: FloatArray) -> float:
        """Write each component's log-density, plus its bias."""
        assert self.params is not None
        for k, (density, theta) in enumerate(self.family.pairs(self.params)):
            out[k] = density.log_density(block, theta)
        out += self.bias[:, np.newaxis]
        np.fmax(out, LOG_ZERO, out=out)
        return 0.0

    def statistics(self, block: FloatArray, responsibilities: FloatArray) -> Any:
        """Return the sample."""
        return Sample([(block.copy(), responsibilities.copy())])


@dataclass(frozen=True, eq=False)
class Densities(ExponentialFamily):
    """Components each of a density of its own.

    Parameters
    ----------
    n_components : int
        Number of components K.
    n_columns : int
        Number of columns of X.
    held : Held, default=Held()
        Only weights can be held: densities say themselves what is fixed.
    densities : tuple of Density
        One for each component.
    spreads : tuple of float, default=()
        Those of the columns, which are the units of locations; 1 where not told.
    """

    densities: tuple[Density, ...] = ()
    spreads: tuple[float, ...] = ()

    #: Slopes are to be had by differences.
    accelerable = True

    #: Rows may lie outside the support whatever the parameters are.
    bounded = True

    @property
    def n_statistics(self) -> int:
        """Work for each row and component, in multiplications: a density is some logarithms."""
        return 50 * self.n_columns

    def sufficient_statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Return the rows: no less than these is sufficient."""
        out[:] = X.T
        return out

    def natural_parameters(self, params: DensityParameters) -> FloatArray:
        """Raise: log-densities are not linear in any statistics."""
        raise self._lacks("a linear kernel", "natural parameters")

    def kernel(
        self, params: DensityParameters | None, bias: FloatArray, incomplete: bool = False
    ) -> Any:
        """Return the kernel at params; a missing cell adds nothing where columns are independent.

        Raises ValueError where cells may be missing, but a density takes whole rows.
        """
        whole = [density.name for density in self.densities if not density.is_scipy]
        if incomplete and whole:
            raise ValueError(
                f"X has missing cells (NaN), but {whole[0]} takes whole rows: only distributions "
                "of scipy.stats can do without a cell. Leave such rows out, or fill them in"
            )
        return DensityKernel(self, params, bias)

    def maximize(
        self, statistics: Any, kernel: Kernel, previous: DensityParameters | None
    ) -> DensityParameters:
        """Return the weighted maximum-likelihood estimate of each density."""
        X, responsibilities = statistics.joined()
        most = max(len(density.names) for density in self.densities)
        parameters = np.full((self.n_components, self.n_columns, most), np.nan)
        for k, (density, r) in enumerate(zip(self.densities, responsibilities, strict=True)):
            n = len(density.names)
            begin = None if previous is None else previous.parameters[k, :, :n]
            if begin is not None and not r.sum() > 0:
                parameters[k, :, :n] = begin
                continue
            theta = density.maximize(X, r, begin)
            parameters[k, :, :n] = theta
            self._check(k, density, theta, X)
        return DensityParameters(parameters)

    @staticmethod
    def _check(k: int, density: Density, theta: FloatArray, X: FloatArray) -> None:
        """Raise DegenerateComponentError where a scale has vanished, or there is no density."""
        if "scale" in density.free:
            scales = theta[:, density.names.index("scale")]
            spread = np.nanmax(X, axis=0) - np.nanmin(X, axis=0)
            if not (scales > 1e-9 * spread).all():
                raise DegenerateComponentError(k, f"the scale of its {density.name} is zero")
        if np.isnan(density.log_density(X[:1], theta)).any():
            found = ", ".join(map("{}={:.6g}".format, density.names, theta[0]))
            raise DegenerateComponentError(k, f"its {density.name} is no number with {found}")

    def n_parameters(self, params: DensityParameters) -> int:
        """Count the parameters that are estimated."""
        return sum(density.n_coordinates(self.n_columns) for density in self.densities)

    def to_vector(self, params: DensityParameters) -> FloatArray:
        """Return the coordinates of what is estimated, component after component."""
        pairs = self.pairs(params)
        return np.concatenate([density.to_vector(theta, self._units) for density, theta in pairs])

    def from_vector(self, vector: FloatArray, like: DensityParameters) -> DensityParameters:
        """Undo :meth:`to_vector`; what is fixed is as in like."""
        parameters, start = like.parameters.copy(), 0
        for k, (density, theta) in enumerate(self.pairs(like)):
            stop = start + density.n_coordinates(self.n_columns)
            moved = density.from_vector(vector[start:stop], theta, self._units)
            parameters[k, :, : len(density.names)], start = moved, stop
        return DensityParameters(parameters)

    def gradient(self, params: DensityParameters, new: Any, statistics: Any) -> FloatArray:
        """Return the slopes of the weighted log-likelihoods, by differences."""
        X, responsibilities = statistics.joined()
        return np.concatenate(
            [
                density.slope(X, r, theta, self._units)
                for (density, theta), r in zip(self.pairs(params), responsibilities, strict=True)
            ]
        )

    def unsettled(self, params: DensityParameters, statistics: Any) -> Doubt | None:
        """Say which component rests on few values, or has no maximum here; None of none."""
        X, responsibilities = statistics.joined()
        pairs = zip(self.pairs(params), responsibilities, strict=True)
        for k, ((density, theta), r) in enumerate(pairs):
            if self.n_components > 1 and density.has_few_values(X, r, theta):
                return Doubt(
                    "few rows",
                    f"component {k} rests on hardly more distinct values than its {density.name} "
                    f"has parameters ({len(density.free)})",
                )
            if (name := density.unsettled(X, r, theta, self._units)) is not None:
                return Doubt(
                    "no maximum",
                    f"the likelihood of component {k} still rises in {name!r} of its "
                    f"{density.name}: it has no maximum nearby, as where rows are equal, or touch "
                    "a bound",
                )
        return None

    def check_smooth(self, params: DensityParameters, X: FloatArray) -> None:
        """Raise ValueError where a log-density has a corner, or a bound, at some row."""
        for k, (density, theta) in enumerate(self.pairs(params)):
            if (name := density.corner(X, theta, self._units)) is not None:
                raise ValueError(
                    f"standard errors need log-densities with a slope: that of component {k}, "
                    f"{density.name}, has a corner or a bound in {name!r} at some row. Fix it "
                    "(Density(..., fixed={...})), or refit to resampled rows"
                )

    @property
    def _units(self) -> FloatArray:
        return np.array(self.spreads or np.ones(self.n_columns))

    def pairs(self, params: DensityParameters) -> list[tuple[Density, FloatArray]]:
        """Pair densities with their parameters (n_columns, n_parameters)."""
        pairs = zip(self.densities, params.parameters, strict=True)
        return [(density, theta[:, : len(density.names)]) for density, theta in pairs]

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return X; a missing cell is put at its column's mean."""
        there = ~np.isnan(X)
        sums = weights @ np.where(there, X, 0.0)
        return np.where(there, X, sums / np.maximum(weights @ there, np.finfo(float).tiny))

    def impute(
        self, params: DensityParameters, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in missing cells by their expectations, or draws."""
        if rng is not None:
            drawn, labels = np.empty(X.shape), draw_labels(posterior, rng)
            for k, (density, theta) in enumerate(self.pairs(params)):
                rows = np.flatnonzero(labels == k)
                drawn[rows] = density.sample(theta, len(rows), rng)
            return np.where(np.isnan(X), drawn, X)
        means = np.array([density.means(theta) for density, theta in self.pairs(params)])
        if not np.isfinite(means).all():
            k = int(np.argmin(np.isfinite(means).all(axis=1)))
            raise ValueError(
                f"component {k}, {self.densities[k].name}, has no expectation to fill in: give "
                "impute a random_state, for draws"
            )
        return np.where(np.isnan(X), posterior @ means, X)

    def sample(self, params: DensityParameters, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw rows."""
        return np.concatenate(
            [
                density.sample(theta, int(n), rng)
                for (density, theta), n in zip(self.pairs(params), counts, strict=True)
            ]
        )
