"""Doubts about a fitted hidden Markov model: states that cannot be trusted, by their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.chains.markov import reachable
from skem.em.driver import Run
from skem.estimators.doubts import NEXT_TO_NOTHING, doubt_about_end, some_rows
from skem.families.base import FloatArray
from skem.mixture.hidden_chain import HiddenChain
from skem.mixture.piece import Sums
from skem.mixture.scoring import components_alike

__all__ = ["doubts_of_chain"]

#: A probability to stay from which on a state counts as never left.
FOR_EVER = 1 - 1e-10

#: Transitions of two states that differ by less are the same.
ALIKE = 1e-6


def doubts_of_chain(
    estimator: Any, best: Run, model: HiddenChain, expected: Sums
) -> dict[str, str]:
    """Return why a fit cannot be trusted, by a word.

    Parameters
    ----------
    estimator : HiddenMarkovModel
        Fitted.
    best : Run
        The run that led to it.
    model : HiddenChain
        What was fitted.
    expected : Sums
        What the E-step expects at the published parameters, by weight.

    Returns
    -------
    doubts : dict of str to str
        Empty where there is no doubt.
    """
    rows, counts = model.sequences.rows, expected.counts
    doubts: dict[str, str] = estimator._mixture()._explain(
        best.spurious, model.components, best.params.components, counts, rows
    )
    startprob, transmat = estimator.startprob_, estimator.transmat_
    unreachable = np.flatnonzero(~reachable(startprob, transmat))
    if unreachable.size:
        doubts["unreachable"] = f"the chain cannot reach {_states(unreachable)}."
    empty = np.setdiff1d(np.flatnonzero(counts <= NEXT_TO_NOTHING), unreachable)
    if empty.size:
        doubts["empty"] = f"no row belongs to {_states(empty)}. Decrease n_components."
    without_rows = np.union1d(unreachable, empty)
    may_leave = model.labels.free[1:].sum(axis=1) > 1
    unknown = may_leave & (_evidence_of_transitions(model, expected) <= NEXT_TO_NOTHING)
    never_followed = np.setdiff1d(np.flatnonzero(unknown), without_rows)
    if never_followed.size:
        doubts["never followed"] = (
            f"no row follows those of {_states(never_followed)}, so that nothing is known of the "
            "transitions from there. Say where sequences begin (groups, lengths), if they are "
            "longer; else hold these transitions (fixed), or give them a transmat_prior."
        )
    for_ever = np.flatnonzero((np.diagonal(transmat) >= FOR_EVER) & may_leave & ~unknown)
    if for_ever.size and len(transmat) > 1:
        doubts["never left"] = (
            f"the chain never leaves {_states(for_ever)}. If that is meant, say so by zeros in "
            "transmat_init; otherwise the sequences end there, and its stay is not known."
        )
    if alike := _alike(estimator, model):
        doubts["alike"] = (
            f"nothing tells states {alike[0]} and {alike[1]} apart: they have the same rows, and "
            "lead to the same states. Decrease n_components."
        )
    n_numbers = rows.n_rows * rows.first(1).shape[1]
    if estimator.n_parameters_ > n_numbers and len(transmat) > 1:
        doubts["parameters"] = (
            f"{estimator.n_parameters_} parameters are more than the {n_numbers} numbers in X: "
            "these cannot tell so many states. Decrease n_components."
        )
    return doubts | doubt_about_end(estimator, best)


def _evidence_of_transitions(model: HiddenChain, expected: Sums) -> FloatArray:
    """Return how many transitions from each state were seen, or stand for a prior."""
    pseudo = np.broadcast_to(model.labels.pseudo_counts, model.labels.free.shape)
    counts: FloatArray = (expected.transitions + pseudo[1:]).sum(axis=1)
    return counts


def _alike(estimator: Any, model: HiddenChain) -> tuple[int, int] | None:
    """Return two states that could be one, if there are such."""
    transmat = estimator.transmat_
    if len(transmat) == 1:
        return None
    family, params = estimator._mixture()._fitted()
    pair = components_alike(family, params, some_rows(model.sequences.rows))
    if pair is None:
        return None
    i, j = pair
    differences = transmat[i] - transmat[j]
    differences[i] += differences[j]  # to go to either of the two is one thing
    differences[j] = 0.0
    return pair if np.abs(differences).max() < ALIKE else None


def _states(numbers: NDArray[Any]) -> str:
    """Return states by their numbers, as words."""
    return f"state{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
