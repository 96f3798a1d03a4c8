"""How near the optimum of a fit batches come, pass by pass."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from benchmarks.data import gaussian, overlapping
from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table
from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony

PASSES = (1, 2, 5, 10)


class Case(NamedTuple):
    """A mixture, rows, and how many of them make a batch."""

    name: str
    mixture: Any
    X: np.ndarray
    batch: int


def cases(settings: Settings) -> list[Case]:
    """Return real data and simulated ones."""
    saxony = load_saxony()
    families = np.repeat(saxony.data, saxony.sample_weight.astype(int), axis=0)
    faithful, clusters = load_old_faithful().data, gaussian(settings.size(200_000), 10, 10)[0]
    overlap, _, K = overlapping(3)
    full, coins = GaussianMixtureEM(random_state=0), BinomialMixture(2, random_state=0)
    return [
        Case("Old Faithful, full, K=2", clone(full).set_params(n_components=2), faithful, 68),
        Case("Saxony, K=2", coins, families, 500),
        Case(f"overlapping, full, K={K}", clone(full).set_params(n_components=K), overlap, 200),
        Case("200,000 x 10, full, K=10", clone(full).set_params(n_components=10), clusters, 2000),
    ]


def gaps(case: Case, n_passes: int) -> list[float]:
    """Return nats per row by which a fit is better than batches, after each pass.

    The fit goes on from where the batches end, so that both are at the same optimum.
    """
    rng, online, scores = np.random.default_rng(0), clone(case.mixture), []
    for _ in range(n_passes):
        order = rng.permutation(len(case.X))
        for start in range(0, len(order), case.batch):
            online.partial_fit(case.X[order[start : start + case.batch]])
        scores.append(online.score(case.X))
    best = online.set_params(warm_start=True).fit(case.X).score(case.X)
    return [best - score for score in scores]


def table(settings: Settings, machine: Machine) -> Table:
    """Measure the gaps."""
    result = Table("partial_fit: nats per row short of the optimum nearby")
    passes = settings.some(PASSES)
    for case in settings.some(cases(settings)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = gaps(case, passes[-1])
        for n in passes:
            name = f"{case.name}, batches of {case.batch:,}: {n} pass{'es' * (n > 1)}"
            result.rows.append(Row(name, "skem", found[n - 1], "nats"))
    return result
