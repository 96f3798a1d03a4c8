"""Small data, where overhead is everything: one fit, and a search by cross-validation."""

import statistics
import time
import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV

from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_least, at_most
from skem import GaussianMixtureEM
from skem.datasets import load_old_faithful

CONTENDERS = {"skem": GaussianMixtureEM, "scikit-learn": GaussianMixture}
#: The same, and scikit-learn's when it does not stop at a small step.
SEARCHED = {
    **{name: Estimator(random_state=0) for name, Estimator in CONTENDERS.items()},
    "scikit-learn, tol=1e-6": GaussianMixture(tol=1e-6, max_iter=1000, random_state=0),
}
TYPES = ["full", "tied", "diag", "spherical"]


def table(settings: Settings, machine: Machine) -> Table:
    """Fit and search Old Faithful, in turn with scikit-learn."""
    X = load_old_faithful().data
    return Table("Small data: Old Faithful", [*_fit(X, settings), *_search(X, settings)])


def _fit(X: Any, settings: Settings) -> list[Row]:
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(settings.few(100, 3)):
        for name, Estimator in CONTENDERS.items():
            started = time.perf_counter()
            Estimator(2, random_state=0).fit(X)
            seconds[name].append(1e3 * (time.perf_counter() - started))
    ratio = min(seconds["scikit-learn"]) / min(seconds["skem"])
    more = {"skem": {}, "scikit-learn": {"ratio": ratio, **at_least(ratio, 5)}}
    return [
        Row("fit, K=2", name, min(each), "ms", statistics.median(each), **more[name])
        for name, each in seconds.items()
    ]


def _search(X: Any, settings: Settings) -> list[Row]:
    values = list(range(1, settings.few(8, 2) + 1))
    grid = {"n_components": values, "covariance_type": TYPES}
    n_fits = 5 * len(values) * len(TYPES)
    seconds, unfinished = {}, {}
    for name, estimator in SEARCHED.items():
        search = GridSearchCV(estimator, grid, cv=5, refit=False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            started = time.perf_counter()
            search.fit(X)
            seconds[name] = time.perf_counter() - started
        unfinished[name] = sum(issubclass(each.category, ConvergenceWarning) for each in caught)
    case = f"GridSearchCV, {n_fits} fits"
    rows = [Row(case, "skem", seconds["skem"], "s")]
    for name, each in list(seconds.items())[1:]:
        ratio = each / seconds["skem"]
        goal = at_least(ratio, 4) if name == "scikit-learn" else {}
        rows.append(Row(case, name, each, "s", ratio=ratio, **goal))
    for name, n in unfinished.items():
        goal = at_most(n, 0) if name == "skem" else {}
        rows.append(Row(f"{case}: not converged", name, n, "", **goal))
    return rows
