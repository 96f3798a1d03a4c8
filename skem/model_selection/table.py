"""What came of a search: one row for each candidate, and which to choose."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skem.model_selection.criteria import neg_aic, neg_bic, neg_icl
from skem.model_selection.soundness import WORDS

__all__ = ["best_sound", "one_standard_error", "selection_table"]

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
    means, errors = _means_and_errors(results, by)
    parameters, scores = _parameters(search), _scores(search, by, errors)
    indices = range(len(means))
    columns = {"candidate": indices, **parameters, **scores}
    sound = _sound(results)
    best = _best(means, sound)
    columns["best"] = [i == best for i in indices]
    complexity = columns.get("n_parameters", columns.get("n_components"))
    if errors is not None and complexity is not None and None not in complexity:
        simplest = _simplest(means, errors, complexity, sound)
        columns["one_standard_error"] = [i == simplest for i in indices]
    order = np.lexsort((-means, ~sound))  # NaN comes last
    rows = [{name: column[i] for name, column in columns.items()} for i in order.tolist()]
    try:
        import pandas as pd
    except ImportError:
        return rows
    return pd.DataFrame(rows).set_index("candidate")


def one_standard_error(cv_results: dict[str, Any], metric: str = "score") -> int:
    """Return the simplest candidate within one standard error of the best.

    Among the candidates whose mean score over the splits is at most one standard error (that of
    the best) below the best, it is the one with the fewest parameters, or else the fewest
    components; among equals, the one with the best score. Candidates whose fits are not sound
    count only where there is no other, with a warning. It is made to be given to a search,
    ``refit=one_standard_error``.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of a search with two splits at least. If the scoring was
        :func:`held_out_score` it has the number of parameters; otherwise the grid must have one
        parameter named ``n_components``, with or without the name of a step before it.
    metric : str, default='score'
        The score to go by.

    Returns
    -------
    index : int
        Which candidate.

    Raises
    ------
    ValueError
        If all candidates failed, or if ``cv_results`` lacks what it takes.

    Warns
    -----
    UserWarning
        If no candidate is sound.

    References
    ----------
    Breiman, L., Friedman, J. H., Olshen, R. A. & Stone, C. J. (1984). *Classification and
    Regression Trees*, section 3.4.3. Wadsworth.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.model_selection import held_out_score, one_standard_error
    >>> mixture = GaussianMixtureEM(random_state=0)
    >>> grid = {"n_components": [1, 2, 3], "covariance_type": ["spherical", "tied"]}
    >>> search = GridSearchCV(mixture, grid, scoring=held_out_score, refit=one_standard_error)
    >>> search.fit(load_old_faithful().data).best_params_
    {'covariance_type': 'tied', 'n_components': 2}
    """
    if f"mean_test_{metric}" not in cv_results:
        raise ValueError(f"metric={metric!r} is none of the scores: {_metrics(cv_results)}")
    means, errors = _means_and_errors(cv_results, metric)
    if errors is None:
        raise ValueError("one_standard_error needs a search with two splits at least; got one")
    sound = _told_sound(cv_results)
    index = _simplest(means, errors, _complexity(cv_results), sound)
    if index is None:
        raise ValueError(f"no candidate has a finite {metric}")
    return index


def best_sound(cv_results: dict[str, Any], metric: str = "score") -> int:
    """Return the candidate with the best score among those whose fits are sound.

    It is made to be given to a search, ``refit=best_sound``.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of a search with ``scoring=held_out_score`` or ``information_criteria``.
        Of another scoring it is not known what is sound: then it is the best of all.
    metric : str, default='score'
        The score to go by.

    Returns
    -------
    index : int
        Which candidate.

    Raises
    ------
    ValueError
        If all candidates failed, or if ``cv_results`` does not have the score.

    Warns
    -----
    UserWarning
        If no candidate is sound; it is then the best of all.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.model_selection import best_sound, held_out_score
    >>> mixture = GaussianMixtureEM(covariance_type="tied", random_state=0)
    >>> grid = {"n_components": [1, 2, 3]}
    >>> search = GridSearchCV(mixture, grid, scoring=held_out_score, refit=best_sound)
    >>> search.fit(load_old_faithful().data).best_params_
    {'n_components': 3}
    """
    if f"mean_test_{metric}" not in cv_results:
        raise ValueError(f"metric={metric!r} is none of the scores: {_metrics(cv_results)}")
    index = _best(cv_results[f"mean_test_{metric}"], _told_sound(cv_results))
    if index is None:
        raise ValueError(f"no candidate has a finite {metric}")
    return index


def _doubts(results: dict[str, Any]) -> NDArray[np.float64]:
    """Return the numbers of doubts by split and candidate; none where nothing is known."""
    splits = [key for key in results if key.startswith("split") and key.endswith("_test_doubt")]
    none = np.zeros((1, len(results[f"mean_test_{_metrics(results)[0]}"])))
    return np.array([results[key] for key in splits]) if splits else none


def _sound(results: dict[str, Any]) -> NDArray[np.bool_]:
    """Return which candidates are sound: those of which half the fits are, or more."""
    sound: NDArray[np.bool_] = (_doubts(results) > 0).mean(axis=0) <= 1 / 2
    return sound


def _told_sound(results: dict[str, Any]) -> NDArray[np.bool_]:
    """Return which candidates are sound, and warn if none is."""
    sound = _sound(results)
    if not sound.any():
        warnings.warn(
            "No candidate is sound, the one chosen included: see the column 'doubt' of "
            "selection_table. Search fewer components or simpler covariances.",
            UserWarning,
            stacklevel=3,
        )
    return sound


def _metrics(results: dict[str, Any]) -> list[str]:
    start = "mean_test_"
    return [key.removeprefix(start) for key in results if key.startswith(start)]


def _chosen_by(search: Any, by: str | None) -> str:
    """Return the score to choose by, which the search has."""
    metrics = _metrics(search.cv_results_)
    if by is None:
        by = search.refit if search.multimetric_ and isinstance(search.refit, str) else "score"
        if by not in metrics:
            raise ValueError(f"by must name the score to choose by, one of {metrics}")
    if by not in metrics:
        raise ValueError(f"by must be one of the scores of the search, {metrics}; got {by!r}")
    return by


def _means_and_errors(
    results: dict[str, Any], metric: str
) -> tuple[FloatArray, FloatArray | None]:
    """Return the means over the splits, and their standard errors if there are several splits."""
    means = results[f"mean_test_{metric}"]
    n_splits = sum(f"split{i}_test_{metric}" in results for i in range(len(results)))
    if n_splits < 2:
        return means, None
    # The deviations of a search divide by n, not by n - 1.
    return means, results[f"std_test_{metric}"] / np.sqrt(n_splits - 1)


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
    for metric in _metrics(search.cv_results_):
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
            values = [_in_words(numbers) for numbers in _doubts(search.cv_results_).T]
        columns[name] = values
        if metric == by and errors is not None:
            columns["standard_error"] = errors.tolist()
    return columns


def _in_words(numbers: NDArray[np.float64]) -> str:
    """Return the words for the doubts about the fits to all splits."""
    return ", ".join(dict.fromkeys(WORDS[int(n)] for n in numbers if n > 0))


def _best(means: FloatArray, sound: NDArray[np.bool_]) -> int | None:
    """Return which mean is the best of those that are finite, sound ones first."""
    finite = np.isfinite(means)
    eligible = finite & sound if (finite & sound).any() else finite
    return int(np.where(eligible, means, -np.inf).argmax()) if finite.any() else None


def _simplest(
    means: FloatArray, errors: FloatArray, complexity: Any, sound: NDArray[np.bool_]
) -> int | None:
    best = _best(means, sound)
    if best is None:
        return None
    near = np.isfinite(means) & (means >= means[best] - errors[best]) & (sound == sound[best])
    return int(min(np.flatnonzero(near), key=lambda i: (complexity[i], -means[i])))


def _complexity(results: dict[str, Any]) -> Any:
    """Return the numbers of parameters, or else of components, if there is no doubt about them."""
    if "mean_test_n_parameters" in results:
        return results["mean_test_n_parameters"]
    names = [key for key in results if key.startswith("param_")]
    numbers = [name for name in names if name.removeprefix("param_").endswith("n_components")]
    if len(numbers) != 1 or np.ma.getmaskarray(results[numbers[0]]).any():
        raise ValueError(
            "one_standard_error cannot tell which candidate is the simplest: not all of them "
            "have one parameter named n_components. Search with scoring=held_out_score"
        )
    return results[numbers[0]]
