"""Expected sufficient statistics, about the parameters of the E-step.

Moments are of residuals from these parameters, not of the observations themselves: nothing large
is subtracted in the M-step, however small the noise.
"""

from typing import NamedTuple

import numpy as np

from skem.state_space.expectation import Expectation
from skem.state_space.series import FloatArray, Series, StateSpace

__all__ = ["Statistics", "statistics"]


class Statistics(NamedTuple):
    """Expected sums over sequences, by weight.

    Attributes
    ----------
    n_sequences, n_transitions : float
        Sequences, and pairs of successive rows.
    start : ndarray of shape (n,)
        Sum of ``x_1 - m``.
    start_scatter : ndarray of shape (n, n)
        Sum of its outer products.
    transition_slope : ndarray of shape (n, n)
        Slope of the log-likelihood in A: the sum of ``Q^-1 w_t x_(t-1)'``, but without an inverse.
    transition_covariance_slope : ndarray of shape (n, n)
        Slope in Q.
    before : ndarray of shape (n, n)
        Sum of ``x_(t-1) x_(t-1)'``.
    counts : ndarray of shape (p,)
        Rows that each output counts in.
    residual : ndarray of shape (p, n + 1)
        Sum of ``(y - C x - d) (x, 1)'``.
    residual_scatter : ndarray of shape (p, p)
        Sum of the outer products of the residuals.
    regressors : ndarray of shape (p, n + 1, n + 1)
        Sum of ``(x, 1) (x, 1)'`` by output.
    """

    n_sequences: float
    n_transitions: float
    start: FloatArray
    start_scatter: FloatArray
    transition_slope: FloatArray
    transition_covariance_slope: FloatArray
    before: FloatArray
    counts: FloatArray
    residual: FloatArray
    residual_scatter: FloatArray
    regressors: FloatArray


def statistics(
    series: Series, params: StateSpace, expected: Expectation, by_pattern: bool
) -> Statistics:
    """Return the statistics of an expectation.

    With ``by_pattern`` missing cells are expected, given those of their row and the state; else
    they are left out, which is right for outputs whose noise is independent.
    """
    x, r, sums, weights = (
        expected.means,
        expected.disturbances,
        expected.sums,
        series.row_weights[:, np.newaxis],
    )
    first, last = series.starts, series.ends - 1
    start = x[first] - params.initial_state_mean
    start_weights = series.weights[:, np.newaxis]
    wr, wx = weights * r, weights * x
    slope = wr[1:].T @ x[:-1] - wr[first[1:]].T @ x[first[1:] - 1] - sums.cross
    by_r = wr.T @ r - wr[first].T @ r[first]
    return Statistics(
        n_sequences=float(series.weights.sum()),
        n_transitions=float(series.weights @ (series.lengths - 1)),
        start=(start_weights * start).sum(axis=0),
        start_scatter=(start_weights * start).T @ start + sums.first,
        transition_slope=slope,
        transition_covariance_slope=(by_r - sums.information) / 2,
        before=wx.T @ x - wx[last].T @ x[last] + sums.all - sums.last,
        **_of_observations(series, params, expected, by_pattern),
    )


def _of_observations(
    series: Series, params: StateSpace, expected: Expectation, by_pattern: bool
) -> dict[str, FloatArray]:
    C, d = params.observation_matrix, params.observation_offset
    (p, n), sums = C.shape, expected.sums
    x: FloatArray = expected.means
    residuals: FloatArray = series.values - x @ C.T - d
    regressors = np.column_stack([x, np.ones(len(x))])
    weighted = series.row_weights[:, np.newaxis] * regressors
    every: FloatArray = np.zeros((p, n + 1, n + 1))
    cross: FloatArray
    scatter: FloatArray
    if series.observed is None or by_pattern:
        counts = np.full(p, series.total_weight)
        moments = weighted.T @ regressors
        moments[:n, :n] += sums.all
        every = np.broadcast_to(moments, every.shape)
        if series.observed is None:
            cross, scatter = -C @ sums.all, C @ sums.all @ C.T
        else:
            residuals, cross, scatter = _completed(series, params, residuals, sums.groups)
    else:
        residuals *= series.observed
        counts = series.row_weights @ series.observed
        for i in range(p):
            every[i] = (weighted * series.observed[:, i, np.newaxis]).T @ regressors
        every[:, :n, :n] += sums.groups
        cross = -np.einsum("ij,ijk->ik", C, sums.groups)
        scatter = np.diag(-np.einsum("ij,ij->i", cross, C))
    residual = residuals.T @ weighted
    residual[:, :n] += cross
    scatter = scatter + (series.row_weights[:, np.newaxis] * residuals).T @ residuals
    return {
        "counts": counts,
        "residual": residual,
        "residual_scatter": scatter,
        "regressors": every,
    }


def _completed(
    series: Series, params: StateSpace, residuals: FloatArray, groups: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Expect the residuals of missing cells, which are correlated with those of the others.

    Given the state the residual e of a row is ``B e_o``, and the residuals of the cells that are
    there contain the state, whose covariance is V: hence ``- B C_o V`` and so on.
    """
    C, R = params.observation_matrix, params.observation_covariance
    sets, pattern = series.patterns
    cross, scatter = np.zeros(C.shape), np.zeros(R.shape)
    assert series.observed is not None
    residuals = np.where(series.observed, residuals, 0.0)
    for k, there in enumerate(sets):
        rows = pattern == k
        o = np.flatnonzero(there)
        B = np.linalg.solve(R[np.ix_(o, o)], R[o]).T if len(o) else np.zeros((len(C), 0))
        B[o] = np.eye(len(o))
        residuals[rows] = residuals[np.ix_(rows, o)] @ B.T
        CV = B @ C[o] @ groups[k]
        cross -= CV
        left = R - B @ R[o]
        left[o], left[:, o] = 0.0, 0.0
        scatter += CV @ C[o].T @ B.T + series.row_weights[rows].sum() * left
    return residuals, cross, scatter
