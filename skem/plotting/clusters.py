"""ClusterDisplay: rows, components and density of a Gaussian mixture in two features."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem import GaussianMixtureEM
from skem.plotting import _common as common
from skem.plotting._cells import Cells
from skem.plotting._explanation import explain
from skem.plotting._marginal import GAUSSIAN, density_levels, ellipse, grid, marginal, reach

__all__ = ["ClusterDisplay"]

#: How many times as large as a row that is certain one is drawn that may be of any component.
UNCERTAIN = 5.0


class ClusterDisplay(common.Display):
    """Rows, components and density of a Gaussian mixture in two of its features.

    A row has the marker of its likeliest component and a colour mixed from those of all
    components by their posterior probabilities. The less certain it is, the larger it is drawn;
    where rows have different weights, the area of a marker is the weight instead.
    Where rows are many, cells take their place: the colour is that of the mean posterior
    probabilities, and the more rows, on a logarithmic scale, the denser it is. Dashed ellipses
    show the components, thin lines the regions of highest density of the mixture. Both are those
    of the exact marginal, while the posterior probabilities are given all features.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    marginal : GaussianMixtureEM
        The mixture in the two features.
    points : ndarray of shape (n_points, 2)
        The rows to draw, in the two features; none where cells take their place.
    posterior : ndarray of shape (n_points, n_components)
        Their posterior probabilities.
    point_weights : ndarray of shape (n_points,)
        Their weights. If they differ, the areas of the markers are proportional to them.
    cells : Cells or None, default=None
        The rows counted in cells.
    feature_names : sequence of str, default=('', '')
        What the axes are called.

    Attributes
    ----------
    scatters_ : list of PathCollection
        The rows, one collection for each component that is the likeliest for some.
    image_ : AxesImage or None
        The cells.
    ellipses_ : list of Line2D
        The ellipses of component 0 from the inner to the outer, then those of component 1, ...
    labels_ : list of Text
        The number of each component, at its mean.
    contours_ : QuadContourSet or None
        The regions of highest density.
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.

    See Also
    --------
    PairsDisplay : All pairs of several features.
    DensityDisplay : The same for one feature.
    ResponsibilitiesDisplay : Posterior probabilities of all rows.

    Notes
    -----
    That uncertain rows stand out in size is the idea of the uncertainty plot of R's mclust
    (Fraley & Raftery 2002). A region of highest density is bounded by the density that a draw
    from the mixture exceeds with the region's probability (Hyndman 1996); it is the quantile of
    10,000 draws, always the same.

    Examples
    --------
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.plotting import ClusterDisplay
    >>> X = load_old_faithful().data
    >>> mixture = GaussianMixtureEM(n_components=2, random_state=0).fit(X)
    >>> display = ClusterDisplay.from_estimator(mixture, X)
    >>> [label.get_text() for label in display.labels_]
    ['0', '1']
    """

    def __init__(
        self,
        *,
        marginal: GaussianMixtureEM,
        points: NDArray[Any],
        posterior: NDArray[Any],
        point_weights: NDArray[np.float64],
        cells: Cells | None = None,
        feature_names: Sequence[str] = ("", ""),
    ) -> None:
        self.marginal = marginal
        self.points = points
        self.posterior = posterior
        self.point_weights = point_weights
        self.cells = cells
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        features: Sequence[int | str] | None = None,
        sample_weight: ArrayLike | None = None,
        max_points: int = 5000,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a fitted Gaussian mixture and rows.

        Parameters
        ----------
        estimator : GaussianMixtureEM
            The fitted mixture. One of :mod:`sklearn.mixture` will do, too, and a pipeline or a
            search with a mixture: the axes are those of the features that the mixture sees.
        X : array-like of shape (n_samples, n_features_in)
            Rows. Those that lack one of the two features are left out.
        features : pair of int or str, default=None
            The features of the horizontal and of the vertical axis, by index or name. None will
            do where there are two; :class:`PairsDisplay` shows more of them.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.
        max_points : int, default=5000
            If there are more rows, they are counted in cells rather than drawn one by one.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : ClusterDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is no Gaussian mixture, nor a pipeline or a search with one.
        ValueError
            If the features are not two different ones of the estimator's, or are not given though
            it has more than two; or if X is invalid.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        estimator, X = common.find_mixture(estimator, caller, GAUSSIAN, "a Gaussian mixture", X)
        pair = common.feature_pair(estimator, features)
        X = common.check_rows(estimator, X)
        weights = common.check_weights(sample_weight, X)
        present = common.complete(X[:, pair], weights)
        X, weights = X[present], weights[present]
        points, posterior = X[:, pair], common.posteriors(estimator, X)
        cells = None
        if len(points) > max_points:
            cells = Cells.count(points, posterior, weights)
            points, posterior, weights = points[:0], posterior[:0], weights[:0]
        display = cls(
            marginal=marginal(estimator, pair),
            points=points,
            posterior=posterior,
            point_weights=weights,
            cells=cells,
            feature_names=[common.feature_name(estimator, j) for j in pair],
        )
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        n_std: float | Sequence[float] = (1.0, 2.0),
        regions: float | Sequence[float] = (0.5, 0.9, 0.99),
        cmap: Any = "viridis",
        scatter_kwargs: dict[str, Any] | None = None,
        image_kwargs: dict[str, Any] | None = None,
        ellipse_kwargs: dict[str, Any] | None = None,
        contour_kwargs: dict[str, Any] | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        n_std : float or sequence of float, default=(1.0, 2.0)
            Mahalanobis distances from the mean at which ellipses are drawn. Within 1 a component
            has 39 % of its mass, within 2 it has 86 %.
        regions : float or sequence of float, default=(0.5, 0.9, 0.99)
            Probabilities of the regions of highest density whose boundaries are drawn. An empty
            sequence draws none, and so for ``n_std``.
        cmap : str or Colormap, default='viridis'
            Where the colours of the components come from.
        scatter_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter`.
        image_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.imshow`, which draws cells.
        ellipse_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`.
        contour_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.contour`.
        legend : bool, default=True
            Whether to draw a legend, beside the axes.

        Returns
        -------
        display : ClusterDisplay
            The display itself.
        """
        ax = self._axes(ax)
        radii = np.atleast_1d(n_std)
        looks = common.styles(len(self.marginal.weights_), cmap)
        self._draw_points(ax, looks, scatter_kwargs)
        self._draw_cells(ax, looks, image_kwargs)
        self._draw_regions(ax, np.atleast_1d(regions), radii.max(initial=3.5), contour_kwargs)
        self._draw_components(ax, radii, looks, ellipse_kwargs)
        ax.set(xlabel=self.feature_names[0], ylabel=self.feature_names[1])
        ax.use_sticky_edges = False  # cells and contours keep a margin, too
        if legend:
            size = self._meaning_of_size()
            n_notes = explain(ax, size, radii, np.atleast_1d(regions))
            common.legend(ax, len(looks) + n_notes, beside=True)
        return self

    def _meaning_of_size(self) -> str | None:
        """Return what the size of a marker, or the opacity of a cell, tells."""
        if self.cells is not None:
            return "denser colour: more rows"
        if self._weighted():
            return "area: weight of the row"
        several = len(self.marginal.weights_) > 1
        return "large, mixed colour:\nuncertain row" if several else None

    def _weighted(self) -> bool:
        """Tell whether rows have different weights."""
        weights = self.point_weights
        return bool(weights.size) and bool(np.ptp(weights) > 0)

    def _draw_points(
        self, ax: Any, looks: list[dict[str, Any]], given: dict[str, Any] | None
    ) -> None:
        """Draw rows: marker by likeliest component, colour by posterior, area by doubt."""
        self.scatters_, given = [], given or {}
        if not len(self.points):
            return
        K = len(looks)
        colors = np.clip(self.posterior @ np.array([look["color"] for look in looks]), 0, 1)
        doubt = (1 - self.posterior.max(axis=1)) * K / max(K - 1, 1)
        areas = np.full(len(doubt), np.clip(8000 / len(doubt), 12, 40))
        if self._weighted():
            areas *= self.point_weights / self.point_weights.mean()
        else:
            areas *= 1 + (UNCERTAIN - 1) * doubt
        labels = self.posterior.argmax(axis=1)
        for k in np.unique(labels):
            mine = labels == k
            style = {
                "s": areas[mine],
                "marker": looks[k]["marker"],
                "facecolors": colors[mine],
                "edgecolors": "white",
                "linewidths": 0.3,
                "alpha": 0.8,
            }
            # Matplotlib would prefer the second to the first, or warn.
            for name, rival in {"color": "facecolors", "marker": "edgecolors"}.items():
                if name in given:
                    del style[rival]
            self.scatters_.append(ax.scatter(*self.points[mine].T, **{**style, **given}))

    def _draw_cells(
        self, ax: Any, looks: list[dict[str, Any]], given: dict[str, Any] | None
    ) -> None:
        """Draw cells, if there are any."""
        self.image_ = None
        if self.cells is None:
            return
        image = self.cells.image(np.array([look["color"] for look in looks]))
        style = {"origin": "lower", "aspect": "auto", "interpolation": "nearest", **(given or {})}
        self.image_ = ax.imshow(image, extent=self.cells.extent, **style)

    def _draw_regions(
        self,
        ax: Any,
        regions: NDArray[np.float64],
        n_std: float,
        given: dict[str, Any] | None,
    ) -> None:
        """Draw the boundaries of the regions of highest density."""
        self.contours_ = None
        if not regions.size:
            return
        xs, ys = (self._grid(j, n_std) for j in (0, 1))
        mesh = np.stack(np.meshgrid(xs, ys), axis=-1)
        log_density = self.marginal.score_samples(mesh.reshape(-1, 2)).reshape(mesh.shape[:2])
        levels = density_levels(self.marginal, regions)
        style: dict[str, Any] = {"levels": levels, "linewidths": 0.8, "linestyles": "solid"}
        if not {"cmap", "colors"} & set(given or {}):
            style["colors"] = "0.55"
        self.contours_ = ax.contour(xs, ys, log_density, **{**style, **(given or {})})

    def _grid(self, j: int, n_std: float) -> NDArray[Any]:
        """Return the coordinates of a grid that covers rows and components."""
        low, high = reach(self.marginal, j, n_std)
        if len(self.points):
            low, high = min(low, self.points[:, j].min()), max(high, self.points[:, j].max())
        if self.cells is not None:
            left, right = self.cells.extent[2 * j : 2 * j + 2]
            low, high = min(low, left), max(high, right)
        return grid(self.marginal, j, low, high, 120)

    def _draw_components(
        self,
        ax: Any,
        radii: NDArray[np.float64],
        looks: list[dict[str, Any]],
        given: dict[str, Any] | None,
    ) -> None:
        """Draw the ellipses of the components, and their numbers at their means."""
        from matplotlib.lines import Line2D
        from matplotlib.patheffects import withStroke

        mixture = self.marginal
        self.ellipses_, self.labels_ = [], []
        for k, look in enumerate(looks):
            look["label"] = common.component_label(k, mixture.weights_[k])
            style = common.styled({**look, "linewidth": 2.0}, given, Line2D)
            ax.plot([], [], **style)  # for the legend, which shows the marker of the rows, too
            halo = withStroke(linewidth=1.5 + style["linewidth"], foreground="white")
            style = {"path_effects": [halo], **style, "marker": "", "label": None}
            for radius in radii:
                self.ellipses_ += ax.plot(*ellipse(mixture, k, radius), **style)
            box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": look["color"]}
            middle = {"ha": "center", "va": "center", "size": "small"}
            self.labels_.append(ax.text(*mixture.means_[k], str(k), bbox=box, **middle))
