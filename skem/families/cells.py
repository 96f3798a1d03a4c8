"""Gaussian components without correlations, on rows of which cells may be missing (NaN).

The other features of a row say nothing about a missing cell, which just drops out::

    log f(x) = sum_j o_j log f_j(x_j),      T = (1, o, o z, second moments of o z)

with ``o`` 1 where a cell is observed. The statistics have the counts of cells beside those of
rows, and every cell its own share of the penalty of a ridge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray, Kernel
from skem.families.centred import CentredKernel
from skem.families.exponential import LinearKernel
from skem.families.gaussian_density import LOG_2PI, GaussianDensity, GaussianParameters

__all__ = ["Cells"]


@dataclass(frozen=True, eq=False)
class Cells:
    """Gaussian components without correlations, cell by cell.

    Parameters
    ----------
    density : GaussianDensity
        The components.
    """

    density: GaussianDensity

    @property
    def n_statistics(self) -> int:
        """Width of T."""
        d = self.density.n_features
        return 1 + 2 * d + self.density.structure.n_second(d)

    def sufficient_statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write (1, o, o z, second moments of o z) of each row to out."""
        d = self.density.n_features
        Z = np.subtract(X.T, self.density.origin[:, np.newaxis], out=out[1 + d : 1 + 2 * d])
        missing = np.isnan(Z)
        Z[missing] = 0.0
        out[0] = 1.0
        np.logical_not(missing, out=out[1 : 1 + d], casting="unsafe")
        self.density.structure.second_moments(Z, out[1 + 2 * d :])
        return out

    def kernel(self, params: GaussianParameters | None, bias: FloatArray) -> Kernel:
        """Return the kernel ``eta @ T``, or the centred one where that is not accurate."""
        if params is None:
            return LinearKernel(self, None, self.n_statistics)
        if self.density.loses_digits(params).any():
            return self.centred_kernel(params, bias, params.means)
        U, structure = params.precisions_cholesky, self.density.structure
        slopes = structure.multiply_means(U, params.means)
        peaks = self._peaks(params) - slopes * params.means / 2
        eta = np.column_stack([bias, peaks, slopes, structure.quadratic(U) / -2])
        return LinearKernel(self, eta, self.n_statistics)

    def centred_kernel(
        self,
        params: GaussianParameters | None,
        bias: FloatArray,
        centres: FloatArray,
        narrow: NDArray[np.bool_] | None = None,
    ) -> "CentredCellKernel":
        """Return the kernel of cells about the own centre of each component, narrow or not."""
        structure, origin = self.density.structure, self.density.origin
        if params is None:
            return CentredCellKernel(structure, origin, centres, None, None)
        return CentredCellKernel(structure, origin, centres, params, bias, self._peaks(params))

    def _peaks(self, params: GaussianParameters) -> FloatArray:
        """Return the largest log-density of each cell, its penalty taken off, (K, d)."""
        structure, (K, d) = self.density.structure, params.means.shape
        nothing = np.zeros(structure.shape(K, d))
        ridges = structure.expand(structure.add_ridge(nothing, self.density.ridges), K, d)
        precisions = structure.multiply_means(params.precisions_cholesky, np.ones((K, d)))
        return (np.log(precisions) - LOG_2PI - precisions * np.einsum("kii->ki", ridges)) / 2

    def expect(
        self, params: GaussianParameters, X: FloatArray, posterior: NDArray[np.floating]
    ) -> FloatArray:
        """Return the expectation of cells, of which the others of their rows say nothing."""
        expected: FloatArray = posterior @ (params.means + self.density.origin)
        return expected


@dataclass(frozen=True, eq=False)
class CentredCellKernel(CentredKernel):
    """The centred kernel of rows of which cells may be missing, which are left out of everything.

    ``log_peaks`` are the log-weights alone.

    Parameters
    ----------
    cell_peaks : ndarray of shape (n_components, n_features) or None, default=None
        Largest log-density of each cell, less its penalty.
    """

    cell_peaks: FloatArray | None = None

    def log_density(self, block: FloatArray, out: FloatArray) -> float:
        """Write the log-density of the observed cells to out, less the largest bias."""
        assert self.log_peaks is not None and self.cell_peaks is not None
        U, missing = self.params.precisions_cholesky, np.isnan(block)
        for k, mean in enumerate(self.params.means):
            whitened = self.structure.whiten(U, k, block - mean[:, np.newaxis])
            whitened[missing] = 0.0
            np.einsum("ib,ib->b", whitened, whitened, out=out[k])
        out *= -0.5
        out += self.cell_peaks @ ~missing
        offset = float(self.log_peaks.max())
        out += (self.log_peaks - offset)[:, np.newaxis]
        return offset

    def statistics(self, block: FloatArray, responsibilities: FloatArray) -> FloatArray:
        """Return counts of rows and of cells, first and second moments about the centres."""
        rows, missing = [], np.isnan(block)
        for centre, r in zip(self.centres, responsibilities, strict=True):
            Z = block - centre[:, np.newaxis]
            Z[missing] = 0.0
            second = self.structure.weighted_second(Z, r)
            rows.append(np.concatenate([[r.sum()], ~missing @ r, Z @ r, second]))
        return np.array(rows)
