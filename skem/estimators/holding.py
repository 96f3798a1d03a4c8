"""Starting values that a user gives, and which of them a fit is to hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.held import Held

__all__ = ["all_given", "check_fixed", "left_behind", "merged"]


def all_given(given: Any) -> bool:
    """Whether no starting value is missing."""
    return not any(np.isnan(values).any() for values in given)


def merged(given: Any, start: Any) -> Any:
    """Return starting values: those given, and those of a start where NaN is in their place."""
    params = type(start)(
        *(
            np.where(np.isnan(values), found, values)
            for values, found in zip(given, start, strict=True)
        )
    )
    free = np.broadcast_to(np.isnan(given.weights), params.weights.shape)
    if free.any() and not free.all():
        weights = params.weights.copy()
        rest = max(1.0 - weights[~free].sum(), 0.0)
        weights[free] *= rest / weights[free].sum() if weights[free].sum() > 0 else 0.0
        params = params._replace(weights=weights)
    return params


def left_behind(given: Any, held: Held) -> bool:
    """Whether EM is free to leave some of the values given."""
    for name, values in zip(given._fields, given, strict=True):
        mask = held.masks.get("covariances" if name == "precisions_cholesky" else name)
        here = ~np.isnan(values)
        if here.any() and (mask is None or (not mask.all() and here[~mask].any())):
            return True
    return False


def check_fixed(
    fixed: Any, given: Any, n_components: int, names: tuple[str, ...], shared: tuple[str, ...]
) -> Held:
    """Return what the parameter ``fixed`` says.

    Parameters
    ----------
    fixed : dict or None
        By the name of a parameter, True, or a bool for each component.
    given : NamedTuple
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
        values = np.asarray(getattr(given, name))
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
    total = float(np.asarray(given.weights)[mask].sum())
    if total > 1 + 1e-6 or (mask.all() and abs(total - 1) > 1e-6):
        raise ValueError(f"the weights to be fixed sum to {total:g}")
