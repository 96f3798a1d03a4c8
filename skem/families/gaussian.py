"""Gaussian components, with any covariance structure: what is estimated of them.

With a ridge e (``reg_covar``) for each feature every log-density is lowered by
``tr(diag(e) P) / 2`` (:mod:`.gaussian_density`). That is the penalty under which the M-step is
exactly the usual ``covariance + diag(e)``, so that the penalised log-likelihood, too, never falls.
"""

from dataclasses import dataclass, fields, replace
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
)
from skem.families.covariance import Counts
from skem.families.doubt import EMPTY, doubt_about
from skem.families.gaussian_coordinates import GaussianCoordinates
from skem.families.gaussian_density import GaussianDensity, GaussianParameters
from skem.families.least_variance import LeastVariance

__all__ = ["Gaussian"]


@dataclass(frozen=True, eq=False)
class Gaussian(GaussianDensity):
    """Gaussian components: their M-step, and all that goes with it.

    The fields are those of :class:`~skem.families.gaussian_density.GaussianDensity`.
    """

    accelerable = True

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
        """Return the family that knows the rows' total second moments, if those are of use.

        Where cells are missing it is another one: that for incomplete rows.
        """
        if rows.has_missing:
            return self.for_missing().bound(rows)
        if not self.structure.shared:
            return self
        width = 1 + self.n_features + self.structure.n_second(self.n_features)
        second = rows.fold(self._pooled_second, max(1, 2**16 // width))
        return replace(self, pooled=(rows.total_weight, second[np.newaxis]))

    def _pooled_second(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        return self.structure.weighted_second((X - self.origin).T, weights)

    def for_missing(self) -> "Gaussian":
        """Return the family for rows with missing cells."""
        from skem.families.incomplete import IncompleteGaussian  # which is a Gaussian itself

        mine = {each.name: getattr(self, each.name) for each in fields(self)}
        return IncompleteGaussian(**{**mine, "pooled": None})

    def for_streams(self) -> "Gaussian":
        """Return the family that trusts the expanded form, since rows are not seen again.

        Without correlations it is that for missing cells, whose statistics are wider.
        """
        mine = {each.name: getattr(self, each.name) for each in fields(Gaussian)}
        family = Gaussian(**{**mine, "pooled": None, "max_amplification": np.inf})
        return family if self.structure.correlated else family.for_missing()

    def about_origin(self, statistics: FloatArray, kernel: Kernel) -> FloatArray:
        """Return the statistics about the origin, if they are about other centres."""
        centres = getattr(kernel, "centres", None)
        if centres is None:
            return statistics
        responsible, _, first, second = self._parts(statistics)
        moments = self.structure.moments_about(-centres, responsible, first, second)
        return np.column_stack([responsible, *moments])

    def mean_statistics(self, params: GaussianParameters, like: FloatArray) -> FloatArray:
        """Return first and second moments of a row of each component; a prior is left out."""
        means = params.means
        spreads = self.structure.expand(params.covariances, *means.shape) - np.diag(self.ridges)
        second = [
            self.structure.pack(spread + np.outer(mean, mean))
            for spread, mean in zip(spreads, means, strict=True)
        ]
        return np.hstack([np.ones((len(means), 1)), means, second])

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return X."""
        return X

    def impute(
        self, params: Any, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in missing cells."""
        return self.for_missing().impute(params, X, posterior, rng)

    def maximize(
        self, statistics: FloatArray, kernel: Kernel, previous: GaussianParameters | None
    ) -> GaussianParameters:
        """Return weighted means and covariances, the ridge added.

        An empty component keeps its mean and covariance.
        Raises LossOfPrecision, with a centred kernel, where statistics are those of the expanded
        form and their difference would have lost its digits; DegenerateComponentError where a
        centred covariance is singular to rounding.
        """
        exact: Any = getattr(kernel, "exact", False)  # for all components, or by component
        centres: FloatArray = getattr(kernel, "centres", np.zeros((1, self.n_features)))
        responsible, counts, first, second = self._moments(statistics, centres)
        deltas = first / counts.mean
        means: FloatArray = centres + deltas
        covariances = self.structure.estimate(second, counts, deltas)
        if self.has_ridge:
            covariances = self.structure.add_ridge(covariances, self.ridges)
        # A component with hardly any rows cannot be estimated: it keeps its shape.
        unseen = counts.mean <= EMPTY * responsible.sum()
        if previous is not None and unseen.any():
            means = np.where(unseen, previous.means, means)
            covariances = self.structure.keep(covariances, previous.covariances, unseen)
        if "means" in self.held.masks:
            free, means = means, self.held.put("means", means)
            covariances = self.structure.about(covariances, counts, means - free)
        covariances = self.held.put("covariances", covariances)
        try:
            held = self.held.masks.get("covariances")
            params = GaussianParameters(means, *self.least_variance.factor(covariances, held))
        except DegenerateComponentError:
            if np.all(exact):
                raise
            raise self._loss_of_precision(previous, means) from None
        if exact is not True:
            narrow = self._loses_digits(params) | exact
            if (narrow > exact).any():
                raise self._loss_of_precision(previous, means, narrow)
        return params

    def _loss_of_precision(
        self,
        previous: GaussianParameters | None,
        centres: FloatArray,
        narrow: NDArray[np.bool_] | None = None,
    ) -> LossOfPrecision:
        return LossOfPrecision(lambda bias: self.centred_kernel(previous, bias, centres, narrow))

    def _moments(
        self, statistics: FloatArray, centres: FloatArray
    ) -> tuple[FloatArray, Counts, FloatArray, FloatArray]:
        """Return total responsibilities (K,), counts, first and second moments about centres."""
        responsible, cells, first, second = self._parts(statistics)
        if self.pooled is not None and not second.size:
            second = self.pooled[1]
        cells = np.maximum(cells, np.finfo(np.float64).tiny)
        counts = Counts(cells, cells)
        if self.prior is not None:
            counts = self.prior.counts(self.structure, counts)
            first, second = self.prior.moments(self.structure, first, second, centres)
        return responsible, counts, first, second

    def _parts(
        self, statistics: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Cut statistics: responsibilities of rows (K,) and of cells, and moments (K, .)."""
        d = self.n_features
        responsible, first, second = np.split(statistics, [1, 1 + d], axis=1)
        return responsible[:, 0], responsible + np.zeros(d), first, second

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
        _, counts, _, _ = self._moments(statistics, np.zeros((1, self.n_features)))
        return self._coordinates.gradient(params, new, counts)
