"""Tables of what is no number: dates, spans of time, text."""

import datetime
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

__all__ = ["LEAVE_OUT", "validate_numbers"]

#: What to do with text that stands for nothing that a model could use.
LEAVE_OUT = "Leave it out, or make numbers of it that measure something"

#: What values of a type are called, and what makes numbers of them.
DATES = (
    "dates",
    "make numbers of it that measure something, such as days since the first: "
    "(dates - dates.min()) / np.timedelta64(1, 'D')",
)
SPANS = ("spans of time", "divide it by a unit: spans / np.timedelta64(1, 'D')")
TEMPORAL = {
    datetime.date: DATES,
    np.datetime64: DATES,
    datetime.timedelta: SPANS,
    np.timedelta64: SPANS,
}


def validate_numbers(estimator: Any, X: Any, *, reset: bool, **options: Any) -> Any:
    """Return what scikit-learn's ``validate_data`` makes of X, if X holds numbers.

    Otherwise dates would be taken for the nanoseconds since 1970.

    Parameters
    ----------
    estimator : object
        The estimator. ``_about_text`` says what a user can do who has text.
    X : array-like
        Data.
    reset : bool
        Whether this is the way into fit.
    **options : dict
        Further options of validate_data.

    Returns
    -------
    X : ndarray
        The same, validated.

    Raises
    ------
    TypeError
        If a column holds dates or spans of time, or X is a lazy frame.
    ValueError
        If a column holds text, or X is invalid otherwise.
    """
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X is a LazyFrame, whose rows are not there yet. Give X.collect()")
    _refuse_times(X)
    try:
        return validate_data(estimator, X, reset=reset, **options)
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(_text_in(X, str(error), estimator._about_text)) from None


def _refuse_times(X: Any) -> None:
    """Raise TypeError for the first column that holds dates or spans of time."""
    for name, dtype in _columns(X):
        kind = getattr(dtype, "kind", "")
        words = str(dtype).lower()  # "date", "datetime", "time" and "duration" of polars
        if kind == "m" or words.startswith("duration"):
            raise TypeError(_message(name, *SPANS))
        if kind == "M" or words.startswith(("date", "time", "period")):
            raise TypeError(_message(name, *DATES))
    for column, value in enumerate(_first_objects(X)):
        for type_, said in TEMPORAL.items():
            if isinstance(value, type_):
                names = getattr(X, "columns", None)
                raise TypeError(_message(column if names is None else names[column], *said))


def _first_objects(X: Any) -> Any:
    """Return the cells of the first row, where they may be of any type."""
    dtype = getattr(X, "dtype", None)
    if not hasattr(X, "__getitem__") or isinstance(X, str | dict) or issparse(X):
        return ()
    if dtype is not None and getattr(dtype, "kind", "") != "O":  # a type of polars has no kind
        return ()
    first = np.asarray(X[:1], dtype=object)
    return first[0] if first.ndim == 2 and len(first) else ()


def _columns(X: Any) -> list[tuple[Any, Any]]:
    """Return names and types of the columns of a table, or of an array as a whole."""
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        return list(zip(X.columns, X.dtypes, strict=True))
    return [(None, X.dtype)] if hasattr(X, "dtype") else []


def _message(name: Any, what: str, advice: str) -> str:
    subject = "X" if name is None else f"Column {name!r} of X"
    return f"{subject} holds {what}, not numbers. Leave it out, or {advice}"


def _text_in(X: Any, said: str, advice: str) -> str:
    """Return in which column of X the first text is, and what to do."""
    values = np.asarray(X, dtype=object)
    for column, cells in enumerate(values.T if values.ndim == 2 else ()):
        for row, cell in enumerate(cells):
            if isinstance(cell, str) and not _is_number(cell):
                names = getattr(X, "columns", range(values.shape[1]))
                return (
                    f"Column {names[column]!r} of X holds text, not numbers: {cell!r} in row "
                    f"{row}. {advice}"
                )
    return said


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
