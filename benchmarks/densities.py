"""Mixtures of any density beside mixem: the same components, from the same start, to the end.

mixem runs in this process, by turns with skem, where it is installed: once with its defaults,
which stop early, since what it takes for the log-likelihood may fall; and once for as many
iterations, of the powers of two, as it takes to come within 1e-7 nats per row of where skem stops.
"""

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import logsumexp

from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table
from skem import Mixture
from skem.datasets import load_old_faithful

TURNS = 5

#: How far below skem's end mixem may be, in nats per row, and iterations that it may take.
SHORT, MOST_ITERATIONS = 1e-7, 2**14


def table(settings: Settings, machine: Machine) -> Table:
    """Fit each case."""
    result = Table("Mixtures of any density")
    for name, (x, kinds, labels) in cases(settings).items():
        runs: dict[str, Any] = {"skem": partial(_skem, x, kinds, labels), "mixem": None}
        if find_spec("mixem"):
            fit = partial(_mixem, x, kinds, labels)
            runs["mixem"], n = fit, _iterations(fit, runs["skem"]() - SHORT)
            runs[f"mixem, {n:,} iterations"] = partial(fit, max_iterations=n, tol=-np.inf)
        result.rows += _rows(name, runs, settings.few(TURNS, 1))
    return result


def cases(settings: Settings) -> dict[str, tuple[Any, list[str], Any]]:
    """Return columns, the names of their components, and labels to start from."""
    rng = np.random.default_rng(0)
    n = settings.size(10_000)
    waiting = np.asarray(load_old_faithful().data)[:, 1]
    normals = np.concatenate([rng.normal(0, 1, n // 2), rng.normal(2.5, 1.5, n - n // 2)])
    times = np.concatenate([rng.exponential(1, n // 2), rng.lognormal(1, 0.4, n - n // 2)])
    counts = np.concatenate([rng.geometric(0.5, n // 2), rng.geometric(0.1, n - n // 2)])
    every = {
        "Old Faithful, waiting times, 2 normals": (waiting, ["norm", "norm"], waiting > 70),
        f"{n:,} rows, 2 normals that overlap": (normals, ["norm", "norm"], normals > 1),
        f"{n:,} rows, exponential and lognormal": (times, ["expon", "lognorm"], times > 2),
        f"{n:,} rows, 2 geometric": (counts.astype(float), ["geom", "geom"], counts > 4),
    }
    return dict(settings.some(list(every.items()), slice(2)))


def _rows(case: str, runs: dict[str, Callable[[], Any] | None], turns: int) -> list[Row]:
    times: dict[str, list[float]] = {name: [] for name, run in runs.items() if run is not None}
    reached = {}
    for _ in range(turns):
        for name in times:
            run = runs[name]
            assert run is not None
            before = time.process_time()
            reached[name] = run()
            times[name].append(1e3 * (time.process_time() - before))
    rows = []
    for name in runs:
        if name not in times:
            rows.append(Row(case, name, None, note="mixem not installed"))
            continue
        best = min(times[name])
        ratio = None if name == "skem" else best / min(times["skem"])
        note = f"reaches {reached[name]:.8f} nats per row"
        rows.append(Row(case, name, best, "ms", float(np.median(times[name])), ratio, note=note))
    return rows


def _iterations(fit: Callable[..., float], goal: float) -> int:
    """Return the iterations, as a power of two, that it takes to come to a goal."""
    n = 16
    while n < MOST_ITERATIONS and fit(max_iterations=n, tol=-np.inf) < goal:
        n *= 2
    return n


def _skem(x: Any, kinds: list[str], labels: Any) -> float:
    """Fit, and return the mean log-likelihood."""
    components = [getattr(stats, kind) for kind in kinds]
    mixture = Mixture(2, components=components, init_params=labels.astype(int))
    return float(mixture.fit(x[:, np.newaxis]).lower_bound_)


def _mixem(x: Any, kinds: list[str], labels: Any, **options: Any) -> float:
    """Fit from the first M-step of the labels, and return the mean log-likelihood."""
    import mixem
    from mixem import distribution

    makers = {
        "norm": lambda: distribution.NormalDistribution(0.0, 1.0),
        "expon": lambda: distribution.ExponentialDistribution(1.0),
        "lognorm": lambda: distribution.LogNormalDistribution(0.0, 1.0),
        "geom": lambda: distribution.GeometricDistribution(0.5),
    }
    start = [makers[kind]() for kind in kinds]
    for k, each in enumerate(start):
        each.estimate_parameters(x, (labels == k).astype(float))
    shares = np.array([1 - labels.mean(), labels.mean()])
    weights, found, _ = mixem.em(
        x, start, initial_weights=shares, progress_callback=None, **options
    )
    log_joint = [np.log(w) + each.log_density(x) for w, each in zip(weights, found, strict=True)]
    return float(logsumexp(log_joint, axis=0).mean())
