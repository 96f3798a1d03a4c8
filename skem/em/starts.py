"""Where EM starts from: short runs of EM, or a first sharing-out of the rows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin

from skem.em.problem import Problem
from skem.em.rows import Rows
from skem.em.short_runs import short_runs
from skem.families.base import FloatArray

__all__ = [
    "PARTITIONS",
    "SHORT_RUNS",
    "STRATEGIES",
    "distinct",
    "lend_rows_to_empty",
    "partition",
    "start",
]

Weights = NDArray[np.float64]
Partition = NDArray[Any]


def kmeans(X: FloatArray, weights: FloatArray | None, K: int, rng: Any) -> Partition:
    """Label rows by k-means, run once from a k-means++ start."""
    return KMeans(K, n_init=1, random_state=rng).fit(X, sample_weight=weights).labels_


def kmeans_plus_plus(X: FloatArray, weights: FloatArray | None, K: int, rng: Any) -> Partition:
    """Label rows by the nearest of K rows that k-means++ has picked."""
    centres, _ = kmeans_plusplus(X, K, sample_weight=weights, random_state=rng)
    return pairwise_distances_argmin(X, centres)


def random_from_data(X: FloatArray, weights: FloatArray | None, K: int, rng: Any) -> Partition:
    """Label rows by the nearest of K rows picked at random."""
    p = None if weights is None else weights / weights.sum()
    centres = X[rng.choice(len(X), size=K, replace=False, p=p)]
    return pairwise_distances_argmin(X, centres)


def random(X: FloatArray, weights: FloatArray | None, K: int, rng: Any) -> Partition:
    """Draw responsibilities from the uniform distribution, and normalise them."""
    r = rng.uniform(size=(len(X), K))
    return r / r.sum(axis=1, keepdims=True)


#: The strategies that are a single partition of the rows.
PARTITIONS: dict[str, Callable[..., Partition]] = {
    "kmeans": kmeans,
    "k-means++": kmeans_plus_plus,
    "random": random,
    "random_from_data": random_from_data,
}

SHORT_RUNS = "short-runs"

#: What ``init_params`` can name.
STRATEGIES = (SHORT_RUNS, *PARTITIONS)

#: Rows that the short runs see, at most: a sample of them. More than that are not searched for
#: repetitions either.
MOST_ROWS = 5000


def distinct(
    X: FloatArray, weights: FloatArray | None
) -> tuple[FloatArray, Weights, NDArray[np.intp]]:
    """Return the distinct rows, what each counts, and where each row went.

    A start made from these does not depend on whether a row is repeated or weighted. Where all
    rows are distinct and count once they stay as they are, so that a start from k-means is the
    one that scikit-learn's makes of them; otherwise they come in lexicographic order.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows.

    Returns
    -------
    rows : ndarray of shape (n_distinct, n_features)
        ``X`` is ``rows[index]``.
    totals : ndarray of shape (n_distinct,)
        Total weight of each.
    index : ndarray of shape (n_rows,)
        Position of each row of X among them.
    """
    order = np.lexsort(X.T[::-1])  # whose last key is the first to sort by
    ordered = X[order]
    first = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))
    if first.all() and (weights is None or (weights == 1).all()):
        return X, np.ones(len(X)), np.arange(len(X))
    index = np.empty_like(order)
    index[order] = np.cumsum(first) - 1
    return ordered[first], np.bincount(index, weights).astype(np.float64), index


def partition(
    strategy: str, places: FloatArray, weights: FloatArray | None, n_components: int, rng: Any
) -> Partition:
    """Share out rows among components.

    Parameters
    ----------
    strategy : str
        One of PARTITIONS.
    places : ndarray of shape (n_rows, n_coordinates)
        Rows, in coordinates where Euclidean distances make sense.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows.
    n_components : int
        Number of components.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    partition : integer ndarray of shape (n_rows,) or ndarray of shape (n_rows, n_components)
        Labels, or responsibilities. Rows no more than components have one each.
    """
    if len(places) <= n_components:
        return np.arange(len(places))
    return PARTITIONS[strategy](places, weights, n_components, rng)


def start(
    strategy: str, problem: Problem, coordinates: Callable[..., FloatArray], rng: Any
) -> Any:
    """Return parameters to start from.

    Parameters
    ----------
    strategy : str
        One of STRATEGIES.
    problem : Problem
        What is to be fitted.
    coordinates : callable
        ``coordinates(X, weights)`` brings rows to where Euclidean distances make sense.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    params : object
        Parameters.
    """
    rows, K = problem.rows, problem.family.n_components
    if K == 1:
        return problem.start(np.zeros(rows.n_rows, dtype=np.intp))
    if strategy == SHORT_RUNS:
        sample = rows.sample(MOST_ROWS, rng)
        X, weights, _ = distinct(sample.X, sample.weights)
        few = replace(problem, family=problem.family.bound(sample), rows=Rows(X, weights))
        if len(X) > K and (params := short_runs(few, coordinates(X, weights), rng)) is not None:
            return params
        strategy = "kmeans"
    if rows.n_rows > MOST_ROWS:
        X, index = rows.X, np.arange(rows.n_rows)
        weights = np.ones(rows.n_rows) if rows.weights is None else rows.weights
    else:
        X, weights, index = distinct(rows.X, rows.weights)
    shares = partition(strategy, coordinates(X, weights), weights, K, rng)
    return problem.start(lend_rows_to_empty(shares[index], K, rows.total_weight))


def lend_rows_to_empty(
    shares: Partition, n_components: int, total_weight: float | None = None
) -> Partition:
    """Give every component something to start from.

    A component without rows starts as a copy of the whole sample that weighs as much as one row.

    Parameters
    ----------
    shares : ndarray of shape (n_rows,) or (n_rows, n_components)
        Labels, or responsibilities.
    n_components : int
        Number of components.
    total_weight : float, default=None
        How many rows the rows count for. None for once each.

    Returns
    -------
    shares : ndarray
        The same array where no component is empty, else responsibilities.
    """
    if shares.ndim == 1:
        filled = np.bincount(shares, minlength=n_components) > 0
        if filled.all():
            return shares
        shares = (shares[:, np.newaxis] == np.arange(n_components)).astype(np.float64)
    else:
        filled = shares.sum(axis=0) > 0
        if filled.all():
            return shares
        shares = shares.astype(np.float64)
    shares[:, ~filled] = 1 / (total_weight or len(shares))
    return shares
