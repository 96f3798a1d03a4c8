"""Unconstrained coordinates of Gaussian components, and the slope of the likelihood in them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.families.base import FloatArray
from skem.families.covariance import Counts, Structure
from skem.families.held import Held
from skem.families.least_variance import LeastVariance

__all__ = ["GaussianCoordinates"]


@dataclass(frozen=True, eq=False)
class GaussianCoordinates:
    """Means in units of the features, and log-Cholesky factors, of what is not held.

    Parameters
    ----------
    structure : Structure
        Covariance structure.
    scale : ndarray of shape (n_features,)
        Units of the features.
    held : Held
        Parameters that have no coordinates.
    least_variance : LeastVariance
        What no component may be narrower than.
    """

    structure: Structure
    scale: FloatArray
    held: Held
    least_variance: LeastVariance

    def to_vector(self, params: Any) -> FloatArray:
        """Return the coordinates of what is free."""
        means = params.means[self.held.free("means")] / self.scale
        U = self._of_free_shapes(params.precisions_cholesky)
        shape = self.structure.to_vector(U, self.scale) if U.size else np.empty(0)
        return np.concatenate([means.ravel(), shape])

    def from_vector(self, vector: FloatArray, like: Any) -> dict[str, FloatArray]:
        """Return the parameters by name; what is held is as in like."""
        d = self.scale.size
        n_means = self.held.n_free("means", len(like.means)) * d
        means: FloatArray = vector[:n_means].reshape(-1, d) * self.scale
        covariances, U, shape = like.covariances, like.precisions_cholesky, vector[n_means:]
        if shape.size:
            free = self.structure.from_vector(shape, self._of_free_shapes(U), self.scale)
            covariances, U = self.least_variance.widen(*free)
        if self.held.masks:
            means = _placed(means, self.held.free("means"), like.means)
            if shape.size and not self.structure.shared:
                those = self.held.free("covariances")
                covariances = _placed(covariances, those, like.covariances)
                U = _placed(U, those, like.precisions_cholesky)
        return {"means": means, "covariances": covariances, "precisions_cholesky": U}

    def gradient(self, params: Any, new: Any, counts: Counts) -> FloatArray:
        """Return ``n_k P_k (new mean - mean)``, and the structure's part."""
        U = params.precisions_cholesky
        deltas = new.means - params.means
        by_means = counts.mean * self.structure.multiply_means(U, deltas) * self.scale
        by_shape = self.structure.gradient(U, counts, new.covariances, deltas, self.scale)
        by_means, by_shape = by_means[self.held.free("means")], self._of_free_shapes(by_shape)
        return np.concatenate([by_means.ravel(), by_shape.ravel()])

    def _of_free_shapes(self, values: FloatArray) -> FloatArray:
        """Return those of the values, one for each covariance, of which it is not held."""
        if self.structure.shared:
            return values[:0] if "covariances" in self.held.masks else values
        return values[self.held.free("covariances")]


def _placed(some: FloatArray, where: Any, values: FloatArray) -> FloatArray:
    """Return values of which some are others."""
    result = values.copy()
    result[where] = some
    return result
