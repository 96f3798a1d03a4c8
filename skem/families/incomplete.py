"""Gaussian components for rows with missing cells, which are NaN.

Without correlations the other features of a row say nothing about a missing one, and the cell just
drops out: ``T = (1, o, o z, second moments of o z)`` with ``o`` 1 where a cell is observed. With
them, the E-step takes the expected moments of the complete row (:mod:`.patterns`).
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray, Kernel, LossOfPrecision, draw_labels
from skem.families.centred import CellKernel, CentredKernel
from skem.families.covariance import STRUCTURES, Counts
from skem.families.exponential import LinearKernel
from skem.families.gaussian import Gaussian
from skem.families.gaussian_density import LOG_2PI, GaussianParameters
from skem.families.partly_complete import PartlyCompleteKernel
from skem.families.patterns import PatternKernel

__all__ = ["IncompleteGaussian"]

#: EM steps by which the one Gaussian is fitted that stands in until there are parameters.
STEPS_OF_REFERENCE = 5


@dataclass(frozen=True, eq=False)
class IncompleteGaussian(Gaussian):
    """Gaussian components, on rows of which any cells may be missing.

    Parameters
    ----------
    reference : GaussianParameters or None, default=None
        One component, about that of all rows together: what is thought of missing cells as long
        as nothing better is known.
    """

    reference: GaussianParameters | None = None

    @property
    def objective_rounding(self) -> float:
        """Share of an objective that may be rounding.

        Patterns factor their part of the covariances, of which a direction that the bound has
        widened, to 1e-10 of the others, is known to ``eps / 1e-10``. The largest fall of 80 fits
        to rows of which half lie in a plane was 5e-7.
        """
        return 5e-6 if self.structure.correlated else 1e-9

    @property
    def n_statistics(self) -> int:
        """Width of T; with correlations, about what a pass costs."""
        d, n_second = self.n_features, self.structure.n_second(self.n_features)
        return d * (1 + d + n_second) if self.structure.correlated else 1 + 2 * d + n_second

    def bound(self, rows: Any) -> "IncompleteGaussian":
        """Return the family that knows one Gaussian for all rows: a few steps of EM.

        Without correlations it is that of the means and variances of what is observed.
        """
        if self.reference is not None:
            return self
        d = self.n_features
        one = replace(
            self, structure=STRUCTURES["full"], n_components=1, prior=None, held=type(self.held)()
        )
        smallest = np.diag(np.maximum(self.scale**2 * 1e-6, self.floor))
        params = one.parameters(np.zeros((1, d)), np.diag(self.scale**2)[np.newaxis])
        if not self.structure.correlated:
            return replace(self, reference=params)
        for _ in range(STEPS_OF_REFERENCE):
            kernel = one.pattern_kernel(params, np.zeros(1))
            statistics = rows.fold(partial(_completed_statistics, kernel), 1024)
            _, counts, first, second = one._moments(statistics, params.means)
            deltas = first / counts.mean
            C = one.structure.estimate(second, counts, deltas) + smallest
            params = one.parameters(params.means + deltas, C)
        return replace(self, reference=params)

    def sufficient_statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write (1, o, o z, second moments of o z) of each row to out."""
        d = self.n_features
        Z = np.subtract(X.T, self.origin[:, np.newaxis], out=out[1 + d : 1 + 2 * d])
        missing = np.isnan(Z)
        Z[missing] = 0.0
        out[0] = 1.0
        np.logical_not(missing, out=out[1 : 1 + d], casting="unsafe")
        self.structure.second_moments(Z, out[1 + 2 * d :])
        return out

    def kernel(self, params: GaussianParameters | None, bias: FloatArray) -> Kernel:
        """Return the kernel of patterns, or, without correlations, that of observed cells."""
        if self.structure.correlated:
            if params is None:
                return self.pattern_kernel(self._of_reference(), bias)
            patterns = self.pattern_kernel(params, bias)
            if self._loses_digits(params).any():
                return patterns
            return PartlyCompleteKernel(self._complete.expanded_kernel(params, bias), patterns)
        if params is None:
            return LinearKernel(self, None, self.n_statistics)
        if self._loses_digits(params).any():
            return self.centred_kernel(params, bias, params.means)
        return self.expanded_kernel(params, bias)

    @cached_property
    def _complete(self) -> Gaussian:
        """The same components for rows without missing cells."""
        mine = {each.name: getattr(self, each.name) for each in fields(Gaussian)}
        return Gaussian(**{**mine, "pooled": None})

    def _loss_of_precision(
        self,
        previous: GaussianParameters | None,
        centres: FloatArray,
        narrow: NDArray[np.bool_] | None = None,
    ) -> LossOfPrecision:
        if not self.structure.correlated:
            return super()._loss_of_precision(previous, centres, narrow)
        params = self._of_reference() if previous is None else previous
        return LossOfPrecision(lambda bias: self.pattern_kernel(params, bias))

    def pattern_kernel(self, params: GaussianParameters, bias: FloatArray) -> PatternKernel:
        """Return the kernel that completes rows, for any structure."""
        K, d = params.means.shape
        if self.has_ridge:
            bias = bias - self.structure.trace(params.precisions_cholesky, self.ridges) / 2
        return PatternKernel(
            self.structure,
            self.origin,
            params.means,
            self.structure.expand(params.covariances, 1 if self.structure.shared else K, d),
            bias,
        )

    def expanded_kernel(self, params: GaussianParameters, bias: FloatArray) -> LinearKernel:
        """Return the kernel of observed cells; their penalties are theirs alone."""
        U = params.precisions_cholesky
        slopes = self.structure.multiply_means(U, params.means)
        peaks = self._cell_peaks(params) - slopes * params.means / 2
        quadratic = self.structure.quadratic(U) / -2
        eta = np.column_stack([bias, peaks, slopes, quadratic])
        return LinearKernel(self, eta, self.n_statistics)

    def centred_kernel(
        self,
        params: GaussianParameters | None,
        bias: FloatArray,
        centres: FloatArray,
        narrow: NDArray[np.bool_] | None = None,
    ) -> CentredKernel:
        """Return the kernel of observed cells about each component's own centre."""
        if params is None:
            return CellKernel(self.structure, self.origin, centres, None, None)
        return CellKernel(
            self.structure,
            self.origin,
            centres,
            params,
            bias,
            self._cell_peaks(params),
        )

    def _cell_peaks(self, params: GaussianParameters) -> FloatArray:
        """Return the largest log-density of each cell, its penalty taken off, (K, d)."""
        K, d = params.means.shape
        nothing = np.zeros(self.structure.shape(K, d))
        ridges = self.structure.expand(self.structure.add_ridge(nothing, self.ridges), K, d)
        precisions = self.structure.multiply_means(params.precisions_cholesky, np.ones((K, d)))
        return (np.log(precisions) - LOG_2PI - precisions * np.einsum("kii->ki", ridges)) / 2

    def maximize(
        self, statistics: FloatArray, kernel: Kernel, previous: GaussianParameters | None
    ) -> GaussianParameters:
        """M-step; what no component has seen yet is as in all rows together."""
        return super().maximize(
            statistics, kernel, self._of_reference() if previous is None else previous
        )

    def mean_statistics(self, params: GaussianParameters, like: FloatArray) -> FloatArray:
        """Return the statistics of complete rows, whose cells are all seen."""
        statistics = super().mean_statistics(params, like)
        cells = np.repeat(statistics[:, :1], self.n_features, axis=1)
        return np.hstack([statistics[:, :1], cells, statistics[:, 1:]])

    def _parts(
        self, statistics: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        d = self.n_features
        if statistics.shape[1] < 1 + 2 * d + self.structure.n_second(d):
            return super()._parts(statistics)
        responsible, cells, first, second = np.split(statistics, [1, 1 + d, 1 + 2 * d], axis=1)
        return responsible[:, 0], cells, first, second

    def _of_reference(self) -> GaussianParameters:
        """Return parameters of which every component is the reference."""
        assert self.reference is not None
        K, d = self.n_components, self.n_features
        matrix = self.reference.covariances[0]
        ones = np.ones((K, d))
        # The structure's share of the matrix is what it would estimate from it.
        pack = np.repeat(self.structure.pack(matrix)[np.newaxis], K, axis=0)
        covariances = self.structure.estimate(pack, Counts(ones, ones), np.zeros((K, d)))
        means = np.repeat(self.reference.means, K, axis=0)
        return self.parameters(means, covariances)

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return X with missing cells filled in by what one Gaussian expects."""
        if not self.structure.correlated:
            return np.where(np.isnan(X), self.origin, X)
        one = replace(self, n_components=1, structure=STRUCTURES["full"], prior=None)
        return one.impute(self.reference, X, np.ones((len(X), 1)))

    def impute(
        self, params: Any, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in missing cells by their expectation, or by a draw given the observed ones.

        A draw needs no conditional covariance: the difference between a row drawn whole and what
        is expected of its missing cells, given its observed ones, is drawn from it.
        """
        if rng is None:
            return np.where(np.isnan(X), self._expected(params, X, posterior), X)
        labels = draw_labels(posterior, rng)
        drawn = np.empty(X.shape)
        order = np.argsort(labels, kind="stable")
        drawn[order] = self.sample(params, np.bincount(labels, minlength=self.n_components), rng)
        chosen = labels[:, np.newaxis] == np.arange(self.n_components)
        residual = np.where(np.isnan(X), np.nan, X - drawn) + (params.means + self.origin)[labels]
        expected = self._expected(params, residual, chosen)
        return np.where(np.isnan(X), drawn + expected - (params.means + self.origin)[labels], X)

    def _expected(
        self, params: GaussianParameters, X: FloatArray, posterior: NDArray[Any]
    ) -> FloatArray:
        """Return the expectation of rows, given what is observed of them and their component."""
        if not self.structure.correlated:
            return posterior @ (params.means + self.origin)
        return _expected(self.pattern_kernel(params, np.zeros(len(params.means))), X, posterior)


def _completed_statistics(kernel: PatternKernel, X: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the statistics of rows that all belong to the one component."""
    return kernel.statistics(kernel.load(X, X), weights[np.newaxis])


def _expected(kernel: PatternKernel, X: FloatArray, posterior: NDArray[Any]) -> FloatArray:
    """Return the expectation of rows, given what is observed of them."""
    expected, block = np.empty(X.shape), 1024
    for start in range(0, len(X), block):
        these = slice(start, start + block)
        loaded = kernel.load(X[these], X)
        completed = kernel.completed(loaded) + kernel.means[:, np.newaxis]
        shares = posterior[these][loaded.rows]  # (n_batches, size, K)
        rows = np.einsum("bsk,bksj->bsj", shares, completed) + kernel.origin
        expected[start + loaded.rows[loaded.filled]] = rows[loaded.filled]
    return expected
