"""What every contender in Python does: read the case, time EM, write the result.

A contender is a script, run as ``CONTENDER FOLDER RESULT [WHICH]`` by the interpreter of its own
environment; of this project it sees this file alone. WHICH is a covariance type, for most of them.
FOLDER holds the case:
``sizes.txt`` (rows, columns, components, few, repeats, and the seconds to spend) and arrays as
raw float64, row by row, so that R reads them too. RESULT is the JSON file to write.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: At most so many iterations more in the long run than in the short one.
MOST = 20


class Case(NamedTuple):
    """Data, start, and how long to run."""

    X: np.ndarray  # (n, d)
    weights: np.ndarray  # (K,)
    means: np.ndarray  # (K, d), or the probabilities of a binomial mixture
    variances: np.ndarray  # (K,): every component starts spherical
    few: int
    repeats: int
    seconds: float

    def covariances(self, covariance_type: str) -> np.ndarray:
        """Return the covariances to start from, in scikit-learn's shape."""
        d = self.X.shape[1]
        if covariance_type == "full":
            return self.variances[:, None, None] * np.eye(d)
        if covariance_type == "tied":
            return self.variances.mean() * np.eye(d)
        return np.tile(self.variances[:, None], d) if covariance_type == "diag" else self.variances


def read(folder: str | Path, rows: Callable[..., Any] | None = None) -> Case:
    """Read the case that a folder holds; ``rows(folder, shape)`` opens X, if given."""
    *integers, seconds = (Path(folder) / "sizes.txt").read_text().split()
    n, d, K, few, repeats = map(int, integers)
    shapes = {"X": (n, d), "weights": (K,), "means": (K, d), "variances": (K,)}
    arrays: list[Any] = [
        rows(folder, shape)
        if rows and name == "X"
        else np.fromfile(Path(folder) / f"{name}.f64").reshape(shape)
        for name, shape in shapes.items()
    ]
    return Case(*arrays, few, repeats, float(seconds))


def measure(case: Case, run: Callable[[int], tuple[Any, Any]]) -> dict[str, Any]:
    """Time few iterations and many of them, in turn, as often as the time allows.

    ``run(n)`` does n iterations from the case's start and returns weights and means. What the
    two runs share (checks of the data, copies, a last E-step) cancels in their difference.
    """
    started = time.perf_counter()
    weights, means = run(case.few)
    elapsed = time.perf_counter() - started
    repeats = max(1, min(case.repeats, int(case.seconds / (3 * elapsed))))
    longer = max(2, min(MOST, int(case.seconds / repeats / (elapsed / case.few))))
    seconds: dict[int, list[float]] = {case.few: [], case.few + longer: []}
    for _ in range(repeats):
        for n, times in seconds.items():
            started = time.perf_counter()
            run(n)
            times.append(time.perf_counter() - started)
    few, many = seconds.values()
    return {
        "n_few": case.few,
        "n_many": case.few + longer,
        "few": few,
        "many": many,
        "weights": np.ravel(weights).tolist(),
        "means": np.ravel(means).tolist(),
    }


def complete(done: Any, n: int) -> None:
    """Fail if a fit has not done the n iterations that it was told to."""
    if int(done) != n:
        raise RuntimeError(f"stopped after {int(done)} of {n} iterations")


def main(
    contend: Callable[[Case, str], dict[str, Any]], rows: Callable[..., Any] | None = None
) -> None:
    """Do what the command line says; ``rows`` is for :func:`read`."""
    folder, result, *which = sys.argv[1:]
    outcome = contend(read(folder, rows), which[0] if which else "full")
    Path(result).write_text(json.dumps(outcome))
