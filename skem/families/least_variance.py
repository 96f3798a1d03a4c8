"""The least variance of Gaussian components: what no direction may be narrower than."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import DegenerateComponentError, FloatArray
from skem.families.covariance import Structure

__all__ = ["LeastVariance"]


@dataclass(frozen=True, eq=False)
class LeastVariance:
    """The constraint ``C - D`` positive semidefinite, with D diagonal.

    Parameters
    ----------
    structure : Structure
        Covariance structure.
    floor : ndarray of shape (n_features,)
        Largest variance that rounding alone could produce.
    bounds : ndarray of shape (n_features,) or None
        The diagonal of D; None without a constraint.
    """

    structure: Structure
    floor: FloatArray
    bounds: FloatArray | None

    def factor(
        self, covariances: FloatArray, held: NDArray[np.bool_] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the covariances of greatest likelihood under the constraint, and their U.

        Those of components (K,) that are held stay as they are. Raises DegenerateComponentError
        where covariances are singular to rounding.
        """
        U: Any = None
        try:
            U = self.structure.factor(covariances, self.floor)
        except DegenerateComponentError:
            if self.bounds is None:
                raise
        return self.widen(covariances, U, held)

    def widen(
        self,
        covariances: FloatArray,
        U: FloatArray | None,
        held: NDArray[np.bool_] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return covariances with their U, None where they are singular, widened where needed."""
        if U is not None and self._is_kept(U):
            return covariances, U
        assert self.bounds is not None
        wide, narrow, of_narrow = self.structure.widen(covariances, self.bounds)
        free = narrow if held is None else narrow & ~held[: len(narrow)]
        if free.any():
            covariances = _replaced(covariances, free, wide[free])
        if U is None:
            U = self.structure.factor(covariances, self.floor)
        return covariances, _replaced(U, free, of_narrow[free[narrow]])

    def _is_kept(self, U: FloatArray) -> bool:
        """Say whether no direction is too narrow, at a glance: False means perhaps.

        ``C - D`` is positive semidefinite if all eigenvalues of ``U'DU`` are at most 1; they are
        if their sum is.
        """
        return self.bounds is None or bool(self.structure.trace(U, self.bounds).max() <= 1.0)


def _replaced(values: FloatArray, which: NDArray[np.bool_], some: FloatArray) -> FloatArray:
    """Return values, one for each of some groups, of which some are others."""
    values = values.copy()
    values.reshape(len(which), -1)[which] = some.reshape(len(some), values.size // len(which))
    return values
