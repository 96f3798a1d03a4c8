"""What came of a search: a table of one row for each candidate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skem.model_selection.criteria import neg_aic, neg_bic, neg_icl
from skem.model_selection.lone_row import METRICS as OF_ONE_ROW
from skem.model_selection.results import (
    best_of,
    doubts_by_split,
    grades_of,
    means_and_errors,
    metrics_of,
    simplest_of,
)
from skem.model_selection.soundness import WORDS

__all__ = ["selection_table"]

FloatArray = NDArray[np.float64]

SCORERS = (neg_bic, neg_aic, neg_icl)
#: In the table criteria have their usual sign, in which the lower is the better.
CRITERIA = {"neg_bic": "bic", "neg_aic": "aic", "neg_icl": "icl"}


def selection_table(search: Any, by: str | None = None) -> Any:
    """Return what came of a search, one row for each candidate, the best first.

    Parameters
    ----------
    search : GridSearchCV, RandomizedSearchCV or the like
        Fitted. Any ``scoring`` and any ``cv`` will do; the more the scoring tells, the more the
        table does: :func:`information_criteria` and :func:`held_out_score` tell the most.
    by : str, default=None
        The score to sort and choose by, as ``refit`` names it. None means the one by which the
        search was refitted, or else ``'score'``.

    Returns
    -------
    table : pandas.DataFrame or list of dict
        A list where pandas is not installed. Columns, of which those are left out that the
        search knows nothing of:

        - ``candidate``: index in ``search.cv_results_``; of a DataFrame, the index.
        - ``n_components``, ``covariance_type``, and each parameter in the grid. Those of the
          last step of a Pipeline are without its name.
        - The mean of every score over the splits. ``neg_bic`` and its like have their sign
          turned and are called ``bic``, ``aic``, ``icl``. ``n_parameters`` is an int, and
          ``converged`` says whether the fits to all splits have.
        - ``standard_error`` of the mean of the score to choose by, where there is more than
          one split: the standard deviation over the splits, divided by the root of their
          number. Splits that share test rows, as repeated ones do, make it too small.
        - ``doubt``: what is wrong with the fits that are not sound, in a word of ``doubts_``. A
          candidate is not sound if more than half of its splits' fits are not; it comes after
          those that are, and is chosen only where there is no other.
        - ``best``: whether it is the candidate with the best score.
        - ``one_standard_error``: whether it is the simplest that is within one standard error
          of the best, where that is known; see :func:`one_standard_error`. Where the number of
          parameters is not known, the simplest has the fewest components.

        A candidate that failed has NaN for a score, comes last and is never chosen.

    Raises
    ------
    NotFittedError
        If the search is not fitted.
    ValueError
        If the search does not have the score to choose by, or if it is a successive halving,
        whose scores are of different numbers of rows.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.model_selection import WholeSample, information_criteria, selection_table
    >>> mixture = GaussianMixtureEM(random_state=0)
    >>> grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "tied"]}
    >>> search = GridSearchCV(
    ...     mixture, grid, scoring=information_criteria, refit="neg_bic", cv=WholeSample()
    ... )
    >>> table = selection_table(search.fit(load_old_faithful().data))
    >>> table[["covariance_type", "n_components", "n_parameters", "bic", "best"]].round(2).head(3)
              covariance_type  n_components  n_parameters      bic   best
    candidate
    5                    tied             3            11  2314.30   True
    1                    full             2            11  2322.19  False
    2                    full             3            17  2324.18  False
    """
    check_is_fitted(search, "cv_results_")
    results = search.cv_results_
    if "iter" in results:
        raise ValueError(
            "selection_table takes a search that scores all candidates on equally many rows; "
            f"got {type(search).__name__}"
        )
    by = _chosen_by(search, by)
    means, errors = means_and_errors(results, by)
    parameters, scores = _parameters(search), _scores(search, by, errors)
    indices = range(len(means))
    columns = {"candidate": indices, **parameters, **scores}
    grades = grades_of(results)
    best = best_of(means, grades)
    columns["best"] = [i == best for i in indices]
    complexity = columns.get("n_parameters", columns.get("n_components"))
    if errors is not None and complexity is not None and None not in complexity:
        simplest = simplest_of(means, errors, complexity, grades)
        columns["one_standard_error"] = [i == simplest for i in indices]
    order = np.lexsort((-means, grades))  # NaN comes last
    rows = [{name: column[i] for name, column in columns.items()} for i in order.tolist()]
    try:
        import pandas as pd
    except ImportError:
        return rows
    return pd.DataFrame(rows).set_index("candidate")


def _chosen_by(search: Any, by: str | None) -> str:
    """Return the score to choose by, which the search has."""
    metrics = metrics_of(search.cv_results_)
    if by is None:
        by = search.refit if search.multimetric_ and isinstance(search.refit, str) else "score"
        if by not in metrics:
            raise ValueError(f"by must name the score to choose by, one of {metrics}")
    if by not in metrics:
        raise ValueError(f"by must be one of the scores of the search, {metrics}; got {by!r}")
    return by


def _parameters(search: Any) -> dict[str, list[Any]]:
    """Return, by column, what the candidates were set to, in the grid or by default."""
    candidates = search.cv_results_["params"]
    settings = [
        clone(search.estimator).set_params(**clone(params, safe=False)).get_params()
        for params in candidates
    ]
    prefix, last = "", search.estimator
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    always = [f"{prefix}n_components", f"{prefix}covariance_type"]
    names = dict.fromkeys([*always, *(name for params in candidates for name in params)])
    return {
        name.removeprefix(prefix): [values.get(name) for values in settings]
        for name in names
        if any(name in values for values in settings)
    }


def _scores(search: Any, by: str, errors: FloatArray | None) -> dict[str, list[Any]]:
    """Return, by column, the mean scores of the candidates, and the errors of those to go by."""
    columns: dict[str, list[Any]] = {}
    for metric in metrics_of(search.cv_results_):
        if metric in OF_ONE_ROW and metric != by:
            continue
        values = search.cv_results_[f"mean_test_{metric}"].tolist()
        scorer: Any = search.scorer_
        scorer = scorer[metric] if isinstance(scorer, dict) else scorer
        name = scorer.__name__ if any(scorer is ours for ours in SCORERS) else metric
        if name in CRITERIA:
            name, values = CRITERIA[name], [-value for value in values]
        elif name == "n_parameters":
            values = [int(value) if np.isfinite(value) else value for value in values]
        elif name == "converged":
            values = [value == 1.0 for value in values]
        elif name == "doubt":
            values = [_in_words(numbers) for numbers in doubts_by_split(search.cv_results_).T]
        columns[name] = values
        if metric == by and errors is not None:
            columns["standard_error"] = errors.tolist()
    return columns


def _in_words(numbers: NDArray[np.float64]) -> str:
    """Return the words for the doubts about the fits to all splits."""
    return ", ".join(dict.fromkeys(WORDS[int(n)] for n in numbers if n > 0))
