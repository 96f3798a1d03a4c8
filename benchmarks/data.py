"""The data that the contenders are given."""

from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans


class Start(NamedTuple):
    """Where a contender starts from."""

    weights: np.ndarray  # (K,)
    means: np.ndarray  # (K, d), or probabilities
    variances: np.ndarray  # (K,)


def gaussian(n: int, d: int, K: int, apart: float = 4.0) -> tuple[np.ndarray, Start]:
    """Return nearly round clusters around centres ``apart`` or so, and a start near them.

    By default they overlap: where they do not, EM is at its end after a step or two.
    """
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(K, d)) * apart / np.sqrt(2 * d)
    mixing = np.eye(d) + 0.3 * rng.normal(size=(d, d)) / np.sqrt(d)
    X = centres[rng.integers(K, size=n)]
    X += rng.normal(size=(n, d)) @ mixing
    means = centres + 0.5 * rng.normal(size=(K, d)) / np.sqrt(d)
    return X, Start(np.full(K, 1 / K), means, np.full(K, 1.5))


def correlated(n: int, d: int, K: int) -> tuple[np.ndarray, Start]:
    """Return the same with features that a random matrix mixes, and a round start."""
    X, start = gaussian(n, d, K)
    mixing = np.random.default_rng(3).normal(size=(d, d))
    return X @ mixing, Start(start.weights, start.means @ mixing, np.full(K, 1.5 * d))


def binomial(n: int, columns: int, K: int) -> tuple[np.ndarray, Start]:
    """Return successes out of ten trials, and a start near the truth."""
    rng = np.random.default_rng(0)
    p = np.linspace(0.2, 0.8, K)[:, None] + rng.uniform(-0.1, 0.1, size=(K, columns))
    X = rng.binomial(10, p[rng.integers(K, size=n)]).astype(float)
    start = np.clip(p + rng.uniform(-0.1, 0.1, size=p.shape), 0.05, 0.95)
    return X, Start(np.full(K, 1 / K), start, np.ones(K))


def mixture(seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return rows of an anisotropic mixture, their labels, and the number of components."""
    return _mixture(seed, (2, 9), (3, 9), (-1.2, 0.7), 0.75)


def overlapping(seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the same of a mixture of few features, nearly round, that overlaps a lot."""
    return _mixture(seed, (1, 5), (2, 6), (-0.3, 0.3), 0.3)


def _mixture(
    seed: int,
    features: tuple[int, int],
    components: tuple[int, int],
    log_scales: tuple[float, float],
    separation: float,
) -> tuple[np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(seed)
    d, K = int(rng.integers(*features)), int(rng.integers(*components))
    n = 500 * K
    scales = []
    for _ in range(K):
        rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
        scales.append(rotation * np.exp(rng.uniform(*log_scales, size=d)))
    means = rng.normal(size=(K, d)) * (5.5 / np.sqrt(d)) * separation
    labels = rng.choice(K, p=rng.dirichlet(np.full(K, 6.0)), size=n)
    E, X = rng.normal(size=(n, d)), np.empty((n, d))
    for k in range(K):
        X[labels == k] = means[k] + E[labels == k] @ scales[k].T
    return X, labels, K


def clusters(X: np.ndarray, K: int, seed: int = 0) -> np.ndarray:
    """Return labels of one run of k-means, a start for everyone."""
    return KMeans(K, n_init=1, random_state=seed).fit(X).labels_
