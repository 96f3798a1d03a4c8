"""Which candidate of a search to choose: the best one, or the simplest that is nearly as good."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.model_selection.lone_row import LoneRowWarning, lone_row_behind
from skem.model_selection.results import (
    best_of,
    grades_of,
    means_and_errors,
    metrics_of,
    simplest_of,
)

__all__ = ["best_sound", "one_standard_error"]

NONE_IS_FINITE = (
    "no candidate has a finite {}: each failed, or finds some held-out row impossible, because no "
    "row that it was fitted to had such a count or category. Set prior='conjugate', which no "
    "count can contradict; for categories list them too (categories=)"
)


def one_standard_error(cv_results: dict[str, Any], metric: str = "score") -> int:
    """Return the simplest candidate within one standard error of the best.

    Among the candidates whose mean score over the splits is at most one standard error (that of
    the best) below the best, it is the one with the fewest parameters, or else the fewest
    components; among equals, the one with the best score. Candidates whose fits are not sound
    count only where there is no other, with a warning, and those first of which the likelihood is
    what it seems (not converged, say). It is made to be given to a search,
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
        If no candidate is sound, or if the choice rests on a single held-out row.

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
        raise ValueError(f"metric={metric!r} is none of the scores: {metrics_of(cv_results)}")
    if means_and_errors(cv_results, metric)[1] is None:
        raise ValueError("one_standard_error needs a search with two splits at least; got one")
    grades, complexity = _told_grades(cv_results), _complexity(cv_results)

    def _simplest(metric: str) -> int | None:
        means, errors = means_and_errors(cv_results, metric)
        return None if errors is None else simplest_of(means, errors, complexity, grades)

    return _told(cv_results, metric, _simplest)


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
        If no candidate is sound; it is then the best of those that are least in doubt. If the
        choice rests on a single held-out row.

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
        raise ValueError(f"metric={metric!r} is none of the scores: {metrics_of(cv_results)}")
    grades = _told_grades(cv_results)
    return _told(
        cv_results, metric, lambda metric: best_of(cv_results[f"mean_test_{metric}"], grades)
    )


def _told(results: dict[str, Any], metric: str, choose: Callable[[str], int | None]) -> int:
    """Return the choice by a metric, and warn where one row makes it."""
    index = choose(metric)
    if index is None:
        raise ValueError(NONE_IS_FINITE.format(metric))
    row = lone_row_behind(results, index, choose) if metric == "score" else None
    if row is not None:
        warnings.warn(LoneRowWarning(row), stacklevel=3)
    return index


def _told_grades(results: dict[str, Any]) -> NDArray[np.intp]:
    """Return how much counts against each candidate, and warn if none is sound."""
    grades = grades_of(results)
    if grades.all():
        warnings.warn(
            "No candidate is sound, the one chosen included: see the column 'doubt' of "
            "selection_table. Search fewer components or simpler covariances; against 'no end' "
            "increase max_iter.",
            UserWarning,
            stacklevel=3,
        )
    return grades


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
