"""Data as users have them, for the question which optimum a fit finds by itself."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA

from benchmarks.data import mixture, overlapping


class Task(NamedTuple):
    """What is to be fitted."""

    X: np.ndarray  # NaN where a cell is missing
    K: int
    structure: str = "full"  # "binomial" for counts
    n_trials: int = 1
    labels: np.ndarray | None = None  # the truth, where there is one


def _shapes(rng: np.random.Generator, K: int, d: int) -> np.ndarray:
    """Return a matrix for each component that mixes independent features."""
    return np.eye(d) + 0.6 * rng.normal(size=(K, d, d)) / np.sqrt(d)


def _clusters(rng, n, d, K, apart, shares=None, noise=None) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.choice(K, p=shares, size=n)
    means = rng.normal(size=(K, d)) * apart / np.sqrt(2 * d)
    E = rng.normal(size=(n, d)) if noise is None else noise(n, d)
    return means[labels] + np.einsum("nij,nj->ni", _shapes(rng, K, d)[labels], E), labels


def nested(seed: int) -> Task:
    """One feature, one component inside the other."""
    rng = np.random.default_rng(seed)
    X = np.r_[rng.normal(0, 2.4, (300, 1)), rng.normal(0, 1, (700, 1))]
    return Task(X, 2, labels=np.repeat([0, 1], [300, 700]))


def nested_in_clusters(seed: int) -> Task:
    """Each of some clusters, apart from each other, is narrow with a wide halo."""
    rng = np.random.default_rng(seed)
    d, pairs = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    means = rng.normal(size=(pairs, d)) * 2 + 6 * np.arange(pairs)[:, None]
    labels = rng.integers(2 * pairs, size=400 * pairs)
    width = np.where(labels % 2, 2.5, 0.7)
    X = means[labels // 2] + width[:, None] * rng.normal(size=(labels.size, d))
    return Task(X, 2 * pairs, labels=labels)


def background(seed: int) -> Task:
    """A peak in a background."""
    rng = np.random.default_rng(seed)
    X = np.r_[rng.normal(45, 1.5, (100, 2)), rng.normal(50, 20, (300, 2))]
    return Task(X, 2, labels=np.repeat([0, 1], [100, 300]))


def peaks(seed: int) -> Task:
    """Some peaks in a background."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    centres = rng.uniform(-40, 40, size=(n, 2))
    labels = rng.choice(n + 1, p=[0.4, *[0.6 / n] * n], size=300 * (n + 1))
    widths = np.r_[25.0, rng.uniform(1, 4, n)]
    X = np.r_[np.zeros((1, 2)), centres][labels] + widths[labels][:, None] * rng.normal(
        size=(labels.size, 2)
    )
    return Task(X, n + 1, labels=labels)


def heavy_tailed(seed: int) -> Task:
    """Clusters with tails (Student's t, 3 degrees of freedom), a component more than clusters."""
    rng = np.random.default_rng(seed)
    d, K = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    X, _ = _clusters(rng, 600, d, K, 8, noise=lambda n, d: rng.standard_t(3, size=(n, d)))
    return Task(X, K + 1)


def rare(seed: int) -> Task:
    """A class with one row in thirty."""
    rng = np.random.default_rng(seed)
    d, K = int(rng.integers(1, 5)), int(rng.integers(2, 5))
    shares = np.r_[1 / 30, np.full(K - 1, 29 / 30 / (K - 1))]
    X, labels = _clusters(rng, 1000, d, K, 7, shares)
    return Task(X, K, labels=labels)


def unequal(seed: int) -> Task:
    """Clusters that halve in size from one to the next."""
    rng = np.random.default_rng(seed)
    d, K = int(rng.integers(1, 6)), int(rng.integers(3, 7))
    shares = 0.5 ** np.arange(K)
    X, labels = _clusters(rng, 2000, d, K, 7, shares / shares.sum())
    return Task(X, K, labels=labels)


def rounded(seed: int) -> Task:
    """Clusters rounded to a third of their spread or so."""
    rng = np.random.default_rng(seed)
    d, K = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    X, labels = _clusters(rng, 800, d, K, 7)
    return Task(np.round(3 * X) / 3, K, labels=labels)


def correlated(seed: int) -> Task:
    """Long thin clusters, each in a direction of its own, that cross each other."""
    rng = np.random.default_rng(seed)
    K = int(rng.integers(2, 5))
    labels = rng.integers(K, size=300 * K)
    angles = np.pi * (np.arange(K) + rng.uniform(0, 0.5, K)) / K
    along = np.c_[np.cos(angles), np.sin(angles)][labels]
    across = np.c_[-np.sin(angles), np.cos(angles)][labels]
    E = rng.normal(size=(labels.size, 2))
    means = rng.normal(size=(K, 2))
    X = means[labels] + 4 * E[:, :1] * along + 0.4 * E[:, 1:] * across
    return Task(X, K, labels=labels)


def one_feature(seed: int, gaps: tuple[float, float] = (3, 8)) -> Task:
    """One feature, 2 to 5 components of different widths."""
    rng = np.random.default_rng(seed)
    K = int(rng.integers(2, 6))
    labels = rng.integers(K, size=400 * K)
    means, widths = np.cumsum(rng.uniform(*gaps, K)), rng.uniform(0.4, 1.6, K)
    return Task((rng.normal(size=labels.size) * widths[labels] + means[labels])[:, None], K)


def twenty_components(seed: int, apart: float = 20) -> Task:
    """Twenty clusters in few features."""
    rng = np.random.default_rng(seed)
    X, labels = _clusters(rng, 4000, int(rng.integers(2, 6)), 20, apart)
    return Task(X, 20, labels=labels)


def twenty_features(seed: int, apart: float = 7) -> Task:
    """20 features, 10 components, 2,000 rows."""
    rng = np.random.default_rng(seed)
    X, labels = _clusters(rng, 2000, 20, 10, apart)
    return Task(X, 10, labels=labels)


def fifty_features(seed: int, apart: float = 8) -> Task:
    """50 features, 5 components, 2,000 rows."""
    rng = np.random.default_rng(seed)
    X, labels = _clusters(rng, 2000, 50, 5, apart)
    return Task(X, 5, labels=labels)


def moderate(seed: int) -> Task:
    """Mixtures of 2 to 8 features and 3 to 8 components."""
    X, labels, K = mixture(seed)
    return Task(X, K, labels=labels)


def overlap(seed: int) -> Task:
    """Mixtures that overlap a lot."""
    X, labels, K = overlapping(seed)
    return Task(X, K, labels=labels)


def _of_structure(structure: str) -> Callable[[int], Task]:
    def task(seed: int) -> Task:
        rng = np.random.default_rng(seed)
        d, K = int(rng.integers(2, 7)), int(rng.integers(2, 7))
        X, labels = _clusters(rng, 1500, d, K, 5)
        return Task(X, K, structure, labels=labels)

    return task


def incomplete(seed: int) -> Task:
    """Clusters with one cell in ten missing."""
    rng = np.random.default_rng(seed)
    d, K = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    X, labels = _clusters(rng, 800, d, K, 7)
    X[rng.uniform(size=X.shape) < 0.1] = np.nan
    return Task(X, K, labels=labels)


def panels(seed: int) -> Task:
    """Two panels with one column in common."""
    rng = np.random.default_rng(seed)
    X, labels = _clusters(rng, 600, 5, 2, 4)
    X[:300, 3:] = np.nan
    X[300:, 1:3] = np.nan
    return Task(X, 2, labels=labels)


def items(seed: int) -> Task:
    """Eight yes/no items, one row in twenty in the second class."""
    rng = np.random.default_rng(seed)
    labels = (rng.uniform(size=1000) < 0.05).astype(int)
    p = np.where(labels[:, None] == 0, rng.uniform(0.1, 0.4, 8), rng.uniform(0.6, 0.9, 8))
    return Task(rng.binomial(1, p).astype(float), 2, "binomial", 1, labels)


def classes(seed: int) -> Task:
    """Latent classes, 3 or 4, of ten yes/no items."""
    rng = np.random.default_rng(seed)
    K = int(rng.integers(3, 5))
    labels = rng.integers(K, size=1500)
    p = rng.uniform(0.1, 0.9, size=(K, 10))
    return Task(rng.binomial(1, p[labels]).astype(float), K, "binomial", 1, labels)


def counts(seed: int) -> Task:
    """Successes out of twenty, in 1 to 3 columns."""
    rng = np.random.default_rng(seed)
    K, m = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    labels = rng.choice(K, p=rng.dirichlet(np.full(K, 3.0)), size=800)
    p = rng.uniform(0.05, 0.95, size=(K, m))
    return Task(rng.binomial(20, p[labels]).astype(float), K, "binomial", 20, labels)


def ordinal(seed: int) -> Task:
    """Six items from 0 to 4, as successes out of four."""
    rng = np.random.default_rng(seed)
    K = int(rng.integers(2, 4))
    labels = rng.integers(K, size=600)
    means = rng.uniform(0.5, 3.5, size=(K, 6))
    X = np.clip(np.round(means[labels] + 0.9 * rng.normal(size=(600, 6))), 0, 4)
    return Task(X, K, "binomial", 4, labels)


def real(seed: int) -> Task:
    """Data sets of scikit-learn."""
    which = seed % 4
    if which == 0:
        return Task(PCA(20, random_state=0).fit_transform(load_digits().data), 10)
    load = (load_iris, load_wine, load_breast_cancer)[which - 1]
    X = load().data
    return Task(X, 3 if which < 3 else 2, "full" if which == 1 else "diag")


KINDS: dict[str, Callable[[int], Task]] = {
    "nested": nested,
    "nested in clusters": nested_in_clusters,
    "peak in a background": background,
    "peaks in a background": peaks,
    "heavy-tailed": heavy_tailed,
    "a rare class": rare,
    "unequal sizes": unequal,
    "rounded": rounded,
    "correlated": correlated,
    "one feature": one_feature,
    "one feature, closer": partial(one_feature, gaps=(1, 6)),
    "20 components": twenty_components,
    "20 components, closer": partial(twenty_components, apart=14),
    "20 features": twenty_features,
    "20 features, closer": partial(twenty_features, apart=5),
    "50 features": fifty_features,
    "50 features, closer": partial(fifty_features, apart=6),
    "moderate": moderate,
    "overlapping": overlap,
    "tied": _of_structure("tied"),
    "diag": _of_structure("diag"),
    "spherical": _of_structure("spherical"),
    "incomplete": incomplete,
    "panels": panels,
    "yes/no, rare class": items,
    "yes/no, classes": classes,
    "counts": counts,
    "ordinal": ordinal,
    "real": real,
}
