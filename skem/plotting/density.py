"""DensityDisplay: the density of a Gaussian mixture in one feature, over a histogram."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem import GaussianMixtureEM
from skem.data.resolution import resolution_of
from skem.data.rows import Rows
from skem.plotting import _common as common
from skem.plotting._marginal import GAUSSIAN, grid, marginal, reach

__all__ = ["DensityDisplay"]

#: Values are rounded if none is further from a whole number of steps than this, in steps.
OFF_GRID = 0.01

#: More bins than these could not be told apart.
MOST_BINS = 200

#: A peak is cut off if it is so many times as high as the histogram.
HIGHEST_PEAK = 4.0


class DensityDisplay(common.Display):
    """Density of a Gaussian mixture in one of its features, over a histogram of rows.

    The components, which are drawn too, are weighted: they add up to the mixture. The density
    is that of the exact marginal. A peak more than four times as high as the histogram is cut off,
    and the title says how high it is; else a narrow component would press all others flat.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    marginal : GaussianMixtureEM
        The mixture in the one feature.
    heights : ndarray of shape (n_bins,)
        Histogram of the rows, as a density.
    edges : ndarray of shape (n_bins + 1,)
        Edges of its bins.
    feature_name : str, default=''
        What the feature is called.
    log : bool, default=False
        Whether the axis of the feature is logarithmic.

    Attributes
    ----------
    histogram_ : StepPatch
        The histogram.
    line_ : Line2D
        The density of the mixture.
    component_lines_ : list of Line2D
        The weighted densities of the components; none where there is only one.
    note_ : Text or None
        The title that says how high the density goes, where its peak is cut off.
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.

    See Also
    --------
    ClusterDisplay : Two features at a time.
    CountDisplay : The same for counts.

    Examples
    --------
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.plotting import DensityDisplay
    >>> X = load_old_faithful().data
    >>> mixture = GaussianMixtureEM(n_components=2, random_state=0).fit(X)
    >>> display = DensityDisplay.from_estimator(mixture, X, feature=1)
    >>> display.ax_.get_ylabel()
    'density'
    """

    def __init__(
        self,
        *,
        marginal: GaussianMixtureEM,
        heights: NDArray[np.float64],
        edges: NDArray[np.float64],
        feature_name: str = "",
        log: bool = False,
    ) -> None:
        self.marginal = marginal
        self.heights = heights
        self.edges = edges
        self.feature_name = feature_name
        self.log = log

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        feature: int | str = 0,
        sample_weight: ArrayLike | None = None,
        bins: int | ArrayLike | None = None,
        log: bool = False,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a fitted Gaussian mixture and a histogram of rows.

        Parameters
        ----------
        estimator : GaussianMixtureEM
            The fitted mixture. One of :mod:`sklearn.mixture` will do, too, and a pipeline or a
            search with a mixture: the axis is that of the features that the mixture sees.
        X : array-like of shape (n_samples, n_features_in)
            Rows. Those that lack the feature are left out.
        feature : int or str, default=0
            The feature, by index or name.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.
        bins : int or array-like of shape (n_bins + 1,), default=None
            Number of bins, or their edges. None means twice the cube root of the number of rows
            (the Rice rule), 200 at most; of rounded values, each bin holds equally many steps.
        log : bool, default=False
            Draw the feature on a logarithmic axis, with bins equal there: for a skewed column of
            positive values. The density is that of the feature, not of its logarithm.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : DensityDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is no Gaussian mixture, nor a pipeline or a search with one.
        ValueError
            If the estimator has no such feature, X is invalid, or ``log`` meets values that are
            not positive.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        estimator, X = common.find_mixture(estimator, caller, GAUSSIAN, "a Gaussian mixture", X)
        j = common.feature_index(estimator, feature, estimator.means_.shape[1])
        X = common.check_rows(estimator, X)
        weights = common.check_weights(sample_weight, X)
        present = common.complete(X[:, [j]], weights)
        values, weights = X[present, j].astype(np.float64), weights[present]
        rule = bins is None
        if rule:
            bins = min(int(np.ceil(2 * np.cbrt(max(len(values), weights.sum())))), MOST_BINS)
        if log and values.min() <= 0:
            raise ValueError(
                f"log=True needs positive values, but {common.feature_name(estimator, j)} has "
                f"{values.min():g}: set log=False"
            )
        if log and np.ndim(bins) == 0:
            bins = _geometric(values, int(bins))
        elif rule:
            bins = _whole_steps(values, weights, int(bins))
        totals, edges = np.histogram(values, bins, weights=weights)
        display = cls(
            marginal=marginal(estimator, [j]),
            heights=totals / (weights.sum() * np.diff(edges)),
            edges=edges,
            feature_name=common.feature_name(estimator, j),
            log=log,
        )
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        cmap: Any = "viridis",
        histogram_kwargs: dict[str, Any] | None = None,
        line_kwargs: dict[str, Any] | None = None,
        component_kwargs: dict[str, Any] | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        cmap : str or Colormap, default='viridis'
            Where the colours of the components come from.
        histogram_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.stairs`.
        line_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, which draws the mixture.
        component_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, which draws the components.
        legend : bool, default=True
            Whether to draw a legend.

        Returns
        -------
        display : DensityDisplay
            The display itself.
        """
        ax = self._axes(ax)
        from matplotlib.lines import Line2D

        xs = self._grid()
        density = np.exp(self.marginal.score_samples(xs[:, None]))
        self.histogram_ = common.bars(ax, self.heights, self.edges, histogram_kwargs)
        style = common.styled(common.MIXTURE, line_kwargs, Line2D)
        (self.line_,) = ax.plot(xs, density, **style)
        self.component_lines_ = []
        K = len(self.marginal.weights_)
        if K > 1:
            shares = self.marginal.predict_proba(xs[:, None])
            for k, look in enumerate(common.styles(K, cmap)):
                look |= {"marker": "", "linewidth": 2.0}
                look["label"] = common.component_label(k, self.marginal.weights_[k])
                style = common.styled(look, component_kwargs, Line2D)
                self.component_lines_ += ax.plot(xs, density * shares[:, k], **style)
        ax.set(xlabel=self.feature_name, ylabel="density")
        if self.log:
            ax.set_xscale("log")
        self.note_ = self._cut_off(ax, density.max())
        if legend:
            common.legend(ax, 2 + len(self.component_lines_), beside=self.note_ is not None)
        return self

    def _grid(self) -> NDArray[Any]:
        """Return the values of the feature at which lines are drawn."""
        low, high = reach(self.marginal, 0, 3.0)
        low, high = min(low, self.edges[0]), max(high, self.edges[-1])
        xs = grid(self.marginal, 0, low, high, 400)
        if not self.log:
            return xs
        # The axis begins where the histogram does, for there is no zero on it.
        fine = np.geomspace(self.edges[0], high, 400)
        return np.union1d(xs[xs >= self.edges[0]], fine)

    def _cut_off(self, ax: Any, highest: float) -> Any:
        """Cut off a peak that would press the histogram flat, and say so."""
        top = self.heights.max()
        if highest <= HIGHEST_PEAK * top:
            return None
        ax.set_ylim(0, 2.2 * top)
        return ax.set_title(f"cut off: the density goes up to {highest:.3g}", fontsize="medium")


def _whole_steps(
    values: NDArray[np.float64], weights: NDArray[np.float64], n_bins: int
) -> int | NDArray[np.float64]:
    """Return the edges of bins that hold whole steps of rounded values; else their number."""
    step = resolution_of(Rows(values[:, None], weights)).steps[0]
    steps = (values - values.min()) / step if step else values
    if not step or np.abs(steps - steps.round()).max() > OFF_GRID:
        return n_bins
    width = np.ceil((steps.max() + 1) / n_bins)
    edges: NDArray[np.float64] = width * np.arange(np.ceil((steps.max() + 1) / width) + 1) - 0.5
    return values.min() + step * edges


def _geometric(values: NDArray[np.float64], n_bins: int) -> NDArray[np.float64]:
    """Return the edges of bins that are equally wide on a logarithmic axis."""
    low, high = values.min(), values.max()
    if low == high:
        low, high = low / 2, high * 2
    edges = np.geomspace(low, high, n_bins + 1)
    edges[[0, -1]] = low, high  # rounding must not leave out the least or the largest
    return edges
