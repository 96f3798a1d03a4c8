"""Peak memory of a fit, beyond X itself."""

from benchmarks.data import gaussian
from benchmarks.machine import Machine
from benchmarks.race import Absent, Race, Settings
from benchmarks.report import Row, Table, at_most

SEEN = {"traced": "as numpy allocated it", "resident": "as the system saw it"}
STARTS = {"given": "start given", "default": "default start"}
CONTENDERS = {"skem": "skem", "scikit-learn": "sklearn"}


def table(settings: Settings, machine: Machine) -> Table:
    """Measure skem and scikit-learn, each in processes of their own."""
    n = settings.size(1_000_000)
    result = Table(f"Peak memory beyond X, {n:,} x 10, K=10, in megabytes")
    with Race(settings, *gaussian(n, 10, 10)) as race:
        for start, started in STARTS.items():
            for seen, how in settings.some(list(SEEN.items())):
                values: dict[str, float] = {}
                for name, package in CONTENDERS.items():
                    used = race.run("memory.py", package, name, seen, start)
                    case = f"{started}, {how}"
                    if isinstance(used, Absent):
                        result.rows.append(Row(case, name, None, note=used.reason))
                        continue
                    values[name] = used / 1e6
                    ours = values.get("skem")
                    ratio = values[name] / ours if ours and name != "skem" else None
                    goal = at_most(values[name], 100, "MB") if name == "skem" else {}
                    result.rows.append(Row(case, name, values[name], "MB", ratio=ratio, **goal))
    return result
