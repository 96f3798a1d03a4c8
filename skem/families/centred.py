"""The Gaussian kernel for where the expanded form loses digits, or is the slower one.

Each component's centre is subtracted before anything is squared, one component at a time::

    log f_k(x) = peak_k - |U_k'(x - mean_k)|^2 / 2
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.families.base import FloatArray
from skem.families.covariance import Structure

__all__ = ["CentredKernel"]


#: Responsibilities up to this share of a block's largest change no total: 1e12 of them together
#: are less than 1e-18 of it.
NEGLIGIBLE = 1e-30


@dataclass(frozen=True, eq=False)
class CentredKernel:
    """Kernel of Gaussian components that works component by component.

    Parameters
    ----------
    structure : Structure
        Covariance structure.
    origin : ndarray of shape (n_features,)
        Subtracted from every row first.
    centres : ndarray of shape (n_components, n_features)
        Points, about the origin, about which statistics are taken; the means or near them.
    params : GaussianParameters or None
        Parameters at which to evaluate; None where only statistics are wanted.
    log_peaks : ndarray of shape (n_components,) or None
        Largest log-density of each component, plus its bias.
    """

    structure: Structure
    origin: FloatArray
    centres: FloatArray
    params: Any
    log_peaks: FloatArray | None

    #: Nothing cancels in its statistics: there is no kernel to be had that is more accurate.
    exact = True

    @property
    def width(self) -> int:
        """Rows of a loaded block, and of two more of its size as work space."""
        return 3 * self.origin.size

    def load(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write the transposed rows, less the origin, to out."""
        Z = out[: self.origin.size]
        return np.subtract(X.T, self.origin[:, np.newaxis], out=Z)

    def log_density(self, block: FloatArray, out: FloatArray) -> float:
        """Write the log-density, less the largest peak, to out."""
        assert self.log_peaks is not None
        U = self.params.precisions_cholesky
        for k, mean in enumerate(self.params.means):
            whitened = self.structure.whiten(U, k, block - mean[:, np.newaxis])
            np.einsum("ib,ib->b", whitened, whitened, out=out[k])
        out *= -0.5
        offset = float(self.log_peaks.max())
        out += (self.log_peaks - offset)[:, np.newaxis]
        return offset

    def statistics(self, block: FloatArray, responsibilities: FloatArray) -> FloatArray:
        """Return counts, first and second moments about the centres."""
        rows = []
        for centre, r in zip(self.centres, responsibilities, strict=True):
            counted = np.flatnonzero(r > NEGLIGIBLE * r.max())
            Z, r = (block, r) if 2 * counted.size > r.size else (block[:, counted], r[counted])
            Z = Z - centre[:, np.newaxis]
            second = self.structure.weighted_second(Z, r)
            rows.append(np.concatenate([[r.sum()], Z @ r, second]))
        return np.array(rows)
