"""A table of numbers in, labels out: whatever is wrong with a file is told by line and column."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skem.cli.errors import CommandError

__all__ = ["Table", "check_output", "read_table", "write_labels"]

MISSING = {"", "na", "n/a", "nan", "null", "none", ".", "?", "-"}


@dataclass(frozen=True)
class Table:
    """Chosen columns of a file.

    Parameters
    ----------
    path : str
        Where it was read from.
    names : list of str
        Names of the columns.
    X : ndarray of shape (n_rows, n_columns)
        Their numbers, NaN where a cell is missing.
    weights : ndarray of shape (n_rows,) or None
        The column of weights, if one was asked for.
    lines : list of int
        The line of the file that each row was on.
    """

    path: str
    names: list[str]
    X: np.ndarray
    weights: np.ndarray | None
    lines: list[int]

    def refuse_where(self, bad: np.ndarray, why: str) -> None:
        """Raise CommandError for the first bad cell, if there is one."""
        if bad.any():
            row, column = np.argwhere(bad)[0]
            where = f"{self.path}, line {self.lines[row]}, column {self.names[column]}"
            raise CommandError(f"{where}: {self.X[row, column]:g} {why}")


def read_table(path: str, columns: Sequence[str] | None, weights: str | None) -> Table:
    """Read the columns that are asked for by name or number, or else all with a name."""
    text = _read_text(path)
    delimiter = _delimiter(text)
    decimal = "," if delimiter == ";" else "."
    cells, lines = _split(text, delimiter, path)
    names = _header(cells[0], decimal)
    if names is None:
        names = [f"x{number}" for number in range(1, len(cells[0]) + 1)]
    else:
        del cells[0], lines[0]
    if not cells:
        raise CommandError(f"{path} holds a header, but no rows")

    def number_column(position: int, *, may_miss: bool) -> np.ndarray:
        texts = [row[position].strip().replace(decimal, ".") for row in cells]
        where = f"{path}, line {{}}, column {names[position]}"
        return _numbers(texts, lines, where, may_miss)

    weighing, counts = None, None
    if weights is not None:
        weighing = _position(weights, names, path)
        counts = number_column(weighing, may_miss=False)
        if counts.min() < 0:
            line = lines[int(np.argmin(counts))]
            raise CommandError(f"{path}, line {line}, column {weights}: a weight is negative")
    if columns is None:
        chosen = [j for j, name in enumerate(names) if name and j != weighing]
    else:
        chosen = [_position(name, names, path) for name in columns]
    if not chosen:
        raise CommandError(f"{path} has no column left to fit")
    return Table(
        path,
        [names[j] for j in chosen],
        np.column_stack([number_column(j, may_miss=True) for j in chosen]),
        counts,
        lines,
    )


def _read_text(path: str) -> str:
    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise CommandError(f"{path} is not text in UTF-8")
    return text


def _split(text: str, delimiter: str, path: str) -> tuple[list[list[str]], list[int]]:
    """Return the cells of each row that is not blank, and its line."""
    cells, lines = [], []
    text_lines = text.split("\n")
    if delimiter == " ":  # those that align columns separate nothing at the ends
        text_lines = [line.strip() for line in text_lines]
    reader = csv.reader(text_lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                cells.append(row)
                lines.append(reader.line_num)
                if len(row) != len(cells[0]):
                    raise CommandError(
                        f"{path}, line {reader.line_num}: the number of cells is {len(row)}, "
                        f"but {len(cells[0])} in line {lines[0]}"
                    )
    except csv.Error as error:
        raise CommandError(f"{path}, line {reader.line_num}: {error}") from None
    if not cells:
        raise CommandError(f"{path} is empty")
    return cells, lines


def _delimiter(text: str) -> str:
    """Return what separates cells, judged by the second line: the first may be a header."""
    lines = (line for line in text.split("\n") if line.strip())
    first = next(lines, "")
    unquoted = re.sub('"[^"]*"', "", next(lines, first)).strip()
    return next((mark for mark in "\t;, " if mark in unquoted), ",")


def _header(row: list[str], decimal: str) -> list[str] | None:
    """Return the names in a first row; None if it holds a number, or nothing."""
    names = [cell.strip() for cell in row]
    if all(name.lower() in MISSING for name in names):
        return None
    if any(_is_number(name.replace(decimal, ".")) for name in names):
        return None
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower() not in MISSING


def _position(name: str, names: list[str], path: str) -> int:
    if names.count(name) > 1:
        raise CommandError(f"{path} has {names.count(name)} columns {name}: say which by number")
    if name in names:
        return names.index(name)
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise CommandError(f"{path} has no column {name}: its columns are {known}")


def _numbers(texts: list[str], lines: list[int], where: str, may_miss: bool) -> np.ndarray:
    """Convert a column, missing cells to NaN; ``where`` names it, with a place for the line."""
    numbers = []
    for text, line in zip(texts, lines, strict=True):
        missing = text.lower() in MISSING
        if missing and not may_miss:
            shown = repr(text) if text else "an empty cell"
            raise CommandError(f"{where.format(line)}: {shown} where a number is needed")
        if not missing and not _is_number(text):
            raise CommandError(
                f"{where.format(line)}: {text[:40]!r} is not a number; "
                "choose the columns to fit with --columns"
            )
        numbers.append(float("nan") if missing else float(text))
        if np.isinf(numbers[-1]):
            raise CommandError(f"{where.format(line)}: the number is not finite")
    if np.isnan(numbers).all():
        raise CommandError(f"{where.format(lines[0])} and all others: there is no number")
    return np.array(numbers)


def check_output(path: str, source: str) -> None:
    """Raise CommandError early if labels clearly cannot be written to a path."""
    output = Path(path)
    if output.is_dir() or not output.parent.is_dir():
        raise CommandError(f"cannot write {path}: it is not a file in an existing folder")
    if output.exists() and output.samefile(source):
        raise CommandError(f"cannot write {path}: it is the file that is read")


def write_labels(path: str, labels: np.ndarray, posterior: np.ndarray) -> None:
    """Write each row's label and its posterior probability of each component, with a header."""
    try:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["label", *(f"p{k}" for k in range(posterior.shape[1]))])
            writer.writerows(
                [label, *p] for label, p in zip(labels.tolist(), posterior.tolist(), strict=True)
            )
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None
