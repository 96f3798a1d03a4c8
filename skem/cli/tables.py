"""Tables for a person: plain text, at most 80 characters wide."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from skem.cli.selection import Candidate
from skem.families.covariance import STRUCTURES

__all__ = ["candidate_table", "component_table", "table"]

WIDTH, LONGEST_NAME, GAP = 80, 24, "  "


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out cells in columns, numbers to the right and words to the left.

    What is too wide continues below, with the first column repeated.
    """
    columns = [_aligned(*cells) for cells in zip(header, *rows, strict=True)]
    return "\n\n".join(
        "\n".join((GAP + GAP.join(cells)).rstrip() for cells in zip(*block, strict=True))
        for block in _blocks(columns)
    )


def _aligned(title: str, *cells: str) -> list[str]:
    if len(title) > LONGEST_NAME:
        title = f"{title[: LONGEST_NAME - 3]}..."
    column = [title, *cells]
    width = max(map(len, column))
    numeric = any(character.isdigit() for cell in cells for character in cell)
    return [cell.rjust(width) if numeric else cell.ljust(width) for cell in column]


def _blocks(columns: list[list[str]]) -> Iterator[list[list[str]]]:
    """Cut columns into groups that fit the width, each led by the first column."""
    first, *others = columns
    block, width = [first], len(GAP) + len(first[0])
    for column in others:
        if len(block) > 1 and width + len(GAP) + len(column[0]) > WIDTH:
            yield block
            block, width = [first], len(GAP) + len(first[0])
        block.append(column)
        width += len(GAP) + len(column[0])
    yield block


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
    return table(list(columns), list(zip(*columns.values(), strict=True)))


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
    return f"{value:.4f}" if abs(value) < 100 or np.isinf(value) else f"{value:.6g}"


def _error(error: float) -> str:
    return f"({_per_row(error)})" if np.isfinite(error) else ""


def component_table(model: Any, names: Sequence[str], total: float) -> str:
    """Show one component per line: its number, weight, expected rows, and distributions."""
    describe = _gaussian if hasattr(model, "means_") else _binomial
    described = describe(model, names)
    rows = [
        [str(k), f"{weight:.3f}", f"{weight * total:.0f}", *cells]
        for k, (weight, cells) in enumerate(zip(model.weights_, described, strict=True))
    ]
    return table(["component", "weight", "rows", *names[: len(described[0])]], rows)


def _gaussian(model: Any, names: Sequence[str]) -> list[list[str]]:
    """Return means, with standard deviations in brackets to two digits."""
    means = model.means_
    structure = STRUCTURES[model.covariance_type]
    covariances = structure.expand(model.covariances_, *means.shape)
    deviations = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    digits = np.clip(1 - np.floor(np.log10(deviations.min(axis=0))), 0, 12).astype(int)
    return [
        [f"{m:.{n}f} ({s:.{n}f})" for m, s, n in zip(*row, digits, strict=True)]
        for row in zip(means, deviations, strict=True)
    ]


def _binomial(model: Any, names: Sequence[str]) -> list[list[str]]:
    return [[f"{p:.4f}" for p in row] for row in model.probabilities_]
