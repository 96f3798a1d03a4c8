"""Scorers for scikit-learn's searches: information criteria, and what else tells mixtures apart.

Each is a function ``scorer(estimator, X, y=None, sample_weight=None)`` that takes a fitted
mixture, or a Pipeline that ends with one. Criteria are given with their sign turned, because a
search maximises.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest

from skem.estimators import MixtureEM
from skem.model_selection.lone_row import lone_row_scores
from skem.model_selection.soundness import SPURIOUS, doubt_number, doubt_of, grade_of

__all__ = ["held_out_score", "information_criteria", "neg_aic", "neg_bic", "neg_icl"]


def _asks_for_weights(scorer: Callable[..., Any]) -> Callable[..., Any]:
    """Let scikit-learn send ``sample_weight`` to a scorer wherever a search is given it."""

    def get_metadata_routing() -> MetadataRequest:
        request = MetadataRequest(owner=scorer.__name__)
        request.score.add_request(param="sample_weight", alias=True)
        return request

    # The second is what a search asks of each of several scorers where routing is not enabled.
    vars(scorer).update(
        get_metadata_routing=get_metadata_routing, _accept_sample_weight=lambda: True
    )
    return scorer


@_asks_for_weights
def neg_bic(
    estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> float:
    """Return the Bayesian information criterion with its sign turned, for a search.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted, with a method ``bic``. A Pipeline transforms X and asks its last step.
    X : array-like of shape (n_samples, n_features)
        The training data.
    y : None
        Ignored; present by convention.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts. With metadata routing enabled a search sends its
        ``sample_weight`` here without being asked to.

    Returns
    -------
    score : float
        ``-estimator.bic(X)``, the greater the better; NaN, which a search ranks last, where
        ``doubts_`` say that the likelihood is no merit of the fit (it is spurious: flat, say).

    Raises
    ------
    TypeError
        If the estimator has no such method.

    Warns
    -----
    UserWarning
        If a mixture of this package was fitted to other rows, or with other weights, or with
        known labels, of which a criterion knows nothing.

    See Also
    --------
    WholeSample : The splitter to use it with.
    information_criteria : All criteria in one search.

    Notes
    -----
    Criteria compare models of the same data. Candidates that transform X in different ways
    have likelihoods on different scales, and must not be compared by them.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.model_selection import WholeSample, neg_bic
    >>> mixture = GaussianMixtureEM(covariance_type="tied", random_state=0)
    >>> grid = {"n_components": [1, 2, 3, 4]}
    >>> search = GridSearchCV(mixture, grid, scoring=neg_bic, cv=WholeSample())
    >>> search = search.fit(load_old_faithful().data)
    >>> search.best_params_, round(float(search.best_score_), 2)
    ({'n_components': 3}, -2314.3)
    """
    model, X, weights = _asked("neg_bic", ["bic"], estimator, X, sample_weight)
    _warn_unless_fitted_to(model, X, weights)
    return -model.bic(X, **weights) if _means_something(model) else np.nan


@_asks_for_weights
def neg_aic(
    estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> float:
    """Return Akaike's information criterion with its sign turned, for a search.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted, with a method ``aic``; a Pipeline transforms X and asks its last step.
    X : array-like of shape (n_samples, n_features)
        The training data.
    y : None
        Ignored; present by convention.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts; see :func:`neg_bic`.

    Returns
    -------
    score : float
        ``-estimator.aic(X)``, the greater the better; NaN where the fit is spurious.

    See Also
    --------
    neg_bic : Says what is raised and warned of.
    """
    model, X, weights = _asked("neg_aic", ["aic"], estimator, X, sample_weight)
    _warn_unless_fitted_to(model, X, weights)
    return -model.aic(X, **weights) if _means_something(model) else np.nan


@_asks_for_weights
def neg_icl(
    estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> float:
    """Return the integrated completed likelihood criterion with its sign turned, for a search.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted, with a method ``icl``; a Pipeline transforms X and asks its last step.
    X : array-like of shape (n_samples, n_features)
        The training data.
    y : None
        Ignored; present by convention.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts; see :func:`neg_bic`.

    Returns
    -------
    score : float
        ``-estimator.icl(X)``, the greater the better; NaN where the fit is spurious.

    See Also
    --------
    neg_bic : Says what is raised and warned of.
    """
    model, X, weights = _asked("neg_icl", ["icl"], estimator, X, sample_weight)
    _warn_unless_fitted_to(model, X, weights)
    return -model.icl(X, **weights) if _means_something(model) else np.nan


@_asks_for_weights
def information_criteria(
    estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> dict[str, float]:
    """Return all criteria and what they are made of, for a search by several scores.

    The search must be told by which to refit: ``refit="neg_bic"``.

    Parameters
    ----------
    estimator : MixtureEM or Pipeline
        Fitted; a Pipeline transforms X and asks its last step.
    X : array-like of shape (n_samples, n_features)
        The training data.
    y : None
        Ignored; present by convention.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts; see :func:`neg_bic`.

    Returns
    -------
    scores : dict of str to float
        ``n_parameters``, ``log_likelihood`` (total, in nats), ``neg_bic``, ``neg_aic``,
        ``neg_icl``, and ``converged``, which is 0 or 1. ``doubt`` is 0 where the fit is sound.
        Where it is spurious criteria are NaN, which a search ranks last.

    See Also
    --------
    neg_bic : Says what is raised and warned of.
    selection_table : One row for each candidate of such a search.

    Examples
    --------
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.model_selection import information_criteria
    >>> X = load_old_faithful().data
    >>> mixture = GaussianMixtureEM(3, covariance_type="tied", random_state=0).fit(X)
    >>> scores = information_criteria(mixture, X)
    >>> {name: round(score, 2) for name, score in scores.items()}
    {'n_parameters': 11, 'log_likelihood': -1126.32, 'neg_bic': -2314.3, ...}
    """
    needs = ["aic", "bic", "icl", "n_parameters_", "converged_"]
    model, X, weights = _asked("information_criteria", needs, estimator, X, sample_weight)
    _warn_unless_fitted_to(model, X, weights)
    aic, sound = model.aic(X, **weights), _means_something(model)
    return {
        "n_parameters": model.n_parameters_,
        "log_likelihood": model.n_parameters_ - aic / 2,
        "neg_bic": -model.bic(X, **weights) if sound else np.nan,
        "neg_aic": -aic if sound else np.nan,
        "neg_icl": -model.icl(X, **weights) if sound else np.nan,
        "converged": float(model.converged_),
        "doubt": doubt_number(model),
    }


@_asks_for_weights
def held_out_score(
    estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> dict[str, float]:
    """Return ``estimator.score(X)``, and how simple the mixture is, for cross-validation.

    A search without ``scoring`` has the same scores. This one also tells
    :func:`one_standard_error` and :func:`selection_table` how many parameters each candidate
    has, which its parameters in the grid do not. The search must be told by what to refit:
    ``refit=best_sound``, or ``refit=one_standard_error``.

    Parameters
    ----------
    estimator : MixtureEM or Pipeline
        Fitted; a Pipeline transforms X and asks its last step.
    X : array-like of shape (n_samples, n_features)
        Rows that were held out.
    y : None
        Ignored; present by convention.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the mean. With metadata routing enabled a search sends its ``sample_weight``
        here without being asked to.

    Returns
    -------
    scores : dict of str to float
        ``n_parameters``, ``score`` (mean log-likelihood, in nats per row), ``converged``, which
        is 0 or 1, and ``doubt``, which is 0 where the fit is sound. Of mixtures also
        ``score_but_one``, the score without the least likely row, and what it takes to warn where
        a choice rests on that row: ``lone_share``, ``lone_column`` and ``lone_value``.

    Raises
    ------
    TypeError
        If the estimator is no fitted mixture of this package, nor a Pipeline that ends with one.

    See Also
    --------
    one_standard_error : The simplest candidate that is not clearly worse than the best.

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
    needs = ["score", "n_parameters_", "converged_"]
    model, seen, weights = _asked("held_out_score", needs, estimator, X, sample_weight)
    score = model.score(seen, **weights)
    scores = {
        "n_parameters": model.n_parameters_,
        "score": score,
        "converged": float(model.converged_),
        "doubt": doubt_number(model),
    }
    if isinstance(model, MixtureEM):
        scores |= lone_row_scores(model, X, seen, sample_weight, score)
    return scores


def _means_something(model: Any) -> bool:
    """Say whether the likelihood of a fit is that of the data, and not of a few rows."""
    return grade_of(doubt_of(model)) < SPURIOUS


def _asked(
    scorer: str, needs: list[str], estimator: Any, X: Any, sample_weight: Any
) -> tuple[Any, Any, dict[str, Any]]:
    """Return the mixture itself, X as it gets to see it, and weights to pass on, if any."""
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator[-1]
    missing = [name for name in needs if not hasattr(estimator, name)]
    if missing:
        raise TypeError(
            f"{scorer} takes a fitted mixture, or a Pipeline that ends with one; got "
            f"{type(estimator).__name__}, which has no {', '.join(missing)}"
        )
    return estimator, X, {} if sample_weight is None else {"sample_weight": sample_weight}


def _warn_unless_fitted_to(model: Any, X: Any, weights: dict[str, Any]) -> None:
    """Warn if the likelihood of X is not that of the training data, which our models know."""
    # What scikit-learn's models know is the likelihood of other parameters, and what ours know
    # after a hard assignment is not the mixture's. Where parameters were given, there is none.
    soft = isinstance(model, MixtureEM) and model.assignment == "soft"
    fitted = getattr(model, "lower_bound_", None) if soft else None
    if fitted is None or np.isclose(model.score(X, **weights), fitted, rtol=1e-6, atol=1e-6):
        return
    warnings.warn(
        "An information criterion is asked of other rows, weights or labels than the mixture was "
        "fitted to, for which it means nothing. Search with cv=WholeSample(); if there are "
        "weights, enable scikit-learn's metadata routing, so that they also reach the scorer.",
        UserWarning,
        stacklevel=3,
    )
