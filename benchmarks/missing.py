"""The cost of an iteration where cells are missing, beside that of complete rows."""

from typing import Any

import numpy as np

from benchmarks.data import gaussian
from benchmarks.iterations import SKEM
from benchmarks.machine import Machine
from benchmarks.race import Absent, Race, Settings
from benchmarks.report import Row, Table, at_most

#: Share of the cells that are missing, each by itself: in ten columns some 710 patterns.
SHARE = 0.2
#: How many times as much an iteration may cost as one on complete rows.
MOST = 40
KINDS = ["full", "tied", "diag", "spherical"]


def table(settings: Settings, machine: Machine) -> Table:
    """Time an iteration with and without the missing cells, from the same start."""
    result = Table(f"One EM iteration, {SHARE:.0%} of the cells missing")
    n, d, K = settings.size(20_000), 10, 3
    X, start = gaussian(n, d, K)
    holes = np.where(np.random.default_rng(1).random(X.shape) < SHARE, np.nan, X)
    for kind in KINDS:
        case, times = f"{kind}, {n:,} x {d}, K={K}", []
        for rows in (X, holes):
            with Race(settings, rows, start) as race:
                times.append(race.times([SKEM], kind)["skem"])
        result.rows += _compared(case, *times)
    return result


def _compared(case: str, complete: Any, missing: Any) -> list[Row]:
    """Return a row for each, and one for what is done once where cells are missing."""
    for each in (complete, missing):
        if isinstance(each, Absent):
            return [Row(case, "skem", None, note=each.reason)]
    factor = missing.best / complete.best
    note = f"{factor:.1f} times the cost of complete rows"
    goal = at_most(factor, MOST, "x complete rows")
    return [
        Row(case, "skem", missing.best, "ms", missing.median, note=note, **goal),
        Row(case, "skem, complete rows", complete.best, "ms", complete.median, 1 / factor),
        Row(f"{case}: all that is done once", "skem", missing.once, "ms"),
    ]
