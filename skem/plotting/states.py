"""StatesDisplay: the states of a hidden Markov model over time."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from skem.estimators.sequences import outer_index, sequence_ends
from skem.plotting import _common as common

__all__ = ["StatesDisplay"]

#: Where colours are too many to be told apart, hatches differ as well.
HATCHES = ("", "///", "...", "\\\\\\")

#: A line of more rows is drawn thin, so that the ribbons are seen behind it.
MANY_ROWS = 500


class StatesDisplay(common.Display):
    """A sequence over time, above ribbons of the probabilities of its hidden states.

    The height of a ribbon is the probability of the state given the whole sequence, so that the
    ribbons of a time fill the axes; the line is a column of the data, on an axis of its own.
    Several sequences follow one another, parted by vertical lines.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        A column of the sequence; NaN where a cell is missing.
    posterior : ndarray of shape (n_samples, n_components)
        Probabilities of the states.
    feature_name : str, default=''
        What the column is called.
    ends : ndarray of shape (n_sequences,) or None, default=None
        Number of rows up to the end of each sequence. None for one sequence.

    Attributes
    ----------
    ribbons_ : list of PolyCollection
        One ribbon for each state.
    line_ : Line2D
        The column.
    borders_ : list of Line2D
        What parts the sequences.
    values_ax_ : Axes
        The axes of the column, which lie over those of the probabilities.
    ax_ : Axes
        The axes of the probabilities.
    figure_ : Figure
        Their figure.

    See Also
    --------
    TransitionDisplay : How the model moves between its states.

    Examples
    --------
    >>> from skem import PoissonHMM
    >>> from skem.datasets import load_earthquakes
    >>> from skem.plotting import StatesDisplay
    >>> X = load_earthquakes().data
    >>> model = PoissonHMM(n_components=2, random_state=0).fit(X)
    >>> display = StatesDisplay.from_estimator(model, X)
    >>> len(display.ribbons_)
    2
    """

    def __init__(
        self,
        *,
        values: NDArray[Any],
        posterior: NDArray[Any],
        feature_name: str = "",
        ends: NDArray[np.intp] | None = None,
    ) -> None:
        self.values = values
        self.posterior = posterior
        self.feature_name = feature_name
        self.ends = ends

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        feature: int | str = 0,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw sequences and the probabilities of their states.

        Parameters
        ----------
        estimator : GaussianHMM, PoissonHMM, BinomialHMM or CategoricalHMM
            The fitted model, or a pipeline or a search with one.
        X : array-like of shape (n_samples, n_features_in)
            The rows, in order.
        feature : int or str, default=0
            The column to draw, by index or name.
        groups : array-like of shape (n_samples,), default=None
            An id for each row: a sequence begins where it changes. None, without ``lengths``,
            means one sequence, or those of the outer index of a frame, as in ``fit``.
        lengths : array-like of int of shape (n_sequences,), default=None
            Rows of each sequence, in place of ``groups``.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : StatesDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is no hidden Markov model, nor a pipeline or a search with one.
        ValueError
            If X is invalid, or has no such feature, or does not have the sequences given.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        index = outer_index(X)
        estimator, X = common.find_mixture(
            estimator, caller, ["transmat_"], "a hidden Markov model", X
        )
        j = common.feature_index(estimator, feature, estimator.n_features_in_)
        columns = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")
        ends = sequence_ends(len(columns), groups, lengths, index)
        posterior = estimator.predict_proba(X, lengths=np.diff(ends, prepend=0))
        return cls(
            values=columns[:, j],
            posterior=posterior,
            feature_name=common.feature_name(estimator, j),
            ends=ends,
        ).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, cmap: Any = "viridis", **kwargs: Any) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        cmap : str or Colormap, default='viridis'
            Where the colours of the states come from.
        **kwargs : dict
            Keywords for :meth:`matplotlib.axes.Axes.plot`, which draws the column.

        Returns
        -------
        display : StatesDisplay
            The display itself.
        """
        ax = self._axes(ax)
        from matplotlib.lines import Line2D

        n, K = self.posterior.shape
        edges = np.arange(n + 1) - 0.5  # each row has a step of its own
        tops = np.vstack([np.zeros(n), self.posterior.cumsum(axis=1).T])
        self.ribbons_ = []
        for k, look in enumerate(common.styles(K, cmap)):
            low, high = (np.append(top, top[-1]) for top in tops[k : k + 2])
            hatch = HATCHES[k % len(HATCHES)] if K > common.MOST_IN_ORDER else ""
            style = {"facecolor": look["color"], "alpha": 0.4, "linewidth": 0, "step": "post"}
            style |= {"hatch": hatch, "edgecolor": "0.2"}
            self.ribbons_.append(ax.fill_between(edges, low, high, label=f"state {k}", **style))
        ax.set(xlabel="row", ylabel="probability of the states", ylim=(0, 1), xlim=edges[[0, -1]])
        common.whole_numbers(ax.xaxis)
        ends = np.array([], np.intp) if self.ends is None else self.ends[:-1]
        border = {"color": "0.3", "linewidth": 1, "linestyle": (0, (4, 2))}
        self.borders_ = [ax.axvline(end - 0.5, **border) for end in ends]
        self.values_ax_ = ax.twinx()
        style = {"color": "black", "linewidth": 1.2 if n <= MANY_ROWS else 0.4}
        style["marker"] = "." if n <= 200 else ""
        (self.line_,) = self.values_ax_.plot(
            np.insert(np.arange(n, dtype=float), ends, np.nan),  # no line from one to the next
            np.insert(self.values.astype(float), ends, np.nan),
            **common.styled(style, kwargs, Line2D),
        )
        self.values_ax_.set_ylabel(self.feature_name)
        if K > 1:
            place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": min(K, 6)}
            ax.legend(**place, fontsize="small")
        return self
