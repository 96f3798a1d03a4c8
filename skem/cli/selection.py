"""Fit every candidate, hold out rows by cross-validation, choose one."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from skem.cli.errors import CommandError
from skem.cli.progress import count
from skem.cli.wording import in_options
from skem.model_selection import best_sound, held_out_score, one_standard_error
from skem.model_selection.lone_row import LoneRow, LoneRowWarning
from skem.model_selection.soundness import doubt_of, grade_of

__all__ = ["RULES", "Candidate", "choose", "fit_all", "hold_out", "lone_row"]

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
    doubt : str
        Why it cannot be trusted, in a word; empty where it can.
    log_likelihood, bic, icl : float
        Of the model, on all rows.
    held_out : dict of str to ndarray
        What a search by cross-validation tells of it, under the names of ``cv_results_``; empty
        where it was not part of one.
    """

    params: dict[str, Any]
    model: Any = None
    remarks: tuple[str, ...] = ()
    doubt: str = ""
    log_likelihood: float = np.nan
    bic: float = np.nan
    icl: float = np.nan
    held_out: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The parameters, for a person."""
        K, *others = (self.params[key] for key in sorted(self.params, reverse=True))
        return ", ".join([*others, f"K = {K}"])

    @property
    def mean_held_out(self) -> float:
        """Mean log-likelihood per row of held-out rows over the folds; NaN where unknown."""
        return self.held_out["mean_test_score"] if self.held_out else np.nan

    @property
    def standard_error(self) -> float:
        """The standard error of that."""
        if not self.held_out:
            return np.nan
        n_folds = sum(key.startswith("split") and key.endswith("_score") for key in self.held_out)
        return self.held_out["std_test_score"] / np.sqrt(n_folds - 1)


def fit_all(
    prototype: Any, grid: Sequence[dict[str, Any]], X: Any, weights: np.ndarray | None
) -> list[Candidate]:
    """Fit the prototype to all rows with each set of parameters.

    Raises CommandError, with the reason of the first, if no candidate can be fitted.
    """
    candidates = [_fit(prototype, params, X, weights) for params in count("fit", grid)]
    if all(candidate.model is None for candidate in candidates):
        raise CommandError(candidates[0].remarks[0])
    return candidates


def _fit(prototype: Any, params: dict[str, Any], X: Any, weights: np.ndarray | None) -> Candidate:
    model = clone(prototype).set_params(**params)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, sample_weight=weights)
        except ValueError as error:
            return Candidate(params, remarks=(in_options(error),), doubt="failed")
    remarks = tuple(dict.fromkeys(in_options(warning.message) for warning in caught))
    return Candidate(
        params,
        model,
        remarks,
        doubt_of(model),
        model.score(X, sample_weight=weights) * (len(X) if weights is None else weights.sum()),
        model.bic(X, sample_weight=weights),
        model.icl(X, sample_weight=weights),
    )


def hold_out(
    prototype: Any, candidates: Sequence[Candidate], X: Any, weights: np.ndarray | None
) -> list[Candidate]:
    """Return the candidates, those that may be chosen with their held-out scores.

    By shuffled cross-validation.
    """
    eligible = _eligible(candidates)
    n_folds = min(N_FOLDS, len(X))
    folds = KFold(n_folds, shuffle=True, random_state=prototype.random_state)
    given = {} if weights is None else {"sample_weight": weights}
    scored = {}
    # What there is to warn of was told when all rows were fitted; a fold that fails is NaN.
    with warnings.catch_warnings(), sklearn.config_context(enable_metadata_routing=True):
        warnings.simplefilter("ignore")
        weighted = clone(prototype).set_fit_request(sample_weight=True)
        for candidate in count("cross-validation", eligible):
            grid = {key: [value] for key, value in candidate.params.items()}
            search = GridSearchCV(weighted, grid, scoring=held_out_score, cv=folds, refit=False)
            try:
                results = search.fit(X, **given).cv_results_
            except ValueError:  # every fold failed
                continue
            scored[id(candidate)] = {key: values[0] for key, values in results.items()}
    return [replace(each, held_out=scored.get(id(each))) for each in candidates]


def _eligible(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that can be trusted; if none can, those that are least in doubt."""
    fitted = [candidate for candidate in candidates if candidate.model is not None]
    least = min(grade_of(candidate.doubt) for candidate in fitted)
    return [candidate for candidate in fitted if grade_of(candidate.doubt) == least]


def _lowest(criterion: str) -> Callable[[Sequence[Candidate]], Candidate | None]:
    """Return the rule that the lowest value of a criterion is the best."""

    def rule(candidates: Sequence[Candidate]) -> Candidate | None:
        known = [each for each in candidates if np.isfinite(getattr(each, criterion))]
        return min(known, key=lambda each: getattr(each, criterion), default=None)

    return rule


def _by_held_out(
    rule: Callable[[dict[str, Any]], int],
) -> Callable[[Sequence[Candidate]], Candidate | None]:
    """Return a rule of searches as one that takes candidates."""

    def best(candidates: Sequence[Candidate]) -> Candidate | None:
        known = [each for each in candidates if np.isfinite(each.mean_held_out)]
        if not known:
            return None
        results = {
            key: np.array([each.held_out[key] for each in known if each.held_out])
            for key in known[0].held_out or ()
            if "_test_" in key
        }
        return known[rule(results)]

    return best


class Rule(NamedTuple):
    """A way to choose among candidates."""

    name: str
    best: Callable[[Sequence[Candidate]], Candidate | None]
    held_out: bool


RULES = {
    "one-standard-error": Rule(
        "the one-standard-error rule", _by_held_out(one_standard_error), True
    ),
    "held-out": Rule("held-out score", _by_held_out(best_sound), True),
    "bic": Rule("BIC", _lowest("bic"), False),
    "icl": Rule("ICL", _lowest("icl"), False),
}


def choose(candidates: Sequence[Candidate], by: str) -> Candidate | None:
    """Return the best by one of RULES among those that can be trusted; None where none is."""
    return _choose(candidates, by)[0]


def lone_row(candidates: Sequence[Candidate], by: str) -> LoneRow | None:
    """Return the row that the choice by one of RULES rests on, if there is one."""
    return _choose(candidates, by)[1]


def _choose(candidates: Sequence[Candidate], by: str) -> tuple[Candidate | None, LoneRow | None]:
    # What else a rule warns of, that no candidate is sound, the verdict tells.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chosen = RULES[by].best(_eligible(candidates))
    told = (warning.message for warning in caught)
    return chosen, next((each.row for each in told if isinstance(each, LoneRowWarning)), None)
