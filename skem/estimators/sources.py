"""Data as a user hands them over: in memory, stored on disk, or in the chunks of dask.

Whatever a method does with X goes through here and :mod:`.outputs`: nothing else asks which of
them it is. Dask is looked for among the modules that are loaded already, never imported for the
question.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from skem.data.rows import Rows
from skem.data.stored import StoredArray, StoredRows
from skem.estimators.number_validation import validate_numbers
from skem.estimators.row_validation import (
    check_block,
    check_known_labels,
    check_sample_weight,
)

__all__ = [
    "is_lazy",
    "is_open_dask",
    "open_data",
    "open_labels",
    "open_weights",
    "rows_of",
    "without_long_values",
]


def is_lazy(values: Any) -> bool:
    """Whether something is a dask array, which is computed when it is asked for."""
    module = sys.modules.get("dask.array")
    return module is not None and isinstance(values, module.Array)


def is_open_dask(X: Any) -> bool:
    return is_lazy(getattr(X, "source", None))


def _is_stored(X: Any) -> bool:
    """Whether X is an array that is read by slices: neither in memory nor a table."""
    if isinstance(X, np.memmap):
        return X.ndim == 2
    if isinstance(X, np.ndarray | np.generic) or issparse(X):
        return False
    numeric = getattr(getattr(X, "dtype", None), "kind", "O") in "biuf"
    return numeric and hasattr(X, "__getitem__") and len(getattr(X, "shape", ())) == 2


def open_data(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return validated data: an array of float32 or float64, a StoredArray, or a DaskArray.

    Parameters
    ----------
    estimator : FittedMixture
        Says what is valid: ``_data_options`` are those of validate_data, ``_check_block`` looks
        at a block of rows.
    X : object
        Data.
    reset : bool
        Whether this is the way into fit.

    Raises
    ------
    ValueError
        If data are invalid: those in memory at once, others as they are read.
    TypeError
        If they are of a type that cannot be.
    """
    if isinstance(X, StoredArray) or is_open_dask(X):
        return X
    if hasattr(X, "to_dask_array"):
        columns, given, X = getattr(X, "columns", []), X, X.to_dask_array(lengths=True)
        if not is_lazy(X):
            raise TypeError(f"X must be an array or a table, but is a {type(given).__name__}")
        return _open_dask(estimator, X, reset, list(columns))
    if is_lazy(X):
        return _open_dask(estimator, X, reset, [])
    options = estimator._data_options(reset)
    if _is_stored(X):
        _validate_shape(estimator, X.shape, reset)
        return StoredArray(X, _check_of(estimator))
    X = validate_numbers(estimator, _filled(X), reset=reset, **options)
    return estimator._check_block(X, 0)


def _filled(X: Any) -> Any:
    """Return masked cells as NaN: they are missing, whatever is below the mask."""
    if not isinstance(X, np.ma.MaskedArray) or X.dtype.kind not in "biuf":
        return X
    numbers: Any = X.astype(np.float32 if X.dtype == np.float32 else np.float64)
    return numbers.filled(np.nan)


def _validate_shape(
    estimator: Any, shape: tuple[int, ...], reset: bool, columns: list[Any] | None = None
) -> None:
    """Check the number of features and their names, or take them down."""
    stand_in: Any = np.zeros((min(shape[0], 2), *shape[1:]))
    if columns and stand_in.ndim == 2:
        stand_in = sys.modules["pandas"].DataFrame(stand_in, columns=columns)
    validate_data(estimator, stand_in, reset=reset, **estimator._data_options(reset))


def _check_of(estimator: Any) -> Callable[[Any, int], NDArray[Any]]:
    """Return a function of a block and the number of its first row."""
    return partial(_checked, without_long_values(estimator))


def without_long_values(estimator: Any) -> Any:
    """Return the estimator without what may be as long as the data.

    That are starting values and fitted attributes.
    """
    bare = object.__new__(type(estimator))
    parameters = estimator.get_params(deep=False)
    vars(bare).update({name: v for name, v in parameters.items() if "init" not in name})
    return bare


def _checked(estimator: Any, block: Any, first_row: int) -> NDArray[Any]:
    allow_nan = estimator._data_options(False)["ensure_all_finite"] == "allow-nan"
    block = check_block(_filled(block), first_row, allow_nan=allow_nan)
    return estimator._check_block(block, first_row) if len(block) else block


def _open_dask(estimator: Any, X: Any, reset: bool, columns: list[Any]) -> Any:
    from skem.data.dask_rows import DaskArray

    if X.dtype.kind not in "biuf":
        raise TypeError(
            f"X must hold numbers, but is a dask array of {X.dtype}: leave out what is no number, "
            "and convert the rest by X.astype(float)"
        )
    if np.isnan(X.shape).any():
        raise ValueError(
            "X has chunks of unknown sizes: call X.compute_chunk_sizes() first, or make it by "
            "to_dask_array(lengths=True)"
        )
    _validate_shape(estimator, X.shape, reset, columns)
    if X.numblocks[1] > 1:
        raise ValueError(
            f"X is cut along its features, into {X.numblocks[1]} chunks: rows must be whole, as "
            "X.rechunk({1: -1}) makes them"
        )
    return DaskArray(X, _check_of(estimator))


def open_weights(sample_weight: Any, X: Any) -> Any:
    """Return validated weights of the rows of opened data; None for none.

    Where X is in chunks they are so as well: a dask array, kept by the workers.
    """
    if not is_open_dask(X):
        return check_sample_weight(sample_weight, len(X))
    if np.isscalar(sample_weight):
        weight: Any = sample_weight
        check_sample_weight(weight, 1)
        return sys.modules["dask.array"].full(len(X), float(weight), chunks=(X.sizes,))
    return _in_chunks_of(X, sample_weight, check_sample_weight, "sample_weight", np.float64)


def open_labels(known_labels: Any, X: Any, n_components: int) -> Any:
    """Return known labels of the rows of opened data, in the same way."""
    check = partial(check_known_labels, n_components=n_components)
    if not is_open_dask(X):
        return check(known_labels, len(X))
    return _in_chunks_of(X, known_labels, check, "known_labels", np.intp)


def _in_chunks_of(X: Any, column: Any, check: Callable[..., Any], name: str, dtype: Any) -> Any:
    """Return a column, of one value for each row of a DaskArray, in the chunks of that."""
    if hasattr(column, "to_dask_array"):
        column = column.to_dask_array(lengths=True)
    if not is_lazy(column):
        column = check(column, len(X))
        if column is not None:
            column = sys.modules["dask.array"].from_array(column, chunks=(X.sizes,)).persist()
        return column
    if np.isnan(column.shape).any():
        raise ValueError(
            f"{name} has chunks of unknown sizes: call {name}.compute_chunk_sizes() first"
        )
    if column.shape != (len(X),):
        raise ValueError(
            f"{name}.shape == {column.shape}, expected {(len(X),)}: one value per row"
        )
    checked = partial(_check_column, check, dtype)
    column = column.rechunk((X.sizes,)).map_blocks(checked, dtype=dtype, meta=np.empty(0))
    return column.persist()


def _check_column(
    check: Callable[..., Any], dtype: Any, values: Any, block_info: Any = None
) -> NDArray[Any]:
    """Check a chunk; one of zero weights, or without known labels, is no error."""
    values = np.asarray(values)
    try:
        checked = check(values, len(values)) if len(values) and np.any(values) else None
    except ValueError as error:
        first = block_info[0]["array-location"][0][0] if block_info else 0
        raise ValueError(f"in the chunk that begins at row {first}: {error}") from None
    return values.astype(dtype) if checked is None else checked


def rows_of(X: Any, weights: Any, labels: Any) -> Rows:
    """Return opened data as rows that a mixture can be fitted to."""
    if is_open_dask(X):
        from skem.data.dask_rows import DaskRows

        rows = DaskRows(X, weights, labels)
        if weights is not None:
            check_sample_weight([rows.total_weight], 1)
        return rows
    kind = StoredRows if isinstance(X, StoredArray) else Rows
    return kind(X, weights, labels)
