"""Which optimum a fit of a hidden Markov model finds by itself, and how long it takes to.

Chains are simulated, of 2 to 6 states that overlap and last differently; and real. The best known
is the best of many starts, from the truth among them. Times are of the processor.
"""

import logging
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_least
from skem import GaussianHMM, PoissonHMM
from skem.datasets import load_earthquakes, load_old_faithful

#: As good as the best that any fit found, in nats in total.
NEAR = 0.01
N_CHAINS, SEEDS_OF_DATA = 40, 5
#: Starts of hmmlearn until it has found the same optimum, at most.
MOST_STARTS = 5
FAST = "hmmlearn, starts until it finds it"
ONCE = "hmmlearn, one start"


class Task(NamedTuple):
    """What is to be fitted, and where to start from the truth."""

    name: str
    X: Any
    K: int
    counts: bool
    truth: dict[str, Any]
    covariance: str = "diag"


def simulated(seed: int) -> Task:
    """Return a chain of 2 to 6 states and 1 to 5 features; every fourth is of counts."""
    rng = np.random.default_rng(seed)
    K, d, n = 2 + seed % 5, 1 + seed // 5 % 5, int(rng.integers(1000, 3000))
    counts, covariance = seed % 4 == 3, ("diag", "full")[seed % 2]
    stay = rng.uniform(0.6, 0.98, K)
    A = rng.dirichlet(np.ones(K), K)
    np.fill_diagonal(A, 0.0)
    A *= ((1 - stay) / A.sum(axis=1))[:, np.newaxis]
    np.fill_diagonal(A, stay)
    states = np.zeros(n, dtype=int)
    for t in range(1, n):
        states[t] = rng.choice(K, p=A[states[t - 1]] / A[states[t - 1]].sum())
    truth = {"startprob": np.full(K, 1 / K), "transmat": A}
    if counts:
        rates = np.exp(rng.normal(1.5, 0.7, (K, d)))
        return Task("counts", rng.poisson(rates[states]), K, True, {**truth, "rates": rates})
    means, scales = rng.normal(0, 2.0, (K, d)), rng.uniform(0.5, 1.5, (K, d))
    X = means[states] + scales[states] * rng.normal(size=(n, d))
    covariances = scales**2 if covariance == "diag" else np.array([np.diag(s**2) for s in scales])
    truth |= {"means": means, "covariances": covariances}
    return Task("measurements", X, K, False, truth, covariance)


def real() -> list[Task]:
    """Return the data sets that R's depmixS4 was run on."""
    quakes, faithful = load_earthquakes().data, load_old_faithful().data
    tasks = [Task(f"earthquakes, {K} states", quakes, K, True, {}) for K in (2, 3, 4)]
    return tasks + [Task(f"Old Faithful, {K} states", faithful, K, False, {}) for K in (2, 3)]


def of_skem(task: Task, seed: int = 0, **options: Any) -> Any:
    """Return skem's fit."""
    if task.counts:
        return PoissonHMM(task.K, random_state=seed, **options).fit(task.X)
    options = {"covariance_type": task.covariance, **options}
    return GaussianHMM(task.K, random_state=seed, **options).fit(task.X)


def of_hmmlearn(task: Task, seed: int) -> Any:
    """Return hmmlearn's fit from one start, to a tolerance that tells optima apart."""
    from hmmlearn import hmm

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)

    options = {"n_iter": 1000, "tol": 1e-6, "random_state": seed}
    if task.counts:
        model = hmm.PoissonHMM(task.K, **options)
    else:
        priors = {"covars_prior": 0.0, "covars_weight": 0.0, "min_covar": 1e-6}
        model = hmm.GaussianHMM(task.K, task.covariance, **priors, **options)
    return model.fit(task.X)


def timed(fit: Callable[[], Any], X: Any, is_mean: bool) -> tuple[float, float]:
    """Return the total log-likelihood of a fit, and its time."""
    began = time.process_time()
    try:
        model = fit()
    except ValueError:  # a state of hmmlearn that has collapsed
        return -np.inf, time.process_time() - began
    seconds = time.process_time() - began
    return float(model.score(X)) * (len(X) if is_mean else 1), seconds


def best_known(task: Task) -> float:
    """Return the best sound fit of many starts, and from the truth."""
    fits = [of_skem(task, 1000, n_init=12)]
    if task.truth:
        fits.append(of_skem(task, **{f"{name}_init": v for name, v in task.truth.items()}))
    fits = [fit for fit in fits if any(each.spurious is None for each in fit.restarts_)]
    return max(float(fit.score(task.X)) for fit in fits) * len(task.X)


class Study:
    """What contenders came to, on the same tasks."""

    def __init__(self, has_peer: bool) -> None:
        self.has_peer = has_peer
        self.found: dict[str, list[bool]] = {}
        self.seconds: dict[str, float] = {}
        self.missed: list[str] = []

    def add(self, task: Task, seed: int, best: float) -> None:
        """Fit a task by each contender; the best known may be bettered."""
        total, seconds = timed(partial(of_skem, task, seed), task.X, True)
        best = max(best, total)
        self._note("skem", best - total < NEAR, seconds)
        if best - total >= NEAR:
            self.missed.append(f"{task.name} K={task.K} seed {seed} by {best - total:.2g}")
        if not self.has_peer:
            return
        spent, is_found = 0.0, False
        for n in range(MOST_STARTS):
            total, seconds = timed(partial(of_hmmlearn, task, seed + 100 * n), task.X, False)
            is_found, spent = best - total < NEAR, spent + seconds
            if not n:
                self._note(ONCE, is_found, seconds)
            if is_found:
                break
        self._note(FAST, is_found, spent)

    def _note(self, name: str, is_found: bool, seconds: float) -> None:
        self.found.setdefault(name, []).append(is_found)
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def rows(self, case: str) -> list[Row]:
        """Return the rows of the table."""
        rows = []
        for name, found in self.found.items():
            n, note = len(found), "; ".join(self.missed) if name == "skem" else ""
            goal = at_least(sum(found), np.ceil(0.95 * n), f"of {n}") if name == "skem" else {}
            rows.append(Row(f"{case}: found", name, sum(found), f"of {n}", note=note, **goal))
        for name, seconds in self.seconds.items():
            ratio = None if name == "skem" else seconds / self.seconds["skem"]
            goal = at_least(ratio, 5) if name == FAST and ratio else {}
            rows.append(Row(f"{case}: time of all", name, seconds, "s", ratio=ratio, **goal))
        return rows


def table(settings: Settings, machine: Machine) -> Table:
    """Fit all chains by default."""
    result = Table("The right optimum of hidden Markov models by default")
    has_peer = find_spec("hmmlearn") is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = Study(has_peer)
        for seed in range(settings.few(N_CHAINS, 1)):
            task = simulated(seed)
            study.add(task, seed, best_known(task))
        result.rows += study.rows("simulated")
        for task in settings.some(real()):
            study = Study(has_peer)
            best = best_known(task)
            for seed in range(settings.few(SEEDS_OF_DATA, 1)):
                study.add(task, seed, best)
            result.rows += study.rows(task.name)
    return result
