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

    def mask(self, name: str, n_components: int) -> Mask:
        """Return for which components a parameter is held."""
        return self.masks.get(name, np.zeros(n_components, dtype=bool))

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
        return log_ratios(weights[self._free(weights)])

    def n_ratios(self, weights: FloatArray) -> int:
        """Count those coordinates."""
        return max(int(self._free(weights).sum()) - 1, 0)

    def shares_of_log_ratios(self, ratios: FloatArray, like: FloatArray) -> FloatArray:
        """Undo :meth:`log_ratios`; the weights that are held, and their sum, are those of like."""
        free = self._free(like)
        if not free.any():
            return like
        weights = like.copy()
        weights[free] = shares_of_log_ratios(ratios) * like[free].sum()
        return weights

    def gradient_by_ratios(self, counts: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the gradient of ``sum_k counts_k log weight_k`` in those coordinates."""
        free = self._free(weights)
        if not free.any():
            return np.empty(0)
        counts, weights = counts[free], weights[free]
        return (counts - counts.sum() * shares(weights))[:-1]

    def _free(self, weights: FloatArray) -> Mask:
        return ~self.mask("weights", len(weights))


def _shared_out(counts: FloatArray, held: Mask, values: FloatArray) -> FloatArray:
    """Return weights: some of given values, the others in proportion to the counts."""
    weights = values.copy()
    if not held.all():
        free = counts[~held]
        total = free.sum()
        rest = max(1.0 - values[held].sum(), 0.0)
        weights[~held] = rest * (free / total if total > 0 else 1 / free.size)
    return weights
