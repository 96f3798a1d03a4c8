"""Which cluster of a start is which component, where labels are known or parameters held."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from skem.data.rows import Rows
from skem.families.base import DegenerateComponentError, FloatArray
from skem.families.held import Held
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel

__all__ = ["match_components"]


def match_components(labels: NDArray[Any], model: MixtureModel) -> NDArray[np.intp]:
    """Number clusters so that they agree with what is known of the components.

    Parameters
    ----------
    labels : integer ndarray of shape (n_rows,)
        Clusters of the rows of the model, each with one.
    model : MixtureModel
        What is to be fitted. Some of its rows may be known to come from a component, some
        parameters of its components may be held.

    Returns
    -------
    labels : integer ndarray of shape (n_rows,)
        Each cluster has the number of one component: such that the most rows are where they are
        known to belong, and the others have been moved there; or else such that clusters are as
        like as possible to what their components are held at.
    """
    rows, K = model.rows, model.components.n_components
    if rows.labels is not None:
        return np.where(
            rows.labels >= 0, rows.labels, _best_matching(_agreement(labels, rows, K))[labels]
        )
    components: Any = model.components
    held = getattr(components, "held", Held())
    weights = model.labels.held
    if weights is None and not held.masks:
        return labels
    free = components if not held.masks else replace(components, held=Held())
    try:
        found = replace(model, labels=Independent(), components=free).start(labels)
    except DegenerateComponentError:
        return labels
    likeness = np.zeros((K, K))
    if weights is not None:
        likeness[:, weights] -= _distances(found.labels, model.labels.values, "weights", weights)
    for name, mask in held.masks.items():
        if name not in held.shared:
            likeness[:, mask] -= _distances(found.components, held.values, name, mask)
    return _best_matching(likeness)[labels]


def _best_matching(gains: FloatArray) -> NDArray[np.intp]:
    """Return the component of each cluster that makes the sum of gains the largest."""
    return linear_sum_assignment(gains, maximize=True)[1]


def _agreement(labels: NDArray[Any], rows: Rows, K: int) -> FloatArray:
    """Count the rows of each cluster (first index) known to come from each component."""
    assert rows.labels is not None
    known = rows.labels >= 0
    weights = None if rows.weights is None else rows.weights[known]
    pairs = labels[known] * K + rows.labels[known]
    return np.bincount(pairs, weights, minlength=K**2).reshape(K, K).astype(np.float64)


def _distances(found: Any, held: Any, name: str, mask: NDArray[np.bool_]) -> FloatArray:
    """Return how far each cluster (first index) is from what components are held at."""
    values, targets = getattr(found, name), getattr(held, name)
    values, targets = values.reshape(len(mask), -1), targets.reshape(len(mask), -1)[mask]
    spread = values.std(axis=0)
    units = np.where(spread > 0, spread, 1.0)
    distances = ((values[:, np.newaxis] - targets) / units) ** 2
    return distances.mean(axis=2)
