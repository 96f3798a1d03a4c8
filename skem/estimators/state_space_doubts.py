"""Doubts about a fitted state-space model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.errors import Doubt
from skem.state_space.ahead import forecast
from skem.state_space.model import StateSpaceModel
from skem.state_space.series import FloatArray, StateSpace
from skem.state_space.smoothing import last_state

__all__ = ["doubts_of_series"]

#: Noise below this share of the variance of what is foretold is none: EM no longer moves what it
#: is the noise of. (200 rows of an autoregression, R at 1e-9 and C free: it stops after 3
#: evaluations, up to 34 nats short.)
NO_NOISE = 1e-6

#: A variance of what is foretold below this share of the rows' is none.
FORETOLD = 1e-10


def doubts_of_series(
    model: StateSpaceModel, params: StateSpace, n_parameters: int, names: Any
) -> list[Doubt]:
    """Return why parameters cannot be trusted.

    Parameters
    ----------
    model : StateSpaceModel
        What was fitted.
    params : StateSpace
        What it came to.
    n_parameters : int
        How many are free.
    names : sequence of str
        Those of the columns.

    Returns
    -------
    doubts : list of Doubt
        Empty where there is none.
    """
    found = _few_numbers(model, n_parameters)
    _, states, _, outputs = forecast(params, *last_state(model.series, params), 1)
    foretold = _foretold(model, outputs[0], names)
    # Where the likelihood has no bound noise vanishes, too: that would be said twice.
    return found + (foretold or _without_noise(model, params, states[0], outputs[0], names))


def _few_numbers(model: StateSpaceModel, n_parameters: int) -> list[Doubt]:
    """Return the doubt about a model of as many parameters as there are numbers, if it is one."""
    observed = model.series.observed
    n_numbers = model.series.values.size if observed is None else int(observed.sum())
    if n_parameters < n_numbers:
        return []
    sentence = (
        f"{n_parameters} parameters are free, and X has {n_numbers} numbers. Hold more of them "
        "(fixed), or decrease n_states."
    )
    return [Doubt("parameters", sentence)]


def _foretold(model: StateSpaceModel, ahead: FloatArray, names: Any) -> list[Doubt]:
    """Return the doubt about a column without innovations, of which ahead is the covariance."""
    spread = np.mean(model.series.values**2, axis=0)
    noisy = model.freedom.forms["observation_covariance"].free
    exact = np.flatnonzero(noisy & ((_conditional(ahead) <= FORETOLD * spread) | (spread == 0)))
    if not exact.size:
        return []
    sentence = (
        f"the rows before foretell column {names[exact[0]]} exactly: the likelihood has no bound. "
        "Leave the column out, decrease n_states, or hold observation_covariance."
    )
    return [Doubt("foretold", sentence)]


def _without_noise(
    model: StateSpaceModel, params: StateSpace, states: FloatArray, ahead: FloatArray, names: Any
) -> list[Doubt]:
    """Return doubts about coefficients that EM no longer moves.

    The covariances of the next state and of the next row, states and ahead, are the measure.
    """
    masks, found = model.freedom.masks, []
    R, Q = np.diag(params.observation_covariance), np.diag(params.transition_covariance)
    moves = masks["observation_matrix"].any(axis=1) | masks["observation_offset"]
    if (silent := np.flatnonzero(moves & (R <= NO_NOISE * _conditional(ahead)))).size:
        sentence = (
            f"the noise of column {names[silent[0]]} has gone to 0, where EM no longer moves "
            "observation_matrix and observation_offset: these may be far from the best. Hold "
            "them (fixed) and let transition_covariance go, or change n_states."
        )
        found.append(Doubt("no noise", sentence))
    still = Q <= NO_NOISE * np.diag(states)
    if (masks["transition_matrix"].any(axis=1) & still).any():
        sentence = (
            "the noise of a state has gone to 0, where EM no longer moves transition_matrix: it "
            "may be far from the best. Hold it (fixed), or change n_states."
        )
        found.append(Doubt("no noise", sentence))
    return found


def _conditional(covariance: FloatArray) -> NDArray[Any]:
    """Return the variance of each variable given the others; 0 where they determine it."""
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return np.zeros(len(covariance))
    variances: NDArray[Any] = 1 / np.diag(np.linalg.inv(covariance))
    return variances
