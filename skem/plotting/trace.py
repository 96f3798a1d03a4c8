"""TraceDisplay: the bound at each evaluation of EM."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem.plotting import _common as common

__all__ = ["TraceDisplay"]

#: A climb of less than this, in nats per row, only polished what the start had found. The default
#: start ends its short runs where about as much is left.
POLISH = 1e-4


class TraceDisplay(common.Display):
    """The bound at each E/M evaluation of one or several fits.

    After an E-step the bound equals the log-likelihood (with ``reg_covar``, the penalised one),
    and it never falls. With ``gap=True`` the display shows, on a logarithmic scale, how much is
    missing to the highest value of all: a straight line is convergence at a constant rate. With
    ``parts=True`` it shows what the bound consists of: the expected log-likelihood of rows and
    labels together and, as a band above it, the entropy of the responsibilities. A nat is the unit
    of natural logarithms.

    Use :meth:`from_estimator` or :meth:`from_estimators` to make one.

    Parameters
    ----------
    traces : sequence of array-like of shape (n_evaluations,)
        The bound at each evaluation, for each fit, in nats per row.
    names : sequence of str, default=None
        What the fits are called.
    parts : sequence of ndarray of shape (n_entries, 3), default=None
        Evaluation, expected log-likelihood and entropy, for each fit; no entries for one that
        did not record them.

    Attributes
    ----------
    lines_ : list of Line2D
        One line for each fit.
    bands_ : list of PolyCollection
        The entropy for each fit, if the parts are shown.
    note_ : Text or None
        The title that says so where no fit gained as much as 1e-4 nats per row.
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.

    Examples
    --------
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.plotting import TraceDisplay
    >>> X = load_old_faithful().data
    >>> plain = GaussianMixtureEM(n_components=3, acceleration=None, random_state=0)
    >>> quick = GaussianMixtureEM(n_components=3, random_state=0)
    >>> fits = {"EM": plain.fit(X), "accelerated": quick.fit(X)}
    >>> display = TraceDisplay.from_estimators(fits, gap=True)
    >>> display.ax_.get_yscale()
    'log'
    """

    def __init__(
        self,
        *,
        traces: Sequence[ArrayLike],
        names: Sequence[str] | None = None,
        parts: Sequence[NDArray[np.float64]] | None = None,
    ) -> None:
        self.traces = traces
        self.names = names
        self.parts = parts

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the trace of one fit.

        Parameters
        ----------
        estimator : MixtureEM
            A fitted mixture.
        name : str, default=None
            What the legend calls it. None means the name of the class.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : TraceDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator, or the mixture in a pipeline or a search, has no trace.
        """
        name = type(estimator).__name__ if name is None else name
        return cls._from_pairs([(name, estimator)], "from_estimator", ax, kwargs)

    @classmethod
    def from_estimators(
        cls, estimators: Mapping[str, Any], *, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the traces of several fits.

        Parameters
        ----------
        estimators : dict of str to MixtureEM
            Fitted mixtures, and what the legend calls them.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : TraceDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimators are not in a dict, or one has no trace.
        """
        if not isinstance(estimators, Mapping):
            raise TypeError(
                "estimators must be a dict of names and fitted estimators, got "
                f"{type(estimators).__name__}"
            )
        return cls._from_pairs(estimators.items(), "from_estimators", ax, kwargs)

    @classmethod
    def _from_pairs(cls, pairs: Any, method: str, ax: Any, kwargs: dict[str, Any]) -> Self:
        caller = f"{cls.__name__}.{method}"
        common.pyplot(caller)
        names = [name for name, _ in pairs]
        fits = [
            common.find_mixture(fit, caller, ["lower_bounds_"], "a mixture that was fitted")[0]
            for _, fit in pairs
        ]
        traces = [np.asarray(fit.lower_bounds_) for fit in fits]
        parts = [
            np.array(
                [
                    (entry.n_iter, entry.expected_log_likelihood, entry.entropy)
                    for entry in getattr(fit, "trace_", ())
                ]
            ).reshape(-1, 3)
            for fit in fits
        ]
        return cls(traces=traces, names=names, parts=parts).plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        gap: bool = False,
        parts: bool = False,
        cmap: Any = "viridis",
        **kwargs: Any,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        gap : bool, default=False
            Show, on a logarithmic scale, how much is missing to the highest value of all traces,
            instead of the values.
        parts : bool, default=False
            Show what the bound consists of. The fits must have kept a ``trace_``, as
            ``record_trace=True`` makes them do.
        cmap : str or Colormap, default='viridis'
            Where the colours of the lines come from.
        **kwargs : dict
            Keywords for :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TraceDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the parts are asked for and a fit did not record them, or the gap is asked for too.
        """
        if parts and gap:
            raise ValueError("the gap has no parts: set gap or parts to False")
        if parts and not (self.parts and all(map(len, self.parts))):
            raise ValueError("to show the parts of the bound, fit with record_trace=True")
        ax = self._axes(ax)
        from matplotlib.lines import Line2D

        traces = [np.asarray(trace, dtype=np.float64) for trace in self.traces]
        if gap:
            highest = max((trace.max() for trace in traces if trace.size), default=0.0)
            # The highest value itself has no place on a logarithmic scale.
            traces = [np.where(trace < highest, highest - trace, np.nan) for trace in traces]
        names = self.names or [None] * len(traces)
        self.lines_, self.bands_ = [], []
        for name, trace, look in zip(
            names, traces, common.styles(len(traces), cmap, solid=True), strict=True
        ):
            look |= {"label": name, "markevery": max(1, len(trace) // 8)}
            style = common.styled(look, kwargs, Line2D)
            self.lines_ += ax.plot(np.arange(1, len(trace) + 1), trace, **style)
        if parts:
            self._draw_parts(ax)
        if gap:
            ax.set_yscale("log")
        ylabel = "missing to the highest bound" if gap else "bound"
        ax.set(xlabel="evaluation", ylabel=f"{ylabel} (nats per row)")
        common.whole_numbers(ax.xaxis)
        self.note_ = self._note(ax)
        common.legend(ax, len(self.lines_) * bool(self.names) + len(self.bands_), beside=True)
        return self

    def _note(self, ax: Any) -> Any:
        """Say above the axes that no fit gained anything to speak of, if so."""
        gains = [trace.max() - trace[0] for trace in map(np.asarray, self.traces) if trace.size]
        if not gains or max(gains) >= POLISH:
            return None
        return ax.set_title(
            f"EM gained {max(gains):.1g} nats per row: the start was next to the optimum",
            fontsize="medium",
        )

    def _draw_parts(self, ax: Any) -> None:
        """Draw the expected log-likelihood, and the entropy on top of it."""
        for line, (evaluations, expected, entropy) in zip(
            self.lines_, (part.T for part in self.parts or ()), strict=True
        ):
            band = {"color": line.get_color(), "alpha": 0.25, "linewidth": 0}
            top = expected + entropy
            label = f"entropy, {line.get_label()}" if len(self.lines_) > 1 else "entropy"
            self.bands_.append(ax.fill_between(evaluations, expected, top, label=label, **band))
