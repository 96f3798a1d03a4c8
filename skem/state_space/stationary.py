"""A stationary start: the first state is as all others would be without observations.

Its mean is zero then, and its covariance P follows from ``P = A P A' + Q``. The M-step of A and Q
has no closed form any more, since x_1 says something of them too (Shumway & Stoffer 2017, section
6.3): it is numerical, in few coordinates and without a pass over the data.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize

from skem.errors import DegenerateError
from skem.state_space.freedom import Freedom
from skem.state_space.lyapunov import sum_of_powers
from skem.state_space.series import FloatArray, StateSpace
from skem.state_space.statistics import Statistics

__all__ = ["maximize_transitions", "pulled_back"]

#: Largest slope, in nats per row, at which the M-step stops.
FLAT = 1e-9


def pulled_back(stats: Statistics, params: StateSpace) -> tuple[FloatArray, FloatArray]:
    """Return the slopes in A and Q of what the first states say of these.

    The slope in P goes back through the equation of P: its adjoint is one of the same kind.
    """
    A, P = params.transition_matrix, params.initial_state_covariance
    inverse = np.linalg.inv(P)
    slope = inverse @ (stats.start_scatter @ inverse - stats.n_sequences * np.eye(len(P))) / 2
    back = sum_of_powers(A.T, slope)
    return 2 * back @ A @ P, back


def maximize_transitions(stats: Statistics, params: StateSpace, freedom: Freedom) -> StateSpace:
    """Return parameters whose A and Q, and P with them, maximise the expected log-likelihood.

    Parameters
    ----------
    stats : Statistics
        Of an E-step at params.
    params : StateSpace
        Where to begin; what comes of it is no less likely.
    freedom : Freedom
        What of A and Q is free.

    Raises
    ------
    DegenerateError
        Where Q is singular in what is free, or a stationary state would not move.
    """
    name, covariance = "transition_matrix", "transition_covariance"
    some = Freedom(
        {name: freedom.masks[name]},
        {covariance: freedom.forms[covariance]},
        {name: freedom.scales[name]},
        is_stationary=True,
    )
    noisy = np.flatnonzero(np.diag(params.transition_covariance) > 0)
    block = np.ix_(noisy, noisy)
    scale = stats.n_sequences + stats.n_transitions

    def loss(vector: FloatArray) -> tuple[float, FloatArray]:
        at = some.from_vector(vector, params)
        value, slopes = _expected(stats, params, at, block)
        return -value / scale, -some.gradient(at, slopes) / scale

    start = some.to_vector(params)
    if not start.size:
        return params
    try:
        with np.errstate(all="ignore"):
            found = minimize(loss, start, jac=True, method="BFGS", options={"gtol": FLAT})
            better = found.x if found.fun < loss(start)[0] else start
    except np.linalg.LinAlgError:
        raise DegenerateError("a stationary state would not move in some direction") from None
    return some.from_vector(better, params)


def _expected(
    stats: Statistics, before: StateSpace, at: StateSpace, block: tuple[Any, ...]
) -> tuple[float, dict[str, FloatArray]]:
    """Return what of Q's value depends on A and Q, and its slopes.

    ``block`` are the states that noise moves.
    """
    old, P = before.transition_covariance, at.initial_state_covariance
    change = at.transition_matrix - before.transition_matrix
    slope = old @ stats.transition_slope
    cross = slope @ change.T
    scatter = 2 * old @ stats.transition_covariance_slope @ old + stats.n_transitions * old
    scatter = scatter - cross - cross.T + change @ stats.before @ change.T
    precision = np.zeros(P.shape)
    precision[block] = np.linalg.inv(at.transition_covariance[block])
    by_noise = stats.n_transitions * np.linalg.slogdet(at.transition_covariance[block])[1]
    by_start = stats.n_sequences * np.linalg.slogdet(P)[1]
    by_start += np.trace(np.linalg.solve(P, stats.start_scatter))
    value = -0.5 * float(by_noise + by_start + np.sum(precision * scatter))
    by_A, by_Q = pulled_back(stats, at)
    by_A += precision @ (slope - change @ stats.before)
    by_Q += (precision @ scatter @ precision - stats.n_transitions * precision) / 2
    if not np.isfinite(value):
        value = -np.inf
    return value, {"transition_matrix": by_A, "transition_covariance": by_Q}
