"""Small real data sets, in the conventions of ``sklearn.datasets``."""

from skem.datasets._series import load_co2, load_earthquakes, load_nile
from skem.datasets._tables import (
    load_beta_blockers,
    load_old_faithful,
    load_saxony,
    load_two_coins,
)

__all__ = [
    "load_beta_blockers",
    "load_co2",
    "load_earthquakes",
    "load_nile",
    "load_old_faithful",
    "load_saxony",
    "load_two_coins",
]
