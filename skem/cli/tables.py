"""The table of candidates, for a person."""

from collections.abc import Sequence

import numpy as np

from skem.cli.selection import Candidate
from skem.estimators.text import lay_out

__all__ = ["candidate_table"]


def candidate_table(candidates: Sequence[Candidate], chosen: Candidate, by: str) -> str:
    """Show one candidate per line, the chosen one marked, with what the choice rests on."""
    columns: dict[str, list[str]] = {"": ["*" if each is chosen else "" for each in candidates]}
    if "covariance_type" in chosen.params:
        columns["covariance"] = [each.params["covariance_type"] for each in candidates]
    columns["K"] = [str(each.params["n_components"]) for each in candidates]
    columns["params"] = [
        "" if each.model is None else str(each.model.n_parameters_) for each in candidates
    ]
    columns["log-lik."] = [_number(each.log_likelihood) for each in candidates]
    criterion = "icl" if by == "icl" else "bic"
    columns[criterion.upper()] = [_number(getattr(each, criterion)) for each in candidates]
    if any(each.held_out for each in candidates):
        columns["held-out"] = [_per_row(each.mean_held_out) for each in candidates]
        columns["(s.e.)"] = [_error(each.standard_error) for each in candidates]
    if any(each.doubt for each in candidates):
        columns["doubt"] = [each.doubt for each in candidates]
    return lay_out(list(columns), list(zip(*columns.values(), strict=True)))


def _number(value: float) -> str:
    """Show a total in nine characters at most, unless it is huge."""
    if np.isnan(value):
        return "-"
    size = abs(value)
    digits = 2 if size < 1e5 else 1 if size < 1e6 else 0
    return f"{value:.{digits}f}" if size < 1e8 or np.isinf(value) else f"{value:.3g}"


def _per_row(value: float) -> str:
    """Show a mean in eight characters at most."""
    if np.isnan(value):
        return "-"
    size = abs(value)
    if size >= 1e5 and np.isfinite(value):  # -1.39e8
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.4f}" if size < 100 or np.isinf(value) else f"{value:.6g}"


def _error(error: float) -> str:
    return f"({_per_row(error)})" if np.isfinite(error) else ""
