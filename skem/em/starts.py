"""Where EM starts from: a first sharing-out of the rows among the components."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin

__all__ = ["STRATEGIES", "distinct", "lend_rows_to_empty", "partition"]

FloatArray = NDArray[np.floating[Any]]
Partition = NDArray[Any]


def kmeans(X: FloatArray, weights: FloatArray | None, K: int, rng: Any) -> Partition:
    """Label rows by k-means, run once from a k-means++ start."""
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters: the fit itself says so, in its own words.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(K, n_init=1, random_state=rng).fit(X, sample_weight=weights)
    return model.labels_


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


#: The strategies that ``init_params`` can name.
STRATEGIES: dict[str, Callable[..., Partition]] = {
    "kmeans": kmeans,
    "k-means++": kmeans_plus_plus,
    "random": random,
    "random_from_data": random_from_data,
}


def distinct(
    X: FloatArray, weights: FloatArray | None
) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
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
    strategy: str, X: FloatArray, weights: FloatArray | None, n_components: int, rng: Any
) -> Partition:
    """Share out rows among components.

    Parameters
    ----------
    strategy : str
        One of STRATEGIES.
    X : ndarray of shape (n_rows, n_features)
        Rows in coordinates in which Euclidean distances make sense.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows.
    n_components : int
        Number of components.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    partition : integer ndarray of shape (n_rows,) or ndarray of shape (n_rows, n_components)
        Labels, or responsibilities.
    """
    if len(X) <= n_components:
        return np.arange(len(X))
    return STRATEGIES[strategy](X, weights, n_components, rng)


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
