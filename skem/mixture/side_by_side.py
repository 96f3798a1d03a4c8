"""Mixtures of one kind side by side: one pass over the rows steps them all.

S mixtures of K components are S K components, of which each mixture normalises its own. With few
rows most of the time of a pass is that of its calls, so that one for all takes hardly longer than
one for each: six mixtures of 2 components in 272 rows take 1.8 times as long as one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skem.em.driver import Run
from skem.families.base import DegenerateComponentError
from skem.mixture.labels import MixtureParameters
from skem.mixture.model import MixtureModel

__all__ = ["climb_side_by_side", "most_side_by_side"]

#: Log-joints of all mixtures, at most: more would leave the fast cache, and gain nothing.
MOST_LOG_JOINTS = 2**16


def most_side_by_side(model: MixtureModel) -> int:
    """Return how many mixtures are worth being stepped together.

    With a prior, or parameters that are held, it is one.
    """
    components: Any = model.components
    n_rows, separable = model.rows.n_rows, getattr(components, "separable", False)
    if not separable or getattr(components, "prior", None) or components.held.masks:
        return 1
    return max(MOST_LOG_JOINTS // (components.n_components * n_rows), 1)


def climb_side_by_side(model: MixtureModel, runs: Sequence[Run], n_steps: int) -> list[Run]:
    """Take some steps of EM in several runs.

    Parameters
    ----------
    model : MixtureModel
        What is to be fitted.
    runs : sequence of Run
        Where they have come to.
    n_steps : int
        How many steps to take.

    Returns
    -------
    runs : list of Run
        Those that did not collapse, n_steps further.

    Raises
    ------
    DegenerateComponentError
        Where the last of them collapsed, too.
    """
    n, stack = len(runs), _stack(model, len(runs))
    params, objectives = _joined([run.params for run in runs]), np.empty((n_steps, n))
    for i in range(n_steps):
        try:
            params, objectives[i], _ = stack.evaluate(params)
        except DegenerateComponentError as error:
            if n == 1:
                raise
            assert error.component is not None  # of components that do not know of each other
            failed = error.component // model.components.n_components
            return climb_side_by_side(model, [*runs[:failed], *runs[failed + 1 :]], n_steps)
    return [
        Run(each, (*run.trace, *trace), "max_iter")
        for run, each, trace in zip(runs, _parted(params, n), objectives.T.tolist(), strict=True)
    ]


def _stack(model: MixtureModel, n: int) -> MixtureModel:
    """Return the model of n mixtures of the same rows."""
    if n == 1:
        return model
    components: Any = model.components
    return replace(
        model,
        labels=replace(model.labels, n_mixtures=n),
        components=replace(components, n_components=n * components.n_components),
    )


def _joined(candidates: Sequence[MixtureParameters]) -> MixtureParameters:
    """Return the parameters of all components of all mixtures."""
    return MixtureParameters(
        *(
            type(parts[0])(*map(np.concatenate, zip(*parts, strict=True)))
            for parts in zip(*candidates, strict=True)
        )
    )


def _parted(params: MixtureParameters, n: int) -> list[MixtureParameters]:
    """Undo :func:`_joined`."""
    parts = [
        [type(part)(*each) for each in zip(*(np.split(a, n) for a in part), strict=True)]
        for part in params
    ]
    return [MixtureParameters(*each) for each in zip(*parts, strict=True)]
