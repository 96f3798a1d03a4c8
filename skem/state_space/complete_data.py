"""The expected log-likelihood of the complete data: states and observations."""

import numpy as np

from skem.state_space.series import FloatArray, StateSpace
from skem.state_space.statistics import Statistics

__all__ = ["expected_log_likelihood"]


def expected_log_likelihood(stats: Statistics, params: StateSpace) -> float:
    """Return Q at the parameters of the statistics, in total, in nats.

    Densities are those of states that noise moves: where a covariance is singular, it is without
    the directions in which nothing moves. Missing cells are part of the complete data where their
    noise is correlated with that of others, and are left out elsewhere.
    """
    Q, R, P = (
        params.transition_covariance,
        params.observation_covariance,
        params.initial_state_covariance,
    )
    n = stats.n_transitions
    scatter = 2 * Q @ stats.transition_covariance_slope @ Q + n * Q
    first = np.full(len(P), stats.n_sequences)
    return (
        _of_noise(P, stats.start_scatter, first)
        + _of_noise(Q, scatter, np.full(len(Q), n))
        + _of_noise(R, stats.residual_scatter, stats.counts)
    )


def _of_noise(covariance: FloatArray, scatter: FloatArray, counts: FloatArray) -> float:
    """Return the log-density of noise, of its expected sum of outer products.

    ``counts`` is how often each variable occurs: the same for all, unless these are independent.
    """
    if (counts == counts[0]).all():
        variances, axes = np.linalg.eigh(covariance)
        squares = np.einsum("ij,ik,kj->j", axes, scatter, axes)
    else:
        variances, squares = np.diag(covariance), np.diag(scatter)
    moves = variances > 1e-14 * max(variances.max(), np.finfo(float).tiny)
    variances, squares, counts = variances[moves], squares[moves], counts[moves]
    return float(-0.5 * (counts @ np.log(2 * np.pi * variances) + (squares / variances).sum()))
