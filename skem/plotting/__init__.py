"""Displays of fitted mixtures, in the conventions of scikit-learn's own; matplotlib is needed.

Each has a ``from_estimator`` that computes and draws, a ``plot`` that draws again, and the axes,
the figure and the artists as attributes.
"""

from skem.plotting.clusters import ClusterDisplay
from skem.plotting.counts import CountDisplay
from skem.plotting.density import DensityDisplay
from skem.plotting.pairs import PairsDisplay
from skem.plotting.responsibilities import ResponsibilitiesDisplay
from skem.plotting.selection import SelectionDisplay
from skem.plotting.states import StatesDisplay
from skem.plotting.trace import TraceDisplay
from skem.plotting.transitions import TransitionDisplay

__all__ = [
    "ClusterDisplay",
    "CountDisplay",
    "DensityDisplay",
    "PairsDisplay",
    "ResponsibilitiesDisplay",
    "SelectionDisplay",
    "StatesDisplay",
    "TraceDisplay",
    "TransitionDisplay",
]
