"""Rows in the chunks of a dask array, which stay where dask keeps them.

Each fold and each sweep is one graph: a task for each chunk, a tree of sums, and one small result.
What the tasks have in common, such as the parameters, is a node of its own, sent once.
"""

import operator
from collections.abc import Callable, Iterator
from functools import cached_property, partial, reduce
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from skem.data.blocks import SERIAL, Workers, workers
from skem.data.rows import Divisible, Rows, group_by_pattern

__all__ = ["DaskArray", "DaskRows"]

#: Results that one task adds up.
FAN_IN = 16


class DaskArray:
    """A dask array of rows, each chunk of which is checked where it is.

    Parameters
    ----------
    source : dask.array.Array of shape (n_rows, n_features)
        Data, in chunks of known sizes along the rows only.
    check : callable
        ``check(block, first_row)`` returns a block of rows as float32 or float64, and raises
        ValueError where it is invalid, naming the row.
    """

    def __init__(self, source: Any, check: Callable[[Any, int], NDArray[Any]]) -> None:
        self.source = source
        self.check = check
        self.shape: tuple[int, int] = source.shape
        self.dtype = np.dtype(np.float32 if source.dtype == np.float32 else np.float64)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of rows of the chunks."""
        return self.source.chunks[0]

    def map(self, function: Callable[[NDArray[Any], int], Any], dtype: Any, *width: int) -> Any:
        """Return ``function(X, chunk)`` of all chunks as a dask array: lazily.

        It has one value for each row, or ``width`` of them.
        """
        shape = {"chunks": (self.sizes, width)} if width else {"drop_axis": 1}
        meta = np.empty((0,) * (1 + len(width)), dtype)
        return self.source.map_blocks(_map_chunk, function, self.check, dtype, meta=meta, **shape)


def _map_chunk(
    X: Any, function: Any, check: Any, dtype: Any, block_info: Any = None
) -> NDArray[Any]:
    chunk, first_row = (0, 0)
    if block_info:
        chunk = block_info[0]["chunk-location"][0]
        first_row = block_info[0]["array-location"][0][0]
    values = function(check(X, first_row), chunk)
    return values.astype(dtype, copy=False)


class _Weighed(NamedTuple):
    """What is known of a chunk without its rows."""

    n_rows: int
    total: float
    least: float
    largest: float


class DaskRows(Rows):
    """Rows of a dask array, less those of weight zero.

    Parameters
    ----------
    X : DaskArray
        Data.
    weights : dask.array.Array of shape (n_rows,) or None, default=None
        Weights, in the same chunks.
    labels : dask.array.Array of int of shape (n_rows,) or None, default=None
        Known labels, in the same chunks; -1 where unknown.
    """

    X: Any
    weights: Any
    labels: Any

    in_memory = False

    @cached_property
    def _weighed(self) -> list[_Weighed]:
        """Number of the rows that count, by chunk, and their weights."""
        from dask.base import compute
        from dask.delayed import delayed

        if self.weights is None:
            return [_Weighed(n, float(n), 1.0, 1.0) for n in self.X.sizes]
        task = delayed(_weigh, pure=False)
        return list(compute(*(task(chunk) for chunk in self.weights.to_delayed())))

    @cached_property
    def n_rows(self) -> int:
        """Number of rows that count."""
        return sum(chunk.n_rows for chunk in self._weighed)

    @cached_property
    def total_weight(self) -> float:
        """Number of rows that these count for."""
        return float(sum(chunk.total for chunk in self._weighed))

    @cached_property
    def has_missing(self) -> bool:
        """Whether some cell is NaN: known from the pass that summarises the rows."""
        return bool(self.summary.missing.any())

    def fold(
        self,
        function: Callable[..., Any],
        block: int,
        combine: Callable[[Any, Any], Any] = operator.add,
    ) -> Any:
        """Combine ``function(X, weights)`` of all blocks of rows, in their order."""
        return self._reduce(partial(_fold, function, block, combine), combine)

    def sweep(
        self, function: Callable[..., Any], assignment: Divisible, block: int, workers: Workers
    ) -> Iterator[Any]:
        """Yield the sum over all chunks of ``function(X, weights, assignment, starts)``."""
        own = None
        if assignment.by_row:
            ends = np.cumsum(self.X.sizes)
            pairs = zip(ends - self.X.sizes, ends, strict=True)
            own = {i: assignment.part(slice(*pair), None) for i, pair in enumerate(pairs)}
        shared = assignment.part(slice(0), None)  # labels come with the rows
        do = partial(_sweep, function, shared, block, self.has_missing)
        yield self._reduce(do, _add, own)

    def sample(self, n_rows: int, rng: Any) -> Rows:
        """Return at most n_rows of the rows, in memory: those that rows in memory would draw."""
        if self.n_rows <= n_rows:
            return self._reduce(_whole, _join)
        weighed = [chunk for chunk in self._weighed if chunk.n_rows]
        if min(chunk.least for chunk in weighed) == max(chunk.largest for chunk in weighed):
            return self.pick(self._drawn(None, n_rows, rng)[0])
        aims = np.sort(rng.uniform(size=n_rows)) * self.total_weight
        own = _by_chunk(aims, [chunk.total for chunk in self._weighed])
        return self._reduce(partial(_aim_at, self.total_weight / n_rows), _join, own)

    def pick(self, index: NDArray[np.intp]) -> Rows:
        """Return some of the rows, of increasing numbers, in memory."""
        own = _by_chunk(index, [chunk.n_rows for chunk in self._weighed])
        picked: Rows = self._reduce(_pick, _join, own)
        return picked

    def fold_units(
        self,
        function: Callable[..., Any],
        ends: NDArray[np.intp],
        most_rows: int,
        combine: Callable[[Any, Any], Any],
        workers: Workers,
    ) -> Any:
        """Combine ``function(rows, ends, workers)`` of pieces of whole units, in their order.

        Chunks must end where units do. Nobody else works on one.
        """
        last = np.cumsum([chunk.n_rows for chunk in self._weighed])
        own, first = {}, 0
        for i, unit in enumerate(np.searchsorted(ends, last, "right")):
            if unit > first:
                own[i] = ends[first:unit] - (last[i] - self._weighed[i].n_rows)
            first = unit
        return self._reduce(partial(_fold_units, function, most_rows, combine), combine, own)

    def take(self, index: Any, weights: NDArray[np.float64] | None = None) -> Rows:
        """Refuse: rows are not gathered."""
        raise TypeError("this needs rows in memory, but X is a dask array: call X.compute()")

    def first(self, n_rows: int) -> NDArray[Any]:
        """Return so many of the first rows, or all, in memory."""
        return self.X.check(self.X.source[:n_rows].compute(), 0)

    def _reduce(
        self,
        do: Callable[..., Any],
        combine: Callable[[Any, Any], Any],
        own: dict[int, Any] | None = None,
    ) -> Any:
        """Combine ``do(rows, kept, own)`` of chunks, in their order, by a tree.

        The chunks are those of which ``own`` has something, or all.
        """
        from dask.array import Array
        from dask.highlevelgraph import HighLevelGraph

        columns = [self.X.source, self.weights, self.labels]
        name, starts = f"skem-{uuid4().hex}", np.cumsum((0, *self.X.sizes))
        shared, total = f"{name}-shared", f"{name}-total"
        graph: dict[Any, Any] = {
            shared: partial(_of_chunk, do, self.X.check),
            total: partial(_total, combine),
        }
        keys: list[Any] = []
        for i in range(len(self.X.sizes)) if own is None else own:
            chunk = [c if c is None else (c.name, i, *(0,) * (c.ndim - 1)) for c in columns]
            keys.append((f"{name}-chunk", i))
            graph[keys[-1]] = (_call, shared, *chunk, int(starts[i]), own and own[i])
        while len(keys) > FAN_IN:
            groups = [keys[i : i + FAN_IN] for i in range(0, len(keys), FAN_IN)]
            keys = [(f"{name}-of-{len(keys)}", i) for i in range(len(groups))]
            graph |= {key: (_call, total, group) for key, group in zip(keys, groups, strict=True)}
        graph[name, 0] = (_wrap, total, keys)
        dependencies = [column for column in columns if column is not None]
        layers = HighLevelGraph.from_collections(name, graph, dependencies)
        return Array(layers, name, chunks=((1,),), dtype=object).compute()[0]


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _of_chunk(
    do: Callable[..., Any],
    check: Callable[[Any, int], NDArray[Any]],
    X: Any,
    weights: NDArray[np.float64] | None,
    labels: NDArray[np.intp] | None,
    first_row: int,
    own: Any,
) -> Any:
    """Return ``do(rows, kept, own)`` of the rows of a chunk that count; None where none does."""
    kept: Any = slice(None)
    rows = Rows(check(X, first_row), weights, labels)
    if weights is not None and not weights.all():
        kept = np.flatnonzero(weights)
        rows = rows.take(kept)
    if rows.n_rows == 0:
        return None
    with workers(0):  # one thread: dask's own are at work on other chunks
        return do(rows, kept, own)


def _total(combine: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    present = [part for part in parts if part is not None]
    return reduce(combine, present) if present else None


def _wrap(total: Callable[[list[Any]], Any], parts: list[Any]) -> NDArray[Any]:
    """Return the total as the one element of an array, whatever it is."""
    wrapped = np.empty(1, dtype=object)
    wrapped[0] = total(parts)
    return wrapped


def _fold(function: Any, block: int, combine: Any, rows: Rows, kept: Any, own: Any) -> Any:
    return rows.fold(function, block, combine)


def _fold_units(
    function: Any, most_rows: int, combine: Any, rows: Rows, kept: Any, ends: NDArray[np.intp]
) -> Any:
    return rows.fold_units(function, ends, most_rows, combine, SERIAL)


def _sweep(
    function: Any, shared: Any, block: int, missing: bool, rows: Rows, kept: Any, own: Any
) -> Any:
    assignment = (shared if own is None else own).part(kept, rows.labels)
    if missing:
        rows, assignment = group_by_pattern(rows, assignment)
    # One segment, whose blocks share their space: a worker's malloc gives back what is freed.
    return function(rows.X, rows.weights, assignment, range(0, rows.n_rows, block))


def _add(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _weigh(weights: NDArray[np.float64]) -> _Weighed:
    kept = weights[weights > 0]
    if not kept.size:
        return _Weighed(0, 0.0, np.inf, 0.0)
    return _Weighed(kept.size, float(kept.sum()), float(kept.min()), float(kept.max()))


def _by_chunk(places: NDArray[Any], sizes: list[Any]) -> dict[int, NDArray[Any]]:
    """Share out increasing places on a line to the chunks that lie there, and count from these."""
    ends = np.cumsum(sizes)
    chunks = np.minimum(np.searchsorted(ends, places, "right"), len(ends) - 1)
    return {int(i): places[chunks == i] - (ends[i] - sizes[i]) for i in np.unique(chunks)}


def _whole(rows: Rows, kept: Any, own: Any) -> Rows:
    return rows


def _pick(rows: Rows, kept: Any, own: NDArray[np.intp]) -> Rows:
    return rows.take(own)


def _aim_at(unit: float, rows: Rows, kept: Any, own: NDArray[np.float64]) -> Rows:
    """Return the rows at which places on the line of the weights are, each a unit of weight."""
    drawn = np.searchsorted(np.cumsum(rows.each_weight), own, "right")
    numbers, times = np.unique(np.minimum(drawn, rows.n_rows - 1), return_counts=True)
    return rows.take(numbers, times.astype(np.float64) * unit)


def _join(a: Rows, b: Rows) -> Rows:
    pairs: Any = ((a.X, b.X), (a.weights, b.weights), (a.labels, b.labels))
    columns: Any = (None if pair[0] is None else np.concatenate(pair) for pair in pairs)
    return Rows(*columns)
