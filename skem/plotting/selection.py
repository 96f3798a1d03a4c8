"""SelectionDisplay: a criterion against the number of components, from a fitted search."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skem.plotting import _common as common
from skem.plotting._search import best_of_each, candidates_of, metric_of, name_of

__all__ = ["SelectionDisplay"]

#: Criteria that have a name in capitals.
CRITERIA = ("aic", "bic", "icl")

#: A candidate is left beyond the axis if it loses so many times as much as the next better one.
FAR = 4.0


class SelectionDisplay(common.Display):
    """A search's criterion against the number of components, a line for each covariance type.

    Bars reach one standard error of the mean over the folds up and down. What the search chose is
    marked, whatever is shown; where it did not choose (several metrics, no ``refit``), the best
    is. Candidates far worse than the others lie beyond the axis, and the title names them.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    n_components : ndarray of shape (n_candidates,)
        Number of components of each candidate.
    scores : ndarray of shape (n_candidates,)
        Their criterion; NaN where the fit failed.
    best : int or None
        Which candidate is marked.
    standard_errors : ndarray of shape (n_candidates,), default=None
        Standard errors of the scores.
    covariance_types : sequence of str, default=None
        Covariance type of each candidate, if it differs between them.
    score_name : str, default='score'
        What the criterion is called.
    lower_is_better : bool, default=False
        Whether a low score is a good one, as of BIC.
    chosen : bool, default=True
        Whether the marked candidate is what the search chose, not merely the best.

    Attributes
    ----------
    lines_ : list of Line2D
        The criterion, one line for each covariance type.
    errorbars_ : list of ErrorbarContainer
        Their error bars; none where no standard errors are known.
    best_ : Line2D or None
        What marks the chosen candidate.
    note_ : Text or None
        The title that names candidates beyond the axis, if there are any.
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.

    Notes
    -----
    The standard error of the mean of F folds is ``std_test_score / sqrt(F - 1)``: scikit-learn's
    deviation has the divisor F.

    Examples
    --------
    By held-out log-likelihood:

    >>> from sklearn.model_selection import GridSearchCV
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.plotting import SelectionDisplay
    >>> X = load_old_faithful().data
    >>> grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "tied"]}
    >>> search = GridSearchCV(GaussianMixtureEM(random_state=0), grid).fit(X)
    >>> display = SelectionDisplay.from_estimator(search, score_name="log-likelihood per row")
    >>> [line.get_label() for line in display.lines_]
    ['full', 'tied']

    By BIC, which needs all rows and no folds:

    >>> from skem.model_selection import WholeSample, neg_bic
    >>> mixture = GaussianMixtureEM(random_state=0)
    >>> search = GridSearchCV(mixture, grid, scoring=neg_bic, cv=WholeSample()).fit(X)
    >>> display = SelectionDisplay.from_estimator(search)
    >>> display.ax_.get_ylabel(), float(display.scores.min().round())
    ('BIC (lower is better)', 2314.0)
    """

    def __init__(
        self,
        *,
        n_components: NDArray[np.int_],
        scores: NDArray[np.float64],
        best: int | None,
        standard_errors: NDArray[np.float64] | None = None,
        covariance_types: NDArray[Any] | None = None,
        score_name: str = "score",
        lower_is_better: bool = False,
        chosen: bool = True,
    ) -> None:
        self.n_components = n_components
        self.scores = scores
        self.best = best
        self.standard_errors = standard_errors
        self.covariance_types = covariance_types
        self.score_name = score_name
        self.lower_is_better = lower_is_better
        self.chosen = chosen

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        metric: str | None = None,
        prefix: str | None = None,
        negate_score: bool | None = None,
        score_name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw what a fitted search found.

        Parameters
        ----------
        search : GridSearchCV
            A fitted search over ``n_components`` and maybe ``covariance_type``, of a mixture or
            of a pipeline. Where it tried other parameters too, their best values are shown.
        metric : str, default=None
            Which of several scorers. None means the one by which the search chose, or 'score'.
        prefix : str, default=None
            What goes before the names of the parameters, such as ``'gaussianmixtureem__'``. It
            is needed only where two steps of a pipeline have ``n_components``.
        negate_score : bool, default=None
            Whether to show the scores negated. None means those that were negated to be
            maximised and so have names in ``neg_``.
        score_name : str, default=None
            What the vertical axis is called. None means the name of the metric or of the scorer.
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            Further arguments of :meth:`plot`.

        Returns
        -------
        display : SelectionDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If it is not a search.
        ValueError
            If the search did not try several numbers of components, or has no such metric or
            prefix, or has several and none was named; or if it is a successive halving, whose
            scores are of different numbers of rows.
        """
        caller = f"{cls.__name__}.from_estimator"
        common.pyplot(caller)
        if not hasattr(search, "cv_results_"):
            check_is_fitted(search)
            raise TypeError(f"{caller} takes a search such as GridSearchCV, got {search!r}")
        results = search.cv_results_
        if "iter" in results:
            raise ValueError(f"{caller} takes a search with all rows, not a successive halving")
        chosen_by = (
            search.refit if search.multimetric_ and isinstance(search.refit, str) else "score"
        )
        metric = metric_of(results, metric, chosen_by)
        name = name_of(search, metric)
        negate_score = name.startswith("neg_") if negate_score is None else negate_score
        if score_name is None:
            score_name = name.removeprefix("neg_") if negate_score else name
            score_name = score_name.upper() if score_name in CRITERIA else score_name
        K, covariance_types = candidates_of(search, prefix)
        scores = np.asarray(results[f"mean_test_{metric}"], dtype=np.float64)
        first = getattr(search, "best_index_", None)
        shown, best = best_of_each(K, covariance_types, scores, first)
        errors = None
        if search.n_splits_ > 1:
            errors = results[f"std_test_{metric}"][shown] / np.sqrt(search.n_splits_ - 1)
        display = cls(
            n_components=K[shown],
            scores=-scores[shown] if negate_score else scores[shown],
            best=best,
            standard_errors=errors,
            covariance_types=None if covariance_types is None else covariance_types[shown],
            score_name=score_name,
            lower_is_better=negate_score,
            chosen=first is not None,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, cmap: Any = "viridis", **kwargs: Any) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.
        cmap : str or Colormap, default='viridis'
            Where the colours of the lines come from.
        **kwargs : dict
            Keywords for :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : SelectionDisplay
            The display itself.
        """
        ax = self._axes(ax)
        from matplotlib.lines import Line2D

        types = self.covariance_types
        if types is None:
            types = np.full(len(self.scores), None)
        names = list(dict.fromkeys(types))
        self.lines_, self.errorbars_ = [], []
        for name, look in zip(names, common.styles(len(names), cmap, solid=True), strict=True):
            mine = np.flatnonzero(types == name)
            mine = mine[np.argsort(self.n_components[mine])]
            style = common.styled({**look, "label": name}, kwargs, Line2D)
            xs, ys = self.n_components[mine], self.scores[mine]
            (line,) = ax.plot(xs, ys, **style)
            self.lines_.append(line)
            if self.standard_errors is not None:
                bars = {"fmt": "none", "ecolor": line.get_color(), "capsize": 3}
                self.errorbars_.append(ax.errorbar(xs, ys, self.standard_errors[mine], **bars))
        self.best_ = None
        if self.best is not None:
            circle = {"marker": "o", "markersize": 16, "fillstyle": "none", "color": "black"}
            place = [self.n_components[self.best]], [self.scores[self.best]]
            label = "chosen" if self.chosen else "best"
            (self.best_,) = ax.plot(*place, linestyle="", label=label, **circle)
        better = "lower" if self.lower_is_better else "higher"
        ax.set(xlabel="number of components", ylabel=f"{self.score_name} ({better} is better)")
        common.whole_numbers(ax.xaxis)
        self.note_ = self._leave_out(ax)
        common.legend(ax, len(names) + 1, beside=True)
        return self

    def _leave_out(self, ax: Any) -> Any:
        """Leave candidates beyond the axis that would press the others together, and say so."""
        losses = self.scores if self.lower_is_better else -self.scores
        losses = losses - np.min(losses, initial=np.inf, where=np.isfinite(losses))
        widest = _most_that_matter(np.sort(losses[np.isfinite(losses)]))
        beyond = losses > widest
        if not beyond.any() or (self.best is not None and beyond[self.best]):
            return None
        shown = self.scores[losses <= widest]
        errors = self.standard_errors
        spread = 0.0 if errors is None else np.nanmax(errors[losses <= widest])
        margin = 0.1 * np.ptp(shown) + spread
        ax.set_ylim(shown.min() - margin, shown.max() + margin)
        return ax.set_title(f"beyond the axis: {self._name(beyond)}", fontsize="small")

    def _name(self, some: NDArray[np.bool_]) -> str:
        """Return the names of some candidates: those of a covariance type together."""
        types = self.covariance_types
        types = np.full(len(some), "") if types is None else np.asarray(types)
        names = []
        for kind in dict.fromkeys(types[some].tolist()):
            mine = types == kind
            counts = ", ".join(map(str, np.unique(self.n_components[mine & some])))
            of_kind = kind if some[mine].all() else f"{kind} with K = {counts}"
            names.append(of_kind if kind else f"K = {counts}")
        return "; ".join(names)


def _most_that_matter(losses: NDArray[np.float64]) -> float:
    """Return the loss up to which candidates are shown, of losses in ascending order.

    Half of the candidates, and three of them, are shown in any case; a worse one is left out
    where the next better one loses less than a quarter as much.
    """
    for i in range(max(3, (len(losses) + 1) // 2), len(losses)):
        if losses[i] > FAR * losses[i - 1] > 0:
            return float(losses[i - 1])
    return np.inf
