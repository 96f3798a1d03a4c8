"""Which optimum a fit of a hidden Markov model finds by itself, and how long it takes to.

Chains are simulated, of 2 to 6 states that overlap and last differently; and real. The best known
is the best of many starts, from the truth among them. Times are of the processor. E/M steps are
those of whole fits, of all starts that are tried.
"""

import itertools
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_least
from skem import GaussianHMM, PoissonHMM
from skem.datasets import load_earthquakes, load_old_faithful
from skem.mixture.hidden_chain import HiddenChain

#: As good as the best that any fit found, in nats in total.
NEAR = 0.01
N_CHAINS, N_LONG_CHAINS, SEEDS_OF_DATA = 40, 8, 5
#: Rows of the long chains.
LONG = 10_000
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


def simulated(seed: int, n_rows: int = 0) -> Task:
    """Return a chain of 2 to 6 states and 1 to 5 features; every fourth is of counts."""
    rng = np.random.default_rng(seed)
    K, d, n = 2 + seed % 5, 1 + seed // 5 % 5, int(rng.integers(1000, 3000))
    n = n_rows or n
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


class Outcome(NamedTuple):
    """What a fit came to: total log-likelihood, processor's time and E/M steps."""

    total: float
    seconds: float
    steps: int


@contextmanager
def counted(steps: list[int]) -> Iterator[None]:
    """Append the number of E/M steps over chains that skem takes meanwhile."""
    evaluate = HiddenChain.evaluate
    calls = itertools.count()

    def counting(model: HiddenChain, params: Any) -> Any:
        next(calls)
        return evaluate(model, params)

    with mock.patch.object(HiddenChain, "evaluate", counting):
        yield
    steps.append(next(calls))


def outcome(fit: Callable[[], Any], X: Any) -> Outcome:
    """Fit by skem or hmmlearn, and return what came of it."""
    steps: list[int] = []
    began = time.process_time()
    try:
        with counted(steps):
            model = fit()
    except ValueError:  # a state of hmmlearn that has collapsed
        return Outcome(-np.inf, time.process_time() - began, 0)
    seconds, total = time.process_time() - began, float(model.score(X))
    if hasattr(model, "monitor_"):
        return Outcome(total, seconds, model.monitor_.iter)
    return Outcome(total * len(X), seconds, steps[0])


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
        self.spent: dict[str, list[Outcome]] = {}
        self.missed: list[str] = []

    def add(self, task: Task, seed: int, best: float) -> None:
        """Fit a task by each contender; the best known may be bettered."""
        ours = outcome(partial(of_skem, task, seed), task.X)
        best = max(best, ours.total)
        self._note("skem", best, [ours])
        if best - ours.total >= NEAR:
            short = best - ours.total
            self.missed.append(f"{task.name} K={task.K} seed {seed} by {short:.2g}")
        if not self.has_peer:
            return
        theirs: list[Outcome] = []
        for n in range(MOST_STARTS):
            theirs.append(outcome(partial(of_hmmlearn, task, seed + 100 * n), task.X))
            if best - theirs[-1].total < NEAR:
                break
        self._note(ONCE, best, theirs[:1])
        self._note(FAST, best, theirs)

    def _note(self, name: str, best: float, outcomes: list[Outcome]) -> None:
        self.found.setdefault(name, []).append(best - outcomes[-1].total < NEAR)
        self.spent.setdefault(name, []).extend(outcomes)

    def rows(self, case: str) -> list[Row]:
        """Return the rows of the table."""
        rows = []
        for name, found in self.found.items():
            n, note = len(found), "; ".join(self.missed) if name == "skem" else ""
            goal = at_least(sum(found), np.ceil(0.95 * n), f"of {n}") if name == "skem" else {}
            rows.append(Row(f"{case}: found", name, sum(found), f"of {n}", note=note, **goal))
        all_seconds = {name: sum(one.seconds for one in all) for name, all in self.spent.items()}
        for name, seconds in all_seconds.items():
            ratio = None if name == "skem" else seconds / all_seconds["skem"]
            goal = at_least(ratio, 5) if name == FAST and ratio else {}
            steps = sum(one.steps for one in self.spent[name])
            case_of_time = f"{case}: time of all"
            rows.append(
                Row(case_of_time, name, seconds, "s", ratio=ratio, evaluations=steps, **goal)
            )
        return rows


def table(settings: Settings, machine: Machine) -> Table:
    """Fit all chains by default."""
    result = Table("The right optimum of hidden Markov models by default")
    has_peer = find_spec("hmmlearn") is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n_rows, n_chains in ((0, N_CHAINS), (settings.size(LONG), N_LONG_CHAINS)):
            study = Study(has_peer)
            for seed in range(settings.few(n_chains, 1)):
                task = simulated(seed, n_rows)
                study.add(task, seed, best_known(task))
            result.rows += study.rows(f"simulated, {n_rows:,} rows" if n_rows else "simulated")
        for task in settings.some(real()):
            study = Study(has_peer)
            best = best_known(task)
            for seed in range(settings.few(SEEDS_OF_DATA, 1)):
                study.add(task, seed, best)
            result.rows += study.rows(task.name)
    return result
