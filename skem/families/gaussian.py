"""Gaussian components, with any covariance structure: what is estimated of them.

With a ridge e (``reg_covar``) for each feature every log-density is lowered by
``tr(diag(e) P) / 2`` (:mod:`.gaussian_density`). That is the penalty under which the M-step is
exactly the usual ``covariance + diag(e)``, so that the penalised log-likelihood, too, never falls.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.errors import Doubt
from skem.families.base import (
    DegenerateComponentError,
    FloatArray,
    Kernel,
    LossOfPrecision,
    draw_labels,
)
from skem.families.cells import Cells
from skem.families.covariance import Counts
from skem.families.doubt import EMPTY, doubt_about
from skem.families.gaussian_coordinates import GaussianCoordinates
from skem.families.gaussian_density import GaussianDensity, GaussianParameters
from skem.families.incomplete import Completion, complete_by_one, components_like, one_gaussian
from skem.families.least_variance import LeastVariance

__all__ = ["Gaussian"]

#: Stands for a count of 0, by which cannot be divided.
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Gaussian(GaussianDensity):
    """Gaussian components: their M-step, and all that goes with it.

    Parameters
    ----------
    structure, n_components, origin, scale, floor, ridge, least, rounding, prior, held, pooled, \
max_amplification : object
        As those of :class:`~skem.families.gaussian_density.GaussianDensity`.
    reference : GaussianParameters or None, default=None
        The one Gaussian of all rows together, where some are incomplete: what is thought of
        missing cells as long as nothing better is known.
    """

    reference: GaussianParameters | None = None

    accelerable = True

    @property
    def n_statistics(self) -> int:
        """Width of T; where rows have to be completed, about what a pass costs."""
        return self.width if self.reference is None else self._incomplete.n_statistics

    @property
    def separable(self) -> bool:
        """Whether a component's M-step knows nothing of the others: no covariance is shared."""
        return not self.structure.shared

    @cached_property
    def minds_copies(self) -> bool:
        """Whether equal rows are copies of one, and it matters: not if all columns are rounded."""
        return self.n_components > 1 and self.prior is None and not np.all(self.rounding)

    @cached_property
    def least_variance(self) -> LeastVariance:
        """What no component may be narrower than."""
        bounds = np.maximum(self.least, self.rounding) + np.zeros(self.origin.shape)
        return LeastVariance(self.structure, self.floor, bounds if bounds.all() else None)

    def bound(self, rows: Any) -> "Gaussian":
        """Return the family that knows of the rows what is of use.

        Where cells are missing that is the one Gaussian of all rows; else, if the components share
        a covariance, the total second moments.
        """
        if self.reference is not None:
            return self
        if rows.has_missing:
            return replace(self, pooled=None, reference=one_gaussian(self, rows))
        if not self.structure.shared:
            return self
        width = 1 + self.n_features + self.structure.n_second(self.n_features)
        second = rows.fold(self._pooled_second, max(1, 2**16 // width))
        return replace(self, pooled=(rows.total_weight, second[np.newaxis]))

    def _pooled_second(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        return self.structure.weighted_second((X - self.origin).T, weights)

    @cached_property
    def _incomplete(self) -> Cells | Completion:
        """All that is special about rows of which cells may be missing."""
        return Completion(self, self.reference) if self.structure.correlated else Cells(self)

    def kernel(
        self, params: GaussianParameters | None, bias: FloatArray, incomplete: bool = False
    ) -> Kernel:
        """Return the kernel of complete rows, or that of rows of which cells may be missing."""
        if incomplete:
            return self._incomplete.kernel(params, bias)
        return super().kernel(params, bias)

    def for_streams(self) -> "Gaussian":
        """Return the family that trusts the expanded form, since rows are not seen again."""
        return replace(self, pooled=None, reference=None, max_amplification=np.inf)

    def about_origin(self, statistics: FloatArray, kernel: Kernel) -> FloatArray:
        """Return the statistics about the origin; without correlations, with counts of cells."""
        responsible, cells, first, second = self._parts(statistics)
        if (centres := getattr(kernel, "centres", None)) is not None:
            first, second = self.structure.moments_about(-centres, responsible, first, second)
        counts = responsible if self.structure.correlated else np.c_[responsible, cells]
        return np.column_stack([counts, first, second])

    def mean_statistics(self, params: GaussianParameters, like: FloatArray) -> FloatArray:
        """Return the statistics of a complete row of each component; a prior is left out."""
        means = params.means
        spreads = self.structure.expand(params.covariances, *means.shape) - np.diag(self.ridges)
        second = [
            self.structure.pack(spread + np.outer(mean, mean))
            for spread, mean in zip(spreads, means, strict=True)
        ]
        counts = np.ones((len(means), 1 if self.structure.correlated else 1 + self.n_features))
        return np.hstack([counts, means, second])

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return X; missing cells are filled in by what the one Gaussian of all rows expects."""
        return X if self.reference is None else complete_by_one(self.reference, self, X)

    def impute(
        self, params: Any, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in missing cells by their expectation, or by a draw given the observed ones.

        A draw needs no conditional covariance: the difference between a row drawn whole and what
        is expected of its missing cells, given its observed ones, is drawn from it.
        """
        if rng is None:
            return np.where(np.isnan(X), self._incomplete.expect(params, X, posterior), X)
        labels = draw_labels(posterior, rng)
        drawn = np.empty(X.shape)
        order = np.argsort(labels, kind="stable")
        drawn[order] = self.sample(params, np.bincount(labels, minlength=self.n_components), rng)
        chosen = labels[:, np.newaxis] == np.arange(self.n_components)
        means = (params.means + self.origin)[labels]
        residual = np.where(np.isnan(X), np.nan, X - drawn) + means
        expected = self._incomplete.expect(params, residual, chosen)
        return np.where(np.isnan(X), drawn + expected - means, X)

    def maximize(
        self, statistics: FloatArray, kernel: Kernel, previous: GaussianParameters | None
    ) -> GaussianParameters:
        """Return weighted means and covariances, the ridge added.

        An empty component keeps its mean and covariance. At a start among incomplete rows, what no
        component has seen is as in all rows together.
        Raises LossOfPrecision, with a centred kernel, where statistics are those of the expanded
        form and their difference would have lost its digits; DegenerateComponentError where a
        centred covariance is singular to rounding.
        """
        if previous is None and self.reference is not None:
            previous = components_like(self.reference, self)
        exact: Any = getattr(kernel, "exact", False)  # for all components, or by component
        centres: Any = getattr(kernel, "centres", 0.0)
        responsible, counts, first, second = self._moments(statistics, centres)
        deltas = first / counts.mean
        means: FloatArray = centres + deltas
        covariances = self.structure.estimate(second, counts, deltas)
        if self.has_ridge:
            covariances = covariances + self.ridge_covariance
        # A component with hardly any rows cannot be estimated: it keeps its shape.
        few = EMPTY * np.add.reduce(responsible)
        if previous is not None and np.minimum.reduce(counts.mean, axis=None) <= few:
            unseen = counts.mean <= few
            means = np.where(unseen, previous.means, means)
            covariances = self.structure.keep(covariances, previous.covariances, unseen)
        if "means" in self.held.masks:
            free, means = means, self.held.put("means", means)
            covariances = self.structure.about(covariances, counts, means - free)
        covariances = self.held.put("covariances", covariances)
        U: Any = self.structure.roots(covariances)
        params = GaussianParameters(means, covariances, U)
        if U is not None and self.is_sound(params):
            return params
        try:
            held = self.held.masks.get("covariances")
            shapes = self.least_variance.enforce(covariances, U, held)
            params = GaussianParameters(means, *shapes)
        except DegenerateComponentError:
            if np.all(exact):
                raise
            raise self._loss_of_precision(kernel, previous, means) from None
        if exact is not True:
            narrow = self.loses_digits(params) | exact
            if (narrow > exact).any():
                raise self._loss_of_precision(kernel, previous, means, narrow)
        return params

    def _loss_of_precision(
        self,
        kernel: Kernel,
        previous: GaussianParameters | None,
        centres: FloatArray,
        narrow: NDArray[np.bool_] | None = None,
    ) -> LossOfPrecision:
        family = getattr(kernel, "family", self)  # that of complete rows, or of incomplete ones
        return LossOfPrecision(lambda bias: family.centred_kernel(previous, bias, centres, narrow))

    def _moments(
        self, statistics: FloatArray, centres: FloatArray
    ) -> tuple[FloatArray, Counts, FloatArray, FloatArray]:
        """Return total responsibilities (K,), counts, first and second moments about centres."""
        responsible, cells, first, second = self._parts(statistics)
        if self.pooled is not None and not second.size:
            second = self.pooled[1]
        if self.prior is not None:
            first, second = self.prior.moments(self.structure, first, second, centres)
        return responsible, self._counts(cells), first, second

    def _counts(self, cells: FloatArray) -> Counts:
        """Return the divisors of the moments, with what a prior adds."""
        cells = np.maximum(cells, TINY)
        counts = Counts(cells, cells)
        return counts if self.prior is None else self.prior.counts(self.structure, counts)

    def _parts(
        self, statistics: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Cut statistics: responsibilities of rows (K,) and of cells, and moments (K, .).

        Those of incomplete rows without correlations have responsibilities of cells.
        """
        d, responsible, start = self.n_features, statistics[:, 0], 1
        if statistics.shape[1] == 1 + 2 * d + self.structure.n_second(d):
            cells, start = statistics[:, 1 : 1 + d], 1 + d
        else:
            cells = statistics[:, :1] + np.zeros(d)
        return responsible, cells, statistics[:, start : start + d], statistics[:, start + d :]

    def n_parameters(self, params: GaussianParameters) -> int:
        """Count K d means and what the structure has, less what is held."""
        d = self.n_features
        shapes = self.structure.n_parameters(self.held.n_free("covariances", self.n_components), d)
        return self.held.n_free("means", self.n_components) * d + shapes

    def spurious(self, params: GaussianParameters, counts: FloatArray) -> Doubt | None:
        """Say which component is degenerate; see :func:`~skem.families.doubt.doubt_about`."""
        return doubt_about(self, params, counts)

    @cached_property
    def _coordinates(self) -> GaussianCoordinates:
        return GaussianCoordinates(self.structure, self.scale, self.held, self.least_variance)

    def to_vector(self, params: GaussianParameters) -> FloatArray:
        """Return scaled means and log-Cholesky factors of what is free."""
        return self._coordinates.to_vector(params)

    def from_vector(self, vector: FloatArray, like: GaussianParameters) -> GaussianParameters:
        """Undo :meth:`to_vector`; what is held is as in like."""
        return like._replace(**self._coordinates.from_vector(vector, like))

    def gradient(
        self, params: GaussianParameters, new: GaussianParameters, statistics: FloatArray
    ) -> FloatArray:
        """Return the gradient of the total objective in those coordinates."""
        _, cells, _, _ = self._parts(statistics)
        return self._coordinates.gradient(params, new, self._counts(cells))
