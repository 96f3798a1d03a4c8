"""Covariance structures: one object each for full, tied, diagonal and spherical.

They share one set of methods, :class:`~skem.families.covariance.base.Structure`, and nothing else
in the package asks which of them it is holding.
"""

from skem.families.covariance.base import Counts, Structure
from skem.families.covariance.dense import Full, Tied
from skem.families.covariance.diagonal import Diagonal, Spherical

__all__ = ["STRUCTURES", "Counts", "Diagonal", "Full", "Spherical", "Structure", "Tied"]

#: The one lookup from ``covariance_type`` to structure.
STRUCTURES: dict[str, Structure] = {
    "full": Full(),
    "tied": Tied(),
    "diag": Diagonal(),
    "spherical": Spherical(),
}
