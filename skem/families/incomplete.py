"""Gaussian components with correlations, on rows of which cells may be missing (NaN).

The E-step takes the expected moments of the complete row (:mod:`.patterns`). As long as there are
no parameters that say what to expect, one Gaussian stands in: that of all rows together.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray, Kernel
from skem.families.covariance import STRUCTURES, Counts
from skem.families.gaussian_density import GaussianDensity, GaussianParameters
from skem.families.partly_complete import PartlyCompleteKernel
from skem.families.patterns import PatternKernel

__all__ = ["Completion", "complete_by_one", "components_like", "one_gaussian"]

#: EM steps by which the Gaussian of all rows is fitted.
STEPS = 5


@dataclass(frozen=True, eq=False)
class Completion:
    """Gaussian components with whole covariance matrices, which complete rows.

    Parameters
    ----------
    density : GaussianDensity
        The components.
    reference : GaussianParameters or None, default=None
        The Gaussian of all rows together; None where there are always parameters.
    """

    density: GaussianDensity
    reference: GaussianParameters | None = None

    @property
    def n_statistics(self) -> int:
        """About what a pass costs, by row and component."""
        d = self.density.n_features
        return d * (1 + d + self.density.structure.n_second(d))

    def kernel(self, params: GaussianParameters | None, bias: FloatArray) -> Kernel:
        """Return the kernel of patterns, for the incomplete rows alone if that is accurate."""
        if params is None:
            assert self.reference is not None
            return self.pattern_kernel(components_like(self.reference, self.density), bias)
        patterns = self.pattern_kernel(params, bias)
        if self.density.loses_digits(params).any():
            return patterns
        return PartlyCompleteKernel(self, self.density.expanded_kernel(params, bias), patterns)

    def centred_kernel(
        self,
        params: GaussianParameters,
        bias: FloatArray,
        centres: FloatArray,
        narrow: NDArray[np.bool_] | None = None,
    ) -> PatternKernel:
        """Return the kernel of patterns, which takes statistics about the means of params."""
        return self.pattern_kernel(params, bias)

    def pattern_kernel(self, params: GaussianParameters, bias: FloatArray) -> PatternKernel:
        """Return the kernel that completes rows; nothing cancels in its statistics."""
        density, d = self.density, self.density.n_features
        U, peaks = params.precisions_cholesky.reshape(-1, d, d), density.log_peaks(params, bias)
        narrow = not density.is_sound(params)
        return PatternKernel(density.structure, density.origin, params.means, U, peaks, narrow)

    def expect(
        self, params: GaussianParameters, X: FloatArray, posterior: NDArray[np.floating]
    ) -> FloatArray:
        """Return the expectation of rows, given what is observed of them and their posterior."""
        kernel = self.pattern_kernel(params, np.zeros(len(params.means)))
        expected, block = np.empty(X.shape), 1024
        for start in range(0, len(X), block):
            these = slice(start, start + block)
            loaded = kernel.load(X[these], X)
            completed = kernel.completed(loaded) + kernel.means[:, np.newaxis, np.newaxis]
            shares = posterior[these][loaded.rows]  # (n_batches, size, K)
            rows = np.einsum("bsk,kbsj->bsj", shares, completed) + kernel.origin
            expected[start + loaded.rows[loaded.filled]] = rows[loaded.filled]
        return expected


def one_gaussian(density: GaussianDensity, rows: Any) -> GaussianParameters:
    """Return about the Gaussian of all rows together: a few steps of EM.

    Without correlations it is that of the means and variances of what is observed.
    """
    d, one = density.n_features, _density_of_one(density)
    params = one.parameters(np.zeros((1, d)), np.diag(density.scale**2)[np.newaxis])
    if not density.structure.correlated:
        return params
    smallest = np.diag(np.maximum(density.scale**2 * 1e-6, density.floor))
    for _ in range(STEPS):
        kernel = Completion(one).pattern_kernel(params, np.zeros(1))
        statistics = rows.fold(partial(_statistics_of_all, kernel), 1024)
        counts, first, second = np.split(statistics, [1, 1 + d], axis=1)
        cells = np.repeat(counts, d, axis=1)
        deltas = first / cells
        C = one.structure.estimate(second, Counts(cells, cells), deltas) + smallest
        params = one.parameters(params.means + deltas, C)
    return params


def components_like(one: GaussianParameters, density: GaussianDensity) -> GaussianParameters:
    """Return parameters of which every component is like the one Gaussian."""
    K, d = density.n_components, density.n_features
    ones = np.ones((K, d))
    # The structure's share of the matrix is what it would estimate from it.
    pack = np.repeat(density.structure.pack(one.covariances[0])[np.newaxis], K, axis=0)
    covariances = density.structure.estimate(pack, Counts(ones, ones), np.zeros((K, d)))
    return density.parameters(np.repeat(one.means, K, axis=0), covariances)


def complete_by_one(
    one: GaussianParameters, density: GaussianDensity, X: FloatArray
) -> FloatArray:
    """Return rows with missing cells filled in by what the one Gaussian expects of them."""
    if not density.structure.correlated:
        return np.where(np.isnan(X), density.origin, X)
    completion = Completion(_density_of_one(density))
    return np.where(np.isnan(X), completion.expect(one, X, np.ones((len(X), 1))), X)


def _density_of_one(density: GaussianDensity) -> GaussianDensity:
    """Return that of one component with a covariance matrix, in the same units."""
    full = STRUCTURES["full"]
    return GaussianDensity(full, 1, density.origin, density.scale, density.floor)


def _statistics_of_all(kernel: PatternKernel, X: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the statistics of rows that all belong to the one component."""
    return kernel.statistics(kernel.load(X, X), weights[np.newaxis])
