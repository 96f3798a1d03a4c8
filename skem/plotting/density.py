"""DensityDisplay: the density of a Gaussian mixture in one feature, over a histogram."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem import GaussianMixtureEM
from skem.plotting import _common as common
from skem.plotting._marginal import GAUSSIAN, grid, marginal, reach

__all__ = ["DensityDisplay"]

#: More bins than these could not be told apart.
MOST_BINS = 200


class DensityDisplay(common.Display):
    """Density of a Gaussian mixture in one of its features, over a histogram of rows.

    The components, which are drawn too, are weighted: they add up to the mixture. The density
    is that of the exact marginal.

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

    Attributes
    ----------
    histogram_ : StepPatch
        The histogram.
    line_ : Line2D
        The density of the mixture.
    component_lines_ : list of Line2D
        The weighted densities of the components; none where there is only one.
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
    ) -> None:
        self.marginal = marginal
        self.heights = heights
        self.edges = edges
        self.feature_name = feature_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        feature: int | str = 0,
        sample_weight: ArrayLike | None = None,
        bins: int | ArrayLike | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a fitted Gaussian mixture and a histogram of rows.

        Parameters
        ----------
        estimator : GaussianMixtureEM
            The fitted mixture. One of :mod:`sklearn.mixture` will do, too.
        X : array-like of shape (n_samples, n_features_in)
            Rows. Those that lack the feature are left out.
        feature : int or str, default=0
            The feature, by index or name.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.
        bins : int or array-like of shape (n_bins + 1,), default=None
            Number of bins, or their edges. None means twice the cube root of the number of rows
            (the Rice rule), 200 at most.
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
            If the estimator is no Gaussian mixture, or is wrapped in a pipeline or a search.
        ValueError
            If the estimator has no such feature, or X is invalid.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        common.check_bare(estimator, caller, GAUSSIAN, "a Gaussian mixture")
        j = common.feature_index(estimator, feature, estimator.means_.shape[1])
        X = common.check_rows(estimator, X)
        weights = common.check_weights(sample_weight, X)
        present = common.complete(X[:, [j]], weights)
        values, weights = X[present, j].astype(np.float64), weights[present]
        if bins is None:
            bins = min(int(np.ceil(2 * np.cbrt(max(len(values), weights.sum())))), MOST_BINS)
        totals, edges = np.histogram(values, bins, weights=weights)
        display = cls(
            marginal=marginal(estimator, [j]),
            heights=totals / (weights.sum() * np.diff(edges)),
            edges=edges,
            feature_name=common.feature_name(estimator, j),
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

        Returns
        -------
        display : DensityDisplay
            The display itself.
        """
        ax = self._axes(ax)
        from matplotlib.lines import Line2D

        low, high = reach(self.marginal, 0, 3.0)
        xs = grid(self.marginal, 0, min(low, self.edges[0]), max(high, self.edges[-1]), 400)
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
        common.legend(ax, 2 + len(self.component_lines_))
        return self
