"""Fits of a hidden Markov model: its starts, and runs of EM."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

from sklearn.utils import check_random_state

from skem.em.driver import Run, run
from skem.em.restarts import AllStartsFailedError, Restart, best_run
from skem.estimators.callbacks import FitTask
from skem.estimators.holding import all_given
from skem.estimators.watching import watched
from skem.mixture.chain_starts import ImpossibleDataError, starts
from skem.mixture.hidden_chain import HiddenChain
from skem.mixture.labels import MixtureParameters

__all__ = ["IMPOSSIBLE", "best_fit", "starts_of"]

#: What is wrong where no path of states can have made the rows.
IMPOSSIBLE = (
    "X is impossible under the model: zeros that are held (fixed) or were given (startprob_init, "
    "transmat_init) contradict each other, X or known_labels"
)


def starts_of(
    estimator: Any, model: HiddenChain, given: MixtureParameters, continuing: bool
) -> list[MixtureParameters]:
    """Return what is given, where that is all; otherwise the best of many starts.

    Parameters
    ----------
    estimator : HiddenMarkovModel
        Whose constructor parameters say how to fit.
    model : HiddenChain
        What is fitted.
    given : MixtureParameters
        Starting values, NaN where not given.
    continuing : bool
        Whether these are those of an earlier fit.

    Returns
    -------
    starts : list of MixtureParameters
        At most ``n_init``.

    Raises
    ------
    ValueError
        If none of them can be followed.
    """
    if continuing or all_given(given):
        return [given]
    with warnings.catch_warnings():
        # k-means on fewer distinct rows than clusters: the fit says so itself.
        warnings.filterwarnings("ignore", "Number of distinct clusters")
        rng = check_random_state(estimator.random_state)
        try:
            found = starts(model, given, estimator.n_init, rng)
        except ImpossibleDataError:
            raise ValueError(IMPOSSIBLE) from None
    if not found:
        raise ValueError(
            "No start led to a fit: in each of them some state lost its distribution after a few "
            "steps. Decrease n_components, or give starting values"
        )
    return found


def best_fit(
    estimator: Any, model: HiddenChain, starts: list[MixtureParameters], task: FitTask
) -> tuple[Run, tuple[Restart, ...]]:
    """Run EM from all starts, and return the best run and what each start came to.

    Parameters
    ----------
    estimator : HiddenMarkovModel
        Whose constructor parameters say how to fit.
    model : HiddenChain
        What is fitted.
    starts : list of MixtureParameters
        The starts.
    task : FitTask
        Tells callbacks.

    Returns
    -------
    best : Run
        The best run.
    restarts : tuple of Restart
        All of them.

    Raises
    ------
    ValueError
        If no start led to a fit.
    """
    attempts = [partial(_run, estimator, model, each, i, task) for i, each in enumerate(starts)]
    try:
        return best_run(attempts, "", estimator.n_jobs, estimator._mixture()._on_fall)
    except AllStartsFailedError as error:
        raise ValueError(str(error)) from None


def _run(
    estimator: Any, model: HiddenChain, start: MixtureParameters, number: int, task: FitTask
) -> Run:
    """Run EM from one start."""
    if not model.is_possible(start):
        raise ValueError(IMPOSSIBLE)

    def climb(report: Any) -> Run:
        result = run(
            model,
            start,
            tol=estimator.tol,
            max_iter=estimator.max_iter,
            accelerate=estimator.acceleration is not None and model.components.accelerable,
            report=report,
        )
        if not result.converged:
            # The last step of a run that was cut short may decide between starts.
            result = replace(result, final=model.objective(result.params))
        return result

    result = watched(task, number, start, climb, model.decompose)
    return replace(result, spurious=model.spurious(result.params))
