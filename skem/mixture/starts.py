"""Where EM starts from: short runs of EM, or a first sharing-out of the rows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin

from skem.families.base import FloatArray
from skem.mixture.model import MixtureModel
from skem.mixture.numbering import match_components
from skem.mixture.shares import Partition, first_parameters, lend_rows_to_empty
from skem.mixture.short_runs import free_of_units, short_runs

__all__ = [
    "PARTITIONS",
    "SHORT_RUNS",
    "STRATEGIES",
    "first_parameters",
    "lend_rows_to_empty",
    "partition",
    "start",
]


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

#: Rows that the short runs see: a sample of so many for each component, but no fewer, nor more,
#: than some. Of 40 mixtures in 10,000 and 20,000 rows as many are found as with 5,000 rows, in two
#: thirds of the time, and classes of one row in 200 still are, in 24 of 24.
ROWS_BY_COMPONENT, FEWEST_ROWS, MOST_ROWS = 250, 2000, 5000

#: Rows that one partition is made of, at most, where they are not all in memory.
MOST_ROWS_OF_PARTITION = 50_000


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


def start(strategy: str, model: MixtureModel, rng: Any, search: bool = True) -> Any:
    """Return parameters to start from.

    They do not depend on whether a row is repeated or weighted (up to FEWEST_ROWS rows).

    Parameters
    ----------
    strategy : str
        One of STRATEGIES.
    model : MixtureModel
        What is to be fitted.
    rng : RandomState
        Source of randomness.
    search : bool, default=True
        Whether short runs may be made. In place of them, and where they are too much work, there
        is k-means in units of the coordinates' spread.

    Returns
    -------
    params : object
        Parameters.
    """
    family, rows, K = model.components, model.rows, model.components.n_components
    is_default = strategy == SHORT_RUNS
    if is_default and search and K > 1:
        most = int(np.clip(ROWS_BY_COMPONENT * K, FEWEST_ROWS, MOST_ROWS))
        sample = rows.sample(most, rng)
        few, _ = sample.distinct()
        if few.n_rows > K:
            places = family.coordinates(few.X, few.each_weight)
            few_problem = replace(model, components=family.bound(sample), rows=few)
            if (params := short_runs(few_problem, places, rng)) is not None:
                return params
    if not rows.in_memory:
        rows = rows.sample(MOST_ROWS_OF_PARTITION, rng)
        model = replace(model, components=family.bound(rows), rows=rows)
    if K == 1:
        return model.start(np.zeros(rows.n_rows, dtype=np.intp))
    if rows.n_rows > MOST_ROWS:  # too many to look for repetitions
        some, index = rows, np.arange(rows.n_rows)
    else:
        some, index = rows.distinct()
    places = family.coordinates(some.X, some.each_weight)
    if is_default:
        strategy, places = "kmeans", free_of_units(places, some.each_weight)
    shares = partition(strategy, places, some.each_weight, K, rng)
    if shares.ndim == 1:
        shares = match_components(shares, replace(model, rows=some))
    return first_parameters(model, shares[index])
