"""The Gaussian kernel for many features: products of matrices, component by component.

With rows ``y = (1, z)`` about the origin, ``A = (-U'm, U')`` and ``r`` the responsibilities::

    log f_k(x) = peak_k - |A_k y|^2 / 2,      statistics_k = sum_i r_i y_i y_i'

A has as many zeros above its diagonal as below, and the statistics are a symmetric product: half
the work of the expanded form each, with nothing subtracted from rows.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skem.families.base import FloatArray
from skem.families.centred import NEGLIGIBLE
from skem.families.triangles import multiply_lower, upper_triangle

__all__ = ["WideKernel"]


@dataclass(frozen=True, eq=False)
class WideKernel:
    """Kernel of Gaussian components that each have their own covariance matrix.

    Parameters
    ----------
    origin : ndarray of shape (n_features,)
        Subtracted from every row first.
    means : ndarray of shape (n_components, n_features) or None
        Means, about the origin; None where only statistics are wanted.
    precisions_cholesky : ndarray of shape (n_components, n_features, n_features) or None
        Upper triangles U.
    log_peaks : ndarray of shape (n_components,) or None
        Largest log-density of each component, plus its bias.
    """

    origin: FloatArray
    means: FloatArray | None = None
    precisions_cholesky: FloatArray | None = None
    log_peaks: FloatArray | None = None

    @property
    def width(self) -> int:
        """Rows of a loaded block, those of y, and of work space beside it."""
        return 2 * (1 + self.origin.size)

    @cached_property
    def _affine(self) -> FloatArray:
        """Return A, (K, d, 1 + d)."""
        U, means = self.precisions_cholesky, self.means
        assert U is not None and means is not None
        shifts = np.einsum("kij,ki->kj", U, means)
        return np.concatenate([-shifts[:, :, np.newaxis], U.swapaxes(1, 2)], axis=2)

    def load(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write y of each row to the upper half of out."""
        y = out[: 1 + self.origin.size]
        y[0] = 1.0
        np.subtract(X.T, self.origin[:, np.newaxis], out=y[1:])
        return y

    def log_density(self, block: FloatArray, out: FloatArray) -> float:
        """Write the log-density less the largest peak, component by component."""
        assert self.log_peaks is not None
        offset = float(self.log_peaks.max())
        whitened = np.empty_like(block[1:])  # its own: threads may share a block
        for k, A in enumerate(self._affine):
            multiply_lower(A, block, out=whitened)
            np.einsum("ib,ib->b", whitened, whitened, out=out[k])
        out *= -0.5
        out += (self.log_peaks - offset)[:, np.newaxis]
        return offset

    def statistics(self, block: FloatArray, responsibilities: FloatArray) -> FloatArray:
        """Return counts, first and second moments about the origin."""
        scaled, upper = np.empty_like(block), upper_triangle(len(block))
        rows = []
        for r in responsibilities:
            counted = np.flatnonzero(r > NEGLIGIBLE * r.max())
            if 2 * counted.size > r.size:
                half = np.multiply(block, np.sqrt(r), out=scaled)
            else:
                half = block[:, counted] * np.sqrt(r[counted])
            rows.append((half @ half.T)[upper])
        return np.array(rows)
