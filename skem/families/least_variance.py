"""The least variance of Gaussian components: what no direction may be narrower than."""

from dataclasses import dataclass

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

    def enforce(
        self,
        covariances: FloatArray,
        U: FloatArray | None,
        held: NDArray[np.bool_] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the covariances of greatest likelihood under the constraint, and their U.

        U is that of the covariances, None where one has none. Those of components (K,) that are
        held stay as they are. Raises DegenerateComponentError where covariances are singular to
        rounding.
        """
        try:
            self.structure.check(covariances, U, self.floor)
        except DegenerateComponentError:
            if self.bounds is None:
                raise
            U = None
        return self.widen(covariances, U, held)

    def widen(
        self,
        covariances: FloatArray,
        U: FloatArray | None,
        held: NDArray[np.bool_] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return covariances with their U, None where they are singular, widened where needed."""
        suspects = self._suspects(covariances, U)
        if U is not None and not suspects.any():
            return covariances, U
        assert self.bounds is not None
        some = covariances if self.structure.shared else covariances[suspects]
        wide, narrow, of_narrow = self.structure.widen(some, self.bounds)
        which, wide = np.flatnonzero(suspects)[narrow], wide[narrow]
        if held is not None:
            free = ~held[which]
            which, wide, of_narrow = which[free], wide[free], of_narrow[free]
        covariances = _replaced(covariances, len(suspects), which, wide)
        if U is None:
            all_are = which.size == len(suspects)  # nothing is left to be factored
            U = covariances if all_are else self.structure.factor(covariances, self.floor)
        return covariances, _replaced(U, len(suspects), which, of_narrow)

    def _suspects(self, covariances: FloatArray, U: FloatArray | None) -> NDArray[np.bool_]:
        """Say which groups may be too narrow in some direction, at a glance: all without U.

        ``C - D`` is positive semidefinite if all eigenvalues of ``U'DU`` are at most 1; they are
        if their sum is.
        """
        if U is None:
            return np.ones(1 if self.structure.shared else len(covariances), dtype=bool)
        if self.bounds is None:
            return np.zeros(1, dtype=bool)
        return np.asarray(~(self.structure.trace(U, self.bounds) <= 1.0))


def _replaced(
    values: FloatArray, n_groups: int, which: NDArray[np.intp], some: FloatArray
) -> FloatArray:
    """Return values, one for each of some groups, of which some are others."""
    if which.size:
        values = values.copy()
        by_group = values.reshape(n_groups, -1)
        by_group[which] = some.reshape(len(some), by_group.shape[1])
    return values
