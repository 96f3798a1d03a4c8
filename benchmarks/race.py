"""Running contenders, each in a process and an environment of its own."""

import importlib.util
import json
import os
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import Start

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "skem-benchmarks"

#: Peers in Python, and what an environment of their own needs.
PACKAGES = {
    "daal4py": ["daal4py==2024.7.0", "scikit-learn<1.6", "packaging"],
    "mlpack": ["mlpack"],
    "stepmix": ["stepmix"],
    "pyspark": ["pyspark", "numpy"],
}
#: Peers in R.
R_PACKAGES = ["mclust", "flexmix"]


@dataclass(frozen=True)
class Settings:
    """What holds for the whole run."""

    smoke: bool = False
    interpreters: dict[str, str] = field(default_factory=dict)

    def size(self, n: int) -> int:
        """Return a number of rows."""
        return min(n, 2000) if self.smoke else n

    def some(self, everything: Sequence[Any], smoke: slice = slice(1)) -> Sequence[Any]:
        """Return all of the cases, or those that a smoke run takes."""
        return everything[smoke] if self.smoke else everything

    def few(self, full: int, smoke: int) -> int:
        """Return a number that depends on the kind of run."""
        return smoke if self.smoke else full

    def interpreter(self, package: str) -> str:
        """Return what runs a contender that needs a package."""
        own = CACHE / package / "bin" / "python"
        if package in R_PACKAGES:
            return self.interpreters.get("Rscript") or "Rscript"
        return self.interpreters.get(package) or (str(own) if own.exists() else sys.executable)

    def lacks(self, package: str) -> str:
        """Return why a package cannot be used, nothing if it can."""
        return _installed(self.interpreter(package), package)


@dataclass(frozen=True)
class Times:
    """Seconds that few and many iterations took, and where the few led.

    ``fit`` has the seconds that a fit with defaults took, and the nats per row that it reached.
    """

    n_few: int
    n_many: int
    few: list[float]
    many: list[float]
    weights: list[float]
    means: list[float]
    note: str = ""
    fit: tuple[float, float] | None = None

    def per_iteration(self, average: Any = min) -> float:
        """Return milliseconds per iteration."""
        return 1e3 * (average(self.many) - average(self.few)) / (self.n_many - self.n_few)

    @property
    def best(self) -> float:
        """The least milliseconds per iteration."""
        return self.per_iteration()

    @property
    def median(self) -> float:
        """The median of them."""
        return self.per_iteration(statistics.median)

    @property
    def once(self) -> float:
        """Milliseconds of what is done once."""
        return 1e3 * min(self.few) - self.n_few * self.best


@dataclass(frozen=True)
class Absent:
    """Why there is no figure."""

    reason: str


@cache
def _installed(interpreter: str, package: str) -> str:
    """Return why a package cannot be used, nothing if it can."""
    if interpreter == sys.executable and importlib.util.find_spec(package):
        return ""
    if shutil.which(interpreter) is None:
        return f"{interpreter} not found"
    load = ["-e", f"library({package})"] if package in R_PACKAGES else ["-c", f"import {package}"]
    done = subprocess.run([interpreter, *load], capture_output=True, check=False)
    return f"{package} not installed" if done.returncode else ""


def _apart(command: list[str]) -> str:
    """Run a contender in a process of its own; return its complaint, if it failed."""
    environment = {key: it for key, it in os.environ.items() if key != "PYTHONPATH"}
    if command[0] == sys.executable:
        environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), *sys.path[1:]])
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=1200, check=False
        )
    except subprocess.TimeoutExpired:
        return "it took longer than 20 minutes"
    if not done.returncode:
        return ""
    said = [line for line in done.stderr.splitlines() if "Execution halted" not in line]
    return said[-1].strip() if said else "no message"


def _here(command: list[str]) -> None:
    """Run a contender in this process, which spares a smoke run the time of the imports."""
    argv, path = sys.argv, sys.path
    sys.argv, sys.path = command, [str(HERE / "contenders"), *sys.path]
    try:
        with warnings.catch_warnings():
            runpy.run_path(command[0], run_name="__main__")
    finally:
        sys.argv, sys.path = argv, path


class Race:
    """One case, written to disk for whoever takes part.

    It is a context manager: its files are gone afterwards.
    """

    def __init__(
        self, settings: Settings, X: np.ndarray, start: Start, few: int = 2, seconds: int = 4
    ) -> None:
        self.settings = settings
        self.X, self.start, self.few, self.seconds = X, start, few, seconds

    def __enter__(self) -> "Race":
        self._folder = tempfile.TemporaryDirectory(prefix="skem-benchmark-")
        self.folder = Path(self._folder.name)
        (n, d), K = self.X.shape, len(self.start.weights)
        repeats, seconds = self.settings.few(5, 1), self.settings.few(self.seconds, 0)
        sizes = (n, d, K, self.few, repeats, seconds)
        (self.folder / "sizes.txt").write_text(" ".join(map(str, sizes)) + "\n")
        arrays = {"X": self.X, **self.start._asdict()}
        for name, array in arrays.items():
            np.ascontiguousarray(array, dtype=np.float64).tofile(self.folder / f"{name}.f64")
        return self

    def __exit__(self, *exception: object) -> None:
        self._folder.cleanup()

    def run(self, script: str, package: str, *arguments: str) -> Any:
        """Run a contender's script and return what it wrote, or Absent."""
        interpreter = self.settings.interpreter(package)
        if reason := self.settings.lacks(package):
            return Absent(reason)
        result = self.folder / "result.json"
        result.unlink(missing_ok=True)
        print(f"  {script} {' '.join(arguments)}", file=sys.stderr, flush=True)
        command = [str(HERE / "contenders" / script), str(self.folder), str(result), *arguments]
        if self.settings.smoke and interpreter == sys.executable:
            _here(command)
        else:
            said = _apart([interpreter, *command])
            if said or not result.exists():
                return Absent(f"failed: {said}")
        return json.loads(result.read_text())

    def times(
        self, contenders: Iterable[tuple[str, ...]], *arguments: str, rounds: int = 2
    ) -> dict[str, Times | Absent]:
        """Run contenders (name, script, package, arguments of its own) in turn."""
        contenders = list(contenders)
        found: dict[str, list[Any]] = {name: [] for name, *_ in contenders}
        for _ in range(self.settings.few(rounds, 1)):
            for name, script, package, *own in contenders:
                if not (found[name] and isinstance(found[name][-1], Absent)):
                    found[name].append(self.run(script, package, *own, *arguments))
        return {name: _together(outcomes) for name, outcomes in found.items()}


def _together(outcomes: Sequence[Any]) -> Times | Absent:
    """Join the rounds of one contender; those of a different length are left out."""
    for outcome in outcomes:
        if isinstance(outcome, Absent):
            return outcome
    times = [Times(**outcome) for outcome in outcomes]
    longest = max(each.n_many for each in times)
    alike = [each for each in times if each.n_many == longest]
    return Times(
        alike[0].n_few,
        longest,
        [t for each in alike for t in each.few],
        [t for each in alike for t in each.many],
        alike[0].weights,
        alike[0].means,
        alike[0].note,
        alike[0].fit,
    )


def set_up() -> None:
    """Make an environment for each peer in Python, below the cache folder."""
    for name, packages in PACKAGES.items():
        folder = CACHE / name
        print(f"{name}: {folder}", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", *packages], check=True)
    for name in R_PACKAGES:
        print(f"{name}: Rscript -e 'install.packages(\"{name}\")'")
