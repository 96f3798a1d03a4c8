"""Expected sufficient statistics, about the parameters of the E-step.

Moments are of residuals from these parameters, not of the observations themselves: nothing large
is subtracted in the M-step, however small the noise.
"""

from typing import NamedTuple

import numpy as np

from skem.state_space.expectation import Expectation
from skem.state_space.scalars import masked
from skem.state_space.series import FloatArray, Series, StateSpace, pieces

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
    x, r, sums = expected.means, expected.disturbances, expected.sums
    first, last = series.starts, series.ends - 1
    start = x[first] - params.initial_state_mean
    start_weights = series.weights[:, np.newaxis]
    wr, wx = series.weigh(r), series.weigh(x)
    slope = wr[1:].T @ x[:-1] - wr[first[1:]].T @ x[first[1:] - 1] - sums.cross
    by_r = wr.T @ r - wr[first].T @ r[first]
    scatter = wx.T @ x
    moments = _Moments(scatter, series.row_weights @ x)
    return Statistics(
        n_sequences=float(series.weights.sum()),
        n_transitions=float(series.weights @ (series.lengths - 1)),
        start=(start_weights * start).sum(axis=0),
        start_scatter=(start_weights * start).T @ start + sums.first,
        transition_slope=slope,
        transition_covariance_slope=(by_r - sums.information) / 2,
        before=scatter - wx[last].T @ x[last] + sums.all - sums.last,
        **_of_observations(series, params, expected, by_pattern, moments),
    )


class _Moments(NamedTuple):
    """Sums over all rows of x x', and of x, by weight."""

    scatter: FloatArray
    total: FloatArray


def _of_observations(
    series: Series,
    params: StateSpace,
    expected: Expectation,
    by_pattern: bool,
    moments: _Moments,
) -> dict[str, FloatArray]:
    """Return the statistics of rows given their states."""
    C, sums = params.observation_matrix, expected.sums
    (p, n), x = C.shape, expected.means
    cross: FloatArray = np.zeros((p, n))
    scatter: FloatArray = np.zeros((p, p))
    if series.observed is not None and not by_pattern:
        counts, every = _by_output(series, x)
        every[:, :n, :n] += sums.groups
        cross -= np.einsum("ij,ijk->ik", C, sums.groups)
        scatter -= np.diag(np.einsum("ij,ij->i", cross, C))
    else:
        counts = np.full(p, series.total_weight)
        one = np.empty((n + 1, n + 1))
        one[:n, :n] = moments.scatter + sums.all
        one[n, :n] = one[:n, n] = moments.total
        one[n, n] = series.total_weight
        every = np.broadcast_to(one, (p, n + 1, n + 1))
        if series.observed is None:
            cross -= C @ sums.all
            scatter -= cross @ C.T
    filled = None
    if series.observed is not None and by_pattern:
        filled, cross, scatter = _complete(series, params, x, sums.groups)
    residual = np.zeros((p, n + 1))
    residual[:, :n] = cross
    for rows in pieces(0, series.n_rows, n + p):
        e = series.residuals(params, x, rows) if filled is None else filled[rows]
        we = e if series.is_unweighted else series.row_weights[rows, np.newaxis] * e
        residual[:, :n] += we.T @ x[rows]
        residual[:, n] += series.row_weights[rows] @ e
        scatter += we.T @ e
    return {
        "counts": counts,
        "residual": residual,
        "residual_scatter": scatter,
        "regressors": every,
    }


def _by_output(series: Series, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how many rows have each output, and the sums of ``(x, 1) (x, 1)'`` over these."""
    assert series.observed is not None
    n, p = x.shape[1], series.values.shape[1]
    i, j = np.tril_indices(n + 1)
    packed = np.zeros((p, len(i)))
    for rows in pieces(0, series.n_rows, len(i)):
        regressors = np.column_stack([x[rows], np.ones(len(x[rows]))])
        there = series.observed[rows] * series.row_weights[rows, np.newaxis]
        packed += there.T @ (regressors[:, i] * regressors[:, j])
    sums = np.empty((p, n + 1, n + 1))
    sums[:, i, j] = sums[:, j, i] = packed
    return sums[:, n, n].copy(), sums


def _complete(
    series: Series, params: StateSpace, x: FloatArray, groups: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Expect the residuals of missing cells, which are correlated with those of the others.

    Given the state the residual e of a row is ``B e_o``, and the residuals of the cells that are
    there contain the state, whose covariance is V: hence ``- B C_o V`` and so on. What the others
    leave of R is ``R - B R``.
    """
    C, R = params.observation_matrix, params.observation_covariance
    sets, pattern = series.patterns
    there = sets[:, np.newaxis]
    B = R @ np.where(there, np.linalg.inv(masked(R, sets)), 0.0)
    B = np.where(sets[:, :, np.newaxis], np.eye(len(R)), B)  # cells that are there as they are
    residuals = series.residuals(params, x, slice(None))
    for rows in pieces(0, len(residuals), R.size):
        residuals[rows] = np.einsum("tij,tj->ti", B[pattern[rows]], residuals[rows])
    BC = B @ C
    CV = BC @ groups
    weights = np.bincount(pattern, series.row_weights, len(sets))
    left = weights[:, np.newaxis, np.newaxis] * (R - B @ R)
    return residuals, -CV.sum(axis=0), (CV @ BC.swapaxes(1, 2) + left).sum(axis=0)
