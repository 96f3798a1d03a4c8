"""Starting values of a chain that a user gives, and which of its probabilities a fit changes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.chains.markov import stationary_distribution
from skem.mixture.markov import Chain, Markov

__all__ = ["check_chain", "check_stationary", "free_probabilities", "given_chain"]


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
    startprob, transmat = (getattr(estimator, name + suffix) for name in Chain._fields)
    return check_chain(startprob, transmat, estimator.n_components, suffix)


def check_chain(startprob: Any, transmat: Any, n_states: int, suffix: str = "") -> Chain:
    """Return a start and transitions as arrays, NaN where they are left to the data.

    Parameters
    ----------
    startprob : array-like of shape (n_states,) or None
        The start; None leaves it to the data.
    transmat : array-like of shape (n_states, n_states) or None
        The same of the transitions.
    n_states : int
        Number of states.
    suffix : str, default=''
        What the names of the two end in where the user gave them.

    Returns
    -------
    chain : Chain
        Start and transitions.

    Raises
    ------
    ValueError
        If a shape is wrong, or values are no probabilities.
    """
    shapes = (n_states,), (n_states, n_states)
    return Chain(
        *(
            _probabilities(f"{name}{suffix}", values, shape)
            for name, values, shape in zip(
                Chain._fields, (startprob, transmat), shapes, strict=True
            )
        )
    )


def _probabilities(name: str, given: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return distributions along the last axis, or raise ValueError."""
    if given is None:
        return np.full(shape, np.nan)
    try:
        array = np.array(given, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {given!r}") from None
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
    if (array < 0).any() or (array > 1).any():
        raise ValueError(f"{name} must hold probabilities, from 0 to 1")
    sums = np.nan_to_num(array).sum(axis=-1)
    complete = ~np.isnan(array).any(axis=-1)
    wrong = (complete & (np.abs(sums - 1) > 1e-6)) | (sums > 1 + 1e-6)
    if wrong.any():
        index = "" if array.ndim == 1 else f"[{int(wrong.argmax())}]"
        total = np.atleast_1d(sums)[wrong.argmax()]
        raise ValueError(
            f"{name} must sum to one along its last axis, but {name}{index} sums to {total:g}"
        )
    return array


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


def check_stationary(
    estimator: Any, chain: Chain, fixed: dict[str, Any], start: str | None
) -> None:
    """Raise ValueError where the start cannot be that of the transitions.

    Parameters
    ----------
    estimator : HiddenMarkovModel
        Has ``stationary_start``.
    chain : Chain
        Starting values, NaN where not given.
    fixed : dict of str to bool or array of bool
        What is held, by the names of the chain's parameters.
    start : str or None
        Name of what the user gave as a start, if anything.
    """
    told = [
        start,
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
