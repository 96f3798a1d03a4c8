"""Where sequences begin and end: what ``groups`` and ``lengths`` of the estimators say."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.chains.markov import first_contradiction
from skem.estimators.row_validation import check_sample_weight

__all__ = [
    "check_known_states",
    "check_lengths",
    "outer_index",
    "refuse_lengths_as_y",
    "sequence_ends",
    "sequence_weights",
]


def outer_index(X: Any) -> Any:
    """Return the outer level of a frame's index that has several, which are ids; else None.

    Ids that are there by rows outlast what slices rows, as cross-validation does.
    """
    index: Any = getattr(X, "index", None)
    if getattr(index, "nlevels", 1) < 2:
        return None
    return index.get_level_values(0)


def refuse_lengths_as_y(y: Any, X: Any) -> None:
    """Raise ValueError where y, which is ignored, cannot be targets of the rows.

    Users of hmmlearn give lengths in its place.
    """
    if not isinstance(y, list | tuple | np.ndarray):
        return
    n_targets, n_samples = len(y), X.shape[0] if hasattr(X, "shape") else len(X)
    if n_targets != n_samples:
        raise ValueError(
            f"y, which is ignored, has {n_targets} entries where X has {n_samples} rows. If these "
            "are the lengths of sequences, give them by name: lengths=..."
        )


def sequence_ends(
    n_samples: int, groups: Any = None, lengths: Any = None, index: Any = None
) -> NDArray[np.intp]:
    """Return where sequences end: the number of rows up to each end.

    Parameters
    ----------
    n_samples : int
        Rows of X.
    groups : array-like of shape (n_samples,) or None, default=None
        An id for each row: a sequence begins where it changes.
    lengths : array-like of int of shape (n_sequences,) or None, default=None
        Rows of each sequence.
    index : array-like of shape (n_samples,) or None, default=None
        Ids to take where neither is given; see :func:`outer_index`. Without them all rows are
        one sequence.

    Returns
    -------
    ends : ndarray of shape (n_sequences,)
        Increasing; the last is n_samples.

    Raises
    ------
    ValueError
        If an argument does not fit the rows, or groups and lengths contradict each other.
    """
    by_lengths = None if lengths is None else _ends_of_lengths(lengths, n_samples)
    if groups is None:
        if by_lengths is not None:
            return by_lengths
        if index is None:
            return np.array([n_samples])
        return _ends_of_ids("the outer level of the index of X", index, n_samples)
    by_groups = _ends_of_ids("groups", groups, n_samples)
    if by_lengths is not None and not np.array_equal(by_groups, by_lengths):
        raise ValueError(
            f"groups and lengths contradict each other: by groups there are {len(by_groups)} "
            f"sequences, by lengths {len(by_lengths)}"
            + _first_difference(by_groups, by_lengths)
            + ". Give one of them"
        )
    return by_groups


def _missing_ids(ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Say which ids are None, NaN, or what pandas has in their place."""
    if ids.dtype.kind in "mM":
        return np.isnat(ids)
    if ids.dtype.kind == "O":
        names = ("NoneType", "NAType", "NaTType")
        found = [type(i).__name__ in names or (isinstance(i, float) and i != i) for i in ids]
        return np.array(found, dtype=bool)
    return np.isnan(ids) if ids.dtype.kind == "f" else np.zeros(len(ids), dtype=bool)


def _first_difference(a: NDArray[np.intp], b: NDArray[np.intp]) -> str:
    for i, (mine, other) in enumerate(zip(a, b, strict=False)):
        if mine != other:
            return f"; sequence {i} ends before row {mine}, or before row {other}"
    return ""


def _ends_of_ids(name: str, groups: Any, n_samples: int) -> NDArray[np.intp]:
    ids = np.asarray(groups)
    if isinstance(groups, list) and len({type(each) for each in groups}) > 1:
        ids = np.asarray(groups, dtype=object)  # 1 and "1" are two ids
    if ids.shape != (n_samples,):
        raise ValueError(
            f"{name}.shape == {ids.shape}, expected {(n_samples,)}: the id of a sequence for each "
            "row"
        )
    if (missing := _missing_ids(ids)).any():
        row = int(missing.argmax())
        raise ValueError(f"{name} contains missing ids; the first is that of row {row}")
    changes = np.flatnonzero(ids[1:] != ids[:-1]) + 1
    return np.append(changes, n_samples)


def _ends_of_lengths(lengths: Any, n_samples: int) -> NDArray[np.intp]:
    array = check_lengths(lengths)
    if array.sum() != n_samples:
        raise ValueError(f"lengths sum to {array.sum()}, but X has {n_samples} rows")
    return np.cumsum(array, dtype=np.intp)


def check_lengths(lengths: Any) -> NDArray[np.intp]:
    """Return the number of rows of each sequence as an array.

    Raises
    ------
    ValueError
        If they are not integers in one dimension, or one of them is below 1, or there are none.
    """
    array = np.asarray(lengths)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size:
        raise ValueError(
            f"lengths must be integers, one for each sequence, got an array of {array.dtype} of "
            f"shape {array.shape}"
        )
    if (array < 1).any():
        i = int((array < 1).argmax())
        raise ValueError(f"lengths must be at least 1, but lengths[{i}] is {array[i]}")
    return array.astype(np.intp)


def sequence_weights(sample_weight: Any, ends: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Return the weight of each sequence; None where there are no weights.

    Raises
    ------
    TypeError
        If they are not numbers.
    ValueError
        If they are invalid, or not the same in all rows of a sequence.
    """
    weights = check_sample_weight(sample_weight, int(ends[-1]))
    if weights is None:
        return None
    starts = np.concatenate([[0], ends[:-1]])
    differs = weights != np.repeat(weights[starts], ends - starts)
    if differs.any():
        row = int(differs.argmax())
        i = int(np.searchsorted(ends, row, side="right"))
        raise ValueError(
            "sample_weight must be the same in all rows of a sequence, but in that of rows "
            f"{starts[i]} to {ends[i] - 1} it is {weights[starts[i]]:g}, and sample_weight[{row}] "
            f"is {weights[row]:g}"
        )
    return weights[starts]


def check_known_states(
    labels: Any, ends: NDArray[np.intp], start: NDArray[np.bool_], transitions: NDArray[np.bool_]
) -> None:
    """Raise ValueError where no path of a chain goes through the states that are known.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,) or None
        Known states, -1 where unknown.
    ends : ndarray of int of shape (n_sequences,)
        Where sequences end.
    start : ndarray of bool of shape (n_states,)
        States that a sequence can start in.
    transitions : ndarray of bool of shape (n_states, n_states)
        Which state can follow which.
    """
    if labels is None or (start.all() and transitions.all()):
        return
    labels = np.asarray(labels)
    row = first_contradiction(labels, ends, start, transitions)
    if row is not None:
        i = int(np.searchsorted(ends, row, side="right"))
        raise ValueError(
            f"known_labels contradict the zeros among startprob and transmat: sequence {i} (rows "
            f"{ends[i - 1] if i else 0} to {ends[i] - 1}) cannot be in state {labels[row]} at row "
            f"{row}, from where it starts or is known to be before. Set the label to -1, or let "
            "the transition be possible"
        )
