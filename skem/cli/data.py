"""The numbers to fit: columns of a table as the estimators take them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.cli.columns import find_column, find_columns, measured_columns
from skem.cli.errors import CommandError
from skem.cli.files import Table

__all__ = ["Data", "extract"]


@dataclass(frozen=True)
class Data:
    """Columns of a table.

    Parameters
    ----------
    names : list of str
        Names of what is measured or counted.
    X : ndarray of shape (n_rows, n_features)
        Their numbers, NaN where a cell is missing, one row for each of the table.
    weights : ndarray of shape (n_rows,) or None
        The column of weights, if one was asked for.
    n_trials : int, list of int or None
        Trials behind each column of counts, if they are the same in all rows.
    """

    names: list[str]
    X: np.ndarray
    weights: np.ndarray | None = None
    n_trials: int | list[int] | None = None

    @property
    def seen(self) -> np.ndarray:
        """Whether a row has any value, (n_rows,)."""
        return ~np.isnan(self.X).all(axis=1)

    @property
    def rows(self) -> np.ndarray:
        """The rows to fit: those that have a value."""
        return self.X[self.seen]

    @property
    def columns(self) -> list[str]:
        """Names of all columns of X: of failures, too, where these are among them."""
        failures = [f"failures, {name}" for name in self.names]
        return [*self.names, *failures][: self.X.shape[1]]

    @property
    def frame(self) -> Any:
        """The rows to fit as a table, so that messages can name the file's columns and rows."""
        import pandas as pd

        return pd.DataFrame(self.rows, np.flatnonzero(self.seen), self.columns)

    @property
    def row_weights(self) -> np.ndarray | None:
        """The weights of the rows to fit."""
        return None if self.weights is None else self.weights[self.seen]


def extract(table: Table, arguments: Any) -> Data:
    """Return what the arguments ask for; raise CommandError for a cell that cannot be."""
    weights, others = None, []
    if arguments.weights is not None:
        others.append(find_column(arguments.weights, table))
        weights = table.numbers(others[0])
        table.refuse_where(np.isnan(weights), others[0], "stands where a weight is needed")
        table.refuse_where(weights < 0, others[0], "is negative, not a weight")
    if arguments.family == "binomial":
        return _counts(table, arguments, weights, others)
    positions = measured_columns(table, arguments.columns, arguments.drop, others)
    X = _numbers(table, positions)
    if arguments.family == "poisson":
        _refuse_negative(table, positions, X)
    return Data([table.names[j] for j in positions], X, weights)


def _numbers(table: Table, positions: list[int]) -> np.ndarray:
    columns = [table.numbers(position) for position in positions]
    for position, column in zip(positions, columns, strict=True):
        if np.isnan(column).all():
            name = table.names[position]
            raise CommandError(f"{table.path}, column {name}: there is no number")
    return np.column_stack(columns)


def _refuse_negative(table: Table, positions: list[int], X: np.ndarray) -> None:
    for j, position in enumerate(positions):
        table.refuse_where(X[:, j] < 0, position, "is negative, not a count")


def _refuse_half_missing(table: Table, positions: list[int], X: np.ndarray) -> None:
    """Raise CommandError where successes are missing whose failures are not, or the reverse."""
    m, missing = len(positions) // 2, np.isnan(X)
    for j, k in [(j, m + j) for j in range(m)] + [(m + j, j) for j in range(m)]:
        other = table.names[positions[k]]
        why = f"is missing, but column {other} has a number: successes and failures go together"
        table.refuse_where(missing[:, j] & ~missing[:, k], positions[j], why)


def _counts(table: Table, arguments: Any, weights: np.ndarray | None, others: list[int]) -> Data:
    trials, depths = _trials(arguments.trials, table)
    positions = measured_columns(table, arguments.columns, arguments.drop, [*others, *depths])
    names, X = [table.names[j] for j in positions], _numbers(table, positions)
    _refuse_negative(table, positions, X)
    if trials is None and not depths and len(positions) % 2:
        raise CommandError(
            f"the number of columns to fit in {table.path} is odd, {len(positions)}: give all "
            "successes, then all failures, or else --trials"
        )
    if trials is None and not depths:
        _refuse_half_missing(table, positions, X)
    n_given = len(depths) or np.size(trials)
    if (depths or trials is not None) and n_given not in (1, len(positions)):
        raise CommandError(f"--trials gives {n_given}, for columns that number {len(positions)}")
    if depths:
        trials = np.broadcast_to(_numbers(table, depths), X.shape)
    if trials is not None:
        above = np.broadcast_to(X > trials, X.shape)
        for j, position in enumerate(positions):
            table.refuse_where(above[:, j], position, "is more than the number of trials")
    if not depths:
        return Data(names, X, weights, trials)
    failures = trials - X
    return Data(names, np.hstack([np.where(np.isnan(failures), np.nan, X), failures]), weights)


def _trials(text: str | None, table: Table) -> tuple[int | list[int] | None, list[int]]:
    """Return the numbers of trials that the option gives, or the columns that hold them."""
    if text is None:
        return None, []
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or all(part in table.names for part in parts):
        return None, find_columns(text, table)
    trials = [int(part) for part in parts]
    if 0 in trials:
        raise CommandError(f"--trials {text}: 0 is not a whole number of at least 1")
    return trials[0] if len(trials) == 1 else trials, []
