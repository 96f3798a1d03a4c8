"""What follows from a transition matrix alone."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from skem.chains.expected import FloatArray

__all__ = ["expected_dwell_times", "forecast", "reachable", "stationary_distribution"]


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
