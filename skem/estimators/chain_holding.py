"""Starting values of a chain that a user gives, and which of its probabilities a fit changes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.chains.markov import stationary_distribution
from skem.mixture.markov import Chain, Markov

__all__ = ["check_stationary", "free_probabilities", "given_chain"]


def given_chain(estimator: Any, suffix: str) -> Chain:
    """Return the chain to start from, NaN where it is left to the data.

    Parameters
    ----------
    estimator : HiddenMarkovModel
        Has ``startprob`` and ``transmat`` with the suffix.
    suffix : {'_init', '_'}
        The user's, or those of the last fit.

    Returns
    -------
    chain : Chain
        Start and transitions.

    Raises
    ------
    ValueError
        If a shape is wrong, or values are no probabilities.
    """
    K, values = estimator.n_components, []
    for name, shape in zip(Chain._fields, ((K,), (K, K)), strict=True):
        given = getattr(estimator, name + suffix)
        array = np.full(shape, np.nan) if given is None else np.array(given, np.float64)
        if array.shape != shape:
            raise ValueError(f"{name}{suffix} must have the shape {shape}, got {array.shape}")
        if (array < 0).any() or (array > 1).any():
            raise ValueError(f"{name}{suffix} must hold probabilities, from 0 to 1")
        sums = np.nan_to_num(array).sum(axis=-1)
        complete = ~np.isnan(array).any(axis=-1)
        if (np.abs(sums - 1) > 1e-6)[complete].any() or (sums > 1 + 1e-6).any():
            raise ValueError(f"{name}{suffix} must sum to one along its last axis")
        values.append(array)
    return Chain(*values)


def free_probabilities(chain: Chain, fixed: dict[str, Any]) -> NDArray[np.bool_]:
    """Return which probabilities (n_components + 1, n_components) are free: no zeros.

    Parameters
    ----------
    chain : Chain
        Starting values.
    fixed : dict of str to bool or array of bool
        What is held, by the names of the chain's parameters.

    Returns
    -------
    free : ndarray of bool
        The start first.

    Raises
    ------
    ValueError
        If a mask has another shape, or holds what is not given.
    """
    masks = []
    for name, values in zip(Chain._fields, chain, strict=True):
        held = np.asarray(fixed.get(name, False))
        if held.dtype != bool or (held.ndim and held.shape != values.shape):
            raise ValueError(
                f"fixed[{name!r}] must be a bool or bools of the shape {values.shape}"
            )
        held = np.broadcast_to(held, values.shape)
        if np.isnan(values[held]).any():
            raise ValueError(
                f"fixed[{name!r}] holds values that are not given: set {name}_init (NaN for "
                "those that are free)"
            )
        masks.append(~held & (values != 0))
    return Markov.table(*masks).astype(bool, copy=False)


def check_stationary(estimator: Any, chain: Chain, fixed: dict[str, Any]) -> None:
    """Raise ValueError where the start cannot be that of the transitions.

    Parameters
    ----------
    estimator : HiddenMarkovModel
        Has ``stationary_start``.
    chain : Chain
        Starting values, NaN where not given.
    fixed : dict of str to bool or array of bool
        What is held, by the names of the chain's parameters.
    """
    told = [
        estimator.startprob_init is not None and "startprob_init",
        np.any(np.asarray(estimator.startprob_prior) != 1) and "startprob_prior",
        np.any(fixed.get("startprob", False)) and "fixed['startprob']",
    ]
    if any(told):
        raise ValueError(
            "stationary_start=True says what startprob is: leave out "
            f"{', '.join(name for name in told if name)}"
        )
    possible = np.where(np.isnan(chain.transmat), 1.0, chain.transmat)
    try:
        stationary_distribution(possible / possible.sum(axis=1, keepdims=True))
    except ValueError as error:
        raise ValueError(f"stationary_start=True does not go with transmat: {error}") from None
