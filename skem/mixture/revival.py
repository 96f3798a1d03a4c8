"""Components that have died where the likelihood would rise with them.

A weight of 0 stays 0 in EM, whatever the rows are: the likelihood then has an edge there, not a
maximum. With p the density of the mixture, it is highest at the edge only if

    mean over rows of f_k(x) / p(x)  <=  1

(Lindsay 1983). The M-step multiplies a weight by just that mean, so one evaluation with a little
weight on the component tells. Along that line the log-likelihood is concave: where the weight
still grows, the little weight was a gain.
"""

import numpy as np

from skem.families.base import DegenerateComponentError
from skem.mixture.labels import MixtureParameters
from skem.mixture.model import MixtureModel
from skem.mixture.posterior import normalise

__all__ = ["revive"]

#: A component with less than so many rows is dead, and is tried with so many.
DEAD, TRIED = 0.01, 0.5

#: How much a weight must grow. What is to gain is about the square of the growth, in nats per row.
GROWTH = 1e-3


def revive(model: MixtureModel, params: MixtureParameters) -> MixtureParameters | None:
    """Return parameters with a higher likelihood, in which dead components live again.

    Parameters
    ----------
    model : MixtureModel
        What is fitted.
    params : MixtureParameters
        What EM has come to.

    Returns
    -------
    params : MixtureParameters or None
        Params with a little weight on those; None where none is dead, or none would grow.
    """
    weights, n_rows = params.labels.weights, model.rows.total_weight
    dead = weights * n_rows < DEAD
    if not dead.any() or model.labels.held is not None or model.share is not normalise:
        return None
    tried = np.where(dead, TRIED / n_rows, weights)
    try:
        new = model.evaluate(params.with_arrays(weights=tried / tried.sum())).params
    except DegenerateComponentError:
        return None
    growing = dead & (new.labels.weights > (1 + GROWTH) * tried)
    if not growing.any():
        return None
    weights = np.where(growing, tried, weights)
    return params.with_arrays(weights=weights / weights.sum())
