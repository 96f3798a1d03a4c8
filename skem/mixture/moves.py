"""Other sharings-out of the rows: what may lead to a higher hill than the one EM is on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from skem.families.base import FloatArray

__all__ = ["HALF_OR_QUARTER", "PARTS", "clusters_in_a_background", "moved"]

Parts = tuple[float | None, ...]

#: Parts of a component's rows that a move may take, those nearest to a row; None for those nearer
#: to it than to the centre. With halves alone a class of one row in thirty is missed more often,
#: and so are narrow peaks in a background; without None groups of a few rows far from all others.
PARTS: Parts = (1 / 2, 1 / 4, None)

#: The same where few rows far from all others would be no sound component.
HALF_OR_QUARTER: Parts = PARTS[:2]

#: Less than any weight.
TINY = np.finfo(np.float64).tiny


def clusters_in_a_background(
    places: FloatArray, weights: FloatArray, labels: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Join two clusters, and gather the outer half of each into one that lies behind them all.

    Parameters
    ----------
    places : ndarray of shape (n_rows, n_coordinates)
        Rows.
    weights : ndarray of shape (n_rows,)
        Their weights.
    labels : integer ndarray of shape (n_rows,)
        Their clusters. The two that are joined are those whose sum of squares grows least by it.

    Returns
    -------
    labels : integer ndarray of shape (n_rows,)
        As many clusters as before.
    """
    clusters, sizes = np.unique(labels), np.bincount(labels, weights)
    centres = [np.average(places[labels == k], 0, weights[labels == k]) for k in clusters]
    cost = cdist(centres, centres, "sqeuclidean") / np.add.outer(1 / sizes, 1 / sizes)
    np.fill_diagonal(cost, np.inf)
    kept, joined = np.unravel_index(cost.argmin(), cost.shape)
    labels = np.where(labels == joined, kept, labels)
    result = np.full_like(labels, joined)
    for k in np.delete(clusters, joined):
        own = np.flatnonzero(labels == k)
        centre = np.average(places[own], 0, weights[own])
        result[own[_nearest(places[own], weights[own], centre, 1 / 2)]] = k
    return result


def moved(
    posterior: FloatArray, places: FloatArray, weights: FloatArray, parts: Parts, rng: Any
) -> FloatArray:
    """Take one component away and give it some of another's rows, those around one of them.

    Parameters
    ----------
    posterior : ndarray of shape (n_rows, n_components)
        Responsibilities of a mixture.
    places : ndarray of shape (n_rows, n_coordinates)
        Rows.
    weights : ndarray of shape (n_rows,)
        Their weights.
    parts : tuple of (float or None)
        Which of the other's rows: one of these is drawn. See PARTS.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    responsibilities : ndarray of shape (n_rows, n_components)
        Shares to start from. The component is drawn by how little is lost without it.
    """
    losses = -weights @ np.log(np.maximum(1 - posterior, 1e-30))
    away = _draw(1 / np.maximum(losses, 1e-9), rng)
    rest = posterior.copy()
    rest[:, away] = 0.0
    total = rest.sum(axis=1, keepdims=True)
    rest = np.divide(rest, total, out=np.ones_like(rest), where=total > 0)
    rest[:, away] = 0.0
    rest[_taken(rest, places, weights, parts, rng)] = np.arange(rest.shape[1]) == away
    return rest / rest.sum(axis=1, keepdims=True)


def _taken(
    posterior: FloatArray, places: FloatArray, weights: FloatArray, parts: Parts, rng: Any
) -> NDArray[np.intp]:
    """Return which rows a move takes: some of one component's, around one that is drawn."""
    likeliest = posterior.argmax(axis=1)
    around = _draw(weights, rng)
    part = parts[_draw(np.ones(len(parts)), rng)]
    if part is not None:
        own = np.flatnonzero(likeliest == likeliest[around])
        return own[_nearest(places[own], weights[own], places[around], part)]
    shares = weights[:, np.newaxis] * posterior
    centres = shares.T @ places / np.maximum(shares.sum(axis=0), TINY)[:, np.newaxis]
    from_centre = ((places - centres[likeliest]) ** 2).sum(axis=1)
    around = _draw(weights * from_centre, rng)  # far ones rather than near ones, as k-means++
    own = np.flatnonzero(likeliest == likeliest[around])
    from_row = ((places[own] - places[around]) ** 2).sum(axis=1)
    return own[from_row <= from_centre[own]]


def _draw(ratios: FloatArray, rng: Any) -> int:
    """Draw an index with probabilities in proportion to odds."""
    sums = ratios.cumsum()
    return int(min(np.searchsorted(sums, rng.uniform() * sums[-1], "right"), len(ratios) - 1))


def _nearest(
    places: FloatArray, weights: FloatArray, centre: FloatArray, part: float
) -> NDArray[np.bool_]:
    """Return which rows make up the part, by weight, that is nearest to a centre.

    Rows equally far are not parted, and all are near where all are equally far.
    """
    distances = ((places - centre) ** 2).sum(axis=1)
    order = distances.argsort(kind="stable")
    sums = weights[order].cumsum()
    farthest = distances[order[np.searchsorted(sums, part * sums[-1])]]
    if distances.min() < farthest == distances.max():
        return distances < farthest
    return distances <= farthest
