"""How often each criterion finds the number of components that data were drawn with.

``python -m benchmarks.criteria`` prints a table in markdown; it takes about half an hour.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, KFold

from benchmarks.data import mixture, overlapping
from skem import BinomialMixture, GaussianMixtureEM
from skem.model_selection import (
    WholeSample,
    bootstrap_lrt,
    held_out_score,
    information_criteria,
    one_standard_error,
)

CANDIDATES = range(1, 11)


def one_gaussian(seed: int) -> tuple[Any, np.ndarray, int]:
    """Return an estimator, rows, and the number of components they were drawn from."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 2))
    return GaussianMixtureEM(random_state=seed), X, 1


def clusters(seed: int) -> tuple[Any, np.ndarray, int]:
    """Return the same of clusters with different scales, which overlap little."""
    X, _, K = mixture(seed)
    return GaussianMixtureEM(random_state=seed), X[::5], K


def overlap(seed: int) -> tuple[Any, np.ndarray, int]:
    """Return the same of nearly round components, which overlap a lot."""
    X, _, K = overlapping(seed)
    return GaussianMixtureEM(random_state=seed), X[::2], K


def heavy_tails(seed: int) -> tuple[Any, np.ndarray, int]:
    """Return the same of three clusters that are not Gaussian: t with 4 degrees of freedom."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    X = centres[rng.integers(3, size=600)] + rng.standard_t(4, size=(600, 2))
    return GaussianMixtureEM(random_state=seed), X, 3


def coins(seed: int) -> tuple[Any, np.ndarray, int]:
    """Return the same of three coins, each row tossing one of them twenty times."""
    rng = np.random.default_rng(seed)
    X = rng.binomial(20, np.array([0.15, 0.45, 0.75])[rng.integers(3, size=(300, 1))])
    return BinomialMixture(n_trials=20, random_state=seed), X, 3


CASES: dict[str, Callable[[int], tuple[Any, np.ndarray, int]]] = {
    "one Gaussian, 200 rows": one_gaussian,
    "3-8 Gaussians in 2-8 features, 100 rows each, little overlap": clusters,
    "2-5 Gaussians in 1-4 features, 250 rows each, much overlap": overlap,
    "3 clusters with heavy tails, 200 rows each": heavy_tails,
    "3 coins of 20 trials, 100 rows each": coins,
}


def choices(estimator: Any, X: np.ndarray, n_jobs: int | None) -> dict[str, int]:
    """Return the number of components that each criterion chooses."""
    grid = {"n_components": CANDIDATES}
    folds = KFold(5, shuffle=True, random_state=0)
    options = {"refit": False, "n_jobs": n_jobs}
    whole = GridSearchCV(
        estimator, grid, scoring=information_criteria, cv=WholeSample(), **options
    ).fit(X)
    split = GridSearchCV(estimator, grid, scoring=held_out_score, cv=folds, **options).fit(X)
    indices = {
        name.upper(): int(np.nanargmax(whole.cv_results_[f"mean_test_neg_{name}"]))
        for name in ("bic", "aic", "icl")
    }
    indices["held-out"] = int(np.nanargmax(split.cv_results_["mean_test_score"]))
    indices["one standard error"] = one_standard_error(split.cv_results_)
    chosen = {name: CANDIDATES[index] for name, index in indices.items()}
    return {**chosen, "bootstrap": not_rejected(estimator, X, n_jobs)}


def not_rejected(estimator: Any, X: np.ndarray, n_jobs: int | None) -> int:
    """Return the smallest number of components that the bootstrap does not reject at 5 %."""
    for K in CANDIDATES[:-1]:
        estimator.set_params(n_components=K)
        # With 39 samples the test is exact, and over at the second that is as large.
        test = bootstrap_lrt(
            estimator, X, n_bootstrap=39, stop_after=2, n_jobs=n_jobs, random_state=0
        )
        if test.p_value > 0.05:
            return K
    return CANDIDATES[-1]


def row(case: str, n_sets: int, n_jobs: int | None) -> dict[str, str]:
    """Return one row of the table: for each criterion how often it is right, too low, too high."""
    errors: dict[str, list[int]] = {}
    for seed in range(n_sets):
        estimator, X, K = CASES[case](seed)
        for name, chosen in choices(estimator, X, n_jobs).items():
            errors.setdefault(name, []).append(int(np.sign(chosen - K)))
        print(f"{case}: {seed + 1} of {n_sets}", file=sys.stderr, flush=True)
    cells = {
        name: f"{signs.count(0)} (-{signs.count(-1)} +{signs.count(1)})"
        for name, signs in errors.items()
    }
    return {"data": case, **cells}


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.criteria", description=__doc__)
    parser.add_argument("--sets", type=int, default=25, help="data sets of each kind")
    parser.add_argument("--only", action="append", choices=CASES, help="this kind (repeatable)")
    parser.add_argument("--jobs", type=int, help="fits at a time")
    options = parser.parse_args(arguments)
    print(
        f"Data sets, of {options.sets}, for which K is right (too low, too high), "
        f"of K = {CANDIDATES[0]} to {CANDIDATES[-1]}\n"
    )
    for i, case in enumerate(options.only or CASES):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # too many components are asked for on purpose
            cells = row(case, options.sets, options.jobs)
        if i == 0:
            print("| " + " | ".join(cells) + " |\n|" + "---|" * len(cells))
        print("| " + " | ".join(cells.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
