"""What a covariance structure must be able to do for the Gaussian family.

Notation: K components, d features; ``C`` covariance, ``P = U U'`` precision with ``U`` the
``precisions_cholesky`` (as in scikit-learn), so that ``|U'(x - mean)|^2`` is the squared
Mahalanobis distance. ``second`` are packed second moments of centred rows ``z``: what a
structure keeps of ``z z'``, in ``n_second(d)`` numbers.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.base import DegenerateComponentError, FloatArray

__all__ = ["Counts", "Structure", "first_degenerate"]

EPS = float(np.finfo(np.float64).eps)


class Counts(NamedTuple):
    """How much was seen of each component's features, all positive, of shape (K, d).

    Attributes
    ----------
    mean : ndarray of shape (n_components, n_features)
        What the first moments are divided by.
    scatter : ndarray of shape (n_components, n_features)
        What the scatter about the mean is divided by: the same, but where there is a prior.
    """

    mean: FloatArray
    scatter: FloatArray


def first_degenerate(variances: FloatArray, floor: FloatArray) -> None:
    """Raise DegenerateComponentError for the first component with a variance <= floor.

    Parameters
    ----------
    variances : ndarray of shape (n_components, n_features)
        Variances, or conditional variances.
    floor : ndarray broadcastable to ``variances``
        Largest value that rounding alone could have produced.
    """
    # Written so that NaN counts as degenerate.
    bad = ~(variances > floor)
    if bad.any():
        component, feature = (int(i) for i in np.argwhere(bad)[0])
        raise DegenerateComponentError(
            component,
            f"its variance along feature {feature} is {variances[component, feature]:.3g}, "
            "zero to rounding",
        )


@dataclass(frozen=True)
class Structure(ABC):
    """A covariance structure: what is shared, what is zero, and all that follows from it.

    Parameters
    ----------
    name : str
        What ``covariance_type`` calls it.
    shared : bool, default=False
        Whether all components have one covariance in common.
    """

    name: str
    shared: bool = False

    #: Whether features may be correlated within a component.
    correlated: ClassVar[bool]

    def is_wide(self, n_features: int) -> bool:
        """Say whether so many features are better served by the kernel for many of them."""
        return False

    @abstractmethod
    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return the shape of covariances and precisions."""

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Count the free parameters of the covariances."""

    @abstractmethod
    def rows_needed(self, n_features: int) -> int:
        """Return how many rows a component must have for a covariance of its own."""

    @abstractmethod
    def prior_count(self, degrees: float, n_components: int, n_features: int) -> float:
        """Return what a conjugate prior adds to the scatter count of each cell of (K, d)."""

    @abstractmethod
    def least_variances(self, precisions_cholesky: FloatArray, unit: FloatArray) -> FloatArray:
        """Return the least variance of each component in any direction, shape (K,) or (1,).

        ``unit`` (d,) is the unit of length of each feature.
        """

    @abstractmethod
    def n_second(self, n_features: int) -> int:
        """Return the length of ``second``."""

    @abstractmethod
    def second_moments(self, Z: FloatArray, out: FloatArray) -> None:
        """Write ``second`` of each column of Z (d, b) to out (n_second, b)."""

    @abstractmethod
    def weighted_second(self, Z: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the sum of ``second`` over the columns of Z (d, b), weighted by (b,) >= 0."""

    @abstractmethod
    def pack(self, matrices: FloatArray) -> FloatArray:
        """Return ``second`` (..., n_second) of matrices of second moments (..., d, d)."""

    @abstractmethod
    def estimate(self, second: FloatArray, counts: Counts, means: FloatArray) -> FloatArray:
        """M-step: the covariances, given second moments and means about one origin.

        Parameters
        ----------
        second : ndarray of shape (n_components, n_second), or (1, n_second) where pooled
            Statistics of the second moments.
        counts : Counts
            Total responsibilities.
        means : ndarray of shape (n_components, n_features)
            Means, about the origin of ``second``.
        """

    def moments_about(
        self, points: FloatArray, counts: FloatArray, first: FloatArray, second: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return first and second moments (K, .) about other points (K, d), for counts (K,).

        ``sum (z - p)(z - p)' = sum zz' - p sum z' - sum z p' + n pp'``.
        """
        crosses = points[:, :, np.newaxis] * first[:, np.newaxis]
        squares = counts[:, np.newaxis, np.newaxis] * points[:, :, np.newaxis]
        shifts = squares * points[:, np.newaxis] - crosses - crosses.swapaxes(1, 2)
        return first - counts[:, np.newaxis] * points, second + self.pack(shifts)

    @abstractmethod
    def about(self, covariances: FloatArray, counts: Counts, shifts: FloatArray) -> FloatArray:
        """Return what the M-step would give about other means, further by ``shifts`` (K, d)."""

    @abstractmethod
    def add_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Return the covariances with ridge (d,) added to the variances."""

    @abstractmethod
    def widen(
        self, covariances: FloatArray, least: FloatArray
    ) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
        """Return the covariances C of greatest likelihood for which ``C - diag(least)`` >= 0.

        That is ``D^1/2 V max(L, 1) V' D^1/2``, if ``V L V'`` is ``D^-1/2 C D^-1/2`` and D is
        ``diag(least)``, of shape (d,) and positive: no direction has less variance than D gives
        it. Covariances that are wide enough stay as they are, to the bit.

        Returns
        -------
        covariances : ndarray
            One for each group that has one in common.
        narrow : bool ndarray of shape (n_groups,)
            Which were not wide enough.
        U : ndarray
            That of those, more accurate than a factor of theirs.
        """

    def keep(
        self, covariances: FloatArray, previous: FloatArray, unseen: NDArray[np.bool_]
    ) -> FloatArray:
        """Return the covariances, with previous ones where nothing was seen: a mask (K, d)."""
        kept, components = covariances.copy(), unseen.all(axis=1)
        kept[components] = previous[components]
        return kept

    @abstractmethod
    def roots(self, covariances: FloatArray) -> FloatArray | None:
        """Return ``U``; None where a covariance has none."""

    @abstractmethod
    def check(
        self, covariances: FloatArray, precisions_cholesky: FloatArray | None, floor: FloatArray
    ) -> None:
        """Raise DegenerateComponentError at a variance <= floor (d,), or where there is no U."""

    def factor(self, covariances: FloatArray, floor: FloatArray) -> FloatArray:
        """Return ``U``; raise DegenerateComponentError at a variance <= floor (d,)."""
        U = self.roots(covariances)
        self.check(covariances, U, floor)
        assert U is not None
        return U

    @abstractmethod
    def invert(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the covariances and ``U`` of valid precisions."""

    @abstractmethod
    def precisions(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return ``P = U U'``."""

    @abstractmethod
    def quadratic(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return a (K or 1, n_second) with ``z' P z = a . second(z)``."""

    @abstractmethod
    def whiten(self, precisions_cholesky: FloatArray, component: int, Z: FloatArray) -> FloatArray:
        """Return ``U' z`` for each column z of Z (d, b)."""

    @abstractmethod
    def whiten_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Return ``U_k' mean_k`` for all k, shape (K, d)."""

    @abstractmethod
    def multiply_means(self, precisions_cholesky: FloatArray, means: FloatArray) -> FloatArray:
        """Return ``P_k mean_k`` for all k, shape (K, d)."""

    @abstractmethod
    def log_det(self, precisions_cholesky: FloatArray, n_features: int) -> FloatArray:
        """Return log det U, half the log-determinant of P, shape (K,) or (1,)."""

    @abstractmethod
    def variances(self, covariances: FloatArray) -> FloatArray:
        """Return the variances of the features, (K or 1, d), or (K, 1) where they are equal."""

    @abstractmethod
    def precision_diagonals(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the diagonals of P in the shape of :meth:`variances`."""

    @abstractmethod
    def trace(self, precisions_cholesky: FloatArray, ridge: FloatArray) -> FloatArray:
        """Return the trace of ``diag(ridge) P``, shape (K,) or (1,)."""

    @abstractmethod
    def amplification(
        self, covariances: FloatArray, precisions_cholesky: FloatArray, means: FloatArray
    ) -> FloatArray:
        """Bound the terms whose sum is the Mahalanobis distance of a typical row, by component.

        They are ``sum_ij |P_ij| sqrt(M_ii M_jj)`` with M the second moment of the component about
        the origin of ``means``, and no more than ``(sum_i sqrt(P_ii M_ii))^2``, since P is
        positive definite. Times the machine epsilon this bounds the rounding error of the
        expanded form, in nats.
        """

    @abstractmethod
    def expanded(
        self, precisions_cholesky: FloatArray, means: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return ``P_k mean_k`` (K, d), and a (K or 1, n_second): ``a . second(z) = -z'Pz/2``."""

    @abstractmethod
    def expand(self, covariances: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Return the covariances as full matrices (K, d, d)."""

    @abstractmethod
    def noise(
        self, covariances: FloatArray, counts: NDArray[np.int_], n_features: int, rng: Any
    ) -> FloatArray:
        """Draw counts[k] rows from the centred component k, one component after another."""

    @abstractmethod
    def to_vector(self, precisions_cholesky: FloatArray, scale: FloatArray) -> FloatArray:
        """Return unconstrained coordinates of the covariances: a log-Cholesky form.

        ``scale`` (d,), about the spread of each feature, makes them free of units.
        """

    @abstractmethod
    def from_vector(
        self, vector: FloatArray, like: FloatArray, scale: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return covariances and ``U`` of the shape of ``like`` from coordinates."""

    @abstractmethod
    def gradient(
        self,
        precisions_cholesky: FloatArray,
        counts: Counts,
        covariances: FloatArray,
        deltas: FloatArray,
        scale: FloatArray,
    ) -> FloatArray:
        """Return the gradient of the expected log-likelihood by the coordinates of to_vector.

        ``sum_k counts_k (log det U_k - tr(U_k' S_k U_k) / 2)`` is what depends on U, where the
        second moment about the current mean is ``S_k = C_k + delta_k delta_k'``, with
        ``covariances`` and ``deltas`` from current to new means as the M-step gives them.

        Returns
        -------
        gradient : ndarray of shape (n_components, ...), or (1, ...) where shared
            Ravelled, in the order of to_vector.
        """

    @abstractmethod
    def covariances(self, precisions_cholesky: FloatArray) -> FloatArray:
        """Return the covariances that belong to ``U``."""

    @abstractmethod
    def check_definite(self, values: FloatArray, kind: str) -> None:
        """Raise ValueError unless the values, of a kind ('precision', say), are positive."""
