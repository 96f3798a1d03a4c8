"""Parameters to start EM from: states by principal components of windows, then regressions."""

from typing import Any

import numpy as np

from skem.state_space.series import FloatArray, Index, Series, StateSpace

__all__ = ["standardise", "start"]

#: Share of an output's variance that its noise has at least.
LEAST_NOISE = 0.05

#: Noise of a state that C does not show, as a share of that of the others.
UNSEEN = 0.01

#: Largest modulus of an eigenvalue of A.
LARGEST_RADIUS = 0.99


def start(series: Series, given: StateSpace, rng: Any = None) -> StateSpace:
    """Return a start in which what is given has its place.

    Where C is not given, states are the principal components of windows of as many rows as it
    takes to have n of them (a subspace start; van Overschee & De Moor 1996), and C and d follow by
    regression. Where it is, it says what the states are. A and Q follow by regression in either
    case.

    Parameters
    ----------
    series : Series
        The observations.
    given : StateSpace
        Values given, NaN where not.
    rng : RandomState or None, default=None
        For a start that differs: it mixes more components than there are states.

    Returns
    -------
    StateSpace
        A full set of parameters.
    """
    n = len(given.transition_matrix)
    Y = series.values
    weights = np.ones(Y.shape) if series.observed is None else series.observed.astype(np.float64)
    variance = (weights * Y**2).sum(axis=0) / weights.sum(axis=0)
    variance = np.where(variance > 0, variance, 1.0)
    d = np.where(np.isnan(given.observation_offset), 0.0, given.observation_offset)
    if np.isnan(given.observation_matrix).any():
        rows, states = _components((Y - d * weights) / np.sqrt(variance), series, n, rng)
    else:
        inverse = np.linalg.pinv(given.observation_matrix)
        rows, states = np.arange(len(Y)), (Y - d * weights) @ inverse.T
        if rng is not None:
            states = states * np.exp(rng.normal(size=n))
    return _regressed(series, given, variance, rows, states)


def _components(Y: FloatArray, series: Series, n: int, rng: Any) -> tuple[Index, FloatArray]:
    """Return rows at which windows begin, and n principal components of these, scaled to 1."""
    p = Y.shape[1]
    length = -(-n // p) + (p < 2 * n)  # one more where outputs alone hardly tell
    length = max(1, min(length, int(series.lengths.max())))
    to_end = np.repeat(series.ends, series.lengths) - np.arange(len(Y))
    rows = np.flatnonzero(to_end >= length)
    windows = np.hstack([Y[rows + k] for k in range(length)])
    U, _, _ = np.linalg.svd(windows, full_matrices=False)
    if rng is not None:
        U = U[:, : 3 * n]
        U = U @ np.linalg.qr(rng.normal(size=(U.shape[1], U.shape[1])))[0]
    states = np.zeros((len(rows), n))
    states[:, : U.shape[1]] = U[:, :n] * np.sqrt(len(rows))
    return rows, states


def _regressed(
    series: Series, given: StateSpace, variance: FloatArray, rows: Index, states: FloatArray
) -> StateSpace:
    """Return parameters that regressions give, with the states at some rows taken for known."""
    n, Y = states.shape[1], series.values
    scale = np.sqrt(np.maximum((states**2).mean(axis=0), 1e-300))
    at = np.full(len(Y), -1)
    at[rows] = np.arange(len(rows))
    goes_on = np.ones(len(Y), dtype=bool)
    goes_on[series.ends - 1] = False
    pairs = np.flatnonzero(goes_on[:-1] & (at[:-1] >= 0) & (at[1:] >= 0))
    before, after = states[at[pairs]], states[at[pairs + 1]]
    A = np.linalg.lstsq(before, after, rcond=None)[0].T if len(pairs) else np.zeros((n, n))
    radius = np.abs(np.linalg.eigvals(A)).max()
    A = _or(given.transition_matrix, A * min(1.0, LARGEST_RADIUS / max(radius, 1e-300)))
    steps = after - before @ A.T
    Q = steps.T @ steps / max(len(pairs), 1) + np.diag(LEAST_NOISE * scale**2)
    if (unseen := ~states.any(axis=0)).any() and not unseen.all():
        # C says nothing of these, such as a slope: EM would never leave a variance of 0.
        Q[unseen, unseen] = UNSEEN * np.diagonal(Q)[~unseen].mean()

    design = np.column_stack([states, np.ones(len(rows))])
    found = np.linalg.lstsq(design, Y[rows], rcond=None)[0].T
    C = _or(given.observation_matrix, found[:, :-1])
    d = _or(given.observation_offset, found[:, -1])
    noise = ((Y[rows] - states @ C.T - d) ** 2).mean(axis=0)
    if not np.isnan(given.observation_matrix).any():
        # The states repeat the outputs, noise included: half of their steps is of that.
        Q = Q / 2
        noise = noise + np.diag(C @ Q @ C.T)
    noise = np.maximum(noise, LEAST_NOISE * variance)
    first = at[series.starts]
    m = states[first[first >= 0]].mean(axis=0) if (first >= 0).any() else np.zeros(n)
    return StateSpace(
        A,
        C,
        _or(given.transition_covariance, Q),
        _or(given.observation_covariance, np.diag(noise)),
        _or(given.initial_state_mean, m),
        _or(given.initial_state_covariance, np.eye(n) * (scale**2).mean()),
        d,
    )


def standardise(params: StateSpace, given: StateSpace) -> StateSpace:
    """Return about the same model with states in units of their own noise: Q is the identity.

    P, unless it is given, becomes a multiple of the identity, so that no rotation of the states is
    preferred.
    """
    L = np.linalg.cholesky(params.transition_covariance)
    inverse, n = np.linalg.inv(L), len(L)
    P = inverse @ params.initial_state_covariance @ inverse.T
    return params._replace(
        transition_matrix=inverse @ params.transition_matrix @ L,
        observation_matrix=params.observation_matrix @ L,
        transition_covariance=np.eye(n),
        initial_state_mean=_or(given.initial_state_mean, inverse @ params.initial_state_mean),
        initial_state_covariance=_or(given.initial_state_covariance, np.eye(n) * np.trace(P) / n),
    )


def _or(given: FloatArray, found: FloatArray) -> FloatArray:
    return np.where(np.isnan(given), found, given)
