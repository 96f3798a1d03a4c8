"""What makes a fit untrustworthy, though its likelihood is high (McLachlan & Peel 2000, 3.10).

The likelihood of a Gaussian mixture grows without bound as a component closes in on as few rows as
its covariance can follow, or on a plane, so a high likelihood is no merit then.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skem.errors import Doubt
from skem.families.base import FloatArray

if TYPE_CHECKING:
    from skem.families.gaussian import Gaussian
    from skem.families.gaussian_density import GaussianParameters

__all__ = ["BOUND_IS_ALL", "doubt_about", "narrow_directions", "total_covariance"]

#: Logarithm of how much smaller than the others' a variance must be to make a spike.
LOG_SPIKE = float(np.log(1e-4))

#: A variance below so many ridges, or least variances, is theirs.
BOUND_IS_ALL = 4.0

#: A component with less than this share of the rows is empty.
EMPTY = 1e-12


def doubt_about(
    family: "Gaussian", params: "GaussianParameters", counts: FloatArray
) -> Doubt | None:
    """Return what is wrong with Gaussians of so many rows (K,), None where nothing is.

    A component is in doubt if it has fewer rows than its covariance needs, where no prior makes up
    for them; or few (less than ten times that) and a variance far below that of the others; or
    a direction in which it, but not the mixture as a whole, is hardly wider than what the ridge or
    the least variance gives it.
    """
    structure, U, d = family.structure, params.precisions_cholesky, family.n_features
    needed = structure.rows_needed(d)
    some = np.flatnonzero((counts > 0.5) & (counts < 10 * needed))
    if (
        family.prior is None
        and len(counts) > 1
        and some.size
        and (few := counts[some] < needed - 0.5).any()
    ):
        k = some[few][0]
        sentence = f"component {k} has only {counts[k]:.3g} rows, with a covariance of its own"
        return Doubt("few rows", sentence)
    if (flat := _flat(family, params, counts)).any():
        who = "the shared covariance" if structure.shared else f"component {flat.argmax()}"
        return Doubt(
            "flat", f"{who} is flat: hardly wider in some direction than reg_covar makes it"
        )
    if len(counts) == 1:
        return None
    log_variances: FloatArray = -2 * structure.log_det(U, d) / d
    for k in some:
        if log_variances[k] < np.median(np.delete(log_variances, k)) + LOG_SPIKE:
            sentence = f"component {k} is a spike: {counts[k]:.3g} rows, hardly any variance"
            return Doubt("spike", sentence)
    return None


def narrow_directions(
    family: "Gaussian", covariances: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return variances of matrices (..., d, d), in units of the bounds, and their directions.

    Both as ``eigh`` gives them, the least first. Below :data:`BOUND_IS_ALL` a variance is that of
    the ridge or the least variance.
    """
    unit = np.sqrt(family.ridges + family.least)
    L, V = np.linalg.eigh(covariances / np.outer(unit, unit))
    return L, V


def total_covariance(
    family: "Gaussian", params: "GaussianParameters", counts: FloatArray
) -> FloatArray:
    """Return the covariance (d, d) of all rows together."""
    weights = counts / counts.sum()
    C = family.structure.expand(params.covariances, *params.means.shape)
    Z = params.means - weights @ params.means
    total: FloatArray = np.einsum("k,kij->ij", weights, C) + (Z.T * weights) @ Z
    return total


def _flat(
    family: "Gaussian", params: "GaussianParameters", counts: FloatArray
) -> NDArray[np.bool_]:
    """Say which components are flat where the data are not."""
    structure, unit = family.structure, np.sqrt(family.ridges + family.least)
    with np.errstate(divide="ignore"):  # without a bound
        flat = structure.least_variances(params.precisions_cholesky, unit) < BOUND_IS_ALL
    if not structure.shared:
        flat &= counts > EMPTY * counts.sum()
    if not flat.any():
        return flat
    L, V = narrow_directions(family, total_covariance(family, params, counts))
    free = V[:, L >= BOUND_IS_ALL]
    if free.size < V.size:  # a constant column, say, in which every component has to be flat
        C = structure.expand(params.covariances, *params.means.shape) / np.outer(unit, unit)
        within = np.linalg.eigvalsh(free.T @ C[: len(flat)] @ free)
        flat &= within.min(axis=1, initial=np.inf) < BOUND_IS_ALL
    return flat
