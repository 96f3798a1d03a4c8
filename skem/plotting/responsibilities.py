"""ResponsibilitiesDisplay: posterior probabilities of all rows, as a sorted heat map."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem.plotting import _common as common

__all__ = ["ResponsibilitiesDisplay"]


class ResponsibilitiesDisplay(common.Display):
    """Posterior probabilities of all rows, as a sorted heat map.

    A column of the map is a row of X. They are sorted by their likeliest component, and those
    of one component from the most to the least certain. Where they are many, neighbours are
    averaged.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    responsibilities : ndarray of shape (n_cells, n_components)
        Posterior probabilities, in the order in which they are drawn.
    edges : ndarray of shape (n_cells + 1,)
        Where the cells begin and end, in rows or their weight.

    Attributes
    ----------
    mesh_ : QuadMesh
        The heat map.
    colorbar_ : Colorbar or None
        What its colours mean.
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.

    See Also
    --------
    ClusterDisplay : Posterior probabilities of rows where they lie.

    Examples
    --------
    >>> from skem import BinomialMixture
    >>> from skem.datasets import load_two_coins
    >>> from skem.plotting import ResponsibilitiesDisplay
    >>> X = load_two_coins().data
    >>> mixture = BinomialMixture(n_components=2, random_state=0).fit(X)
    >>> display = ResponsibilitiesDisplay.from_estimator(mixture, X)
    >>> display.responsibilities.shape
    (5, 2)
    """

    def __init__(self, *, responsibilities: NDArray[Any], edges: NDArray[np.float64]) -> None:
        self.responsibilities = responsibilities
        self.edges = edges

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        max_cells: int = 1000,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the posterior probabilities of rows.

        Parameters
        ----------
        estimator : estimator with ``predict_proba``
            A fitted mixture, also one at the end of a pipeline.
        X : array-like of shape (n_samples, n_features_in)
            Rows.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts: how wide it is drawn.
        max_cells : int, default=1000
            If there are more rows, neighbours are averaged until there are so many.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : ResponsibilitiesDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator has no posterior probabilities.
        ValueError
            If X or sample_weight is invalid.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(f"{caller} takes an estimator with predict_proba, got {estimator!r}")
        posterior = estimator.predict_proba(X)
        weights = common.check_weights(sample_weight, posterior)
        present = common.complete(posterior, weights)
        order = np.argsort(posterior.argmax(axis=1) - posterior.max(axis=1))
        display = cls(**_averaged(posterior, weights, order[present[order]], max_cells))
        return display.plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, cmap: Any = "viridis", colorbar: bool = True, **kwargs: Any
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        cmap : str or Colormap, default='viridis'
            Colours of the probabilities from 0 to 1.
        colorbar : bool, default=True
            Whether to say what the colours mean.
        **kwargs : dict
            Keywords for :meth:`matplotlib.axes.Axes.pcolormesh`.

        Returns
        -------
        display : ResponsibilitiesDisplay
            The display itself.
        """
        ax = self._axes(ax)
        K = self.responsibilities.shape[1]
        style = {"vmin": 0, "vmax": 1, "cmap": cmap, "rasterized": True, **kwargs}
        borders = np.arange(K + 1) - 0.5
        self.mesh_ = ax.pcolormesh(self.edges, borders, self.responsibilities.T, **style)
        ax.set(xlabel="rows, sorted", ylabel="component", ylim=(K - 0.5, -0.5))
        common.whole_numbers(ax.yaxis)
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(self.mesh_, ax=ax)
            self.colorbar_.set_label("posterior probability")
        return self


def _averaged(
    posterior: NDArray[Any], weights: NDArray[np.float64], order: NDArray[np.int_], max_cells: int
) -> dict[str, NDArray[Any]]:
    """Return weighted means over neighbours in that order, and where they begin and end."""
    n_cells = min(len(order), max_cells)
    cell = np.arange(len(order)) * n_cells // len(order)
    weights = weights[order]
    totals = np.bincount(cell, weights)
    sums = [np.bincount(cell, weights * column[order]) for column in posterior.T]
    return {
        "responsibilities": np.stack(sums, axis=1) / totals[:, None],
        "edges": np.concatenate([[0.0], totals.cumsum()]),
    }
