"""Files: a table of cells in, by pandas, and the same table with labels out."""

import io
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skem.cli.errors import CommandError, one_line

__all__ = ["STANDARD_INPUT", "Table", "check_output", "read_table", "write_table"]

STANDARD_INPUT = "-"

#: Options of pandas that each of its readers understands; those of text are all.
TEXT = ("sep", "decimal", "thousands", "na_values", "header", "encoding", "comment", "compression")
WORKBOOK = ("sheet", "decimal", "thousands", "na_values", "header", "comment")
KINDS = {".xlsx": WORKBOOK, ".xlsm": WORKBOOK, ".xls": WORKBOOK, ".ods": WORKBOOK, ".parquet": ()}

#: A cell that may be meant as a number, whatever its marks mean.
LIKE_A_NUMBER = r"[+-]?[\d.,' ]*\d[\d.,' ]*(?:[eE][+-]?\d+)?"


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Parameters
    ----------
    path : str
        Where it was read from.
    names : list of str
        Names of the columns.
    cells : pandas.DataFrame
        The rows as they are written: text, whatever it means. Columns are numbered.
    parsed : pandas.DataFrame
        The same with numbers where all cells of a column are numbers or missing.
    decimal, thousands : str or None
        How numbers are written, for messages.
    dialect : dict
        How to write such a file, as pandas' ``to_csv`` takes it.
    """

    path: str
    names: list[str]
    cells: Any
    parsed: Any
    decimal: str = "."
    thousands: str | None = None
    dialect: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.cells)

    def numbers(self, position: int) -> np.ndarray:
        """Return a column as float64, NaN where a cell is missing."""
        column = self.parsed[position]
        zero_bytes = self.cells[position].astype(str).str.contains("\0", regex=False)
        # Some versions of pandas read one as a missing value.
        self.refuse_where(zero_bytes.to_numpy(bool), position, "is not a number")
        if column.dtype.kind not in "iuf":
            self._refuse_text(column, position)
        values = column.to_numpy(np.float64, na_value=np.nan)
        self.refuse_where(np.isinf(values), position, "is not finite")
        return values

    def refuse_where(self, bad: np.ndarray, position: int, why: str) -> None:
        """Raise CommandError for the first bad cell of a column, if there is one."""
        if bad.any():
            row = int(np.argmax(bad))
            raise CommandError(
                f"{self.path}, row {row + 1}, column {self.names[position]}: "
                f"{str(self.cells.iloc[row, position])[:40]!r} {why}"
            )

    def _refuse_text(self, column: Any, position: int) -> None:
        """Raise CommandError for the first cell that is no number."""
        decimal, thousands = re.escape(self.decimal), re.escape(self.thousands or "")
        number = rf"[+-]?[\d{thousands}]*(?:{decimal}\d*)?(?:[eE][+-]?\d+)?"
        present = column.notna()
        if not present.any():
            raise CommandError(f"{self.path}, column {self.names[position]}: there is no number")
        spelt = column.astype(str).str.strip().str.fullmatch(number)
        bad = (present & ~spelt).to_numpy(bool)
        self.refuse_where(
            bad if bad.any() else present.to_numpy(bool),
            position,
            "is not a number. Leave the column out (--drop), or say how the file writes numbers "
            "and missing values (--decimal, --thousands, --na-values)",
        )


def read_table(path: str, options: Any) -> Table:
    """Read a file, or standard input, as the options of the command line say.

    The format goes by the suffix: text unless it is a workbook or parquet. How text is written
    follows from its first lines only where they leave no doubt.
    """
    pd = _pandas(path)
    allowed = KINDS.get(Path(path).suffix.lower(), TEXT)
    given = {
        name: getattr(options, name)
        for name in dict.fromkeys((*TEXT, *WORKBOOK))
        if getattr(options, name) is not None
    }
    for name in given:
        if name not in allowed:
            option = f"--{name.replace('_', '-')}"
            raise CommandError(f"{option} means nothing for {path}, which is no such file")
    try:
        if allowed is TEXT:
            table = _read_text(pd, path, **given)
        elif allowed is WORKBOOK:
            table = _read_workbook(pd, path, **given)
        else:
            table = _read_parquet(pd, path)
    except CommandError:
        raise
    except pd.errors.EmptyDataError:
        raise CommandError(f"{path} is empty") from None
    except UnicodeError:
        encoding = given.get("encoding", "utf-8")
        raise CommandError(f"{path} is not text in {encoding}: say which (--encoding)") from None
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or one_line(error)}") from None
    except Exception as error:  # each format has a library of its own, and that its own errors
        raise CommandError(f"cannot read {path}: {one_line(error)}") from None
    if not len(table):
        raise CommandError(f"{path} holds no rows")
    return table


def _pandas(path: str) -> Any:
    try:
        import pandas
    except ImportError:
        raise CommandError(
            f"reading {path} needs pandas, which is not installed: "
            'python -m pip install "scikit-em[files]"'
        ) from None
    return pandas


def _read_text(
    pd: Any,
    path: str,
    sep: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    na_values: list[str] | None = None,
    header: str | None = None,
    **shared: Any,
) -> Table:
    path, source = _source(path)
    shared["skipinitialspace"] = True
    as_written = {"header": None, "dtype": str, "keep_default_na": False, "engine": "python"}
    if sep is None:
        first = pd.read_csv(source(), sep="\x1f", quoting=3, nrows=2, **as_written, **shared)
        sep = _separator(first.iloc[-1, 0])
    # Python's parser marks the cells that a line lacks; the other one, in C, reads numbers
    # strictly as they are said to be written.
    cells = pd.read_csv(source(), sep=sep, **as_written, **shared)
    if cells.shape[1] == 1:  # here an empty line is a row whose value is missing
        shared["skip_blank_lines"] = False
        cells = pd.read_csv(source(), sep=sep, **as_written, **shared).fillna("")
    names, cells = _header(cells, header, path)
    _refuse_short_lines(cells, path)
    if decimal is None:
        decimal = _decimal(cells, sep, thousands, path)
    parsed = pd.read_csv(
        source(),
        sep=sep,
        decimal=decimal,
        thousands=thousands,
        na_values=na_values,
        header=None if names is None else 0,
        names=list(cells.columns),
        index_col=False,
        low_memory=False,
        **shared,
    )
    if len(parsed) != len(cells):
        raise CommandError(
            f"{path}: it is not clear where its rows end; is {sep!r} the separator?"
        )
    dialect = {"sep": sep if len(sep) == 1 else ",", "decimal": decimal}
    return Table(path, _named(names, cells), cells, parsed, decimal, thousands, dialect)


def _source(path: str) -> tuple[str, Callable[[], Any]]:
    """Return what to call a file, and a function that opens it from the start."""
    if path != STANDARD_INPUT:
        return path, lambda: path
    everything = sys.stdin.buffer.read()
    return "standard input", lambda: io.BytesIO(everything)


def _read_workbook(
    pd: Any,
    path: str,
    sheet: str | None = None,
    header: str | None = None,
    decimal: str = ".",
    thousands: str | None = None,
    **shared: Any,
) -> Table:
    shared["sheet_name"] = sheet or 0
    cells = pd.read_excel(path, header=None, dtype=str, keep_default_na=False, **shared)
    names, cells = _header(cells, header, path)
    start = None if names is None else 0
    parsed = pd.read_excel(
        path,
        header=start,
        names=list(cells.columns),
        decimal=decimal,
        thousands=thousands,
        **shared,
    )
    return Table(path, _named(names, cells), cells, parsed, decimal, thousands)


def _read_parquet(pd: Any, path: str) -> Table:
    parsed = pd.read_parquet(path)
    if not isinstance(parsed.index, pd.RangeIndex):
        parsed = parsed.reset_index()
    names = [str(name) for name in parsed.columns]
    parsed.columns = range(len(names))
    return Table(path, names, parsed, parsed)


def _separator(line: str) -> str:
    """Return what separates cells, judged by a line of the file."""
    unquoted = re.sub('"[^"]*"', "", line).strip()
    return next((mark for mark in "\t;," if mark in unquoted), r"\s+" if " " in unquoted else ",")


def _header(cells: Any, header: str | None, path: str) -> tuple[list[str] | None, Any]:
    """Return the names in the first line, None if it is a row, and the rows.

    A line without any number is a header. One with a number may be either (years are names),
    and only the user knows.
    """
    first = [str(cell).strip() for cell in cells.iloc[0]]
    if header is None and any(re.fullmatch(LIKE_A_NUMBER, cell) for cell in first):
        shown = ", ".join(first[:4]) + (", ..." if len(first) > 4 else "")
        raise CommandError(
            f"{path} begins with numbers ({shown}): say whether they are names of columns, "
            "--header yes, or the first row, --header no"
        )
    if header == "no":
        return None, cells
    return first, cells.iloc[1:].reset_index(drop=True)


def _named(names: list[str] | None, cells: Any) -> list[str]:
    return [f"x{j + 1}" for j in range(cells.shape[1])] if names is None else names


def _refuse_short_lines(cells: Any, path: str) -> None:
    short = cells.isna().any(axis=1).to_numpy()
    if short.any():
        row = int(short.argmax())
        n_cells = int(cells.iloc[row].notna().sum())
        raise CommandError(
            f"{path}, row {row + 1}: the number of cells is {n_cells}, not {cells.shape[1]}"
        )


def _decimal(cells: Any, sep: str, thousands: str | None, path: str) -> str:
    """Return the decimal mark: a comma only where some numbers have one that can be no other.

    ``1.178`` and ``1,178`` may both be more than a thousand.
    """
    if thousands is not None:
        return "," if thousands == "." else "."
    if sep == ",":
        return "."
    text = cells.stack().str.strip()
    commas = text[text.str.fullmatch(r"[+-]?\d+,\d+")]
    dots = text[text.str.fullmatch(r"[+-]?\d+\.\d+")]
    marked = commas if len(commas) else dots if sep == ";" else dots[:0]
    if len(marked) and marked.str.fullmatch(r"[+-]?[1-9]\d{0,2}[.,]\d{3}").all():
        raise CommandError(
            f"{path} writes {marked.iloc[0]}: say whether that mark is the decimal one "
            "(--decimal) or separates thousands (--thousands)"
        )
    return "," if len(commas) else "."


def check_output(path: str, source: str) -> None:
    """Raise CommandError early if a file clearly cannot be written to a path."""
    output = Path(path)
    if output.is_dir() or not output.parent.is_dir():
        raise CommandError(f"cannot write {path}: it is not a file in an existing folder")
    if source != STANDARD_INPUT and output.exists() and output.samefile(source):
        raise CommandError(f"cannot write {path}: it is the file that is read")


def write_table(path: str, table: Table, kept: Sequence[int], added: dict[str, Any]) -> None:
    """Write one line for each row of a table: the columns kept, and others beside them.

    Parameters
    ----------
    path : str
        Where to write text, in the dialect of the table.
    table : Table
        What was read.
    kept : sequence of int
        Positions of its columns that are written as they are.
    added : dict of str to sequence
        Further columns; NaN and None leave the cell empty.
    """
    frame = table.cells[list(kept)].copy()
    frame.columns = [table.names[position] for position in kept]
    for name, values in added.items():
        frame.insert(frame.shape[1], name, values, allow_duplicates=False)
    try:
        frame.to_csv(path, index=False, **table.dialect)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None
