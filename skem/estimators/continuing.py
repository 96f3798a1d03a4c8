"""Fits that continue from an earlier one (``warm_start``): what must not have changed since."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_same_number", "check_same_start", "given_starting_values"]


def given_starting_values(estimator: Any) -> dict[str, NDArray[Any]]:
    """Return copies of the starting values among the parameters of an estimator.

    Parameters
    ----------
    estimator : object
        Its parameters ``*_init`` are starting values.

    Returns
    -------
    values : dict of str to ndarray
        Those that are given.
    """
    return {
        name: np.array(values)
        for name, values in estimator.get_params(deep=False).items()
        if name.endswith("_init") and name != "n_init" and values is not None
    }


def check_same_start(estimator: Any) -> None:
    """Raise ValueError where starting values were set since the fit that is to be continued.

    They have had their turn, and would be passed over without a word.

    Parameters
    ----------
    estimator : object
        Its ``_started_from`` is what it began with, if it has begun.
    """
    before = getattr(estimator, "_started_from", None)
    if before is None:
        return
    for name, values in given_starting_values(estimator).items():
        known = before.get(name)
        if known is None or not _equal(known, values):
            raise ValueError(
                f"{name} has changed since the fit that warm_start=True continues, which goes on "
                "from the published parameters and does not read it. Set warm_start=False to "
                f"begin anew, or {name} to what it was (None will do)"
            )


def check_same_number(estimator: Any, name: str, so_far: int) -> None:
    """Raise ValueError where a fit is to continue with another number of components or states.

    Parameters
    ----------
    estimator : object
        Has that number as a parameter.
    name : str
        The parameter.
    so_far : int
        What it was.
    """
    if (now := getattr(estimator, name)) != so_far:
        raise ValueError(
            f"{name} is {now}, but the model so far has {so_far}: set it to {so_far}, or fit anew "
            "with warm_start=False"
        )


def _equal(a: NDArray[Any], b: NDArray[Any]) -> bool:
    are_numbers = a.dtype.kind == b.dtype.kind == "f"
    return np.array_equal(a, b, equal_nan=are_numbers)
