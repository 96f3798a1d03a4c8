"""What follows from a transition matrix alone."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from skem.chains.expected import FloatArray

__all__ = [
    "expected_dwell_times",
    "first_contradiction",
    "forecast",
    "reachable",
    "stationary_distribution",
]


def forecast(distribution: FloatArray, transmat: FloatArray, n_steps: int) -> FloatArray:
    """Return distributions of the state 1 to n_steps steps ahead.

    Parameters
    ----------
    distribution : ndarray of shape (..., n_states)
        Of the state now.
    transmat : ndarray of shape (n_states, n_states)
        Transition matrix.
    n_steps : int
        How far ahead.

    Returns
    -------
    ahead : ndarray of shape (..., n_steps, n_states)
        The distributions.
    """
    ahead = np.empty((*distribution.shape[:-1], n_steps, distribution.shape[-1]))
    for step in range(n_steps):
        distribution = distribution @ transmat
        ahead[..., step, :] = distribution
    return ahead


def stationary_distribution(transmat: FloatArray) -> FloatArray:
    """Return the distribution that a step of the chain leaves as it is.

    Parameters
    ----------
    transmat : ndarray of shape (n_states, n_states)
        Transition matrix.

    Returns
    -------
    distribution : ndarray of shape (n_states,)
        The distribution.

    Raises
    ------
    ValueError
        If there are several: where the chain ends up depends on where it starts.
    """
    n_classes, classes = connected_components(transmat > 0, connection="strong")
    leaves = [(transmat[classes == c][:, classes != c] > 0).any() for c in range(n_classes)]
    closed = np.flatnonzero(~np.array(leaves))
    if len(closed) > 1:
        states = [np.flatnonzero(classes == c).tolist() for c in closed]
        raise ValueError(
            f"the stationary distribution is not unique: the chain never leaves the states "
            f"{' nor '.join(map(str, states))} once it is there"
        )
    members = np.flatnonzero(classes == closed[0])
    # Elimination of one state after another (Grassmann, Taksar & Heyman 1985): no subtraction, so
    # that even tiny probabilities have all their digits.
    P = transmat[np.ix_(members, members)].copy()
    for n in range(len(P) - 1, 0, -1):
        P[:n, n] /= P[n, :n].sum()
        P[:n, :n] += np.outer(P[:n, n], P[n, :n])
    distribution = np.zeros(len(transmat))
    weights = np.ones(len(P))
    for n in range(1, len(P)):
        weights[n] = weights[:n] @ P[:n, n]
    distribution[members] = weights / weights.sum()
    return distribution


def expected_dwell_times(transmat: FloatArray) -> FloatArray:
    """Return the mean number of rows of a stay in each state (n_states,); inf for no end."""
    with np.errstate(divide="ignore"):
        return 1 / (1 - np.diagonal(transmat))


def reachable(startprob: FloatArray, transmat: FloatArray) -> NDArray[np.bool_]:
    """Return which states (n_states,) a chain can ever be in."""
    states = startprob > 0
    for _ in range(len(states)):
        states = states | (transmat[states] > 0).any(axis=0)
    return states


def first_contradiction(
    labels: NDArray[np.intp],
    ends: NDArray[np.intp],
    start: NDArray[np.bool_],
    transitions: NDArray[np.bool_],
) -> int | None:
    """Return the first row whose known state cannot follow from what is known before it.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Known states, -1 where unknown.
    ends : ndarray of shape (n_sequences,)
        Where sequences end.
    start, transitions : bool ndarray of shape (n_states,) and (n_states, n_states)
        States that can come first, and which can follow which.

    Returns
    -------
    row : int or None
        None where there is a path.
    """
    known = np.flatnonzero(labels >= 0)
    sequence = np.searchsorted(ends, known, side="right")
    is_first = np.diff(sequence, prepend=-1) > 0
    before = np.where(is_first, np.append(0, ends)[sequence], np.append(0, known[:-1]))
    gaps, which = np.unique(known - before, return_inverse=True)
    possible = np.ones(len(known), dtype=bool)
    for i, gap in enumerate(gaps):
        ahead = _steps(transitions, int(gap))
        these = known[(which == i) & is_first]
        possible[(which == i) & is_first] = (start @ ahead)[labels[these]]
        later = (which == i) & ~is_first
        possible[later] = ahead[labels[before[later]], labels[known[later]]]
    return None if possible.all() else int(known[possible.argmin()])


def _steps(transitions: NDArray[np.bool_], n_steps: int) -> NDArray[np.bool_]:
    """Return which states can follow which after so many steps, by repeated squaring."""
    ahead, power = np.eye(len(transitions), dtype=bool), transitions
    while n_steps:
        if n_steps % 2:
            ahead = ahead @ power
        power, n_steps = power @ power, n_steps // 2
    return ahead
