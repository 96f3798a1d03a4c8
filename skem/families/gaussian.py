"""Gaussian components, with any covariance structure.

About an origin near the data, ``z = x - origin``, ``m = mean - origin``, precision ``P = U U'``::

    log f(x) = log det U - d/2 log(2 pi) - z'Pz / 2 + (P m)'z - m'Pm / 2

so ``T = (1, z, second moments of z)``. With a ridge e (``reg_covar``) for each feature every
log-density is lowered by ``tr(diag(e) P) / 2``. That is the penalty under which the M-step is
exactly the usual ``covariance + diag(e)``, so that the penalised log-likelihood, too, never falls.

The expanded form loses digits where a component is much tighter than it is far from the origin,
or much narrower one way than another; there the centred kernel takes over (:mod:`.centred`).
"""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.errors import Doubt
from skem.families.base import (
    DegenerateComponentError,
    FloatArray,
    Kernel,
    LinearKernel,
    LossOfPrecision,
)
from skem.families.centred import CentredKernel
from skem.families.covariance import Counts, Structure
from skem.families.doubt import EMPTY, doubt_about
from skem.families.held import Held
from skem.families.kept import keep_last
from skem.families.prior import ConjugatePrior
from skem.families.wide import WideKernel

__all__ = ["Gaussian", "GaussianParameters", "admissible_amplification"]

LOG_2PI = float(np.log(2 * np.pi))

#: Largest amplification of rounding errors for which the expanded form is trusted with what is
#: published: it leaves an error of some 1e-11 nats in a log-density.
MAX_AMPLIFICATION = 5e4

#: The most that is allowed while EM climbs, whatever the tolerance: some 1e-9 nats. With 200,000
#: rows of ten features, mixed at random in each of ten components, a pass takes a quarter of the
#: centred kernel's time, and the log-likelihood after 60 of them differs by 8e-12 nats per row.
CLIMBING_AMPLIFICATION = 5e6


def admissible_amplification(tol: float) -> float:
    """Return how much rounding may be amplified while EM climbs: to a tenth of its tolerance."""
    of_tolerance = tol / 10 / np.finfo(np.float64).eps
    return float(np.clip(of_tolerance, MAX_AMPLIFICATION, CLIMBING_AMPLIFICATION))


class GaussianParameters(NamedTuple):
    """Parameters of Gaussian components, in the shapes of their covariance structure.

    Attributes
    ----------
    means : ndarray of shape (n_components, n_features)
        Means, about the origin of the family.
    covariances : ndarray
        Covariances.
    precisions_cholesky : ndarray
        ``U`` with ``U U'`` the precision.
    """

    means: FloatArray
    covariances: FloatArray
    precisions_cholesky: FloatArray


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Gaussian components.

    Parameters
    ----------
    structure : Structure
        Covariance structure.
    n_components : int
        Number of components K.
    origin : ndarray of shape (n_features,)
        Subtracted from every row; means are relative to it.
    scale : ndarray of shape (n_features,)
        About the standard deviation of each feature, to make coordinates free of units.
    floor : ndarray of shape (n_features,)
        Largest variance that rounding alone could produce.
    ridge : float or ndarray of shape (n_features,), default=0.0
        Added to the variances, those of each feature.
    least : float or ndarray of shape (n_features,), default=0.0
        Least variance of each feature: the M-step maximises under the constraint that no
        component is narrower in any direction.
    rounding : float or ndarray of shape (n_features,), default=0.0
        The same, where it is the rounding of the data that hides smaller ones.
    prior : ConjugatePrior or None, default=None
        Prior of means and covariances.
    held : Held, default=Held()
        Parameters that the M-step leaves alone.
    pooled : tuple of (float, ndarray of shape (1, n_second)) or None
        Total weight and total second moments of all rows about the origin. Where known, and the
        covariance is shared, ``z'Pz`` is common to all components: neither pass needs it.
    max_amplification : float, default=MAX_AMPLIFICATION
        How much the expanded form may amplify rounding errors.
    """

    structure: Structure
    n_components: int
    origin: FloatArray
    scale: FloatArray
    floor: FloatArray
    ridge: FloatArray | float = 0.0
    least: FloatArray | float = 0.0
    rounding: FloatArray | float = 0.0
    prior: ConjugatePrior | None = None
    held: Held = field(default_factory=Held)
    pooled: tuple[float, FloatArray] | None = None
    max_amplification: float = MAX_AMPLIFICATION

    accelerable = True

    @property
    def separable(self) -> bool:
        """Whether a component's M-step knows nothing of the others: no covariance is shared."""
        return not self.structure.shared

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return self.origin.size

    @property
    def n_statistics(self) -> int:
        """Width of T."""
        n_second = 0 if self.pooled else self.structure.n_second(self.n_features)
        return 1 + self.n_features + n_second

    @cached_property
    def ridges(self) -> FloatArray:
        """The ridge of each feature."""
        return np.zeros(self.origin.shape) + self.ridge

    @cached_property
    def has_ridge(self) -> bool:
        """Whether some ridge is not 0."""
        return bool(self.ridges.any())

    @cached_property
    def bounds(self) -> FloatArray | None:
        """The least variance of each feature, (d,); None without a bound."""
        bounds = np.maximum(self.least, self.rounding) + np.zeros(self.origin.shape)
        return bounds if bounds.all() else None

    def _is_wide_enough(self, U: FloatArray) -> bool:
        """Say whether no direction is too narrow, at a glance: False means perhaps.

        With D the bounds, ``C - D`` is positive semidefinite if all eigenvalues of ``U'DU`` are at
        most 1; they are if their sum is.
        """
        return self.bounds is None or bool(self.structure.trace(U, self.bounds).max() <= 1.0)

    def factor(self, covariances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the covariances of greatest likelihood that are nowhere too narrow, and their U.

        Raises DegenerateComponentError where they are singular to rounding.
        """
        try:
            U = self.structure.factor(covariances, self.floor)
        except DegenerateComponentError:
            if self.bounds is None:
                raise
        else:
            if self._is_wide_enough(U):
                return covariances, U
        assert self.bounds is not None
        wide = self.held.put("covariances", self.structure.widen(covariances, self.bounds))
        return wide, self.structure.factor(wide, self.floor)

    def wide_enough(self, covariances: FloatArray, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return covariances, widened where that is possible, and their U."""
        if self._is_wide_enough(U):
            return covariances, U
        assert self.bounds is not None
        wide = self.structure.widen(covariances, self.bounds)
        if np.array_equal(wide, covariances, equal_nan=True):
            return covariances, U
        try:
            return wide, self.structure.factor(wide, self.floor)
        except DegenerateComponentError:
            return covariances, U

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

        Without correlations it is that for missing cells, whose totals are wider.
        """
        mine = {each.name: getattr(self, each.name) for each in fields(Gaussian)}
        family = Gaussian(**{**mine, "pooled": None, "max_amplification": np.inf})
        return family if self.structure.correlated else family.for_missing()

    def about_origin(self, totals: FloatArray, kernel: Kernel) -> FloatArray:
        """Return the totals about the origin, if they are about other centres."""
        centres = getattr(kernel, "centres", None)
        if centres is None:
            return totals
        responsible, _, first, second = self._parts(totals)
        products = [np.outer(c, f) for c, f in zip(centres, first, strict=True)]
        moved = [
            s + self.structure.pack(cf + cf.T + n * np.outer(c, c))
            for s, cf, n, c in zip(second, products, responsible, centres, strict=True)
        ]
        first = first + responsible[:, np.newaxis] * centres
        return np.column_stack([responsible, first, moved])

    def mean_totals(self, params: GaussianParameters, like: FloatArray) -> FloatArray:
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

    def parameters(self, means: FloatArray, covariances: FloatArray) -> GaussianParameters:
        """Complete the parameters by factoring the covariances.

        Raises DegenerateComponentError where a covariance is singular to rounding.
        """
        U = self.structure.factor(covariances, self.floor)
        return GaussianParameters(means, covariances, U)

    def statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write (1, z, second moments) of each row to out."""
        d = self.n_features
        out[0] = 1.0
        Z = np.subtract(X.T, self.origin[:, np.newaxis], out=out[1 : 1 + d])
        if self.pooled is None:
            self.structure.second_moments(Z, out[1 + d :])
        return out

    def log_peaks(self, params: GaussianParameters, bias: FloatArray) -> FloatArray:
        """Return the largest log-joint of each component, penalty included."""
        U, d = params.precisions_cholesky, self.n_features
        peaks: FloatArray = bias + (self.structure.log_det(U, d) - d / 2 * LOG_2PI)
        return peaks - self.structure.trace(U, self.ridges) / 2 if self.has_ridge else peaks

    def kernel(self, params: GaussianParameters | None, bias: FloatArray) -> Kernel:
        """Return the centred kernel where others are not accurate, else the fastest."""
        wide = self.structure.is_wide(self.n_features)
        if params is None:
            if wide:
                return WideKernel(self.origin)
            return LinearKernel(self, None, self.n_statistics)
        if self._amplification(params) > self.max_amplification:
            return self.centred_kernel(params, bias, params.means)
        return self.wide_kernel(params, bias) if wide else self.expanded_kernel(params, bias)

    def wide_kernel(self, params: GaussianParameters, bias: FloatArray) -> WideKernel:
        """Return the kernel for many features."""
        return WideKernel(
            self.origin,
            params.means,
            params.precisions_cholesky,
            self.log_peaks(params, bias),
        )

    def expanded_kernel(self, params: GaussianParameters, bias: FloatArray) -> LinearKernel:
        """Return the kernel ``eta @ T``."""
        U, d = params.precisions_cholesky, self.n_features
        slopes, quadratic = self.structure.expanded(U, params.means)
        half_norms = np.einsum("kd,kd->k", slopes, params.means) / 2
        eta = np.empty((self.n_components, self.n_statistics))
        eta[:, 1 : 1 + d] = slopes
        if self.pooled is None:
            peaks = self.log_peaks(params, bias)
            offset = float(peaks.max())
            eta[:, 0] = peaks - offset - half_norms
            eta[:, 1 + d :] = quadratic
        else:
            total, second = self.pooled
            common = self.log_peaks(params, np.zeros(self.n_components))
            squares = (quadratic * second).sum(axis=1)
            # Of all rows alike the mean: only their sum is right.
            offset = float(common[0] + squares[0] / total)
            eta[:, 0] = bias - half_norms
        return LinearKernel(self, eta, self.n_statistics, offset)

    def log_prior(self, params: GaussianParameters) -> float:
        """Return the log of the prior density, up to a constant; 0 without a prior."""
        if self.prior is None:
            return 0.0
        return float(self.prior.log_density(self.structure, params).sum())

    def centred_kernel(
        self, params: GaussianParameters | None, bias: FloatArray, centres: FloatArray
    ) -> CentredKernel:
        """Return the kernel that subtracts each component's own centre before it squares."""
        if params is None:
            return CentredKernel(self.structure, self.origin, centres, None, None)
        peaks = self.log_peaks(params, bias)
        return CentredKernel(self.structure, self.origin, centres, params, peaks)

    @keep_last
    def _amplification(self, params: GaussianParameters) -> float:
        return float(
            self.structure.amplification(
                params.covariances, params.precisions_cholesky, params.means
            ).max()
        )

    def log_base_measure(self, X: FloatArray) -> float:
        """Return 0: the kernels hold the whole density."""
        return 0.0

    def maximize(
        self, totals: FloatArray, kernel: Kernel, previous: GaussianParameters | None
    ) -> GaussianParameters:
        """Return weighted means and covariances, the ridge added.

        An empty component keeps its mean and covariance.
        Raises LossOfPrecision, with a centred kernel, where the totals are those of the expanded
        form and their difference would have lost its digits; DegenerateComponentError where a
        centred covariance is singular to rounding.
        """
        exact = getattr(kernel, "exact", False)
        centres: FloatArray = getattr(kernel, "centres", np.zeros((1, self.n_features)))
        responsible, counts, first, second = self._moments(totals, centres)
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
            params = GaussianParameters(means, *self.factor(covariances))
        except DegenerateComponentError:
            if exact:
                raise
            raise self._loss_of_precision(previous, means) from None
        if not exact and self._amplification(params) > self.max_amplification:
            raise self._loss_of_precision(previous, means)
        return params

    def _loss_of_precision(
        self, previous: GaussianParameters | None, centres: FloatArray
    ) -> LossOfPrecision:
        return LossOfPrecision(lambda bias: self.centred_kernel(previous, bias, centres))

    def _moments(
        self, totals: FloatArray, centres: FloatArray
    ) -> tuple[FloatArray, Counts, FloatArray, FloatArray]:
        """Return total responsibilities (K,), counts, first and second moments about centres."""
        responsible, cells, first, second = self._parts(totals)
        if self.pooled is not None and not second.size:
            second = self.pooled[1]
        cells = np.maximum(cells, np.finfo(np.float64).tiny)
        counts = Counts(cells, cells)
        if self.prior is not None:
            counts = self.prior.counts(self.structure, counts)
            first, second = self.prior.moments(self.structure, first, second, centres)
        return responsible, counts, first, second

    def _parts(self, totals: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Cut totals into responsibilities (K,), and those of cells, and the moments (K, .)."""
        d = self.n_features
        responsible, first, second = totals[:, 0], totals[:, 1 : 1 + d], totals[:, 1 + d :]
        return responsible, totals[:, :1] + np.zeros(d), first, second

    def n_parameters(self, params: GaussianParameters) -> int:
        """Count K d means and what the structure has, less what is held."""
        d = self.n_features
        shapes = self.structure.n_parameters(self.held.n_free("covariances", self.n_components), d)
        return self.held.n_free("means", self.n_components) * d + shapes

    def _of_free_shapes(self, values: FloatArray) -> FloatArray:
        """Return those of the values, one for each covariance, of which it is not held."""
        if self.structure.shared:
            return values[:0] if "covariances" in self.held.masks else values
        return values[self.held.free("covariances")]

    def sample(self, params: GaussianParameters, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw rows: those that scikit-learn draws from a generator in the same state."""
        noise = self.structure.noise(params.covariances, counts, self.n_features, rng)
        return noise + np.repeat(params.means, counts, axis=0) + self.origin

    def spurious(self, params: GaussianParameters, counts: FloatArray) -> Doubt | None:
        """Say which component is degenerate; see :func:`~skem.families.doubt.doubt_about`."""
        return doubt_about(self, params, counts)

    def to_vector(self, params: GaussianParameters) -> FloatArray:
        """Return scaled means and log-Cholesky factors of what is free."""
        means = params.means[self.held.free("means")] / self.scale
        U = self._of_free_shapes(params.precisions_cholesky)
        shape = self.structure.to_vector(U, self.scale) if U.size else np.empty(0)
        return np.concatenate([means.ravel(), shape])

    def from_vector(self, vector: FloatArray, like: GaussianParameters) -> GaussianParameters:
        """Undo :meth:`to_vector`; what is held is as in like."""
        n_means = self.held.n_free("means", self.n_components) * self.n_features
        means = vector[:n_means].reshape(-1, self.n_features) * self.scale
        covariances, U, shape = like.covariances, like.precisions_cholesky, vector[n_means:]
        if shape.size:
            those = self._of_free_shapes(U)
            covariances, U = self.wide_enough(
                *self.structure.from_vector(shape, those, self.scale)
            )
        if not self.held.masks:
            return GaussianParameters(means, covariances, U)
        shapes = slice(None) if self.structure.shared else self.held.free("covariances")
        return GaussianParameters(
            _placed(means, self.held.free("means"), like.means),
            *(
                _placed(some, shapes, values) if shape.size else values
                for some, values in zip((covariances, U), like[1:], strict=True)
            ),
        )

    def gradient(
        self, params: GaussianParameters, new: GaussianParameters, totals: FloatArray
    ) -> FloatArray:
        """Return ``n_k P_k (new mean - mean)``, and the structure's part."""
        U = params.precisions_cholesky
        _, counts, _, _ = self._moments(totals, np.zeros((1, self.n_features)))
        deltas = new.means - params.means
        by_means = counts.mean * self.structure.multiply_means(U, deltas) * self.scale
        by_shape = self.structure.gradient(U, counts, new.covariances, deltas, self.scale)
        by_means, by_shape = by_means[self.held.free("means")], self._of_free_shapes(by_shape)
        return np.concatenate([by_means.ravel(), by_shape.ravel()])


def _placed(some: FloatArray, where: Any, values: FloatArray) -> FloatArray:
    """Return values of which some are others."""
    result = values.copy()
    result[where] = some
    return result
