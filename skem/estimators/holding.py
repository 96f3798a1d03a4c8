"""Starting values that a user gives, and which of them a fit is to hold."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.held import Held
from skem.mixture.labels import Independent

__all__ = ["all_given", "check_fixed", "complete", "may_leave", "with_held"]


def all_given(given: Any) -> bool:
    """Whether no starting value is missing."""
    return not any(np.isnan(values).any() for values in given.by_name().values())


def complete(given: Any, start: Any) -> Any:
    """Return starting values: those given, and those of a start where NaN is in their place."""
    values, found = given.by_name(), start.by_name()
    params = start.with_arrays(
        **{name: np.where(np.isnan(values[name]), found[name], values[name]) for name in found}
    )
    weights = params.labels.weights.copy()
    free = np.broadcast_to(np.isnan(values["weights"]), weights.shape)
    if free.any() and not free.all():
        rest = max(1.0 - weights[~free].sum(), 0.0)
        weights[free] *= rest / weights[free].sum() if weights[free].sum() > 0 else 0.0
    return params.with_arrays(weights=weights)


def may_leave(given: Any, held: Held) -> bool:
    """Whether EM is free to leave some of the values given."""
    for name, values in given.by_name().items():
        mask = held.masks.get("covariances" if name == "precisions_cholesky" else name)
        here = ~np.isnan(values)
        if here.any() and (mask is None or (not mask.all() and here[~mask].any())):
            return True
    return False


def with_held(components: Any, held: Held) -> tuple[Independent, Any]:
    """Return labels, and the components, that leave held parameters alone."""
    weights = held.masks.get("weights")
    labels = Independent(weights, None if held.values is None else held.values.labels)
    masks = {name: mask for name, mask in held.masks.items() if name != "weights"}
    if not masks:
        return labels, components
    values = None if held.values is None else held.values.components
    return labels, replace(components, held=Held(masks, values, held.shared))


def check_fixed(
    fixed: Any, given: Any, n_components: int, names: tuple[str, ...], shared: tuple[str, ...]
) -> Held:
    """Return what the parameter ``fixed`` says.

    Parameters
    ----------
    fixed : dict or None
        By the name of a parameter, True, or a bool for each component.
    given : MixtureParameters
        Starting values, NaN where not given.
    n_components : int
        Number of components K.
    names : tuple of str
        Parameters that can be fixed.
    shared : tuple of str
        Those of them that all components share: they are fixed as a whole.

    Returns
    -------
    held : Held
        What the M-step leaves alone.

    Raises
    ------
    ValueError
        If a name is unknown, a mask has the wrong shape, or a value to be fixed is not given.
    """
    masks: dict[str, NDArray[np.bool_]] = {}
    for name, which in (fixed or {}).items():
        if name not in names:
            raise ValueError(
                f"fixed names {name!r}; what can be fixed is {', '.join(map(repr, names))}"
            )
        mask = _mask(name, which, n_components, name in shared)
        if not mask.any():
            continue
        values = np.asarray(given.by_name()[name])
        known = ~np.isnan(values) if name in shared or not values.ndim else ~np.isnan(values[mask])
        if not known.all():
            raise ValueError(
                f"fixed[{name!r}] holds values that are not given: set {name}_init, at least for "
                "the components concerned (NaN for the others)"
            )
        masks[name] = mask
    _check_weights(masks.get("weights"), given)
    return Held(masks, given, shared=shared)


def _mask(name: str, which: Any, n_components: int, shared: bool) -> NDArray[np.bool_]:
    if isinstance(which, bool | np.bool_):
        return np.full(n_components, bool(which))
    mask = np.asarray(which)
    if mask.dtype != bool or mask.shape != (n_components,):
        raise ValueError(
            f"fixed[{name!r}] must be a bool, or one for each of the {n_components} components, "
            f"but got {which!r}"
        )
    if shared and mask.any() != mask.all():
        raise ValueError(f"{name} are shared by all components: fixed[{name!r}] must be a bool")
    return mask


def _check_weights(mask: NDArray[np.bool_] | None, given: Any) -> None:
    if mask is None:
        return
    total = float(np.asarray(given.labels.weights)[mask].sum())
    if total > 1 + 1e-6 or (mask.all() and abs(total - 1) > 1e-6):
        raise ValueError(f"the weights to be fixed sum to {total:g}")
