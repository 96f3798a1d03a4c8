"""CountDisplay: a column of counts, and what a binomial mixture expects there."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from skem.plotting import _common as common

__all__ = ["CountDisplay"]

BINOMIAL = ("weights_", "probabilities_", "n_trials")

#: Up to so many trials, the same in every row, each number of successes has a bar of its own.
MOST_BARS = 60

#: Up to so many different numbers of trials, the expectation is exact.
MOST_TRIALS = 1000


class CountDisplay(common.Display):
    """Observed numbers of rows over one column of counts, and those that a mixture expects.

    Where all rows have the same number of trials, the horizontal axis is the number of
    successes: a bar for each, or for several if there are more than 60. Where trials differ from
    row to row, it is the proportion of successes, and what is expected is the sum of what is
    expected of each row, given its trials.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins.
    observed : ndarray of shape (n_bins,)
        Number of rows, or their total weight, in each bin.
    expected : ndarray of shape (n_components, n_bins)
        The number that comes, on average, from each component.
    weights : ndarray of shape (n_components,)
        Mixing weights.
    xlabel : str, default=''
        What the horizontal axis is called.

    Attributes
    ----------
    bars_ : StepPatch
        What was observed.
    line_ : Line2D
        What the mixture expects.
    component_lines_ : list of Line2D
        What it expects of each component; none where there is only one.
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.

    See Also
    --------
    DensityDisplay : The same for measurements.

    Notes
    -----
    Beyond 1,000 different numbers of trials, the expectation is that of trials at 1,000 equally
    spaced quantiles.

    Examples
    --------
    Boys in 6,115 families of twelve children.

    >>> from skem import BinomialMixture
    >>> from skem.datasets import load_saxony
    >>> from skem.plotting import CountDisplay
    >>> X, families = load_saxony().data, load_saxony().sample_weight
    >>> mixture = BinomialMixture(n_components=2, random_state=0).fit(X, sample_weight=families)
    >>> display = CountDisplay.from_estimator(mixture, X, sample_weight=families)
    >>> display.expected.sum(axis=0).round().astype(int)
    array([   2,   19,   98,  309,  670, 1057, 1262, 1165,  837,  461,  184,
             47,    6])
    """

    def __init__(
        self,
        *,
        edges: NDArray[np.float64],
        observed: NDArray[np.float64],
        expected: NDArray[np.float64],
        weights: NDArray[np.float64],
        xlabel: str = "",
    ) -> None:
        self.edges = edges
        self.observed = observed
        self.expected = expected
        self.weights = weights
        self.xlabel = xlabel

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        column: int | str = 0,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a fitted binomial mixture and a column of counts.

        Parameters
        ----------
        estimator : BinomialMixture
            The fitted mixture.
        X : array-like of shape (n_samples, n_features_in)
            Counts, in the layout of the training data. Rows without a trial in the column, or
            with a value missing there, are left out.
        column : int or str, default=0
            The column of successes, by index or name.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : CountDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is no binomial mixture, or is wrapped in a pipeline or a search.
        ValueError
            If there is no such column, or its counts are not whole numbers between 0 and the
            number of trials.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        common.check_bare(estimator, caller, BINOMIAL, "a binomial mixture")
        weights, p = (np.asarray(a, float) for a in (estimator.weights_, estimator.probabilities_))
        m = p.shape[1]
        j = common.feature_index(estimator, column, m)
        X = common.check_rows(estimator, X)
        row_weights = common.check_weights(sample_weight, X)
        cells = _column(estimator, X, j, m)
        present = common.complete(cells, row_weights * (cells[:, 1] != 0))
        (successes, trials), row_weights = cells[present].T, row_weights[present]
        _check_counts(successes, trials)
        axis = _axis(successes, trials, p[:, j])
        of = "proportion of" if axis.proportions else f"of {trials[0]:g}"
        display = cls(
            edges=axis.edges,
            observed=_observed(axis, successes, trials, row_weights),
            expected=weights[:, None] * _expected(axis, trials, row_weights, p[:, j]),
            weights=weights,
            xlabel=f"{common.feature_name(estimator, j)} ({of} trials)",
        )
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        cmap: Any = "viridis",
        bar_kwargs: dict[str, Any] | None = None,
        line_kwargs: dict[str, Any] | None = None,
        component_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        cmap : str or Colormap, default='viridis'
            Where the colours of the components come from.
        bar_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.stairs`, which draws what was observed.
        line_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, which draws the mixture.
        component_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, which draws the components.

        Returns
        -------
        display : CountDisplay
            The display itself.
        """
        ax = self._axes(ax)
        from matplotlib.lines import Line2D

        centres = (self.edges[1:] + self.edges[:-1]) / 2
        marks = {"markevery": max(1, len(centres) // 15)}
        self.bars_ = common.bars(ax, self.observed, self.edges, bar_kwargs)
        style = common.styled({**common.MIXTURE, "marker": ".", **marks}, line_kwargs, Line2D)
        (self.line_,) = ax.plot(centres, self.expected.sum(axis=0), **style)
        self.component_lines_ = []
        if len(self.weights) > 1:
            for k, look in enumerate(common.styles(len(self.weights), cmap)):
                look["label"] = common.component_label(k, self.weights[k])
                style = common.styled({**look, **marks}, component_kwargs, Line2D)
                self.component_lines_ += ax.plot(centres, self.expected[k], **style)
        ax.set(xlabel=self.xlabel, ylabel="rows")
        common.legend(ax, 2 + len(self.component_lines_))
        return self


class _Axis(NamedTuple):
    """Bins, and which numbers of successes they hold."""

    edges: NDArray[np.float64]
    proportions: bool

    def first(self, j: int | slice, trials: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the least number of successes, of so many trials, at or above edge j."""
        # A proportion equal to the edge but for rounding is at it.
        return np.ceil(self.edges[j] * (trials if self.proportions else 1.0) - 1e-9)


def _column(estimator: Any, X: NDArray[Any], j: int, m: int) -> NDArray[np.float64]:
    """Return successes and trials of each row in column j of m, shape (n, 2)."""
    successes = X[:, j].astype(np.float64)
    if estimator.n_trials is None:
        trials = successes + X[:, m + j]
    else:
        trials = np.where(np.isnan(successes), np.nan, np.broadcast_to(estimator.n_trials, m)[j])
    return np.stack([successes, trials], axis=1)


def _check_counts(successes: NDArray[np.float64], trials: NDArray[np.float64]) -> None:
    bad = (successes < 0) | (successes > trials) | (successes % 1 != 0) | (trials % 1 != 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            "CountDisplay shows whole numbers of successes between 0 and the number of trials; "
            f"X has {successes[row]:g} of {trials[row]:g}"
        )


def _axis(
    successes: NDArray[np.float64], trials: NDArray[np.float64], p: NDArray[np.float64]
) -> _Axis:
    """Choose bins that hold all rows and nearly all that is expected."""
    proportions = bool(trials.min() < trials.max())
    n = np.floor(np.median(trials))
    if not proportions and n <= MOST_BARS:
        return _Axis(np.arange(n + 2) - 0.5, False)
    tails = binom.ppf([[0.001], [0.999]], n, p)
    if proportions:
        seen = successes / trials
        low, high = min(seen.min(), tails.min() / n), max(seen.max(), tails.max() / n)
        # Bins that are narrower than one success would be empty, all but a few.
        n_bins = int(min(np.ceil(2 * np.cbrt(len(seen))), n + 1, MOST_BARS))
        return _Axis(np.linspace(low, high + 1e-6, n_bins + 1), True)
    low, high = min(successes.min(), tails.min()), max(successes.max(), tails.max())
    width = np.ceil((high - low + 1) / MOST_BARS)
    n_bins = np.ceil((high - low + 1) / width)
    return _Axis(low + width * np.arange(n_bins + 1) - 0.5, False)


def _observed(
    axis: _Axis,
    successes: NDArray[np.float64],
    trials: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the total weight of the rows in each bin."""
    place = np.zeros(len(successes), dtype=np.int64)
    for j in range(1, len(axis.edges) - 1):
        place += successes >= axis.first(j, trials)
    return np.bincount(place, weights, minlength=len(axis.edges) - 1)


def _expected(
    axis: _Axis,
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
