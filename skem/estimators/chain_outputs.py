"""What a fitted chain says of the rows of opened data: in memory, stored on disk, or of dask."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config

from skem.data.rows import whole_units
from skem.data.stored import StoredArray
from skem.estimators.chain_rows import ChainRows
from skem.estimators.sources import is_open_dask
from skem.mixture.labels import MixtureParameters
from skem.mixture.sequences import bytes_of_row, rows_of_piece

__all__ = ["ask", "check_units"]

Question = Callable[[ChainRows], NDArray[Any]]

#: Chunks that a message names, at most.
FEW = 12


def check_units(X: Any, ends: NDArray[np.intp], n_states: int) -> None:
    """Raise ValueError where sequences outside memory cannot be read as a whole.

    Parameters
    ----------
    X : ndarray, StoredArray or DaskArray
        Opened data.
    ends : ndarray of int of shape (n_sequences,)
        Where sequences end.
    n_states : int
        Number of states.
    """
    if isinstance(X, np.ndarray):
        return
    lengths = np.diff(ends, prepend=0)
    i = int(lengths.argmax())
    needed = int(lengths[i]) * bytes_of_row(X.shape[1], n_states) / 2**20
    allowed = get_config()["working_memory"]
    if needed > allowed:
        raise ValueError(
            f"sequence {i}, of rows {ends[i] - lengths[i]} to {ends[i] - 1}, takes {needed:.0f} "
            f"MiB of memory, where {allowed} are allowed: a sequence is passed over as a whole. "
            f"Allow it by sklearn.set_config(working_memory={int(needed) + 1}), or cut it into "
            "several (groups or lengths)"
        )
    if is_open_dask(X) and not np.isin(np.cumsum(X.sizes), ends).all():
        raise ValueError(_rechunk(np.cumsum(X.sizes), ends))


def _rechunk(cuts: NDArray[np.intp], ends: NDArray[np.intp]) -> str:
    """Return what is wrong with chunks that end within sequences, and which would do."""
    bad = int(cuts[~np.isin(cuts, ends)][0])
    i = int(np.searchsorted(ends, bad))
    first = int(ends[i - 1]) if i else 0
    good = np.unique(ends[np.searchsorted(ends, cuts)])
    sizes = ", ".join(map(str, np.diff(good[:FEW], prepend=0)))
    more = ", ..." if len(good) > FEW else ","
    return (
        f"a chunk of X ends before row {bad}, within sequence {i} (rows {first} to "
        f"{ends[i] - 1}), but a sequence is passed over as a whole: chunks must end where "
        f"sequences do, as after X.rechunk({{0: ({sizes}{more})}})"
    )


def ask(
    question: Question,
    family: Any,
    params: MixtureParameters,
    X: Any,
    ends: NDArray[np.intp],
    labels: Any,
    dtype: Any,
    *width: int,
) -> Any:
    """Return what a chain says of each row.

    Parameters
    ----------
    question : callable
        Returns an array with a value, or ``width`` of them, for each row of some sequences.
    family, params : Family, MixtureParameters
        The chain.
    X : ndarray, StoredArray or DaskArray
        Opened data.
    ends : ndarray of int of shape (n_sequences,)
        Where sequences end.
    labels : ndarray of int of shape (n_rows,) or None
        Known states.
    dtype : dtype
        Type of the values.
    *width : int
        Values of a row, where they are several.

    Returns
    -------
    answer : ndarray or dask.array.Array of shape (n_rows, *width)
        It is lazy where X is.
    """
    one = partial(_ask, question, family, params)
    if isinstance(X, np.ndarray):
        return one(X, ends, labels).astype(dtype)
    check_units(X, ends, family.n_components)
    if isinstance(X, StoredArray):
        answer = np.empty((len(X), *width), dtype)
        most_rows = rows_of_piece(X.shape[1], family.n_components)
        for first, last, units in whole_units(ends, most_rows):
            own = None if labels is None else labels[first:last]
            answer[first:last] = one(X[first:last], ends[units] - first, own, first)
        return answer
    parts = []
    for first, last in pairwise([0, *np.cumsum(X.sizes)]):
        own = None if labels is None else np.asarray(labels[first:last])
        parts.append((ends[(ends > first) & (ends <= last)] - first, own, int(first)))
    return X.map(partial(_ask_chunk, one, parts), dtype, *width)


def _ask(
    question: Question,
    family: Any,
    params: MixtureParameters,
    X: Any,
    ends: Any,
    labels: Any,
    first_row: int = 0,
) -> NDArray[Any]:
    return question(ChainRows(family, params, X, ends, labels, first_row))


def _ask_chunk(one: Callable[..., NDArray[Any]], parts: list[Any], X: Any, chunk: int) -> Any:
    """Answer for a chunk; dask also asks for one of no rows, to see what comes."""
    return one(X, *parts[chunk])
