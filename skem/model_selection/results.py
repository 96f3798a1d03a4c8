"""What the results of a search say of its candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.model_selection.soundness import GRADES, SPURIOUS

__all__ = [
    "best_of",
    "doubts_by_split",
    "grades_of",
    "means_and_errors",
    "metrics_of",
    "simplest_of",
]

FloatArray = NDArray[np.float64]


def metrics_of(results: dict[str, Any]) -> list[str]:
    """Return the names of the scores of a search."""
    start = "mean_test_"
    return [key.removeprefix(start) for key in results if key.startswith(start)]


def means_and_errors(results: dict[str, Any], metric: str) -> tuple[FloatArray, FloatArray | None]:
    """Return the means over the splits, and their standard errors if there are several splits."""
    means = results[f"mean_test_{metric}"]
    n_splits = sum(f"split{i}_test_{metric}" in results for i in range(len(results)))
    if n_splits < 2:
        return means, None
    # The deviations of a search divide by n, not by n - 1.
    return means, results[f"std_test_{metric}"] / np.sqrt(n_splits - 1)


def doubts_by_split(results: dict[str, Any]) -> NDArray[np.float64]:
    """Return the numbers of doubts by split and candidate; none where nothing is known."""
    splits = [key for key in results if key.startswith("split") and key.endswith("_test_doubt")]
    none = np.zeros((1, len(results[f"mean_test_{metrics_of(results)[0]}"])))
    return np.array([results[key] for key in splits]) if splits else none


def grades_of(results: dict[str, Any]) -> NDArray[np.intp]:
    """Return how much counts against each candidate: at most half of its fits have a higher grade.

    Fits that failed have the highest.
    """
    numbers = doubts_by_split(results)
    known = np.nan_to_num(numbers).astype(np.intp)
    grades = np.where(np.isnan(numbers), SPURIOUS, np.array([*GRADES.values()])[known])
    grades.sort(axis=0)
    return grades[(len(grades) - 1) // 2]


def best_of(means: FloatArray, grades: NDArray[np.intp]) -> int | None:
    """Return which mean is the best of those that are finite, the least in doubt first."""
    finite = np.flatnonzero(np.isfinite(means))
    return int(min(finite, key=lambda i: (grades[i], -means[i]))) if finite.size else None


def simplest_of(
    means: FloatArray, errors: FloatArray, complexity: Any, grades: NDArray[np.intp]
) -> int | None:
    """Return the least complex of those within one standard error of the best."""
    best = best_of(means, grades)
    if best is None:
        return None
    near = np.isfinite(means) & (means >= means[best] - errors[best]) & (grades == grades[best])
    return int(min(np.flatnonzero(near), key=lambda i: (complexity[i], -means[i])))
