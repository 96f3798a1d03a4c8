"""Fits of a hidden Markov model: its starts."""

from __future__ import annotations

from typing import Any

from sklearn.utils import check_random_state

from skem.estimators.fitting import without_cluster_warnings
from skem.estimators.holding import all_given
from skem.mixture.chain_starts import ImpossibleDataError, starts
from skem.mixture.hidden_chain import HiddenChain
from skem.mixture.labels import MixtureParameters

__all__ = ["IMPOSSIBLE", "starts_of"]

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
        return [_possible(given, model)]
    with without_cluster_warnings():
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
    return [_possible(start, model) for start in found]


def _possible(start: MixtureParameters, model: HiddenChain) -> MixtureParameters:
    """Return a start; raises ValueError where it rules the rows out."""
    if not model.is_possible(start):
        raise ValueError(IMPOSSIBLE)
    return start
