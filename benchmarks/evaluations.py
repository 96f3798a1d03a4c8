"""How many E/M evaluations a fit needs: plain EM, and accelerated."""

import statistics
import warnings
from typing import Any

import numpy as np

from benchmarks.data import clusters, overlapping
from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_least, at_most
from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony

#: Starts and optima of the Saxony families, and in how many evaluations to get there.
SAXONY = {
    2: ([0.5, 0.5], [[0.4], [0.6]], -12492.406220, 60),
    3: ([0.3, 0.4, 0.3], [[0.3], [0.5], [0.7]], -12490.800116, 400),
}
#: In nats: all rows together, and per row.
NEAR, NEAR_PER_ROW = 1e-4, 1e-6
#: Tolerance of runs that are meant to reach their optimum.
EXHAUSTIVE = 1e-12
KINDS = {"accelerated": "quasi-newton", "plain EM": None}


def table(settings: Settings, machine: Machine) -> Table:
    """Count evaluations from the same starts."""
    result = Table("E/M evaluations to come near the optimum")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result.rows = [*_saxony(settings), *_old_faithful(settings), *_overlapping(settings)]
    return result


def trace(estimator: Any, X: np.ndarray, **fit: Any) -> np.ndarray:
    """Fit, and return the mean log-likelihood at each evaluation and at the end."""
    estimator.fit(X, **fit)
    return np.array(estimator.lower_bounds_)


def evaluations(trace: np.ndarray, level: float) -> float:
    """Return at which evaluation a trace is first at a level; inf if never."""
    above = trace >= level
    return float(above.argmax() + 1) if above.any() else np.inf


def _saxony(settings: Settings) -> list[Row]:
    saxony = load_saxony()
    X, families = saxony.data, saxony.sample_weight
    rows = []
    for K, (weights, p, optimum, most) in SAXONY.items():
        needed = {}
        for name, acceleration in KINDS.items():
            fit = BinomialMixture(
                K,
                weights_init=weights,
                probabilities_init=p,
                acceleration=acceleration,
                tol=EXHAUSTIVE,
                max_iter=settings.few(20_000, 100),
            )
            values = trace(fit, X, sample_weight=families) * np.sum(families)
            needed[name] = evaluations(values, optimum - NEAR)
        rows += _rows(
            f"Saxony, K={K}", needed, **at_most(needed["accelerated"], most, "evaluations")
        )
    return rows


def _old_faithful(settings: Settings) -> list[Row]:
    X = load_old_faithful().data
    traces = {
        name: trace(_gaussian(3, clusters(X, 3), acceleration, settings), X)
        for name, acceleration in KINDS.items()
    }
    optimum = traces["plain EM"][-1]
    needed = {name: evaluations(each, optimum - NEAR / len(X)) for name, each in traces.items()}
    share = needed["plain EM"] / needed["accelerated"]
    return _rows("Old Faithful, full, K=3, from k-means", needed, plain=at_least(share, 3))


def _overlapping(settings: Settings) -> list[Row]:
    ratios, plain, worse, n_better = [], [], [], 0
    for seed in range(settings.few(60, 2)):
        X, _, K = overlapping(seed)
        X = X[:: settings.few(1, 10)]
        labels = clusters(X, K)
        ends, needed = {}, {}
        for name, acceleration in KINDS.items():
            values = trace(_gaussian(K, labels, acceleration, settings), X)
            ends[name] = values[-1]
            needed[name] = evaluations(values, values[-1] - NEAR_PER_ROW)
        ratios.append(needed["plain EM"] / needed["accelerated"])
        plain.append(needed["plain EM"])
        if ends["accelerated"] < ends["plain EM"] - NEAR_PER_ROW:
            loss = ends["plain EM"] - ends["accelerated"]
            worse.append(f"seed {seed} by {loss:.2g} nats per row")
        n_better += ends["accelerated"] > ends["plain EM"] + NEAR_PER_ROW
    n, ratio = len(ratios), statistics.median(ratios)
    case, slow = f"{n} overlapping mixtures, full", sum(count >= 100 for count in plain)
    note = f"plain EM: median {statistics.median(plain):g}, at least 100 in {slow} of {n}"
    enough = -(-95 * n // 100)
    return [
        Row(f"{case}: median ratio", "accelerated", ratio, "x", note=note, **at_least(ratio, 4)),
        Row(
            f"{case}: optimum no worse than plain EM's",
            "accelerated",
            n - len(worse),
            f"of {n}",
            note=f"{'; '.join(worse) or 'no exceptions'}; better in {n_better}",
            **at_least(n - len(worse), enough, f"of {n}"),
        ),
    ]


def _gaussian(K: int, labels: np.ndarray, acceleration: str | None, settings: Settings) -> Any:
    return GaussianMixtureEM(
        K,
        init_params=labels,
        acceleration=acceleration,
        tol=EXHAUSTIVE,
        max_iter=settings.few(20_000, 100),
    )


def _rows(
    case: str, needed: dict[str, float], plain: dict[str, Any] | None = None, **accelerated: Any
) -> list[Row]:
    ratio = needed["plain EM"] / needed["accelerated"]
    return [
        Row(case, "accelerated", needed["accelerated"], "evaluations", **accelerated),
        Row(case, "plain EM", needed["plain EM"], "evaluations", ratio=ratio, **(plain or {})),
    ]
