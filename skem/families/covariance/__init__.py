"""Covariance structures, of two kinds: whole matrices, and variances without correlations.

They share one set of methods, :class:`~skem.families.covariance.base.Structure`, and nothing else
in the package asks which of them it is holding.
"""

from skem.families.covariance.base import Counts, Structure
from skem.families.covariance.dense import Dense
from skem.families.covariance.diagonal import Diagonal

__all__ = ["STRUCTURES", "Counts", "Dense", "Diagonal", "Structure"]

#: The one lookup from ``covariance_type`` to structure.
STRUCTURES: dict[str, Structure] = {
    "full": Dense("full"),
    "tied": Dense("tied", shared=True),
    "diag": Diagonal("diag", equal=False),
    "spherical": Diagonal("spherical", equal=True),
}
