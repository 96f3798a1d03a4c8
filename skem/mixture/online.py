"""Online EM: parameters that follow a stream of batches.

Each batch moves running statistics, which are means over rows, some way towards its own, and the
M-step is made of those (stepwise EM: Cappé & Moulines 2009; Liang & Klein 2009)::

    S <- (1 - g) S + g s(batch, theta),    theta <- M-step of S,    g = (n / N)^0.7

with n the weight of the batch and N that of all rows so far, its own included. For batches of
equal weight the t-th step is ``t^-0.7``: the steps add up to infinity but their squares do not, so
that the parameters settle at an optimum. With the exponent 1 all rows would count alike, also
those that were shared out by the first, bad parameters.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.families.base import DegenerateComponentError, FloatArray, LossOfPrecision
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from skem.mixture.sweep import sweep

__all__ = ["EXPONENT", "Online", "advance", "step_size"]

#: How fast steps shrink: between a half (late batches still move a lot) and one.
EXPONENT = 0.7


@dataclass(frozen=True, eq=False)
class Online:
    """Where online EM is, but for the parameters.

    Parameters
    ----------
    labels : Independent
        How the labels of rows hang together.
    components : Family
        The distributions, made for streams.
    total_weight : float, default=0.0
        Rows that the parameters come from, by weight; 0 where they are but a start.
    statistics : ndarray of shape (n_components, n_statistics) or None, default=None
        Running means over those rows. None stands for what rows drawn from the parameters have.
    n_steps : int, default=0
        Batches seen.
    """

    labels: Independent
    components: Any
    total_weight: float = 0.0
    statistics: FloatArray | None = None
    n_steps: int = 0

    def __deepcopy__(self, memo: Any) -> "Online":
        """Return itself: nothing of it is ever changed."""
        return self

    def reordered(self, order: NDArray[np.intp]) -> "Online":
        """Return the same for components in another order."""
        labels, components, statistics = self.labels, self.components, self.statistics
        if labels.held is not None:
            assert labels.values is not None
            values = labels.values._replace(weights=labels.values.weights[order])
            labels = replace(labels, held=labels.held[order], values=values)
        held = getattr(components, "held", None)
        if held is not None and held.masks:
            components = replace(components, held=held.reordered(order))
        if statistics is not None:
            statistics = statistics[order]
        return replace(self, labels=labels, components=components, statistics=statistics)


def step_size(total_weight: float, weight: float) -> float:
    """Return how far a batch of some weight goes after others of a total; 1 is all the way."""
    return float((weight / (total_weight + weight)) ** EXPONENT)


def advance(state: Online, model: MixtureModel, params: Any) -> tuple[Online, Any]:
    """Take a step.

    Parameters
    ----------
    state : Online
        Where online EM is.
    model : MixtureModel
        The labels and components of the state, and the batch as its rows.
    params : object
        The parameters so far.

    Returns
    -------
    state : Online
        Where it is then.
    params : object
        The next parameters; None where the M-step has no solution, because too little was seen.
    """
    family, rows = state.components, model.rows
    kernel = model.kernel(params)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told below
        _, statistics = sweep(kernel, rows, model.e_step(params), model.workers)
        means = family.about_origin(statistics, kernel) / rows.total_weight
    if not np.isfinite(means).all():
        raise ValueError("X is too large: its squares overflow. Scale it")
    if state.total_weight:
        before = state.statistics
        if before is None:
            weights = params.labels.weights[:, np.newaxis]
            before = weights * family.mean_statistics(params.components, means)
        step = step_size(state.total_weight, rows.total_weight)
        means = (1 - step) * before + step * means
    total = state.total_weight + rows.total_weight
    state = replace(state, total_weight=total, statistics=means, n_steps=state.n_steps + 1)
    about_origin = family.kernel(None, np.zeros(family.n_components))
    try:
        return state, model.m_step(means * total, about_origin, params)
    except (DegenerateComponentError, LossOfPrecision):
        return state, None
