"""Gaussian components, with any covariance structure.

About an origin near the data, ``z = x - origin``, ``m = mean - origin``, precision ``P = U U'``::

    log f(x) = log det U - d/2 log(2 pi) - z'Pz / 2 + (P m)'z - m'Pm / 2

so ``T = (1, z, second moments of z)``. With a ridge e (``reg_covar``) every log-density is
lowered by ``e/2 tr P``. That is the penalty under which the M-step is exactly the usual
``covariance + e I``, so that the penalised log-likelihood, too, never falls.

The expanded form loses digits where a component is much tighter than it is far from the origin,
or much narrower one way than another; there the centred kernel takes over (:mod:`.centred`).
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.base import (
    DegenerateComponentError,
    FloatArray,
    Kernel,
    LinearKernel,
    LossOfPrecision,
    log_or_impossible,
    log_ratios,
    shares,
    shares_of_log_ratios,
)
from skem.families.centred import CentredKernel
from skem.families.covariance import Structure

__all__ = ["Gaussian", "GaussianParameters"]

LOG_2PI = float(np.log(2 * np.pi))

#: Largest amplification of rounding errors for which the expanded form is trusted: it leaves an
#: error of some 1e-11 nats in a log-density.
MAX_AMPLIFICATION = 5e4

#: The same for short runs, which only have to tell mixtures apart.
ROUGH_AMPLIFICATION = 1e8

#: Logarithm of how much smaller than the others' a variance must be to make a spike.
LOG_SPIKE = float(np.log(1e-4))

#: A variance below so many ridges is the ridge's.
RIDGE_IS_ALL = 4.0

#: A component with less than this share of the rows cannot be estimated: it keeps its shape.
EMPTY = 1e-12


class GaussianParameters(NamedTuple):
    """Parameters of a Gaussian mixture, in the shapes of their covariance structure.

    Attributes
    ----------
    weights : ndarray of shape (n_components,)
        Mixing weights, summing to one.
    means : ndarray of shape (n_components, n_features)
        Means, about the origin of the family.
    covariances : ndarray
        Covariances.
    precisions_cholesky : ndarray
        ``U`` with ``U U'`` the precision.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    precisions_cholesky: FloatArray


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mixture of Gaussians.

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
    ridge : float, default=0.0
        Added to every variance.
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
    ridge: float = 0.0
    pooled: tuple[float, FloatArray] | None = None
    max_amplification: float = MAX_AMPLIFICATION

    accelerable = True

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return self.origin.size

    @property
    def n_statistics(self) -> int:
        """Width of T."""
        n_second = 0 if self.pooled else self.structure.n_second(self.n_features)
        return 1 + self.n_features + n_second

    def bound(self, rows: Any) -> "Gaussian":
        """Return the family that knows the rows' total second moments, if those are of use."""
        if not self.structure.shared:
            return self
        second, total = np.zeros(self.structure.n_second(self.n_features)), 0.0
        for X, weights in rows.read(max(1, 2**16 // (1 + self.n_features + second.size))):
            second += self.structure.weighted_second((X - self.origin).T, weights)
            total += float(weights.sum())
        return replace(self, pooled=(total, second[np.newaxis]))

    def stacked(self, n_mixtures: int) -> "Gaussian | None":
        """Return the family of all components of several mixtures, unless they share."""
        if self.structure.shared:
            return None
        return replace(
            self,
            n_components=n_mixtures * self.n_components,
            max_amplification=ROUGH_AMPLIFICATION,
        )

    def parameters(
        self, weights: FloatArray, means: FloatArray, covariances: FloatArray
    ) -> GaussianParameters:
        """Complete the parameters by factoring the covariances.

        Raises DegenerateComponentError where a covariance is singular to rounding.
        """
        U = self.structure.factor(covariances, self.floor)
        return GaussianParameters(weights, means, covariances, U)

    def statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write (1, z, second moments) of each row to out."""
        d = self.n_features
        out[0] = 1.0
        Z = np.subtract(X.T, self.origin[:, np.newaxis], out=out[1 : 1 + d])
        if self.pooled is None:
            self.structure.second_moments(Z, out[1 + d :])
        return out

    def log_peaks(self, params: GaussianParameters) -> FloatArray:
        """Return the largest log-joint of each component, penalty included."""
        U, d = params.precisions_cholesky, self.n_features
        return (
            log_or_impossible(params.weights)
            + self.structure.log_det(U, d)
            - d / 2 * LOG_2PI
            - self.ridge / 2 * self.structure.trace(U, d)
        )

    def kernel(self, params: GaussianParameters | None) -> Kernel:
        """Return the expanded kernel where it is accurate and fast, else the centred one."""
        if params is None:
            return LinearKernel(self, None, self.n_statistics, self.n_components)
        wide = self.n_features >= self.structure.centred_from
        if wide or self._amplification(params) > self.max_amplification:
            return self.centred_kernel(params, params.means)
        return self.expanded_kernel(params)

    def expanded_kernel(self, params: GaussianParameters) -> LinearKernel:
        """Return the kernel ``eta @ T``."""
        U = params.precisions_cholesky
        half_norms = (self.structure.whiten_means(U, params.means) ** 2).sum(axis=1) / 2
        slopes = self.structure.multiply_means(U, params.means)
        if self.pooled is None:
            peaks = self.log_peaks(params)
            offset, constant = float(peaks.max()), 0.0
            quadratic = np.broadcast_to(
                self.structure.quadratic(U) / -2,
                (self.n_components, self.structure.n_second(self.n_features)),
            )
            eta = np.column_stack([peaks - offset - half_norms, slopes, quadratic])
        else:
            total, second = self.pooled
            offset, log_weights = 0.0, log_or_impossible(params.weights)
            common = (self.log_peaks(params) - log_weights).max()
            constant = total * common - (self.structure.quadratic(U) * second).sum() / 2
            eta = np.column_stack([log_weights - half_norms, slopes])
        return LinearKernel(
            self, eta, self.n_statistics, self.n_components, offset, float(constant)
        )

    def centred_kernel(
        self, params: GaussianParameters | None, centres: FloatArray
    ) -> CentredKernel:
        """Return the kernel that subtracts each component's own centre before it squares."""
        peaks = None if params is None else self.log_peaks(params)
        return CentredKernel(self.structure, self.origin, centres, params, peaks)

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
        d = self.n_features
        exact = isinstance(kernel, CentredKernel)
        centres = kernel.centres if isinstance(kernel, CentredKernel) else np.zeros((1, d))
        first, second = totals[:, 1 : 1 + d], totals[:, 1 + d :]
        if self.pooled is not None and not exact:
            second = self.pooled[1]
        counts = np.maximum(totals[:, 0], np.finfo(np.float64).tiny)
        deltas = first / counts[:, np.newaxis]
        means = centres + deltas
        covariances = self.structure.estimate(second, counts, deltas)
        covariances = self.structure.add_ridge(covariances, self.ridge)
        empty = counts <= EMPTY * counts.sum()
        if previous is not None and empty.any():
            means[empty] = previous.means[empty]
            covariances = self.structure.keep(covariances, previous.covariances, empty)
        try:
            params = self.parameters(shares(totals[:, 0]), means, covariances)
        except DegenerateComponentError:
            if exact:
                raise
            raise LossOfPrecision(self.centred_kernel(previous, means)) from None
        if not exact and self._amplification(params) > self.max_amplification:
            raise LossOfPrecision(self.centred_kernel(previous, means))
        return params

    def n_parameters(self, params: GaussianParameters) -> int:
        """Count K - 1 weights, K d means and what the structure has."""
        K, d = params.means.shape
        return K - 1 + K * d + self.structure.n_parameters(K, d)

    def sample(self, params: GaussianParameters, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw rows: those that scikit-learn draws from a generator in the same state."""
        noise = self.structure.noise(params.covariances, counts, self.n_features, rng)
        return noise + np.repeat(params.means, counts, axis=0) + self.origin

    def spurious(self, params: GaussianParameters, n_rows: float) -> str | None:
        """Say which component is degenerate (McLachlan & Peel 2000, section 3.10).

        The likelihood grows without bound as a component closes in on as few rows as its
        covariance can follow, or on a plane, so a high likelihood is no merit then. Such a
        component has fewer rows than a covariance needs, or few (less than ten times that) and a
        variance far below that of the others, or a direction in which the ridge is most of its
        variance.
        """
        U, d = params.precisions_cholesky, self.n_features
        flat = self.structure.least_variances(U) < RIDGE_IS_ALL * self.ridge
        if flat.any():
            who = (
                "the shared covariance" if self.structure.shared else f"component {flat.argmax()}"
            )
            return f"{who} is flat: some variance of it is hardly more than reg_covar"
        needed = self.structure.rows_needed(d)
        counts = params.weights * n_rows
        if needed == 0 or len(counts) == 1:
            return None
        log_variances = -2 * self.structure.log_det(U, d) / d
        for k in np.flatnonzero((counts > 0.5) & (counts < 10 * needed)):
            if counts[k] < needed - 0.5:
                return f"component {k} has only {counts[k]:.3g} rows, with a covariance of its own"
            if log_variances[k] < np.median(np.delete(log_variances, k)) + LOG_SPIKE:
                return f"component {k} is a spike: {counts[k]:.3g} rows, hardly any variance"
        return None

    def to_vector(self, params: GaussianParameters) -> FloatArray:
        """Return log-ratios of the weights, scaled means, log-Cholesky factors."""
        shape = self.structure.to_vector(params.precisions_cholesky, self.scale)
        scaled = params.means / self.scale
        return np.concatenate([log_ratios(params.weights), scaled.ravel(), shape])

    def from_vector(self, vector: FloatArray, like: GaussianParameters) -> GaussianParameters:
        """Undo :meth:`to_vector`."""
        K, d = like.means.shape
        ratios, scaled, shape = np.split(vector, [K - 1, K - 1 + K * d])
        covariances, U = self.structure.from_vector(shape, like.precisions_cholesky, self.scale)
        means = scaled.reshape(K, d) * self.scale
        return GaussianParameters(shares_of_log_ratios(ratios), means, covariances, U)

    def gradient(
        self, params: GaussianParameters, new: GaussianParameters, totals: FloatArray
    ) -> FloatArray:
        """Return ``n_k - N w_k``, ``n_k P_k (new mean - mean)``, and the structure's part."""
        counts, U = totals[:, 0], params.precisions_cholesky
        deltas = new.means - params.means
        by_weights = (counts - counts.sum() * params.weights)[:-1]
        by_means = counts[:, np.newaxis] * self.structure.multiply_means(U, deltas) * self.scale
        by_shape = self.structure.gradient(U, counts, new.covariances, deltas, self.scale)
        return np.concatenate([by_weights, by_means.ravel(), by_shape.ravel()])
