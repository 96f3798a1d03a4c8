"""Parameters that a fit holds where they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray, log_ratios, shares, shares_of_log_ratios

__all__ = ["Held"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Held:
    """Which parameters an M-step leaves alone, and what they are.

    Parameters
    ----------
    masks : mapping of str to bool ndarray of shape (n_components,), default={}
        By the name of a parameter, the components for which it is held.
    values : object, default=None
        Parameters that have the values, in the fields of those names.
    n_mixtures : int, default=1
        Mixtures that stand side by side, each with weights that sum to one.
    shared : tuple of str, default=()
        Parameters that all components have in common.
    """

    masks: Mapping[str, Mask] = field(default_factory=dict)
    values: Any = None
    n_mixtures: int = 1
    shared: tuple[str, ...] = ()

    def stacked(self, n_mixtures: int) -> "Held":
        """Return the same for the components of several mixtures side by side."""
        masks = {name: np.tile(mask, n_mixtures) for name, mask in self.masks.items()}
        values = self.values
        if values is not None:
            repeated = {
                name: np.concatenate([getattr(values, name)] * n_mixtures) for name in masks
            }
            values = values._replace(**repeated)
        return replace(self, masks=masks, values=values, n_mixtures=n_mixtures)

    def free(self, name: str) -> Mask | slice:
        """Return the index of the components of which a parameter is free: mostly all of them."""
        return ~self.masks[name] if name in self.masks else slice(None)

    def n_free(self, name: str, n_components: int) -> int:
        """Count those components."""
        return n_components - int(self.masks[name].sum()) if name in self.masks else n_components

    def put(self, name: str, estimates: FloatArray) -> FloatArray:
        """Return the estimates of a parameter with the held values in place of some."""
        if name not in self.masks:
            return estimates
        mask, values = self.masks[name], getattr(self.values, name)
        if mask.all():
            return values
        estimates = estimates.copy()
        estimates[mask] = values[mask]
        return estimates

    def shares(self, counts: FloatArray) -> FloatArray:
        """M-step of the weights: the free ones share what those that are held leave."""
        if "weights" not in self.masks:
            return shares(counts)
        parts = (
            values.reshape(self.n_mixtures, -1)
            for values in (counts, self.masks["weights"], self.values.weights)
        )
        return np.concatenate(list(map(_shared_out, *parts)))

    def log_ratios(self, weights: FloatArray) -> FloatArray:
        """Return unconstrained coordinates of the weights that are free."""
        return log_ratios(weights[self.free("weights")])

    def n_ratios(self, weights: FloatArray) -> int:
        """Count those coordinates."""
        return max(self.n_free("weights", len(weights)) - 1, 0)

    def shares_of_log_ratios(self, ratios: FloatArray, like: FloatArray) -> FloatArray:
        """Undo :meth:`log_ratios`; the weights that are held, and their sum, are those of like."""
        if not self.n_free("weights", len(like)):
            return like
        free, weights = self.free("weights"), like.copy()
        weights[free] = shares_of_log_ratios(ratios) * like[free].sum()
        return weights

    def gradient_by_ratios(self, counts: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the gradient of ``sum_k counts_k log weight_k`` in those coordinates."""
        if not self.n_free("weights", len(weights)):
            return np.empty(0)
        free = self.free("weights")
        counts, weights = counts[free], weights[free]
        return (counts - counts.sum() * shares(weights))[:-1]


def _shared_out(counts: FloatArray, held: Mask, values: FloatArray) -> FloatArray:
    """Return weights: some of given values, the others in proportion to the counts."""
    weights = values.copy()
    if not held.all():
        free = counts[~held]
        total = free.sum()
        rest = max(1.0 - values[held].sum(), 0.0)
        weights[~held] = rest * (free / total if total > 0 else 1 / free.size)
    return weights
