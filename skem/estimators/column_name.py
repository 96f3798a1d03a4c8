"""What to call a column of X in a message."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["column_name", "columns_are", "leave_constant_out"]

#: More columns than these are counted, not named.
MOST_TO_NAME = 5


def column_name(estimator: Any, column: int) -> Any:
    """Return the name that a column had in the frame of the fit; its number, where it had none.

    Parameters
    ----------
    estimator : object
        Has ``feature_names_in_`` where X was a frame.
    column : int
        Number of the column.

    Returns
    -------
    name : str or int
        What it is called.
    """
    names = getattr(estimator, "feature_names_in_", None)
    return column if names is None else names[column]


def columns_are(names: Sequence[Any]) -> str:
    """Return the subject and verb of a sentence on columns.

    Parameters
    ----------
    names : sequence of str or int
        Their names, one at least.

    Returns
    -------
    words : str
        Such as "columns 'a' and 'b' are".
    """
    quoted = [repr(name) for name in names[:MOST_TO_NAME]]
    if (n := len(names) - MOST_TO_NAME) > 0:
        quoted.append(f"{n} more")
    *most, last = quoted
    return f"columns {', '.join(most)} and {last} are" if most else f"column {last} is"


def leave_constant_out(names: Sequence[Any], constant: NDArray[np.bool_]) -> str:
    """Return which columns are constant, and that they are better left out.

    Parameters
    ----------
    names : sequence of str or int
        Of all columns.
    constant : bool ndarray of shape (n_columns,)
        Which of them are constant.

    Returns
    -------
    words : str
        Without a full stop.
    """
    some = [name for name, is_so in zip(names, constant, strict=True) if is_so]
    return f"{columns_are(some)} constant. Leave {'it' if len(some) == 1 else 'them'} out"
