"""The least variance of Gaussian components: what no direction may be narrower than."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.families.base import DegenerateComponentError, FloatArray
from skem.families.covariance import Structure

__all__ = ["LeastVariance"]


def _as_it_is(covariances: FloatArray) -> FloatArray:
    return covariances


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
        self, covariances: FloatArray, put: Callable[[FloatArray], FloatArray] = _as_it_is
    ) -> tuple[FloatArray, FloatArray]:
        """Return the covariances of greatest likelihood under the constraint, and their U.

        ``put`` puts those back that are held. Raises DegenerateComponentError where covariances
        are singular to rounding.
        """
        U: Any = None
        try:
            U = self.structure.factor(covariances, self.floor)
        except DegenerateComponentError:
            if self.bounds is None:
                raise
        return self.widen(covariances, U, put)

    def widen(
        self,
        covariances: FloatArray,
        U: FloatArray | None,
        put: Callable[[FloatArray], FloatArray] = _as_it_is,
    ) -> tuple[FloatArray, FloatArray]:
        """Return covariances with their U, None where they are singular, widened where needed."""
        if U is not None and self._is_kept(U):
            return covariances, U
        assert self.bounds is not None
        wide = put(self.structure.widen(covariances, self.bounds))
        if U is not None and np.array_equal(wide, covariances, equal_nan=True):
            return covariances, U
        try:
            return wide, self.structure.factor(wide, self.floor)
        except DegenerateComponentError:
            if U is None:
                raise
            return covariances, U

    def _is_kept(self, U: FloatArray) -> bool:
        """Say whether no direction is too narrow, at a glance: False means perhaps.

        ``C - D`` is positive semidefinite if all eigenvalues of ``U'DU`` are at most 1; they are
        if their sum is.
        """
        return self.bounds is None or bool(self.structure.trace(U, self.bounds).max() <= 1.0)
