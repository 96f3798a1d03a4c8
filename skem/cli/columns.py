"""Columns of a table, as a user names them."""

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np

from skem.cli.errors import CommandError
from skem.cli.files import Table

__all__ = ["find_column", "find_columns", "measured_columns", "n_copies", "numbering_columns"]

#: Rows are copies where more than this share of the distinct ones has any, and where there are
#: this many times as many combinations of values as rows.
ALMOST_ALL, MANY = 0.95, 5


def find_column(text: str, table: Table) -> int:
    """Return the position of a column given by its name, or by its number from 1."""
    names = table.names
    if names.count(text) > 1:
        count = names.count(text)
        raise CommandError(f"{table.path} has {count} columns {text}: say which by number")
    if text in names:
        return names.index(text)
    if text.isdecimal() and 1 <= int(text) <= len(names):
        return int(text) - 1
    known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise CommandError(f"{table.path} has no column {text}: its columns are {known}")


def find_columns(text: str, table: Table) -> list[int]:
    """Return the positions of columns given as ``NAME,NAME``, ``FIRST:LAST`` or one name.

    Numbers from 1 may stand for names. A name with a comma or a colon in it is itself, if it is
    all that is given or stands in quotation marks.
    """
    if text in table.names:
        return [find_column(text, table)]
    (parts,) = csv.reader([text], skipinitialspace=True)
    positions: list[int] = []
    for part in (part.strip() for part in parts):
        if not part:
            raise CommandError(f"an empty name in {text!r}")
        first, colon, last = part.partition(":")
        if part in table.names or not colon:
            positions.append(find_column(part, table))
            continue
        start, stop = find_column(first.strip(), table), find_column(last.strip(), table)
        if stop < start:
            raise CommandError(f"{part} is an empty range of columns")
        positions.extend(range(start, stop + 1))
    if len(set(positions)) < len(positions):
        raise CommandError(f"{text} names a column twice")
    return positions


def measured_columns(
    table: Table, chosen: str | None, dropped: str | None, others: Sequence[int]
) -> list[int]:
    """Return the columns to fit: those chosen, or all that have a name, less some."""
    if chosen is not None:
        positions = find_columns(chosen, table)
    else:
        positions = [j for j, name in enumerate(table.names) if name]
    without = {*others, *(find_columns(dropped, table) if dropped is not None else ())}
    positions = [j for j in positions if j not in without]
    if not positions:
        raise CommandError(f"{table.path} has no column left to fit")
    return positions


def numbering_columns(X: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return the names of columns that number the rows."""
    numbering = (np.diff(X, axis=0) == 1).all(axis=0)
    return [name for name, numbers in zip(names, numbering, strict=True) if numbers]


def n_copies(frame: Any) -> int:
    """Return how many rows are exact copies of others; 0 where equal rows are natural.

    Copies they are where nearly every row has one, though the values of the columns could be
    combined in far more ways than there are rows. Of answers or counts some rows stay alone.
    """
    counts = frame.value_counts(dropna=False).to_numpy()
    combinations = np.prod(frame.nunique().to_numpy(np.float64))
    copied = (counts > 1).mean() > ALMOST_ALL and combinations > MANY * len(frame)
    return len(frame) - len(counts) if copied else 0
