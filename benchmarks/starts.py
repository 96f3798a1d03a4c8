"""Which optimum a fit finds by itself, and how long it takes to."""

import time
import warnings
from typing import Any

from sklearn.mixture import GaussianMixture

from benchmarks.data import mixture
from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_least
from skem import GaussianMixtureEM
from skem.datasets import load_old_faithful

#: As good as the optimum, in nats per row.
NEAR = 1e-4
#: The best of Old Faithful's optima with three full components.
OLD_FAITHFUL = -1114.44
TENTH = "scikit-learn, n_init=10, tol=1e-6"


def table(settings: Settings, machine: Machine) -> Table:
    """Fit simulated mixtures, and compare with where EM goes from the truth."""
    result = Table("The right optimum by default")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result.rows = [*_simulated(settings), *_old_faithful()]
    return result


def _contenders(K: int, seed: int, max_iter: int = 1000) -> dict[str, Any]:
    return {
        "skem": GaussianMixtureEM(K, random_state=seed),
        "scikit-learn": GaussianMixture(K, random_state=seed),
        TENTH: GaussianMixture(K, n_init=10, tol=1e-6, max_iter=max_iter, random_state=seed),
    }


def _simulated(settings: Settings) -> list[Row]:
    n = settings.few(40, 2)
    missed: dict[str, list[int]] = {name: [] for name in _contenders(2, 0)}
    seconds = dict.fromkeys(missed, 0.0)
    for seed in range(n):
        X, labels, K = mixture(seed)
        X, labels = X[:: settings.few(1, 10)], labels[:: settings.few(1, 10)]
        truth = GaussianMixtureEM(K, init_params=labels, tol=1e-9, max_iter=10_000).fit(X)
        for name, estimator in _contenders(K, seed, settings.few(1000, 10)).items():
            started = time.perf_counter()
            estimator.fit(X)
            seconds[name] += time.perf_counter() - started
            if estimator.score(X) < truth.score(X) - NEAR:
                missed[name].append(seed)
    rows, case = [], f"{n} simulated mixtures"
    for name, seeds in missed.items():
        found = n - len(seeds)
        goal = at_least(found, max(1, n * 39 // 40), f"of {n}") if name == "skem" else {}
        note = f"missed with seeds {', '.join(map(str, seeds))}" if seeds else ""
        rows.append(Row(f"{case}: found", name, found, f"of {n}", note=note, **goal))
    for name, total in seconds.items():
        ratio = None if name == "skem" else total / seconds["skem"]
        goal = at_least(ratio, 1) if name == "scikit-learn" and ratio else {}
        rows.append(Row(f"{case}: time of all fits", name, total, "s", ratio=ratio, **goal))
    return rows


def _old_faithful() -> list[Row]:
    X = load_old_faithful().data
    rows = []
    for name, estimator in _contenders(3, 0).items():
        total = estimator.fit(X).score(X) * len(X)
        goal = {"goal": f"{OLD_FAITHFUL}", "met": total >= OLD_FAITHFUL - 0.005}
        more = goal if name == "skem" else {}
        rows.append(Row("Old Faithful, full, K=3: log-likelihood", name, total, "nats", **more))
    return rows
