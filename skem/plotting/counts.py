"""CountDisplay: a column of counts, and what a mixture expects there."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem.plotting import _common as common
from skem.plotting import _tallies as tallies

__all__ = ["CountDisplay"]

BINOMIAL = ("weights_", "probabilities_", "n_trials")

POISSON = ("weights_", "rates_")


class CountDisplay(common.Display):
    """Observed numbers of rows over one column of counts, and those that a mixture expects.

    The mixture is one of binomials or of Poissons. Of Poissons, the horizontal axis is the count;
    of binomials whose rows all have the same number of trials, it is the number of successes.
    Each number has a bar, or several share one if there are more than 60. Where trials differ from
    row to row, the axis is the proportion of successes, and what is expected is the sum of what is
    expected of each row, given its trials.

    With ``rootogram=True`` bars hang from what is expected, and all heights are square roots, so
    that deviations of the same significance look alike. A bar that ends above zero has fewer rows
    than expected, one that ends below zero has more. This is a hanging rootogram (Tukey 1977;
    Kleiber and Zeileis, The American Statistician 70, 2016).

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
    proportions : bool, default=False
        Whether the horizontal axis is the proportion of successes.

    Attributes
    ----------
    bars_ : StepPatch
        What was observed.
    zero_ : Line2D or None
        The line at zero, where bars hang.
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
        proportions: bool = False,
    ) -> None:
        self.edges = edges
        self.observed = observed
        self.expected = expected
        self.weights = weights
        self.xlabel = xlabel
        self.proportions = proportions

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
        """Draw a fitted mixture of counts and a column of them.

        Parameters
        ----------
        estimator : BinomialMixture or PoissonMixture
            The fitted mixture, or a pipeline or a search with one.
        X : array-like of shape (n_samples, n_features_in)
            Counts, in the layout of the training data. Rows without a trial in the column, or
            with a value missing there, are left out.
        column : int or str, default=0
            The column of counts, or of successes, by index or name.
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
            If the estimator is no mixture of binomials or Poissons, nor a pipeline or a search
            with one.
        ValueError
            If there is no such column, or its counts are not whole numbers from 0 on or, of
            successes, between 0 and the number of trials.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        estimator, X = common.find_mixture(
            estimator, caller, ["weights_"], "a mixture of counts", X
        )
        poisson = hasattr(estimator, "rates_")
        common.find_mixture(
            estimator, caller, POISSON if poisson else BINOMIAL, "a mixture of counts"
        )
        j = common.feature_index(estimator, column, _n_columns(estimator))
        X = common.check_rows(estimator, X)
        row_weights = common.check_weights(sample_weight, X)
        parts = (_poisson if poisson else _binomial)(estimator, X, j, row_weights)
        display = cls(weights=np.asarray(estimator.weights_, float), **parts)
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        rootogram: bool = False,
        cmap: Any = "viridis",
        bar_kwargs: dict[str, Any] | None = None,
        line_kwargs: dict[str, Any] | None = None,
        component_kwargs: dict[str, Any] | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        rootogram : bool, default=False
            Whether to hang the bars from what is expected, in square roots.
        cmap : str or Colormap, default='viridis'
            Where the colours of the components come from.
        bar_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.stairs`, which draws what was observed.
        line_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, which draws the mixture.
        component_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, which draws the components.
        legend : bool, default=True
            Whether to draw a legend.

        Returns
        -------
        display : CountDisplay
            The display itself.
        """
        ax = self._axes(ax)
        from matplotlib.lines import Line2D

        centres = (self.edges[1:] + self.edges[:-1]) / 2
        marks = {"markevery": max(1, len(centres) // 15)}
        scale = np.sqrt if rootogram else np.asarray
        total, top = scale(self.expected.sum(axis=0)), scale(self.observed)
        hung: dict[str, Any] = {"baseline": total} if rootogram else {}
        heights = total - top if rootogram else top
        self.bars_ = common.bars(ax, heights, self.edges, {**hung, **(bar_kwargs or {})})
        self.zero_ = ax.axhline(0, color="0.3", linewidth=0.8) if rootogram else None
        style = common.styled({**common.MIXTURE, "marker": ".", **marks}, line_kwargs, Line2D)
        (self.line_,) = ax.plot(centres, total, **style)
        self.component_lines_ = []
        if len(self.weights) > 1 and not rootogram:  # square roots of components do not add up
            for k, look in enumerate(common.styles(len(self.weights), cmap)):
                look["label"] = common.component_label(k, self.weights[k])
                style = common.styled({**look, **marks}, component_kwargs, Line2D)
                self.component_lines_ += ax.plot(centres, self.expected[k], **style)
        ax.set(xlabel=self.xlabel, ylabel="square root of rows" if rootogram else "rows")
        if not self.proportions:
            common.whole_numbers(ax.xaxis)
        if legend:
            common.legend(ax, 2 + len(self.component_lines_))
        return self


def _n_columns(estimator: Any) -> int:
    """Return the number of columns of counts, or of successes."""
    parameters = getattr(estimator, "rates_", None)
    parameters = estimator.probabilities_ if parameters is None else parameters
    return int(parameters.shape[1])


def _binomial(
    estimator: Any, X: NDArray[Any], j: int, row_weights: NDArray[np.float64]
) -> dict[str, Any]:
    """Return what was observed and what is expected of a column of successes."""
    p = np.asarray(estimator.probabilities_, float)
    cells = tallies.column(estimator, X, j, p.shape[1])
    present = common.complete(cells, row_weights * (cells[:, 1] != 0))
    (successes, trials), row_weights = cells[present].T, row_weights[present]
    tallies.check_counts(successes, trials)
    axis = tallies.binomial_axis(successes, trials, p[:, j])
    shares = tallies.expected_binomial(axis, trials, row_weights, p[:, j])
    of = "proportion of" if axis.proportions else f"of {trials[0]:g}"
    return {
        "edges": axis.edges,
        "observed": tallies.observed(axis, successes, trials, row_weights),
        "expected": np.asarray(estimator.weights_, float)[:, None] * shares,
        "xlabel": f"{common.feature_name(estimator, j)} ({of} trials)",
        "proportions": axis.proportions,
    }


def _poisson(
    estimator: Any, X: NDArray[Any], j: int, row_weights: NDArray[np.float64]
) -> dict[str, Any]:
    """Return what was observed and what is expected of a column of counts."""
    rates = np.asarray(estimator.rates_, float)[:, j]
    present = common.complete(X[:, [j]], row_weights)
    counts, row_weights = X[present, j].astype(np.float64), row_weights[present]
    tallies.check_numbers(counts)
    axis = tallies.poisson_axis(counts, rates)
    shares = tallies.expected_poisson(axis, row_weights.sum(), rates)
    return {
        "edges": axis.edges,
        "observed": tallies.observed(axis, counts, np.ones(len(counts)), row_weights),
        "expected": np.asarray(estimator.weights_, float)[:, None] * shares,
        "xlabel": common.feature_name(estimator, j),
    }
