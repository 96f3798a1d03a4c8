"""What a mixture says of opened data: in memory, stored on disk, or in the chunks of dask."""

import copy
import sys
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skem.data.stored import StoredArray
from skem.estimators.row_validation import NOTHING_OBSERVED, weighted_mean
from skem.estimators.sources import is_lazy, is_open_dask, rows_of, without_long_values
from skem.mixture.scoring import evaluate

__all__ = [
    "evaluate_data",
    "impute_outside_memory",
    "label_rows",
    "mean_of",
    "with_known_labels",
    "without_unknown",
]

#: Rows of data outside memory that a mean takes at a time.
ROWS_AT_A_TIME = 2**14


def evaluate_data(family: Any, params: Any, X: Any, **dtypes: Any) -> tuple[Any, ...]:
    """Evaluate a mixture on opened data.

    Parameters
    ----------
    family, params : Family, NamedTuple
        The mixture.
    X : ndarray, StoredArray or DaskArray
        Opened data.
    **dtypes : dtype
        By the names of outputs of :func:`~skem.mixture.scoring.evaluate`, their dtypes.

    Returns
    -------
    outputs : tuple
        One for each name, in their order: arrays, which are lazy where X is.
    """
    K = family.n_components
    if is_open_dask(X):
        return tuple(
            X.map(
                partial(_evaluate_chunk, family, params, name, dtype),
                dtype,
                *((K,) if name == "posterior" else ()),
            )
            for name, dtype in dtypes.items()
        )
    outputs: dict[str, Any] = {
        name: np.empty((len(X), K) if name == "posterior" else len(X), dtype)
        for name, dtype in dtypes.items()
    }
    for rows, block in X.read() if isinstance(X, StoredArray) else [(slice(None), X)]:
        evaluate(family, params, block, **{name: each[rows] for name, each in outputs.items()})
    return tuple(outputs.values())


def _evaluate_chunk(
    family: Any, params: Any, name: str, dtype: Any, X: NDArray[Any], chunk: int
) -> NDArray[Any]:
    shape = (len(X), family.n_components) if name == "posterior" else len(X)
    values = np.empty(shape, dtype)
    if len(X):
        evaluate(family, params, X, in_parallel=False, **{name: values})
    return values


def label_rows(estimator: Any, X: Any, weights: Any) -> tuple[Any, float]:
    """Return the likeliest component of each row, and the mean log-density."""
    family, params = estimator._fitted()
    outputs = {"labels": np.int32, "log_density": np.float64}
    if isinstance(X, np.ndarray):
        labels, log_density = evaluate_data(family, params, X, **outputs)
        return labels, weighted_mean(log_density, _observed_weights(estimator, X, weights))
    if is_open_dask(X):
        (labels,) = evaluate_data(family, params, X, labels=np.int32)
        return labels, mean_of(estimator, X, weights, "log_density")[0]
    labels, total, total_weight = np.empty(len(X), np.int32), 0.0, 0.0
    for rows, block in X.read():  # of all rows the labels alone stay
        labels[rows], log_density = evaluate_data(family, params, block, **outputs)
        w = np.ones(len(block)) if weights is None else weights[rows]
        w = _observed_weights(estimator, block, w)
        total += w[w > 0] @ log_density[w > 0]
        total_weight += w.sum()
    return labels, _mean(total, total_weight)


def _observed_weights(estimator: Any, X: NDArray[Any], weights: Any) -> Any:
    """Return weights of rows in memory, 0 where nothing is observed: such rows do not count."""
    unobserved = estimator._unobserved(X)
    if unobserved is None or not unobserved.any():
        return weights
    return np.where(unobserved, 0.0, 1.0 if weights is None else weights)


def without_unknown(estimator: Any, X: Any, weights: Any, labels: Any) -> Any:
    """Return weights of opened data, 0 for rows of which neither a cell nor the label is known.

    They are as given where there is no such row. Raises ValueError where there is no other.
    """
    unknown = _unobserved(estimator, X)
    if labels is not None:
        unknown = unknown & (labels < 0)
    if not bool(unknown.any()):
        return weights
    ones = 1.0 if weights is None else weights
    if is_lazy(unknown):
        return sys.modules["dask.array"].where(unknown, 0.0, ones).persist()
    weights = np.where(unknown, 0.0, ones)
    if not weights.any():
        raise ValueError(NOTHING_OBSERVED)
    return weights


def _unobserved(estimator: Any, X: Any) -> Any:
    """Return of which rows of opened data nothing is observed, lazily where these are."""
    flags = partial(_flag_unobserved, without_long_values(estimator))
    if is_open_dask(X):
        return X.map(flags, bool)
    return (
        np.concatenate([flags(X) for _, X in X.read()]) if isinstance(X, StoredArray) else flags(X)
    )


def _flag_unobserved(estimator: Any, X: NDArray[Any], chunk: int = 0) -> NDArray[np.bool_]:
    flags = estimator._unobserved(X)
    return np.zeros(len(X), bool) if flags is None else flags


def mean_of(estimator: Any, X: Any, weights: Any, *names: str) -> tuple[float, float]:
    """Return the weighted mean over rows of the sum of some outputs, and the total weight.

    Rows of which nothing is observed do not count. Raises ValueError where there are no others.
    """
    family, params = estimator._fitted()
    if isinstance(X, np.ndarray):
        values = sum(evaluate_data(family, params, X, **dict.fromkeys(names, np.float64)))
        weights = _observed_weights(estimator, X, weights)
        return weighted_mean(values, weights), float(len(X) if weights is None else weights.sum())
    rows = rows_of(X, weights, None)
    # The tasks of dask run side by side as it is.
    sums_of = partial(
        _sums_of, without_long_values(estimator), family, params, names, not is_open_dask(X)
    )
    total, total_weight = rows.fold(sums_of, ROWS_AT_A_TIME)
    return _mean(total, total_weight), float(total_weight)


def _mean(total: float, total_weight: float) -> float:
    if not total_weight:
        raise ValueError(NOTHING_OBSERVED)
    return float(total / total_weight)


def _sums_of(
    estimator: Any,
    family: Any,
    params: Any,
    names: tuple[str, ...],
    in_parallel: bool,
    X: NDArray[Any],
    weights: NDArray[Any],
) -> NDArray[np.float64]:
    """Return the total of the outputs over a block of rows, and the weight of these."""
    outputs: dict[str, Any] = {name: np.empty(len(X)) for name in names}
    evaluate(family, params, X, in_parallel=in_parallel, **outputs)
    weights = _observed_weights(estimator, X, weights)
    count = weights > 0
    return np.array([weights[count] @ sum(outputs.values())[count], weights.sum()])


def with_known_labels(labels: Any, known_labels: Any) -> Any:
    """Return the labels, those that are known in their places."""
    if is_lazy(labels):
        return (
            sys.modules["dask.array"]
            .where(known_labels >= 0, known_labels, labels)
            .astype(labels.dtype)
        )
    np.copyto(labels, known_labels, where=known_labels >= 0, casting="same_kind")
    return labels


def impute_outside_memory(estimator: Any, X: Any, random_state: Any, **options: Any) -> Any:
    """Fill in missing cells of opened data outside memory, lazily where these are.

    Parameters
    ----------
    estimator : FittedMixture
        Has a method ``impute``.
    X : StoredArray or DaskArray
        Opened data.
    random_state : int, RandomState instance or None
        None for expectations. Otherwise each chunk has a seed of its own that follows from it.
    **options : dict
        Further arguments of ``impute``.
    """
    if isinstance(X, StoredArray):
        return estimator.impute(X[:], random_state, **options)
    bare = copy.copy(estimator)
    vars(bare).pop("labels_", None)
    seed = None
    if random_state is not None:
        seed = int(check_random_state(random_state).randint(2**31 - 1))
    return X.map(partial(_impute_chunk, bare, seed, options), X.dtype, X.shape[1])


def _impute_chunk(
    estimator: Any, seed: int | None, options: dict[str, Any], X: NDArray[Any], chunk: int
) -> NDArray[Any]:
    if not len(X):
        return X
    rng = None if seed is None else np.random.RandomState([seed, chunk])
    return estimator.impute(X, rng, **options)
