"""Fits of a state-space model: its starts, what of it is free, and what to doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skem.em.driver import Run
from skem.errors import Doubt
from skem.estimators.column_name import column_name
from skem.estimators.doubts import doubt_about_end
from skem.estimators.state_space_doubts import doubts_of_series
from skem.estimators.state_space_holding import freedom, shapes, undetermined
from skem.state_space.freedom import COVARIANCES, Freedom
from skem.state_space.lyapunov import with_stationary_start
from skem.state_space.model import StateSpaceModel
from skem.state_space.series import Series, StateSpace
from skem.state_space.starts import standardise, start

__all__ = [
    "ON_FALL",
    "count_parameters",
    "doubts_of",
    "first_doubt",
    "free_parameters",
    "starts_of",
]

#: What to do where the log-likelihood fell or was no number.
ON_FALL = (
    "Rounding errors are larger than the gains, as where rows are too few or can be foretold "
    "exactly. Scale the columns of X to like spreads, hold more of the parameters (fixed), or "
    "decrease n_states."
)


def first_doubt(
    estimator: Any, model: StateSpaceModel, given: StateSpace, params: StateSpace
) -> Doubt | None:
    """Return the first reason why parameters cannot be trusted, if there is one.

    Parameters
    ----------
    estimator : LinearGaussianSSM
        Whose constructor parameters say how to fit.
    model : StateSpaceModel
        What is fitted.
    given : StateSpace
        Starting values, NaN where not given.
    params : StateSpace
        What a run came to.

    Returns
    -------
    Doubt or None
        None where there is none.
    """
    n_parameters = count_parameters(estimator, given, len(model.series.ends))
    return next(iter(doubts_of_series(model, params, n_parameters, _names(estimator))), None)


def _names(estimator: Any) -> list[str]:
    """Return what to call the columns."""
    return [repr(column_name(estimator, j)) for j in range(estimator.n_features_in_)]


def doubts_of(estimator: Any, series: Series, given: StateSpace, best: Run) -> dict[str, str]:
    """Return why a fit cannot be trusted, by a word.

    Parameters
    ----------
    estimator : LinearGaussianSSM
        Fitted.
    series : Series
        The observations.
    given : StateSpace
        Starting values, NaN where not given.
    best : Run
        The run that led to the fit.

    Returns
    -------
    doubts : dict of str to str
        Empty where there is none.
    """
    model = StateSpaceModel(series, free_parameters(estimator, series, given, best.params))
    found = doubts_of_series(model, best.params, estimator.n_parameters_, _names(estimator))
    by_word: dict[str, str] = {}
    for word, sentence in found:
        by_word[word] = f"{by_word[word]} {sentence}" if word in by_word else sentence
    advice = "Increase max_iter or tol, hold more parameters (fixed), or decrease n_states."
    return by_word | doubt_about_end(estimator, best, advice)


def starts_of(estimator: Any, series: Series, given: StateSpace) -> list[StateSpace]:
    """Return the starts: the first the same for any seed.

    Parameters
    ----------
    estimator : LinearGaussianSSM
        Whose constructor parameters say how to fit.
    series : Series
        The observations.
    given : StateSpace
        Starting values, NaN where not given.

    Returns
    -------
    starts : list of StateSpace
        Full sets of parameters.
    """
    rng = check_random_state(estimator.random_state)
    sources = [None, *(rng.randint(2**31 - 1, size=estimator.n_init - 1))]
    rngs = [None if seed is None else np.random.RandomState(seed) for seed in sources]
    starts = [start(series, given, each) for each in rngs]
    if "transition_covariance" in undetermined(estimator, len(series.ends)):
        starts = [standardise(each, given) for each in starts]
    starts = [_in_form(estimator, each, given) for each in starts]
    if not estimator.stationary_start:
        return starts
    starts = [with_stationary_start(each) for each in starts]
    if np.isnan(starts[0].initial_state_covariance).any():
        raise ValueError(
            "stationary_start=True needs states that forget: all eigenvalues of "
            "transition_matrix_init must be below 1 in modulus"
        )
    return starts


def _in_form(estimator: Any, params: StateSpace, given: StateSpace) -> StateSpace:
    """Return a start whose covariances have the forms that are asked for."""
    found = {}
    for name in ("transition_covariance", "observation_covariance"):
        matrix, kind = getattr(params, name), getattr(estimator, f"{name}_type")
        if np.isnan(getattr(given, name)).any() and kind != "full":
            variances = np.diag(matrix)
            same = np.full(len(matrix), variances.mean())
            found[name] = np.diag(same if kind == "scalar" else variances)
    return params._replace(**found)


def free_parameters(
    estimator: Any, series: Series, given: StateSpace, first: StateSpace
) -> Freedom:
    """Return what is free, with the units of a start.

    Parameters
    ----------
    estimator : LinearGaussianSSM
        Whose constructor parameters say how to fit.
    series : Series
        The observations.
    given : StateSpace
        Starting values, NaN where not given.
    first : StateSpace
        The start.

    Returns
    -------
    Freedom
        What EM changes, and how.
    """
    outputs = np.sqrt(np.mean(series.values**2, axis=0))
    outputs = np.where(outputs > 0, outputs, 1.0)
    states = np.sqrt(np.diag(first.initial_state_covariance))
    states = np.where(states > 0, states, 1.0)
    scales = {
        "transition_matrix": states[:, np.newaxis] / states,
        "observation_matrix": outputs[:, np.newaxis] / states,
        "transition_covariance": states,
        "observation_covariance": outputs,
        "initial_state_mean": states,
        "initial_state_covariance": states,
        "observation_offset": outputs,
    }
    return freedom(estimator, given, len(series.ends), scales)


def count_parameters(estimator: Any, given: StateSpace, n_sequences: int) -> int:
    """Count the free parameters that the likelihood tells apart.

    Parameters
    ----------
    estimator : LinearGaussianSSM
        Whose constructor parameters say how to fit.
    given : StateSpace
        Starting values, NaN where not given.
    n_sequences : int
        How many there are.

    Returns
    -------
    count : int
        All that are not held, less the units and rotations of states that nothing fixes.
    """
    n = estimator.n_states
    ones = {name: np.ones(shape) for name, shape in shapes(n, len(given[1])).items()}
    ones |= {name: np.ones(len(getattr(given, name))) for name in COVARIANCES}
    free = freedom(estimator, given, n_sequences, ones)
    count = sum(int(mask.sum()) for mask in free.masks.values())
    for form in free.forms.values():
        d = int(form.free.sum())
        count += {"full": d * (d + 1) // 2, "diagonal": d, "scalar": min(d, 1)}[form.kind]
    names = ("transition_matrix", "observation_matrix")
    m_is_open = free.is_stationary or free.masks["initial_state_mean"].all()
    if m_is_open and all(free.masks[name].all() for name in names):
        Q, P = free.forms["transition_covariance"], free.forms["initial_state_covariance"]
        if Q.free.all() and Q.kind == "full" and (free.is_stationary or P.free.all()):
            return count - n * n
        if "transition_covariance" in undetermined(estimator, n_sequences):
            return count - n * (n - 1) // 2
    return count
