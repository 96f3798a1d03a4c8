"""The M-step (Shumway & Stoffer 1982; Ghahramani & Hinton 1996), with entries held."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.errors import DegenerateError
from skem.state_space.freedom import Freedom
from skem.state_space.scalars import is_diagonal
from skem.state_space.series import FloatArray, StateSpace
from skem.state_space.stationary import maximize_transitions, pulled_back
from skem.state_space.statistics import Statistics

__all__ = ["maximize", "slopes"]


def maximize(stats: Statistics, params: StateSpace, freedom: Freedom) -> StateSpace:
    """Return the parameters that the M-step gives.

    Coefficients come first, given the covariances before; then covariances given the coefficients.
    Where no entry is held by itself that is the joint maximum, else a step of ECM (Meng & Rubin
    1993), which climbs as EM does.

    Raises
    ------
    DegenerateError
        Where there is no solution.
    """
    try:
        new = _maximize(stats, params, freedom)
    except np.linalg.LinAlgError:
        raise DegenerateError(
            "the states are collinear, or a covariance has become singular: decrease n_states, "
            "or hold more of the parameters"
        ) from None
    for name, values in new._asdict().items():
        if not np.isfinite(values).all():
            raise DegenerateError(f"{name} is not finite")
    return new


def _maximize(stats: Statistics, params: StateSpace, freedom: Freedom) -> StateSpace:
    if freedom.is_stationary:
        moved = maximize_transitions(stats, params, freedom)
    else:
        moved = _moved_states(stats, params, freedom)
    return _moved_observations(stats, moved, freedom)


def _moved_states(stats: Statistics, params: StateSpace, freedom: Freedom) -> StateSpace:
    """Return parameters with new A and Q, m and P."""
    A, _, Q, _, m, P, _ = params
    masks, forms = freedom.masks, freedom.forms
    free = masks["transition_matrix"] & (stats.n_transitions > 0)
    change = _regress(Q @ stats.transition_slope, stats.before, Q, free)
    # Moments of w = x_t - A x_(t-1), first with the A before.
    cross = Q @ stats.transition_slope @ change.T
    scatter = 2 * Q @ stats.transition_covariance_slope @ Q + stats.n_transitions * Q
    scatter = scatter - cross - cross.T + change @ stats.before @ change.T
    A = A + change
    if stats.n_transitions:
        Q = forms["transition_covariance"].maximize(scatter, stats.n_transitions, Q)

    step = np.where(masks["initial_state_mean"], stats.start / stats.n_sequences, 0.0)
    outer = np.outer(step, stats.start)
    scatter = stats.start_scatter - outer - outer.T + stats.n_sequences * np.outer(step, step)
    P = forms["initial_state_covariance"].maximize(scatter, stats.n_sequences, P)
    return params._replace(
        transition_matrix=A,
        transition_covariance=Q,
        initial_state_mean=m + step,
        initial_state_covariance=P,
    )


def _moved_observations(stats: Statistics, params: StateSpace, freedom: Freedom) -> StateSpace:
    """Return parameters with new C and d, and R."""
    C, R, d = params.observation_matrix, params.observation_covariance, params.observation_offset
    masks = freedom.masks
    free = np.column_stack([masks["observation_matrix"], masks["observation_offset"]])
    change = _regress(stats.residual, stats.regressors, R, free)
    cross = stats.residual @ change.T
    quadratic = np.einsum("ij,ijk,lk->il", change, stats.regressors, change)
    scatter = stats.residual_scatter - cross - cross.T + quadratic
    C, d = C + change[:, :-1], d + change[:, -1]
    R = freedom.forms["observation_covariance"].maximize(scatter, stats.counts, R)
    return params._replace(observation_matrix=C, observation_covariance=R, observation_offset=d)


def _regress(
    cross: FloatArray, moments: FloatArray, covariance: FloatArray, free: NDArray[np.bool_]
) -> FloatArray:
    """Return the change of coefficients that maximises the likelihood, 0 where they are held.

    Parameters
    ----------
    cross : ndarray of shape (d, q)
        Sum of residual times regressors.
    moments : ndarray of shape (q, q) or (d, q, q)
        Sum of the outer products of the regressors, by row of the coefficients.
    covariance : ndarray of shape (d, d)
        Of the residuals.
    free : bool ndarray of shape (d, q)
        Which coefficients are free.

    Returns
    -------
    change : ndarray of shape (d, q)
        To be added to the coefficients.
    """
    change = np.zeros(cross.shape)
    rows = np.flatnonzero(free.any(axis=1))
    if not len(rows):
        return change
    shared = moments if moments.ndim == 2 else moments[0]
    by_row = moments.ndim == 3 and moments.strides[0] != 0
    if free.all() and not by_row:
        return np.linalg.solve(shared, cross.T).T
    covariance = covariance[np.ix_(rows, rows)]
    separate = by_row or np.count_nonzero(covariance) == np.count_nonzero(np.diag(covariance))
    if separate or (free[rows] == free[rows[0]]).all():
        for i in rows:
            f = free[i]
            mine = moments[i] if by_row else shared
            change[i, f] = np.linalg.solve(mine[np.ix_(f, f)], cross[i, f])
        return change
    precision = np.linalg.inv(covariance)
    at = np.flatnonzero(free[rows])
    system = np.kron(precision, shared)[np.ix_(at, at)]
    solution = np.zeros(free[rows].size)
    solution[at] = np.linalg.solve(system, (precision @ cross[rows]).ravel()[at])
    change[rows] = solution.reshape(len(rows), -1)
    return change


def slopes(stats: Statistics, params: StateSpace, freedom: Freedom) -> dict[str, Any]:
    """Return the slopes of the log-likelihood in the parameters, by Fisher's identity.

    They are not finite in a covariance that is free and singular: an edge of its range.
    """
    by_residual = _times_inverse(stats.residual, params.observation_covariance)
    found: dict[str, Any] = {
        "transition_matrix": stats.transition_slope,
        "observation_matrix": by_residual[:, :-1],
        "initial_state_mean": _times_inverse(stats.start, params.initial_state_covariance),
        "observation_offset": by_residual[:, -1],
        "transition_covariance": stats.transition_covariance_slope,
    }
    for name, scatter, counts in (
        ("observation_covariance", stats.residual_scatter, stats.counts),
        ("initial_state_covariance", stats.start_scatter, stats.n_sequences),
    ):
        matrix, form = getattr(params, name), freedom.forms[name]
        found[name] = np.zeros(matrix.shape)
        if form.free.any():
            block = np.ix_(form.free, form.free)
            counts = np.broadcast_to(counts, len(matrix))[form.free]
            found[name][block] = _covariance_slope(matrix[block], scatter[block], counts)
    if freedom.is_stationary:
        by_A, by_Q = pulled_back(stats, params)
        found["transition_matrix"] = found["transition_matrix"] + by_A
        found["transition_covariance"] = found["transition_covariance"] + by_Q
    return found


def _covariance_slope(matrix: FloatArray, scatter: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the slope of ``-(counts log det S + trace(S^-1 scatter)) / 2`` in S."""
    if is_diagonal(matrix):
        with np.errstate(divide="ignore", invalid="ignore"):
            precisions = 1 / np.diag(matrix)
            by_scatter = precisions[:, np.newaxis] * scatter * precisions
            return (by_scatter - np.diag(counts * precisions)) / 2
    inverse = np.linalg.inv(matrix)
    return inverse @ (scatter @ inverse - np.diag(counts)) / 2


def _times_inverse(values: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the inverse of a covariance times values; 0 where a coefficient cannot move."""
    if not is_diagonal(covariance):
        try:
            return np.linalg.solve(covariance, values)
        except np.linalg.LinAlgError:
            return np.linalg.pinv(covariance) @ values
    variances = np.diag(covariance).reshape(-1, *(1,) * (values.ndim - 1))
    return np.divide(values, variances, out=np.zeros(values.shape), where=variances > 0)
