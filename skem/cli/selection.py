"""Fit every candidate, hold out rows by cross-validation, choose one."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from skem.cli.errors import CommandError

__all__ = ["Candidate", "best", "fit_all", "hold_out"]

N_FOLDS = 5


@dataclass(frozen=True)
class Candidate:
    """One choice of constructor parameters, and what came of it.

    Parameters
    ----------
    params : dict
        What sets it apart from the other candidates.
    model : estimator or None
        Fitted to all rows; None where the fit failed.
    remarks : tuple of str
        Why it failed, or what the fit warned of.
    log_likelihood, bic : float
        Of the model, on all rows.
    held_out, standard_error : float
        Mean log-likelihood per row of held-out rows over the folds; NaN where unknown.
    """

    params: dict[str, Any]
    model: Any = None
    remarks: tuple[str, ...] = ()
    log_likelihood: float = np.nan
    bic: float = np.nan
    held_out: float = np.nan
    standard_error: float = np.nan

    @property
    def name(self) -> str:
        """The parameters, for a person."""
        K, *others = (self.params[key] for key in sorted(self.params, reverse=True))
        return ", ".join([*others, f"K = {K}"])

    def scored(self, held_out: float, standard_error: float) -> "Candidate":
        """Return the same candidate with its held-out score."""
        return replace(self, held_out=held_out, standard_error=standard_error)


def fit_all(
    prototype: Any, grid: Sequence[dict[str, Any]], X: np.ndarray, weights: np.ndarray | None
) -> list[Candidate]:
    """Fit the prototype to all rows with each set of parameters.

    Raises CommandError, with the reason of the first, if no candidate can be fitted.
    """
    candidates = [_fit(prototype, params, X, weights) for params in grid]
    if all(candidate.model is None for candidate in candidates):
        raise CommandError(candidates[0].remarks[0])
    return candidates


def _fit(
    prototype: Any, params: dict[str, Any], X: np.ndarray, weights: np.ndarray | None
) -> Candidate:
    model = clone(prototype).set_params(**params)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, sample_weight=weights)
        except ValueError as error:
            return Candidate(params, remarks=(str(error),))
    return Candidate(
        params,
        model,
        tuple(dict.fromkeys(str(warning.message) for warning in caught)),
        model.score(X, sample_weight=weights) * (len(X) if weights is None else weights.sum()),
        model.bic(X, sample_weight=weights),
    )


def hold_out(
    prototype: Any, candidates: Sequence[Candidate], X: np.ndarray, weights: np.ndarray | None
) -> list[Candidate]:
    """Return the candidates with their held-out scores, by shuffled cross-validation."""
    fitted = [candidate for candidate in candidates if candidate.model is not None]
    grid = [{key: [value] for key, value in candidate.params.items()} for candidate in fitted]
    n_folds = min(N_FOLDS, len(X))
    folds = KFold(n_folds, shuffle=True, random_state=prototype.random_state)
    given = {} if weights is None else {"sample_weight": weights}
    # What there is to warn of was told when all rows were fitted; a fold that fails is NaN.
    with warnings.catch_warnings(), sklearn.config_context(enable_metadata_routing=True):
        warnings.simplefilter("ignore")
        weighted = clone(prototype).set_fit_request(sample_weight=True)
        weighted.set_score_request(sample_weight=True)
        search = GridSearchCV(weighted, grid, cv=folds, refit=False)
        try:
            results = search.fit(X, **given).cv_results_
        except ValueError:  # every fold of every candidate failed
            return list(candidates)
    means, deviations = results["mean_test_score"], results["std_test_score"]
    scores = iter(zip(means, deviations / np.sqrt(n_folds - 1), strict=True))
    return [
        candidate if candidate.model is None else candidate.scored(*next(scores))
        for candidate in candidates
    ]


def best(candidates: Sequence[Candidate], criterion: str) -> Candidate | None:
    """Return the best by 'held-out' or 'bic'; None where that is known of none."""
    value = {"held-out": lambda c: c.held_out, "bic": lambda c: -c.bic}[criterion]
    known = [candidate for candidate in candidates if np.isfinite(value(candidate))]
    return max(known, key=value, default=None)
