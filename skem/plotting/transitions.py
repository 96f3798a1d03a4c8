"""TransitionDisplay: how a hidden Markov model moves between its states."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skem.plotting import _common as common

__all__ = ["TransitionDisplay"]

#: Probabilities of more states are told by colour alone.
MOST_WRITTEN = 12


class TransitionDisplay(common.Display):
    """The transition matrix of a hidden Markov model, and how long its states last.

    Each row is a state, each column the state that follows; the number is the probability of the
    move, and a row adds up to 1. Beside a state stands its expected dwell time, the mean number of
    steps that the chain stays in it: 1 / (1 - probability to stay).

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    transition_matrix : ndarray of shape (n_components, n_components)
        Probabilities of moves from the state of the row to that of the column.

    Attributes
    ----------
    image_ : AxesImage
        The matrix.
    texts_ : list of Text
        Its numbers, row by row; none where there are more than twelve states.
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.

    See Also
    --------
    StatesDisplay : Probabilities of the states over time.

    Examples
    --------
    >>> from skem import PoissonHMM
    >>> from skem.datasets import load_earthquakes
    >>> from skem.plotting import TransitionDisplay
    >>> model = PoissonHMM(n_components=2, random_state=0).fit(load_earthquakes().data)
    >>> display = TransitionDisplay.from_estimator(model)
    >>> len(display.texts_)
    4
    """

    def __init__(self, *, transition_matrix: NDArray[np.float64]) -> None:
        self.transition_matrix = transition_matrix

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the transitions of a fitted hidden Markov model.

        Parameters
        ----------
        estimator : GaussianHMM, PoissonHMM, BinomialHMM or CategoricalHMM
            The fitted model, or a pipeline or a search with one.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : TransitionDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is no hidden Markov model, nor a pipeline or a search with one.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        estimator, _ = common.find_mixture(
            estimator, caller, ["transmat_"], "a hidden Markov model"
        )
        return cls(transition_matrix=np.asarray(estimator.transmat_, float)).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, cmap: Any = "Blues", **kwargs: Any) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        cmap : str or Colormap, default='Blues'
            Colours of the probabilities from 0 to 1.
        **kwargs : dict
            Keywords for :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : TransitionDisplay
            The display itself.
        """
        ax = self._axes(ax)
        P = self.transition_matrix
        K = len(P)
        self.image_ = ax.imshow(P, **{"vmin": 0, "vmax": 1, "cmap": cmap, **kwargs})
        self.texts_ = []
        if K <= MOST_WRITTEN:
            place = {"ha": "center", "va": "center", "size": min(10, 56 / K)}
            for (i, j), p in np.ndenumerate(P):
                number = f"{p:.2g}" if p >= 0.001 or p == 0 else "<.001"
                color = "white" if p > 0.6 else "black"
                self.texts_.append(ax.text(j, i, number, color=color, **place))
        else:
            self.figure_.colorbar(self.image_, ax=ax).set_label("probability")
        stay = np.diag(P)
        with np.errstate(divide="ignore"):
            dwell = np.where(stay < 1, 1 / (1 - stay), np.inf)
        names = [f"{k}\n(lasts {steps:.3g})" for k, steps in enumerate(dwell)]
        ax.set_xticks(range(K))
        ax.set_yticks(range(K), names if K <= MOST_WRITTEN else None)
        ylabel = "state (mean number of steps)" if K <= MOST_WRITTEN else "state"
        ax.set(xlabel="state that follows", ylabel=ylabel)
        return self
