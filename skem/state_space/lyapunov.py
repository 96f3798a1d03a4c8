"""Sums over the powers of a matrix: the covariance of states that have gone on for ever."""

import numpy as np

from skem.state_space.series import FloatArray, StateSpace

__all__ = ["sum_of_powers", "with_stationary_start"]

#: Doublings: a sum over 2 ** 40 steps has converged, or does not converge.
MOST_DOUBLINGS = 40


def with_stationary_start(params: StateSpace) -> StateSpace:
    """Return parameters with the mean and covariance of a stationary first state.

    They are NaN where there is none: where the modulus of an eigenvalue of A is 1 or more.
    """
    P = sum_of_powers(params.transition_matrix, params.transition_covariance)
    return params._replace(initial_state_mean=np.zeros(len(P)), initial_state_covariance=P)


def sum_of_powers(A: FloatArray, Q: FloatArray) -> FloatArray:
    """Return the sum of ``A^k Q A'^k`` over all k, by doubling; NaN where there is none."""
    total = Q
    with np.errstate(all="ignore"):
        if not (np.isfinite(A).all() and np.abs(np.linalg.eigvals(A)).max() < 1):
            return np.full(Q.shape, np.nan)
        for _ in range(MOST_DOUBLINGS):
            added = A @ total @ A.T
            if not np.abs(added).max() > np.finfo(float).eps / 8 * np.abs(total).max():
                break
            total, A = total + added, A @ A
    return (total + total.T) / 2
