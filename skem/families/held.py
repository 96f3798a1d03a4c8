"""Parameters that a fit holds where they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Held"]

Mask = NDArray[np.bool_]
FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Held:
    """Which parameters an M-step leaves alone, and what they are.

    Parameters
    ----------
    masks : mapping of str to bool ndarray of shape (n_components,), default={}
        By the name of a parameter, the components for which it is held.
    values : object, default=None
        Parameters that have the values, in the fields of those names.
    shared : tuple of str, default=()
        Parameters that all components have in common.
    """

    masks: Mapping[str, Mask] = field(default_factory=dict)
    values: Any = None
    shared: tuple[str, ...] = ()

    def reordered(self, order: NDArray[np.intp]) -> "Held":
        """Return the same for components in another order."""
        masks = {name: mask[order] for name, mask in self.masks.items()}
        own = [name for name in masks if name not in self.shared]
        values = self.values._replace(**{name: getattr(self.values, name)[order] for name in own})
        return replace(self, masks=masks, values=values)

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
