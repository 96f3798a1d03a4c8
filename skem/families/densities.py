"""Components of any density: their sufficient statistic is the weighted sample itself."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.base import (
    LOG_ZERO,
    DegenerateComponentError,
    ExponentialFamily,
    FloatArray,
    Kernel,
)
from skem.families.density import Density

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
    offset: float = 0.0
    constant: float = 0.0

    @property
    def n_components(self) -> int:
        """Number of components."""
        return self.family.n_components

    @property
    def width(self) -> int:
        """Rows of the working form: a column each."""
        return self.family.n_columns

    def load(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Return the rows in double precision."""
        return np.asarray(X, dtype=np.float64)

    def log_joint(self, block: FloatArray, out: FloatArray) -> FloatArray:
        """Write each component's log-density, plus its bias."""
        assert self.params is not None
        pairs = zip(self.family.densities, self.params.parameters, strict=True)
        for k, (density, theta) in enumerate(pairs):
            out[k] = density.log_density(block, theta[:, : len(density.names)])
        out += self.bias[:, np.newaxis]
        return np.fmax(out, LOG_ZERO, out=out)

    def totals(self, block: FloatArray, responsibilities: FloatArray) -> Any:
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
    """

    densities: tuple[Density, ...] = ()

    @property
    def n_statistics(self) -> int:
        """Work for each row and component, in multiplications: a density is some logarithms."""
        return 50 * self.n_columns

    def statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Return the rows: no less than these is sufficient."""
        out[:] = X.T
        return out

    def natural_parameters(self, params: DensityParameters) -> FloatArray:
        """Raise: log-densities are not linear in any statistics."""
        raise self._lacks("a linear kernel", "natural parameters")

    def kernel(self, params: DensityParameters | None, bias: FloatArray) -> Any:
        """Return the kernel at params."""
        return DensityKernel(self, params, bias)

    def maximize(
        self, totals: Any, kernel: Kernel, previous: DensityParameters | None
    ) -> DensityParameters:
        """Return the weighted maximum-likelihood estimate of each density."""
        X = np.concatenate([rows for rows, _ in totals.parts])
        responsibilities = np.concatenate([r for _, r in totals.parts], axis=1)
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
        """Raise DegenerateComponentError where a scale has vanished."""
        if "scale" not in density.free:
            return
        scales = theta[:, density.names.index("scale")]
        spread = np.ptp(X, axis=0)
        if not (scales > 1e-9 * spread).all():
            raise DegenerateComponentError(k, f"the scale of its {density.name} is zero")

    def n_parameters(self, params: DensityParameters) -> int:
        """Count the parameters that are estimated."""
        return sum(
            len(density.free) * (self.n_columns if density.is_scipy else 1)
            for density in self.densities
        )

    def sample(self, params: DensityParameters, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw rows."""
        triples = zip(self.densities, params.parameters, counts, strict=True)
        return np.concatenate(
            [
                density.sample(theta[:, : len(density.names)], int(n), rng)
                for density, theta, n in triples
            ]
        )
