"""What a model says of the future, of missing cells, and at random."""

from typing import Any

import numpy as np

from skem.state_space.series import FloatArray, Series, StateSpace

__all__ = ["forecast", "imputed", "sample"]


def forecast(
    params: StateSpace, mean: FloatArray, covariance: FloatArray, n_steps: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return means and covariances of states, then of outputs, of the steps to come.

    Parameters
    ----------
    params : StateSpace
        Parameters.
    mean, covariance : ndarray
        Of the state now, given all observations.
    n_steps : int
        Steps ahead.

    Returns
    -------
    states, state_covariances, outputs, output_covariances : ndarray
        Each with a first axis of steps.
    """
    A, C, Q, R, _, _, d = params
    n, p = len(A), len(C)
    states, covariances = np.empty((n_steps, n)), np.empty((n_steps, n, n))
    for step in range(n_steps):
        mean = A @ mean
        covariance = A @ covariance @ A.T + Q
        states[step], covariances[step] = mean, (covariance + covariance.T) / 2
    outputs = states @ C.T + d
    spread = C @ covariances @ C.T + R
    return states, covariances, outputs, spread.reshape(n_steps, p, p)


def imputed(series: Series, params: StateSpace, means: FloatArray) -> FloatArray:
    """Return the observations, with the expectations of missing cells in their places.

    Parameters
    ----------
    series : Series
        The observations.
    params : StateSpace
        Parameters.
    means : ndarray of shape (n_rows, n)
        Smoothed means of the states.

    Returns
    -------
    values : ndarray of shape (n_rows, p)
        All cells.
    """
    C, R, d = params.observation_matrix, params.observation_covariance, params.observation_offset
    expected = means @ C.T + d
    if series.observed is None:
        return series.values.copy()
    residuals = np.where(series.observed, series.values - expected, 0.0)
    sets, pattern = series.patterns
    for k, there in enumerate(sets):
        o, gone = np.flatnonzero(there), np.flatnonzero(~there)
        rows = np.flatnonzero(pattern == k)
        if len(gone) and len(o) and R[np.ix_(gone, o)].any():
            from_noise = np.linalg.solve(R[np.ix_(o, o)], R[np.ix_(o, gone)])
            expected[np.ix_(rows, gone)] += residuals[np.ix_(rows, o)] @ from_noise
    return np.where(series.observed, series.values, expected)


def sample(params: StateSpace, n_steps: int, rng: Any) -> tuple[FloatArray, FloatArray]:
    """Return one sequence at random: outputs, and the states that led to them."""
    A, C, Q, R, m, P, d = params
    n, p = len(A), len(C)
    noise = rng.standard_normal((n_steps, n)) @ _root(Q).T
    noise[0] = m + _root(P) @ rng.standard_normal(n)
    states = np.empty((n_steps, n))
    x = np.zeros(n)
    for step in range(n_steps):
        x = A @ x + noise[step]
        states[step] = x
    return states @ C.T + d + rng.standard_normal((n_steps, p)) @ _root(R).T, states


def _root(covariance: FloatArray) -> FloatArray:
    """Return a factor L of ``L L'``; a covariance may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
