"""What one source tree of skem takes, finds and needs: figures, asked for by name.

The first line that it prints says what it can measure: kind, name and unit of each figure. Then
it reads the place of one in that list from each line, and prints the figure. All on one thread.
"""

import json
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from data import clusters, gaussian, mixture, overlapping
from threadpoolctl import threadpool_limits

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony

STRUCTURES = ("full", "tied", "diag", "spherical")
Data = Callable[[], tuple[np.ndarray, np.ndarray]]


@cache
def old_faithful() -> tuple[np.ndarray, np.ndarray]:
    """Return Old Faithful, and clusters to start from."""
    X = load_old_faithful().data
    return X, clusters(X, 3)


@cache
def even(n: int, d: int, K: int) -> tuple[np.ndarray, np.ndarray]:
    """Return well-conditioned clusters, and labels to start from."""
    X, start = gaussian(n, d, K)
    nearest = (X @ start.means.T - (start.means**2).sum(axis=1) / 2).argmax(axis=1)
    return X, nearest


@cache
def correlated(n: int, d: int, K: int) -> tuple[np.ndarray, np.ndarray]:
    """Return clusters whose features random matrices mix, some nearly flat, and their labels."""
    rng = np.random.default_rng(3)
    labels = rng.integers(K, size=n)
    X = 3 * rng.normal(size=(K, d))[labels] / np.sqrt(2 * d)
    for k, mixing in enumerate(rng.normal(size=(K, d, d))):
        X[labels == k] += rng.normal(size=(np.sum(labels == k), d)) @ mixing
    return X, labels


def of_evaluation(data: Data, repeats: int, many: int, structure: str, **options: Any) -> float:
    """Time an evaluation: the difference of many and few, over their number; milliseconds."""
    X, labels = data()
    least, counts = [np.inf, np.inf], [0, 0]
    options = {"acceleration": None, **options}
    for _ in range(repeats):
        for i, n in enumerate((2, many)):
            fit = GaussianMixtureEM(
                labels.max() + 1,
                covariance_type=structure,
                init_params=labels,
                max_iter=n,
                **options,
            )
            started = time.process_time()
            fit.fit(X)
            least[i] = min(least[i], 1e3 * (time.process_time() - started))
            counts[i] = fit.n_iter_
    return (least[1] - least[0]) / (counts[1] - counts[0])


def of_scoring(method: str) -> float:
    """Time a method on 200,000 x 10, K=10; milliseconds."""
    X, labels = even(200_000, 10, 10)
    fit = GaussianMixtureEM(10, init_params=labels, max_iter=1).fit(X)
    started = time.process_time()
    getattr(fit, method)(X)
    return 1e3 * (time.process_time() - started)


def of_fits(K: int, repeats: int) -> float:
    """Time a default fit of Old Faithful; milliseconds."""
    X, _ = old_faithful()
    least = np.inf
    for seed in range(repeats):
        started = time.process_time()
        GaussianMixtureEM(K, random_state=seed % 4).fit(X)
        least = min(least, time.process_time() - started)
    return 1e3 * least


def default_fits() -> tuple[float, float]:
    """Fit ten mixtures by default; return seconds, and the mean score."""
    seconds, scores = 0.0, []
    for seed in range(10):
        X, _, K = mixture(seed)
        started = time.process_time()
        fit = GaussianMixtureEM(K, random_state=seed).fit(X)
        seconds += time.process_time() - started
        scores.append(fit.score(X))
    return seconds, float(np.mean(scores))


def nested() -> float:
    """Return the mean score of default fits to one component inside another, twelve times."""
    scores = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = np.r_[rng.normal(0, 2.4, (300, 1)), rng.normal(0, 1, (700, 1))]
        scores.append(GaussianMixtureEM(2, random_state=seed).fit(X).score(X))
    return float(np.mean(scores))


def of_old_faithful() -> float:
    """Return the log-likelihood of a default fit of three full components to Old Faithful."""
    X, _ = old_faithful()
    return GaussianMixtureEM(3, random_state=0).fit(X).score(X) * len(X)


def saxony(weights: list[float], probabilities: list[float]) -> int:
    """Count the evaluations of a fit of the Saxony families."""
    data, p = load_saxony(), np.array(probabilities)[:, np.newaxis]
    fit = BinomialMixture(len(p), weights_init=weights, probabilities_init=p)
    return fit.fit(data.data, sample_weight=data.sample_weight).n_iter_


def from_clusters() -> int:
    """Count the evaluations of a fit of Old Faithful with three full components."""
    X, labels = old_faithful()
    return GaussianMixtureEM(3, init_params=labels).fit(X).n_iter_


def of_overlapping() -> float:
    """Return the median number of evaluations of fits to mixtures that overlap."""
    counts = []
    for seed in range(20):
        X, _, K = overlapping(seed)
        counts.append(GaussianMixtureEM(K, init_params=clusters(X, K)).fit(X).n_iter_)
    return float(np.median(counts))


def memory() -> float:
    """Return the peak of what numpy allocates in a fit of 200,000 x 10, K=10; megabytes."""
    X, labels = even(200_000, 10, 10)
    tracemalloc.start()
    GaussianMixtureEM(10, init_params=labels, max_iter=3).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def bits() -> int:
    """Count the numbers that differ between one thread and two, of 200,000 x 10, K=10."""
    X, labels = even(200_000, 10, 10)
    ends = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            fit = GaussianMixtureEM(10, init_params=labels, max_iter=5).fit(X)
        ends.append(np.concatenate([fit.means_.ravel(), fit.covariances_.ravel()]))
    return int(np.sum(ends[0] != ends[1]))


#: What takes time, and its unit.
TIMES: dict[str, tuple[Callable[[], float], str]] = {
    **{
        f"an evaluation, Old Faithful, K=3, {structure}": (
            partial(of_evaluation, old_faithful, 20, 40, structure),
            "ms",
        )
        for structure in STRUCTURES
    },
    "the same, full, accelerated": (
        partial(of_evaluation, old_faithful, 20, 30, "full", acceleration="quasi-newton"),
        "ms",
    ),
    **{
        f"an evaluation, {n:,} x {d}, K={K}, {structure}": (
            partial(of_evaluation, partial(even, n, d, K), 2, 12, structure),
            "ms",
        )
        for n, d, K, structure in (
            (1_000_000, 2, 3, "full"),
            (200_000, 10, 10, "full"),
            (200_000, 10, 10, "diag"),
            (20_000, 100, 20, "full"),
        )
    },
    "an evaluation, correlated 200,000 x 10, K=10, full": (
        partial(of_evaluation, partial(correlated, 200_000, 10, 10), 2, 12, "full"),
        "ms",
    ),
    **{
        f"{method}, 200,000 x 10, K=10": (partial(of_scoring, method), "ms")
        for method in ("score_samples", "predict", "predict_proba")
    },
    **{
        f"a default fit, Old Faithful, K={K}, full": (partial(of_fits, K, 8), "ms")
        for K in (2, 3, 5)
    },
    "ten default fits, 1,500 to 4,000 rows": (lambda: default_fits()[0], "s"),
}

#: What is the same each time.
FIGURES: dict[str, tuple[Callable[[], float], str]] = {
    "their mean log-likelihood": (lambda: default_fits()[1], "nats a row"),
    "one component inside another: mean log-likelihood": (nested, "nats a row"),
    "log-likelihood of a default fit, Old Faithful, K=3, full": (of_old_faithful, "nats"),
    "evaluations, Saxony, K=2": (partial(saxony, [0.5, 0.5], [0.4, 0.6]), ""),
    "evaluations, Saxony, K=3": (partial(saxony, [0.3, 0.4, 0.3], [0.3, 0.5, 0.7]), ""),
    "evaluations, Old Faithful, K=3, from k-means": (from_clusters, ""),
    "evaluations, 20 mixtures that overlap: median": (of_overlapping, ""),
    "peak memory beyond X, 200,000 x 10, K=10": (memory, "MB"),
    "numbers that differ between one thread and two, of 1,100": (bits, ""),
}


def main() -> None:
    """Measure what is asked for, with the skem that is imported here."""
    warnings.simplefilter("ignore")  # that few evaluations are no convergence
    kinds = [("time", TIMES), ("figure", FIGURES)]
    known = [(kind, name, *each) for kind, of in kinds for name, each in of.items()]
    print(json.dumps([(kind, name, unit) for kind, name, _, unit in known]), flush=True)
    with threadpool_limits(1):
        for line in sys.stdin:
            print(json.dumps(known[int(line)][2]()), flush=True)


main()
