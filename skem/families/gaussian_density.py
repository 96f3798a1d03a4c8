"""Gaussian components, with any covariance structure: their densities.

About an origin near the data, ``z = x - origin``, ``m = mean - origin``, precision ``P = U U'``::

    log f(x) = log det U - d/2 log(2 pi) - z'Pz / 2 + (P m)'z - m'Pm / 2

so ``T = (1, z, second moments of z)``. With a ridge e (``reg_covar``) for each feature every
log-density is lowered by ``tr(diag(e) P) / 2``, for which :mod:`.gaussian` says why.

The expanded form loses digits where a component is much tighter than it is far from the origin,
or much narrower one way than another; there the centred kernel takes over (:mod:`.centred`).
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.amplification import CLIMBING_AMPLIFICATION, MAX_AMPLIFICATION
from skem.families.base import FloatArray, Kernel
from skem.families.centred import CentredKernel
from skem.families.covariance import Structure
from skem.families.exponential import LinearKernel
from skem.families.held import Held
from skem.families.kept import keep_last
from skem.families.partly_centred import PartlyCentredKernel
from skem.families.prior import ConjugatePrior
from skem.families.wide import WideKernel

__all__ = ["LOG_2PI", "GaussianDensity", "GaussianParameters"]

LOG_2PI = float(np.log(2 * np.pi))


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
class GaussianDensity:
    """Densities of Gaussian components, and the kernels that compute them.

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

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return self.origin.size

    @cached_property
    def width(self) -> int:
        """Width of T."""
        n_second = 0 if self.pooled else self.structure.n_second(self.n_features)
        return 1 + self.n_features + n_second

    @cached_property
    def ridges(self) -> FloatArray:
        """The ridge of each feature."""
        return np.zeros(self.origin.shape) + self.ridge

    @cached_property
    def ridge_covariance(self) -> FloatArray:
        """What the ridges add to the covariance of each component, or to the shared one."""
        return self.structure.add_ridge(np.zeros(()), self.ridges)

    @cached_property
    def has_ridge(self) -> bool:
        """Whether some ridge is not 0."""
        return bool(self.ridges.any())

    def parameters(self, means: FloatArray, covariances: FloatArray) -> GaussianParameters:
        """Complete the parameters by factoring the covariances.

        Raises DegenerateComponentError where a covariance is singular to rounding.
        """
        U = self.structure.factor(covariances, self.floor)
        return GaussianParameters(means, covariances, U)

    def sufficient_statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write (1, z, second moments) of each row to out."""
        d = self.n_features
        out[0] = 1.0
        Z = np.subtract(X.T, self.origin[:, np.newaxis], out=out[1 : 1 + d])
        if self.pooled is None:
            self.structure.second_moments(Z, out[1 + d :])
        return out

    def log_peaks(self, params: GaussianParameters, bias: FloatArray) -> FloatArray:
        """Return the largest log-density of each component, plus its bias, less the penalty."""
        U, d = params.precisions_cholesky, self.n_features
        peaks: FloatArray = bias + (self.structure.log_det(U, d) - d / 2 * LOG_2PI)
        return peaks - self.structure.trace(U, self.ridges) / 2 if self.has_ridge else peaks

    def kernel(self, params: GaussianParameters | None, bias: FloatArray) -> Kernel:
        """Return the centred kernel where others are not accurate, else the fastest."""
        wide = self.structure.is_wide(self.n_features)
        if params is None:
            if wide:
                return WideKernel(self.origin)
            return LinearKernel(self, None, self.width)
        if not self.is_sound(params) and (narrow := self.loses_digits(params)).any():
            return self.centred_kernel(params, bias, params.means, narrow)
        return self.wide_kernel(params, bias) if wide else self.expanded_kernel(params, bias)

    def wide_kernel(self, params: GaussianParameters, bias: FloatArray) -> WideKernel:
        """Return the kernel for many features."""
        U = params.precisions_cholesky
        return WideKernel(self.origin, params.means, U, self.log_peaks(params, bias))

    def expanded_kernel(self, params: GaussianParameters, bias: FloatArray) -> LinearKernel:
        """Return the kernel ``eta @ T``."""
        U, d = params.precisions_cholesky, self.n_features
        slopes, quadratic = self.structure.expanded(U, params.means)
        half_norms = np.einsum("kd,kd->k", slopes, params.means) / 2
        peaks = self.structure.log_det(U, d)
        if self.has_ridge:
            peaks = peaks + quadratic @ self._packed_ridges
        eta = np.empty((self.n_components, self.width))
        eta[:, 1 : 1 + d] = slopes
        if self.pooled is None:
            eta[:, 1 + d :] = quadratic
            peaks = peaks + bias
            offset = np.maximum.reduce(peaks)
            eta[:, 0] = peaks - offset - half_norms
        else:
            # The mean over all rows stands for each: the sum is right, a single row's is not.
            total, second = self.pooled
            offset = peaks[0] + second[0] @ quadratic[0] / total
            eta[:, 0] = bias - half_norms
        return LinearKernel(self, eta, self.width, float(offset) - d / 2 * LOG_2PI)

    @cached_property
    def _packed_ridges(self) -> FloatArray:
        """The ridges as second moments, of which those of the density make the penalty."""
        return self.structure.pack(np.diag(self.ridges))

    def log_prior(self, params: GaussianParameters) -> float:
        """Return the log of the prior density, up to a constant; 0 without a prior."""
        if self.prior is None:
            return 0.0
        return float(self.prior.log_density(self.structure, params).sum())

    def centred_kernel(
        self,
        params: GaussianParameters | None,
        bias: FloatArray,
        centres: FloatArray,
        narrow: NDArray[np.bool_] | None = None,
    ) -> Kernel:
        """Return the kernel that subtracts a component's own centre before it squares.

        Where only few components are narrow, of a mask (K,), the others take the expanded form.
        """
        if narrow is None or not self._can_part(narrow):
            return self._all_centred(params, bias, centres)
        if params is None:
            linear, few = LinearKernel(self, None, self.width), None
        else:
            linear = self.expanded_kernel(params, bias)
            few = GaussianParameters(*(values[narrow] for values in params))
        centred = self._all_centred(few, bias[narrow], centres[narrow])
        return PartlyCentredKernel(linear, centred, narrow)

    def _all_centred(
        self, params: GaussianParameters | None, bias: FloatArray, centres: FloatArray
    ) -> CentredKernel:
        peaks = None if params is None else self.log_peaks(params, bias)
        return CentredKernel(self.structure, self.origin, centres, params, peaks)

    def _can_part(self, narrow: NDArray[np.bool_]) -> bool:
        """Say whether it pays to centre the narrow components alone."""
        structure = self.structure
        separate = not (structure.shared or structure.is_wide(self.n_features))
        return separate and 2 * int(narrow.sum()) <= narrow.size

    @keep_last
    def is_sound(self, params: GaussianParameters) -> bool:
        """Say at a glance whether no covariance is singular, too narrow, or costs too many digits.

        With M the second moments about the origin, :meth:`loses_digits` compares
        ``(sum_i sqrt(P_ii M_ii))^2``, which is no more than ``d sum_i P_ii M_ii``. And no
        conditional variance of a feature is less than ``1 / P_ii``.
        """
        precisions = self.structure.precision_diagonals(params.precisions_cholesky)
        moments = self.structure.variances(params.covariances) + params.means**2
        share, narrowest = self._least_conditional_variance
        return bool(np.add.reduce(precisions * (share * moments + narrowest), axis=None) <= 1.0)

    @cached_property
    def _least_conditional_variance(self) -> tuple[float, FloatArray]:
        """What it must exceed: a share of the second moment, plus so much of each feature."""
        most = min(self.max_amplification, CLIMBING_AMPLIFICATION)
        return self.n_features / most, np.maximum(
            np.maximum(self.least, self.rounding), self.floor
        )

    @keep_last
    def loses_digits(self, params: GaussianParameters) -> NDArray[np.bool_]:
        """Say of which components the expanded form amplifies rounding too much, (K,) or (1,)."""
        if self.is_sound(params):
            return np.zeros(1, dtype=bool)
        amplification = self.structure.amplification(
            params.covariances, params.precisions_cholesky, params.means
        )
        return amplification > self.max_amplification

    def log_base_measure(self, X: FloatArray) -> float:
        """Return 0: the kernels hold the whole density."""
        return 0.0

    def sample(self, params: GaussianParameters, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw rows: those that scikit-learn draws from a generator in the same state."""
        noise = self.structure.noise(params.covariances, counts, self.n_features, rng)
        return noise + np.repeat(params.means, counts, axis=0) + self.origin
