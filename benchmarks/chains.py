"""Whole Baum-Welch iterations of skem beside hmmlearn's, in its two implementations.

Both start from the same parameters and make the same number of EM steps, by turns in one process;
the time of a step is that of many less that of one, over their number. Times are of the processor,
so that neither gains from further cores nor loses by what else the machine does; what two threads
gain is told by the clock, from FOR_THREADS rows on. The likeliest path is timed by itself.
"""

import logging
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_least
from skem import CategoricalHMM, GaussianHMM
from skem.chains.lanes import Lanes, ends_of
from skem.chains.viterbi import likeliest_path

__all__ = ["CASES", "Chain", "table"]

SCALING, LOG = "hmmlearn, scaling", "hmmlearn, log (default)"
ONE_THREAD, TWO_THREADS = "skem by the clock, one thread", "skem by the clock, two threads"
TURNS = 5
#: Rows that the steps of one turn pass over together, at most, and steps at most.
ROWS_OF_TURN, MOST_STEPS = 10**6, 200
#: Rows from which threads are timed.
FOR_THREADS = 100_000
#: Rows and states from which hmmlearn's default takes half a minute and more for a turn.
TOO_LONG = 10**6 * 20


class Chain(NamedTuple):
    """What is fitted: rows, features (0 for one column of categories), states, sequences.

    ``goal`` is how many times faster than hmmlearn's scaling an iteration is to be.
    """

    n_rows: int
    n_features: int
    n_states: int
    n_sequences: int = 1
    stay: float = 0.9
    goal: float = 0.0

    def __str__(self) -> str:
        what = f"{self.n_features} features" if self.n_features else "categories"
        if self.n_sequences > 1:
            what += f", {self.n_sequences:,} sequences"
        slow = f", stays {self.stay}" if self.stay > 0.99 else ""
        return f"{self.n_rows:,} rows, {what}, {self.n_states} states{slow}"


CASES = [
    Chain(300, 1, 2),
    Chain(1000, 2, 3),
    Chain(10_000, 1, 2),
    Chain(10_000, 10, 10),
    Chain(100_000, 1, 2, goal=4),
    Chain(100_000, 2, 5, goal=4),
    Chain(100_000, 10, 10, goal=10),
    Chain(100_000, 2, 5, 1000, goal=20),
    Chain(100_000, 2, 5, stay=0.9995, goal=1),
    Chain(100_000, 0, 2, goal=2),
    Chain(100_000, 0, 20, goal=4),
    Chain(1_000_000, 1, 2, goal=4),
    Chain(1_000_000, 2, 5, goal=4),
    Chain(1_000_000, 10, 10, goal=10),
    Chain(1_000_000, 10, 20, goal=10),
    Chain(1_000_000, 0, 20, goal=4),
]


def simulated(case: Chain) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return rows, lengths of sequences and starting values."""
    rng = np.random.default_rng(0)
    K, d = case.n_states, max(case.n_features, 1)
    A = np.full((K, K), (1 - case.stay) / (K - 1))
    np.fill_diagonal(A, case.stay)
    moves = rng.random(case.n_rows) > case.stay
    states = np.cumsum(np.where(moves, rng.integers(1, K, case.n_rows), 0)) % K
    lengths = np.full(case.n_sequences, case.n_rows // case.n_sequences)
    start = {"startprob": np.full(K, 1 / K), "transmat": A}
    if not case.n_features:
        p = rng.dirichlet(np.ones(K), K)
        X = (rng.random((case.n_rows, 1)) > p.cumsum(axis=1)[states]).sum(axis=1, keepdims=True)
        return X.clip(0, K - 1), lengths, {**start, "probabilities": rng.dirichlet(np.ones(K), K)}
    means = 2 * rng.normal(size=(K, d))
    X = means[states] + rng.normal(size=(case.n_rows, d))
    means = means + 0.3 * rng.normal(size=means.shape)
    return X, lengths, {**start, "means": means, "covariances": np.tile(np.eye(d), (K, 1, 1))}


def of_skem(case: Chain, start: dict[str, Any]) -> Any:
    """Return the model of skem, plain EM from a start."""
    kind = GaussianHMM if case.n_features else CategoricalHMM
    given = {f"{name}_init": values for name, values in start.items()}
    if not case.n_features:
        given["probabilities_init"] = given["probabilities_init"][:, np.newaxis]
        given["categories"] = [np.arange(case.n_states)]
    else:
        given["reg_covar"] = 0.0
    return kind(case.n_states, acceleration=None, tol=0.0, **given)


def of_hmmlearn(case: Chain, start: dict[str, Any], implementation: str, n_steps: int) -> Any:
    """Return the model of hmmlearn from the same start, without its priors."""
    from hmmlearn import hmm

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    # (Its monitor has n_iter from here, and knows nothing of what it is set to later.)
    options = {"init_params": "", "tol": -np.inf, "n_iter": n_steps}
    options["implementation"] = implementation
    if case.n_features:
        model = hmm.GaussianHMM(
            case.n_states, "full", min_covar=0.0, covars_prior=0.0, covars_weight=0.0, **options
        )
        model.means_, model.covars_ = start["means"], start["covariances"]
    else:
        model = hmm.CategoricalHMM(case.n_states, **options)
        model.emissionprob_ = start["probabilities"]
    model.startprob_, model.transmat_ = start["startprob"], start["transmat"]
    return model


def milliseconds(
    fits: dict[str, Callable[[int], Any]],
    n_steps: int,
    turns: int,
    clock: Callable[[], float] = time.process_time,
) -> Any:
    """Return the least time of a step by contender, and its median, of some turns."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in fits}
    for fit in fits.values():
        fit(1)  # what is done but once is left out
    for _ in range(turns):
        for name, fit in fits.items():
            spent[name].append((seconds(fit, 1, clock), seconds(fit, 1 + n_steps, clock)))
    unit = n_steps / 1e3
    return {
        name: tuple((of(times[1]) - of(times[0])) / unit for of in (min, np.median))
        for name, times in (
            (name, list(zip(*pairs, strict=True))) for name, pairs in spent.items()
        )
    }


def seconds(
    fit: Callable[[int], Any], n_steps: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Return the time of a fit."""
    began = clock()
    fit(n_steps)
    return clock() - began


def by_threads(fit: Callable[[int], Any]) -> dict[str, Callable[[int], Any]]:
    """Return the same on one thread and on two."""

    def limited(n_threads: int, n_steps: int) -> None:
        with threadpool_limits(n_threads):
            fit(n_steps)

    return {TWO_THREADS: partial(limited, 2), ONE_THREAD: partial(limited, 1)}


def contenders(case: Chain) -> dict[str, Callable[[int], Any]]:
    """Return functions that make a number of EM steps."""
    X, lengths, start = simulated(case)

    def fit_hmmlearn(implementation: str, n_steps: int) -> None:
        of_hmmlearn(case, start, implementation, n_steps).fit(X, lengths)

    fits: dict[str, Callable[[int], Any]] = {
        "skem": lambda n: of_skem(case, start).set_params(max_iter=n).fit(X, lengths=lengths)
    }
    if find_spec("hmmlearn"):
        fits[SCALING] = lambda n: fit_hmmlearn("scaling", n)
        if case.n_rows * case.n_states < TOO_LONG:
            fits[LOG] = lambda n: fit_hmmlearn("log", n)
    return fits


def table(settings: Settings, machine: Machine) -> Table:
    """Time an iteration of each case, and the likeliest path."""
    result = Table("One EM iteration of a hidden Markov model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in settings.some(CASES, slice(1)):
            n_steps = min(MOST_STEPS, max(1, ROWS_OF_TURN // case.n_rows // 4))
            turns = settings.few(TURNS if case.n_rows < 10**6 else 2, 1)
            n_steps, fits = settings.few(n_steps, 5), contenders(case)
            times = milliseconds(fits, n_steps, turns)
            result.rows += rows(str(case), times, {SCALING: case.goal, LOG: 1})
            if case.n_rows >= FOR_THREADS:
                both = by_threads(fits["skem"])
                times = milliseconds(both, n_steps, turns, time.perf_counter)
                result.rows += rows(str(case), times, {ONE_THREAD: 0}, TWO_THREADS)
        for n_states in settings.some((2, 5, 10)):
            case, times = paths(settings.size(10**6), n_states, settings.few(TURNS, 1))
            result.rows += rows(case, times, {"hmmlearn": 1})
    return result


def rows(
    case: str, times: dict[str, Any], goals: dict[str, float], ours: str = "skem"
) -> list[Row]:
    """Return a row for each contender; ratios are to ours."""
    found = []
    for name in (ours, *goals):
        if name not in times:
            why = "not run: half a minute a step" if find_spec("hmmlearn") else "not installed"
            found.append(Row(case, name, None, note=why))
            continue
        best, median = times[name]
        ratio = None if name == ours else best / times[ours][0]
        target = at_least(ratio, goals[name]) if ratio and goals[name] else {}
        found.append(Row(case, name, best, "ms", median, ratio, **target))
    return found


def paths(n_rows: int, n_states: int, turns: int) -> tuple[str, dict[str, Any]]:
    """Time the likeliest path alone, log-densities given."""
    X, _, start = simulated(Chain(n_rows, 1, n_states))
    logs = -0.5 * (X - start["means"].T) ** 2
    lanes = Lanes(ends_of([n_rows]))
    columns = np.ascontiguousarray(logs[lanes.order].T)
    chain = start["startprob"], start["transmat"]
    runs: dict[str, Callable[[Any], Any]] = {
        "skem": lambda logs: likeliest_path(lanes, logs, *chain)
    }
    given = {"skem": columns}
    if find_spec("hmmlearn"):
        from hmmlearn._hmmc import viterbi

        runs["hmmlearn"] = lambda logs: viterbi(*chain, logs)
        given["hmmlearn"] = logs
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            ours = given[name].copy()  # which may be overwritten
            spent[name].append(1e3 * seconds(lambda _, run=run, logs=ours: run(logs), 0))
    times = {name: (min(values), float(np.median(values))) for name, values in spent.items()}
    return f"{n_rows:,} rows, {n_states} states: likeliest path alone", times
