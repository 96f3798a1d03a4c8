"""Kalman filter and smoother of complete sequences, whose gains settle.

Without missing cells covariances do not depend on the observations. After some steps (16 to 111 in
everyday models) they repeat. From there the gain is constant, and the means are one affine
recursion forward and one backward, which run by blocks (:mod:`.affine`). Sums of covariances are
those of a transient at the start, those of another at the end, and in between a count times one
matrix. Nothing but gains of the transient is stored by step.
"""

from dataclasses import dataclass

import numpy as np

from skem.errors import DegenerateError
from skem.state_space.affine import affine_recursion
from skem.state_space.series import FloatArray, StateSpace, pieces
from skem.state_space.sums import CovarianceSums

__all__ = ["Gains", "covariance_sums", "gains", "smooth"]

#: Covariances that differ by less than this share of the largest entry have settled.
SETTLED = 1e-15


@dataclass(frozen=True)
class Gains:
    """What the filter does step by step until it settles; the last step stands for all later ones.

    Parameters
    ----------
    gain : ndarray of shape (W, n, p)
        K_t.
    filtered : ndarray of shape (W, n, n)
        Covariance of x_t given y_1, ..., y_t.
    keep : ndarray of shape (W, n, n)
        ``I - K_t C``.
    step : ndarray of shape (W, n, n)
        ``(I - K_t C) A``, from the mean before to this one.
    whitener : ndarray of shape (W, p, p)
        Inverse of the Cholesky factor of the innovations' covariance.
    loading : ndarray of shape (W, p, n)
        The whitener times C.
    """

    gain: FloatArray
    filtered: FloatArray
    keep: FloatArray
    step: FloatArray
    whitener: FloatArray
    loading: FloatArray

    def __len__(self) -> int:
        return len(self.gain)


def gains(params: StateSpace, n_rows: int) -> Gains:
    """Run the covariances of the filter until they settle, or to the end.

    The update is in Joseph's form, which stays positive semi-definite under rounding.

    Raises
    ------
    DegenerateError
        Where an innovation has no variance.
    """
    A, C, Q, R, _, P, _ = params
    identity = np.eye(len(A))
    gain, filtered, keep, innovation = [], [], [], []
    for _ in range(n_rows):
        CP = C @ P
        S = CP @ C.T + R
        K = _solve(S, CP).T
        rest = identity - K @ C
        F = rest @ P @ rest.T + K @ R @ K.T
        gain.append(K)
        filtered.append(F)
        keep.append(rest)
        innovation.append(S)
        ahead = A @ F @ A.T + Q
        ahead = (ahead + ahead.T) / 2
        if np.abs(ahead - P).max() <= SETTLED * np.abs(ahead).max():
            break
        P = ahead
    try:
        whitener = np.linalg.inv(np.linalg.cholesky(np.array(innovation)))
    except np.linalg.LinAlgError:
        raise DegenerateError(NO_VARIANCE) from None
    kept = np.array(keep)
    return Gains(np.array(gain), np.array(filtered), kept, kept @ A, whitener, whitener @ C)


NO_VARIANCE = (
    "the innovations have no variance: some output is a combination of others without noise, or "
    "never changes"
)


def _solve(S: FloatArray, B: FloatArray) -> FloatArray:
    if len(S) == 1:  # no call of LAPACK
        return B / S if S[0, 0] > 0 else np.full_like(B, np.nan)
    try:
        return np.linalg.solve(S, B)
    except np.linalg.LinAlgError:
        raise DegenerateError(NO_VARIANCE) from None


def smooth(
    Y: FloatArray, params: StateSpace, g: Gains, means: FloatArray, disturbances: FloatArray
) -> float:
    """Filter and smooth the means of a complete sequence.

    Parameters
    ----------
    Y : ndarray of shape (T, p)
        Observations.
    params : StateSpace
        Parameters.
    g : Gains
        Those of the parameters, for at least T rows or until settled.
    means : ndarray of shape (T, n)
        Space for the means of the states, given all observations.
    disturbances : ndarray of shape (T, n)
        Space for r_t; see :class:`~skem.state_space.sums.CovarianceSums`.

    Returns
    -------
    log_likelihood : float
        In nats.
    """
    A = params.transition_matrix
    T, W = len(Y), min(len(Y), len(g))
    _filter(Y, params, g, means)
    log_likelihood = _evidence(Y, params, g, means, disturbances)
    _look_back(disturbances, A, g)
    ahead = disturbances[1 : W + 1] @ A  # A' r_(t+1)
    means[: len(ahead)] += np.einsum("tij,tj->ti", g.filtered[: len(ahead)], ahead)
    settled = A @ g.filtered[-1]
    for rows in pieces(W, T - 1, len(A)):
        means[rows] += disturbances[rows.start + 1 : rows.stop + 1] @ settled
    return log_likelihood


def _filter(Y: FloatArray, params: StateSpace, g: Gains, means: FloatArray) -> None:
    """Write filtered means: ``m_t = (I - K C) A m_(t-1) + K (y_t - d)``."""
    T, W, d = len(Y), min(len(Y), len(g)), params.observation_offset
    means[:W] = np.einsum("tij,tj->ti", g.gain[:W], Y[:W] - d)
    means[0] += g.keep[0] @ params.initial_state_mean
    for t in range(1, W):
        means[t] += g.step[t] @ means[t - 1]
    for rows in pieces(W, T, Y.shape[1]):
        np.matmul(Y[rows] - d, g.gain[-1].T, out=means[rows])
    affine_recursion(g.step[-1], means[W:], means[W - 1])


def _evidence(
    Y: FloatArray, params: StateSpace, g: Gains, means: FloatArray, evidence: FloatArray
) -> float:
    """Write ``C' S^-1 v`` of the innovations v, and return the log-likelihood."""
    A, C, d = params.transition_matrix, params.observation_matrix, params.observation_offset
    T, W, predict = len(Y), min(len(Y), len(g)), (C @ A).T
    v = Y[:W] - d
    v[0] -= C @ params.initial_state_mean
    v[1:] -= means[: W - 1] @ predict
    v = np.einsum("tij,tj->ti", g.whitener[:W], v)
    evidence[:W] = np.einsum("tij,ti->tj", g.loading[:W], v)
    squares = np.vdot(v, v)
    for rows in pieces(W, T, sum(C.shape)):
        v = Y[rows] - d
        v -= means[rows.start - 1 : rows.stop - 1] @ predict
        v = v @ g.whitener[-1].T
        np.matmul(v, g.loading[-1], out=evidence[rows])
        squares += np.vdot(v, v)
    log_det = np.log(np.diagonal(g.whitener[:W], axis1=1, axis2=2)).sum(axis=1)
    constant = Y.size * np.log(2 * np.pi)
    return float(log_det.sum() + (T - W) * log_det[-1] - 0.5 * (squares + constant))


def _look_back(evidence: FloatArray, A: FloatArray, g: Gains) -> None:
    """Turn ``C' S^-1 v_t`` into r_t: ``r_t = C' S^-1 v_t + (A (I - K C))' r_(t+1)``."""
    W = min(len(evidence), len(g))
    affine_recursion((A @ g.keep[-1]).T, evidence[W:], np.zeros(len(A)), backward=True)
    for t in range(W - 1, -1, -1):
        if t + 1 < len(evidence):
            evidence[t] += evidence[t + 1] @ A @ g.keep[t]


def covariance_sums(params: StateSpace, g: Gains, T: int) -> CovarianceSums:
    """Sum smoothed covariances over a complete sequence of T rows."""
    A = params.transition_matrix
    W, n = min(T, len(g)), len(A)
    sums = CovarianceSums.zero(n, 0)
    gained = g.loading.transpose(0, 2, 1) @ g.loading  # C' S^-1 C
    ahead = np.zeros((n, n))  # A' N_(t+1) A
    sums.last[...] = g.filtered[W - 1]

    # Gains are settled from row W on: ``information`` of these rows, ``ahead`` up to the last.
    information, total_ahead, left = np.zeros((n, n)), np.zeros((n, n)), T - W
    while left:
        N = gained[-1] + g.keep[-1].T @ ahead @ g.keep[-1]
        total_ahead += ahead
        information += N
        left -= 1
        behind = A.T @ N @ A
        behind = (behind + behind.T) / 2
        if np.abs(behind - ahead).max() <= SETTLED * np.abs(behind).max():
            total_ahead += left * behind
            information += left * N
            left = 0
        ahead = behind
    P = g.filtered[-1]
    sums.all[...] = (T - W) * P - P @ total_ahead @ P
    sums.information[...] = information
    sums.cross[...] = information @ A @ P

    base = A.T @ gained[:W] @ A
    aheads = np.empty((W, n, n))  # A' N_(t+1) A
    aheads[-1] = ahead
    for t in range(W - 1, 0, -1):
        aheads[t - 1] = base[t] + g.step[t].T @ aheads[t] @ g.step[t]
    P, keep = g.filtered[:W], g.keep[1:W]
    V = P - P @ aheads @ P
    N = gained[1:W] + keep.transpose(0, 2, 1) @ aheads[1:] @ keep
    sums.all[...] += V.sum(axis=0)
    sums.information[...] += N.sum(axis=0)
    sums.cross[...] += (N @ A @ P[:-1]).sum(axis=0)
    sums.first[...] = V[0]
    return sums
