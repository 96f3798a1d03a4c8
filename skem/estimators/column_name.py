"""What to call a column of X in a message."""

from typing import Any

__all__ = ["column_name"]


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
