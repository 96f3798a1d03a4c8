"""The main job: fit every candidate, show them all, describe the chosen one."""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skem import BinomialMixture, GaussianMixtureEM, PoissonMixture
from skem.cli.arguments import PROG
from skem.cli.columns import n_copies, numbering_columns
from skem.cli.data import Data, extract
from skem.cli.errors import CommandError, first_sentence
from skem.cli.files import read_table
from skem.cli.output import check_labels, write_labels
from skem.cli.picture import check_picture, write_picture
from skem.cli.selection import RULES, Candidate, choose, fit_all, hold_out, lone_row
from skem.cli.tables import candidate_table
from skem.cli.wording import in_options
from skem.estimators.summary import Summary
from skem.families.covariance import STRUCTURES
from skem.model_selection.lone_row import LoneRow

__all__ = ["analyse_file", "select", "warn"]

MOST_COMPONENTS = 8


def analyse_file(arguments: Any) -> None:
    """Do what the arguments say with the file that they name."""
    table = read_table(arguments.data, arguments)
    data = extract(table, arguments)
    check_labels(arguments, table)
    check_picture(arguments.plot, arguments.data)
    if len(data.rows) < 2:
        raise CommandError(f"{table.path} has fewer than two rows with a value to fit")
    if arguments.family != "binomial" and arguments.columns is None:
        for name in numbering_columns(data.X, data.names):
            warn(f"column {name} numbers the rows; if it measures nothing, --drop {name}")
    copies = n_copies(data.frame) if data.weights is None and arguments.family == "gaussian" else 0
    if copies:
        warn(
            f"{copies} of {len(data.rows)} rows are exact copies of others, so that rows held out "
            "are among those fitted, and too many components may be chosen: leave copies out"
        )
    print(f"{table.path}: {describe(data)}\n")

    by = arguments.choose or ("one-standard-error" if data.weights is None else "bic")
    grid = candidates_to_try(arguments, *data.rows.shape)
    prototype = mixture(arguments, data, by)
    chosen = select(
        prototype,
        grid,
        data.frame,
        data.row_weights,
        by=by,
        names=data.names,
        standard_errors=arguments.standard_errors,
    )
    if arguments.output is not None:
        write_labels(arguments, table, data, chosen.model)
        print(f"\nLabels and posterior probabilities are in {arguments.output}.")
    if arguments.plot is not None:
        left_out = write_picture(arguments.plot, data, chosen.model)
        but = f", without {', '.join(left_out)}" if left_out else ""
        print(f"\nA picture is in {arguments.plot}{but}.")


def describe(data: Data) -> str:
    """Say how many rows there are, which columns, and what is missing."""
    rows, without = f"{len(data.X)} rows", int((~data.seen).sum())
    if without:
        rows += f" ({without} without any value, not fitted)"
    n_missing = int(np.isnan(data.rows[:, : len(data.names)]).sum())
    missing = f" ({n_missing} {'cell is' if n_missing == 1 else 'cells are'} missing)"
    return f"{rows}, columns {', '.join(data.names)}{missing * (n_missing > 0)}"


def mixture(arguments: Any, data: Data, by: str) -> Any:
    """Return the estimator that all candidates are made of.

    Counts whose rows are held out have a prior: one rare count that some training rows lack would
    otherwise make all scores -inf.
    """
    prior = "conjugate" if RULES[by].held_out else None
    model: Any
    match arguments.family:
        case "gaussian":
            model = GaussianMixtureEM()
        case "binomial":
            model = BinomialMixture(n_trials=data.n_trials, prior=prior)
        case "poisson":
            model = PoissonMixture(prior=prior)
    given = {
        "random_state": arguments.seed,
        "n_init": arguments.starts,
        "reg_covar": arguments.reg_covar,
        "prior": arguments.prior,
        "max_iter": arguments.max_iter,
        "tol": arguments.tol,
    }
    model.set_params(**{name: value for name, value in given.items() if value is not None})
    return model.set_params(prior=None) if arguments.prior == "none" else model


def candidates_to_try(arguments: Any, n_rows: int, n_columns: int) -> list[dict[str, Any]]:
    """Return the parameters of each candidate."""
    components = arguments.components or range(1, min(MOST_COMPONENTS, n_rows) + 1)
    if arguments.family != "gaussian":
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
    X: Any,
    weights: np.ndarray | None = None,
    *,
    by: str,
    names: Sequence[str],
    standard_errors: bool = False,
) -> Candidate:
    """Fit the candidates, print what came of each and of the best, and return that."""
    candidates = fit_all(prototype, grid, X, weights)
    _tell(candidates)
    if RULES[by].held_out:
        candidates = hold_out(prototype, candidates, X, weights)
    chosen = choose(candidates, by)
    if chosen is None and RULES[by].held_out:
        warn(f"no held-out score is known, the choice is by BIC{_without_prior(prototype)}")
        by = "bic"
        chosen = choose(candidates, by)
    if chosen is None:
        raise CommandError("no candidate has a finite likelihood")
    row = lone_row(candidates, by)
    if row is not None:
        warn(f"{words_for(row, X)}; if that is right, choose by --choose bic")

    print(candidate_table(candidates, chosen, by))
    print(f"\n{verdict(candidates, chosen, by)}\n")
    print(summarise(chosen.model, X, weights, names, standard_errors))
    return chosen


def _tell(candidates: Sequence[Candidate]) -> None:
    """Tell what the fits warned of; with what helps, and once, where that is the same for all."""
    first, *others = candidates
    shared = [each for each in first.remarks if others and all(each in c.remarks for c in others)]
    for remark in shared:
        warn(f"all candidates: {remark}")
    for candidate in candidates:
        failed = "not fitted: " if candidate.model is None else ""
        for remark in candidate.remarks:
            if remark not in shared:
                warn(f"{candidate.name}: {failed}{first_sentence(remark)}")


def _without_prior(prototype: Any) -> str:
    """Return what helps counts without a prior, of which a held-out row may be impossible."""
    if isinstance(prototype, GaussianMixtureEM) or prototype.prior is not None:
        return ""
    return "; counts that some training rows lack need --prior conjugate"


def words_for(row: LoneRow, X: Any) -> str:
    """Say that a choice rests on one row of the file, and which."""
    column = X.iloc[:, int(row.column)]
    number = column.index[column == row.value][0] + 1
    return (
        f"row {number}, column {column.name}: held-out scores, and the choice, rest on its value, "
        f"{row.value:.15g}"
    )


def summarise(
    model: Any,
    X: Any,
    weights: np.ndarray | None,
    names: Sequence[str],
    standard_errors: bool,
) -> Summary:
    """Return the summary of a fit, with the names of the columns in the file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            summary = model.summary(X, weights, standard_errors=standard_errors)
        except ValueError as error:
            raise CommandError(first_sentence(in_options(error))) from None
    for warning in caught:
        warn(first_sentence(in_options(warning.message)))
    columns = list(names[: len(summary.columns)])
    return replace(summary, columns=columns, doubts=[*map(in_options, summary.doubts)])


def verdict(candidates: Sequence[Candidate], chosen: Candidate, by: str) -> str:
    """Say which candidate is chosen, what other rules choose, and what is doubtful."""
    lines = [f"Chosen by {RULES[by].name}: {chosen.name}."]
    rivals: dict[str, list[str]] = {}
    for other, rule in RULES.items():
        rival = choose(candidates, other)
        if rival is not None and rival is not chosen:
            rivals.setdefault(rival.name, []).append(rule.name)
    lines += [f"By {' and '.join(rules)} it is {name}." for name, rules in rivals.items()]
    if chosen.doubt:
        lines.append("No candidate can be trusted, this one included.")
    tried = [candidate.params["n_components"] for candidate in candidates]
    if chosen.params["n_components"] == max(tried) > min(tried):
        lines.append("No larger number of components was tried: there may be more.")
    return "\n".join(lines)


def warn(message: str) -> None:
    """Tell a person what to beware of, in one line beside the results."""
    print(f"{PROG}: warning: {message}", file=sys.stderr)
