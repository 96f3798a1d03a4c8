"""Counts in bins: how many rows were seen in each, and how many a mixture expects."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, poisson

#: Up to so many different counts, each has a bar of its own.
MOST_BARS = 60

#: Up to so many different numbers of trials, the expectation is exact.
MOST_TRIALS = 1000


class Axis(NamedTuple):
    """Bins, and which numbers of successes they hold."""

    edges: NDArray[np.float64]
    proportions: bool

    def first(self, j: int | slice, trials: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the least number of successes, of so many trials, at or above edge j."""
        # A proportion equal to the edge but for rounding is at it.
        return np.ceil(self.edges[j] * (trials if self.proportions else 1.0) - 1e-9)


def column(estimator: Any, X: NDArray[Any], j: int, m: int) -> NDArray[np.float64]:
    """Return successes and trials of each row in column j of m, shape (n, 2)."""
    successes = X[:, j].astype(np.float64)
    if estimator.n_trials is None:
        trials = successes + X[:, m + j]
    else:
        trials = np.where(np.isnan(successes), np.nan, np.broadcast_to(estimator.n_trials, m)[j])
    return np.stack([successes, trials], axis=1)


def check_counts(successes: NDArray[np.float64], trials: NDArray[np.float64]) -> None:
    """Raise ValueError unless all are whole numbers of successes among so many trials."""
    bad = (successes < 0) | (successes > trials) | (successes % 1 != 0) | (trials % 1 != 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            "CountDisplay shows whole numbers of successes between 0 and the number of trials; "
            f"X has {successes[row]:g} of {trials[row]:g}"
        )


def binomial_axis(
    successes: NDArray[np.float64], trials: NDArray[np.float64], p: NDArray[np.float64]
) -> Axis:
    """Choose bins that hold all rows and nearly all that is expected."""
    proportions = bool(trials.min() < trials.max())
    n = np.floor(np.median(trials))
    if not proportions and n <= MOST_BARS:
        return Axis(np.arange(n + 2) - 0.5, False)
    tails = binom.ppf([[0.001], [0.999]], n, p)
    if proportions:
        seen = successes / trials
        low, high = min(seen.min(), tails.min() / n), max(seen.max(), tails.max() / n)
        # Bins that are narrower than one success would be empty, all but a few.
        n_bins = int(min(np.ceil(2 * np.cbrt(len(seen))), n + 1, MOST_BARS))
        return Axis(np.linspace(low, high + 1e-6, n_bins + 1), True)
    low, high = min(successes.min(), tails.min()), max(successes.max(), tails.max())
    return _whole_bins(low, high)


def _whole_bins(low: float, high: float) -> Axis:
    """Return bins of equally many whole numbers from low to high."""
    width = np.ceil((high - low + 1) / MOST_BARS)
    n_bins = np.ceil((high - low + 1) / width)
    return Axis(low + width * np.arange(n_bins + 1) - 0.5, False)


def observed(
    axis: Axis,
    successes: NDArray[np.float64],
    trials: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the total weight of the rows in each bin."""
    place = np.zeros(len(successes), dtype=np.int64)
    for j in range(1, len(axis.edges) - 1):
        place += successes >= axis.first(j, trials)
    return np.bincount(place, weights, minlength=len(axis.edges) - 1)


def expected_binomial(
    axis: Axis,
    trials: NDArray[np.float64],
    weights: NDArray[np.float64],
    p: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the total weight to be expected in each bin, if all rows were of one component."""
    n, which = np.unique(trials, return_inverse=True)
    totals = np.bincount(which, weights)
    if len(n) > MOST_TRIALS:
        steps = (np.arange(MOST_TRIALS) + 0.5) / MOST_TRIALS
        n = n[np.searchsorted(totals.cumsum(), steps * totals.sum())]
        totals = np.full(MOST_TRIALS, totals.sum() / MOST_TRIALS)
    below = axis.first(slice(None), n[:, None]) - 1
    return np.array([totals @ np.diff(binom.cdf(below, n[:, None], p_k)) for p_k in p])


def check_numbers(counts: NDArray[np.float64]) -> None:
    """Raise ValueError unless all are whole numbers, and none is negative."""
    bad = (counts < 0) | (counts % 1 != 0)
    if bad.any():
        raise ValueError(
            f"CountDisplay shows whole numbers from 0 on; X has {counts[int(np.argmax(bad))]:g}"
        )


def poisson_axis(counts: NDArray[np.float64], rates: NDArray[np.float64]) -> Axis:
    """Choose bins that hold all rows and nearly all that is expected."""
    tails = poisson.ppf([[0.001], [0.999]], rates)
    low, high = min(counts.min(), tails.min()), max(counts.max(), tails.max())
    return _whole_bins(low, high)


def expected_poisson(axis: Axis, total: float, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the total weight to be expected in each bin, if all rows were of one component."""
    below = axis.first(slice(None), np.ones(1)) - 1
    return np.array([total * np.diff(poisson.cdf(below, rate)) for rate in rates])
