"""Which optimum a fit finds by itself on data as users have them, and how long it takes to."""

import time
import warnings
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture

from benchmarks.everyday import KINDS, Task
from benchmarks.machine import Machine
from benchmarks.mclust import Mclust
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_least
from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful

#: As good as the best that any fit found, in nats per row.
NEAR = 1e-4
#: What a run that stops early may lack beside that, as scikit-learn's default does.
CLOSE = 1e-3
#: The best of Old Faithful's optima with three full components.
OLD_FAITHFUL = -1114.44
SKEM, SKLEARN = "skem", "scikit-learn"
TENTH = "scikit-learn, n_init=10, tol=1e-6"
MCLUST, CONVERGED = "mclust", "mclust, tol=1e-8"


def table(settings: Settings, machine: Machine) -> Table:
    """Fit data of each kind, and compare with the best that any of many starts finds."""
    result = Table("The right optimum by default")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in list(KINDS)[: settings.few(len(KINDS), 2)]:
            result.rows += _of_kind(settings, kind, settings.few(20, 1))
        result.rows += _old_faithful(settings)
        if reason := settings.lacks("mclust"):
            result.rows.append(Row("all kinds", MCLUST, None, note=reason))
    return result


def _estimator(task: Task, **options: Any) -> Any:
    if task.structure == "binomial":
        return BinomialMixture(task.K, n_trials=task.n_trials, **options)
    return GaussianMixtureEM(task.K, covariance_type=task.structure, **options)


def _contenders(settings: Settings, task: Task, seed: int) -> dict[str, Any]:
    contenders = {SKEM: _estimator(task, random_state=seed)}
    if task.structure != "binomial" and not np.isnan(task.X).any():
        options = {"covariance_type": task.structure, "random_state": seed}
        contenders[SKLEARN] = GaussianMixture(task.K, **options)
        contenders[TENTH] = GaussianMixture(task.K, n_init=10, tol=1e-6, max_iter=1000, **options)
        if not settings.lacks("mclust"):
            contenders[MCLUST] = Mclust(settings, task.K, task.structure)
            contenders[CONVERGED] = Mclust(settings, task.K, task.structure, tol=1e-8)
    return contenders


def _best_known(task: Task, seed: int, contenders: dict[str, Any]) -> float:
    """Return the best sound fit: of ten default starts, from the truth, or from the peers'."""
    fits = [_estimator(task, n_init=10, random_state=seed + 1000).fit(task.X), contenders[SKEM]]
    peers = [each for name, each in contenders.items() if name != SKEM]
    starts = [each.predict_proba(task.X) for each in peers if each.score(task.X) > -np.inf]
    if task.labels is not None:
        starts.append(task.labels)
    fits += [_estimator(task, init_params=start).fit(task.X) for start in starts]
    sound = [fit for fit in fits if any(each.spurious is None for each in fit.restarts_)]
    return max((fit.score(task.X) for fit in sound), default=-np.inf)


def _of_kind(settings: Settings, kind: str, n: int) -> list[Row]:
    scores: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    best: list[float] = []
    for seed in range(n):
        task = KINDS[kind](seed)
        contenders = _contenders(settings, task, seed)
        for name, estimator in contenders.items():
            started = time.process_time()
            estimator.fit(task.X)
            took = getattr(estimator, "seconds", time.process_time() - started)
            seconds[name] = seconds.get(name, 0.0) + took
            scores.setdefault(name, []).append(estimator.score(task.X))
        best.append(_best_known(task, seed, contenders))
    rows = []
    for name, values in scores.items():
        shortfalls = np.array(best) - values
        found = int((shortfalls < NEAR).sum())
        missed = ", ".join(map(str, np.flatnonzero(shortfalls >= NEAR)))
        close = f"within {CLOSE:g} in {(shortfalls < CLOSE).sum()}"
        note = f"seeds {missed} missed, by up to {shortfalls.max():.2g} nats a row; {close}"
        note = note if missed else ""
        if spurious := int((shortfalls < -CLOSE).sum()):
            note += f"; {spurious} above it, which no sound fit is"
        rows.append(
            Row(
                f"{kind}: found",
                name,
                found,
                f"of {n}",
                note=note,
                **(at_least(found, int(np.ceil(0.98 * n)), f"of {n}") if name == SKEM else {}),
            )
        )
    for name, total in seconds.items():
        ratio = None if name == SKEM else total / seconds[SKEM]
        large = len(task.X) >= 2000
        goal = at_least(ratio, 1 if large else 2 / 3) if name == SKLEARN and ratio else {}
        rows.append(
            Row(f"{kind}: processor's time of all fits", name, total, "s", ratio=ratio, **goal)
        )
    return rows


def _old_faithful(settings: Settings) -> list[Row]:
    X = load_old_faithful().data
    rows = []
    for name, estimator in _contenders(settings, Task(X, 3), 0).items():
        total = estimator.fit(X).score(X) * len(X)
        goal = {"goal": f"{OLD_FAITHFUL}", "met": total >= OLD_FAITHFUL - 0.005}
        more = goal if name == SKEM else {}
        rows.append(Row("Old Faithful, full, K=3: log-likelihood", name, total, "nats", **more))
    return rows
