"""What a density is made of: a distribution or a function, and which parameters are estimated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from typing import Any

import numpy as np

from skem.coordinates import Coordinates
from skem.families.support import has_bounds, moves_a_bound, reach, typical_values
from skem.families.weighted_likelihood import closed_form
from skem.ranges import POSITIVE, REAL, FloatArray, Range, Real

__all__ = ["DensityBase"]


@dataclass(frozen=True, eq=False)
class DensityBase:  # numpydoc ignore=PR02
    """The half of a :class:`.Density` that knows no rows.

    Parameters
    ----------
    distribution, start, fixed, ranges : as in Density
        Said once, there.
    """

    distribution: Any
    start: Mapping[str, float] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what was given."""
        if self.is_scipy and hasattr(self.distribution, "args"):
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
        for where in ("start", "fixed", "ranges"):
            if not isinstance(getattr(self, where), Mapping):
                raise TypeError(
                    f"{where} of {self.name} must be a dict by the names of parameters, got "
                    f"{getattr(self, where)!r}"
                )
        if unknown := sorted({*self.start, *self.fixed, *self.ranges} - set(self.names)):
            raise ValueError(
                f"{unknown[0]!r} is no parameter of {self.name}, which has {', '.join(self.names)}"
            )
        if both := sorted(set(self.start) & set(self.fixed)):
            raise ValueError(f"{both[0]!r} is in start and in fixed: give it in one of them")
        for name, range_ in self.ranges.items():
            if not isinstance(range_, Range) or range_.core:
                raise TypeError(
                    f"ranges[{name!r}] of {self.name} must be REAL, POSITIVE or PROBABILITY, as "
                    f"parameters are numbers, got {range_!r}"
                )
        for where in ("start", "fixed"):
            for name, value in getattr(self, where).items():
                self._check(where, name, value)
        if self.is_scipy:
            self._check_shapes()
        else:
            self._check_arguments()

    def _check_shapes(self) -> None:
        """Raise where shapes are none that the distribution has, or have to be fixed."""
        told = {**self.fixed, **self.start}
        if self.shapes and not self._typical:
            told = {name: value for name, value in told.items() if name in self.shapes}
            raise ValueError(f"there is no {self.name} with {told}")
        needed = [n for n in self.shapes if n not in self.fixed and self._moves(n)]
        if needed:
            values = ", ".join(f"{name!r}: ..." for name in needed)
            raise ValueError(
                f"{self.name} has bounds, or whole numbers, that EM cannot estimate: fix "
                f"{', '.join(needed)}, in Density({self.name}, fixed={{{values}}}), or write a "
                "function whose bounds do not move"
            )

    def _check_arguments(self) -> None:
        """Raise where a function has other parameters than start and fixed name."""
        given = ", ".join(self.names)
        try:
            signature(self.distribution).bind(None, **dict.fromkeys(self.names))
        except TypeError as error:
            raise ValueError(
                f"start must name the parameters of {self.name}, or fixed: {error}. Make it a "
                f"Density(function, start={{...}}); named so far: {given or 'none'}"
            ) from None
        except ValueError:  # nothing is known of it
            pass

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
        free = [name for name in self.names if name not in self.fixed]
        if not self.is_scipy:
            return tuple(free)
        if "loc" in free and "loc" not in self.start and self._has_bounds:
            free.remove("loc")
        is_open = "scale" not in free or "scale" in self.start
        if not (is_open or closed_form(self.name, free, self.fixed)) and self._moves("scale"):
            free.remove("scale")
        return tuple(free)

    @cached_property
    def closed(self) -> Any:
        """The function that estimates them in closed form; None where there is none."""
        return closed_form(self.name, self.free, self.fixed) if self.is_scipy else None

    @property
    def shapes(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """Names of the shape parameters of a distribution of scipy."""
        shapes = getattr(self.distribution, "shapes", None)
        return tuple(name.strip() for name in shapes.split(",")) if shapes else ()

    @cached_property
    def _typical(self) -> dict[str, Any]:
        """Values of the shapes that it can have."""
        return typical_values(self.distribution, self.shapes, {**self.fixed, **self.start})

    @property
    def _has_bounds(self) -> bool:
        is_discrete = not hasattr(self.distribution, "logpdf")
        return is_discrete or has_bounds(self.distribution, self._typical)

    def _moves(self, name: str) -> bool:
        return moves_a_bound(self.distribution, self._typical, name)

    @cached_property
    def reach(self) -> tuple[float, float]:
        """Bounds of the support that no free parameter moves."""
        scale = {"scale": self.fixed.get("scale", 1.0)} if "scale" in self.names else {}
        values = {**self._typical, "loc": self.fixed.get("loc", 0.0), **scale}
        return reach(self.distribution, values, self.free)

    def coordinates(self, unit: float) -> Coordinates:
        """Return the coordinates of the free parameters of a column with a spread."""
        defaults = {"loc": Real(unit), "scale": POSITIVE}
        return Coordinates(
            {name: self.ranges.get(name, defaults.get(name, REAL)) for name in self.free}
        )

    def n_coordinates(self, n_columns: int) -> int:
        """Count the parameters that are estimated."""
        return len(self.free) * (n_columns if self.is_scipy else 1)

    def _out_of_reach(self, x: FloatArray) -> str:
        """Return, in words, that none of some rows is in the support."""
        lower, upper = self.reach
        held = ", ".join(
            f"{name}={self.fixed.get(name, name == 'scale'):g}"
            for name in ("loc", "scale")
            if name in self.names and name not in self.free
        )
        return (
            f"X has no row that {self.name} can have produced: it reaches from {lower:g} to "
            f"{upper:g} with {held}, X from {x.min():g} to {x.max():g}. Fix its bounds where the "
            f"rows are (Density({self.name}, fixed={{...}}))"
        )
