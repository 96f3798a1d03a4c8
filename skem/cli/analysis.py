"""The main job: fit every candidate, show them all, describe the chosen one."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from skem import BinomialMixture, GaussianMixtureEM
from skem.cli.arguments import PROG
from skem.cli.errors import CommandError, first_sentence
from skem.cli.files import Table, check_output, read_table, write_labels
from skem.cli.selection import Candidate, best, fit_all, hold_out
from skem.cli.tables import candidate_table, component_table
from skem.families.covariance import STRUCTURES

__all__ = ["analyse_file", "select", "warn"]

MOST_COMPONENTS = 8


def analyse_file(arguments: Any) -> None:
    """Do what the arguments say with the file that they name."""
    data = read_table(arguments.data, arguments.columns, arguments.weights)
    n_rows, n_columns = data.X.shape
    if n_rows < 2:
        raise CommandError(f"{data.path} has one row; a mixture needs two at least")
    if arguments.output is not None:
        check_output(arguments.output, arguments.data)
    if arguments.family == "binomial":
        check_counts(data, arguments.trials)
        prototype = BinomialMixture(n_trials=arguments.trials)
    else:
        prototype = GaussianMixtureEM()
    prototype.set_params(random_state=arguments.seed)
    if arguments.starts is not None:
        prototype.set_params(n_init=arguments.starts)

    grid = candidates_to_try(arguments, n_rows, n_columns)
    by = arguments.choose or ("held-out" if data.weights is None else "bic")
    n_missing = int(np.isnan(data.X).sum())
    missing = f" ({n_missing} {'cell is' if n_missing == 1 else 'cells are'} missing)"
    columns = ", ".join(data.names) + missing * (n_missing > 0)
    print(f"{data.path}: {n_rows} rows, columns {columns}\n")
    chosen = select(prototype, grid, data.X, data.weights, by=by, names=data.names)
    if arguments.output is not None:
        model = chosen.model
        write_labels(arguments.output, model.predict(data.X), model.predict_proba(data.X))
        print(f"\nLabels and posterior probabilities are in {arguments.output}.")


def check_counts(data: Table, trials: int | list[int] | None) -> None:
    """Raise CommandError for what cannot be counts of successes, by line and column."""
    n_columns = len(data.names)
    data.refuse_where(data.X < 0, "is negative, not a count")
    if trials is None:
        if n_columns % 2:
            raise CommandError(
                f"the number of columns to fit in {data.path} is odd, {n_columns}: give all "
                "successes, then all failures, or else --trials"
            )
    elif np.size(trials) not in (1, n_columns):
        raise CommandError(
            f"--trials gives {np.size(trials)} numbers, for columns that number {n_columns}"
        )
    else:
        data.refuse_where(data.X > np.asarray(trials), "is more than the number of trials")


def candidates_to_try(arguments: Any, n_rows: int, n_columns: int) -> list[dict[str, Any]]:
    """Return the parameters of each candidate."""
    components = arguments.components or range(1, min(MOST_COMPONENTS, n_rows) + 1)
    if arguments.family == "binomial":
        return [{"n_components": K} for K in components]
    # Of one feature a full, a diagonal and a spherical covariance are the same.
    default = ["full", "tied"] if n_columns == 1 else list(STRUCTURES)
    return [
        {"n_components": K, "covariance_type": covariance_type}
        for covariance_type in arguments.covariance or default
        for K in components
    ]


def select(
    prototype: Any,
    grid: Sequence[dict[str, Any]],
    X: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    by: str,
    names: Sequence[str],
) -> Candidate:
    """Fit the candidates, print what came of each and of the best, and return that."""
    candidates = fit_all(prototype, grid, X, weights)
    if weights is None or by == "held-out":
        candidates = hold_out(prototype, candidates, X, weights)
    for candidate in candidates:
        for remark in candidate.remarks:
            failed = "not fitted: " if candidate.model is None else ""
            warn(f"{candidate.name}: {failed}{first_sentence(remark)}")
    chosen = best(candidates, by)
    if chosen is None and by == "held-out":
        warn("no held-out score is known, the choice is by BIC")
        by = "bic"
        chosen = best(candidates, by)
    if chosen is None:
        raise CommandError("no candidate has a finite likelihood")

    print(candidate_table(candidates, chosen))
    print(f"\n{verdict(candidates, chosen, by)}\n")
    total = len(X) if weights is None else weights.sum()
    print(component_table(chosen.model, names, total))
    return chosen


def verdict(candidates: Sequence[Candidate], chosen: Candidate, by: str) -> str:
    """Say which candidate is chosen, and whether the other criterion agrees."""
    reasons = {"held-out": "held-out log-likelihood per row", "bic": "BIC"}
    line = f"Chosen by {reasons.pop(by)}: {chosen.name}"
    ((other, reason),) = reasons.items()
    rival = best(candidates, other)
    if rival is None:
        return f"{line}."
    if rival is chosen:
        return f"{line}, and so says {reason}." if other == "bic" else f"{line}."
    return f"{line} ({reason}: {rival.name})."


def warn(message: str) -> None:
    """Tell a person what to beware of, in one line beside the results."""
    print(f"{PROG}: warning: {message}", file=sys.stderr)
