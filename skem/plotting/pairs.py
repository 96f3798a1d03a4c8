"""PairsDisplay: rows and components of a Gaussian mixture in every pair of features."""

from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import ArrayLike

from skem.plotting import _common as common
from skem.plotting._marginal import GAUSSIAN
from skem.plotting.clusters import ClusterDisplay
from skem.plotting.density import DensityDisplay

__all__ = ["PairsDisplay"]

#: More features than these make panels too small to be read.
MOST_FEATURES = 6


class PairsDisplay:
    """Rows and components of a Gaussian mixture in every pair of several features.

    The panel in row i and column j, below the diagonal, is the :class:`ClusterDisplay` of features
    j and i; on the diagonal is the :class:`DensityDisplay` of each feature. One legend serves all.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    clusters : dict of (int, int) to ClusterDisplay
        The panels below the diagonal, by row and column.
    densities : sequence of DensityDisplay
        Those on the diagonal.

    Attributes
    ----------
    axes_ : ndarray of shape (n_features, n_features)
        The axes. Those above the diagonal are empty and hidden.
    figure_ : Figure
        Their figure.

    See Also
    --------
    ClusterDisplay : Two features only.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skem import GaussianMixtureEM
    >>> from skem.plotting import PairsDisplay
    >>> X = load_iris().data
    >>> mixture = GaussianMixtureEM(n_components=2, random_state=0).fit(X)
    >>> PairsDisplay.from_estimator(mixture, X).axes_.shape
    (4, 4)
    """

    def __init__(
        self,
        *,
        clusters: dict[tuple[int, int], ClusterDisplay],
        densities: Sequence[DensityDisplay],
    ) -> None:
        self.clusters = clusters
        self.densities = densities

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        features: Sequence[int | str] | None = None,
        sample_weight: ArrayLike | None = None,
        figure: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a fitted Gaussian mixture and rows.

        Parameters
        ----------
        estimator : GaussianMixtureEM
            The fitted mixture, or a pipeline or a search with one. One of :mod:`sklearn.mixture`
            will do, too.
        X : array-like of shape (n_samples, n_features_in)
            Rows. A panel leaves out those that lack one of its features.
        features : sequence of int or str, default=None
            Two to six features, by index or name. None means all of them.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.
        figure : Figure, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : PairsDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is no Gaussian mixture, nor a pipeline or a search with one.
        ValueError
            If the features are fewer than two, more than six, or not different, or X is invalid.
        """
        caller = f"{cls.__name__}.from_estimator"
        plt = common.pyplot(caller)
        estimator, X = common.find_mixture(estimator, caller, GAUSSIAN, "a Gaussian mixture", X)
        chosen = _check_features(estimator, features)
        scratch, ax = plt.subplots()
        shown = {"sample_weight": sample_weight, "ax": ax}
        try:
            clusters = {
                (i, j): ClusterDisplay.from_estimator(
                    estimator, X, features=(chosen[j], chosen[i]), **shown
                )
                for i in range(len(chosen))
                for j in range(i)
            }
            densities = [
                DensityDisplay.from_estimator(estimator, X, feature=j, **shown) for j in chosen
            ]
        finally:
            plt.close(scratch)
        return cls(clusters=clusters, densities=densities).plot(figure, **kwargs)

    def plot(self, figure: Any = None, *, cmap: Any = "viridis", **kwargs: Any) -> Self:
        """Draw.

        Parameters
        ----------
        figure : Figure, default=None
            Where to draw. None makes a new figure.
        cmap : str or Colormap, default='viridis'
            Where the colours of the components come from.
        **kwargs : dict
            Keywords for :meth:`ClusterDisplay.plot`.

        Returns
        -------
        display : PairsDisplay
            The display itself.
        """
        plt = common.pyplot(f"{type(self).__name__}.plot")
        n = len(self.densities)
        if figure is None:
            figure = plt.figure(figsize=(2.4 * n + 2, 2.4 * n), layout="constrained")
        self.figure_, self.axes_ = figure, figure.subplots(n, n, sharex="col", squeeze=False)
        for i, density in enumerate(self.densities):
            density.plot(self.axes_[i, i], cmap=cmap, legend=False)
            for j in range(i + 1, n):
                self.axes_[i, j].set_axis_off()
        for (i, j), panel in self.clusters.items():
            panel.plot(self.axes_[i, j], cmap=cmap, **kwargs, legend=(i, j) == (1, 0))
        for ax in self.axes_[:-1].ravel():
            ax.set_xlabel("")
        for ax in [self.axes_[i, j] for i, j in self.clusters if j > 0]:
            ax.set_ylabel("")
        self._draw_legend()
        return self

    def _draw_legend(self) -> None:
        """Move the legend of a panel to the empty corner above the diagonal."""
        own = self.axes_[1, 0].get_legend()
        if own is None:
            return
        own.remove()
        handles, labels = self.axes_[1, 0].get_legend_handles_labels()
        self.axes_[0, -1].legend(handles, labels, loc="upper right", fontsize="small")


def _check_features(estimator: Any, features: Sequence[int | str] | None) -> list[int]:
    """Return the indices of two to six different features."""
    n = estimator.means_.shape[1]
    chosen = list(range(n)) if features is None else features
    if isinstance(chosen, str):
        raise ValueError(f"features must be a list of indices or names, got {features!r}")
    indices = [common.feature_index(estimator, feature, n) for feature in chosen]
    if not 2 <= len(indices) <= MOST_FEATURES or len(set(indices)) < len(indices):
        raise ValueError(
            f"PairsDisplay shows 2 to {MOST_FEATURES} different features, got {list(chosen)}: "
            "set features to those that you want to see"
        )
    return indices
