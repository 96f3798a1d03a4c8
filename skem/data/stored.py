"""Rows that stay where they are stored: a file, mostly, larger than memory."""

import mmap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from skem.data.blocks import Workers, within_working_memory
from skem.data.rows import Divisible, Rows, group_by_pattern

__all__ = ["StoredArray", "StoredRows"]

Result = TypeVar("Result")

#: Bytes that are read at a time. Two such pieces are in memory: one at work, the next on its way.
PIECE = 2**25

#: Bytes that may have been mapped around those that were asked for: the size of a large page.
AROUND = 2**21

#: Bytes between rows that are wanted for which it does not pay to read again.
GAP = 2**12


class StoredArray:
    """An array of rows that is read piece by piece, each of them checked.

    Parameters
    ----------
    X : array-like
        Has ``shape`` and ``dtype``, and slices of its rows can be read: a memory map, a dataset
        of h5py or zarr, and the like.
    check : callable
        ``check(block, first_row)`` returns a block of rows as float32 or float64, and raises
        ValueError where it is invalid, naming the row.
    numbers : integer ndarray or None, default=None
        Rows that there are, in increasing order; None for all.
    """

    def __init__(
        self,
        X: Any,
        check: Callable[[Any, int], NDArray[Any]],
        numbers: NDArray[np.intp] | None = None,
    ) -> None:
        self._X = X
        self._check = check
        self._numbers = numbers
        self._lock = Lock()  # few formats can be read by several threads at a time
        self._map = _mapping(X)
        n_rows, n_columns = (int(n) for n in X.shape)
        self.shape = (n_rows if numbers is None else len(numbers), n_columns)
        self.dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)

    def __len__(self) -> int:
        return self.shape[0]

    def only(self, numbers: NDArray[np.intp]) -> "StoredArray":
        """Return some of the rows, which stay where they are stored as well."""
        return StoredArray(self._X, self._check, numbers)

    def read(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield all rows in order, piece by piece; the next one is read meanwhile."""
        starts = range(0, self._X.shape[0], self._rows_of_piece)
        with ThreadPoolExecutor(1, thread_name_prefix="skem-reader") as reader:
            ahead = reader.submit(self._piece, 0)
            for start in starts:
                rows, block = ahead.result()
                if start != starts[-1]:
                    ahead = reader.submit(self._piece, start + starts.step)
                if len(block):
                    yield rows, block

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Read a slice of rows, or rows of increasing number."""
        rows = np.arange(*index.indices(len(self))) if isinstance(index, slice) else index
        rows = rows if self._numbers is None else self._numbers[rows]
        gap = max(self._rows_of_chunk, GAP // self._bytes_of_row)
        pieces = rows // self._rows_of_piece
        breaks = np.flatnonzero((np.diff(rows) > gap) | (np.diff(pieces) > 0)) + 1
        parts = [
            self._read(int(some[0]), int(some[-1]) + 1)[some - some[0]]
            for some in np.split(rows, breaks)
            if some.size
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.shape[1]), self.dtype)

    def _piece(self, start: int) -> tuple[slice, NDArray[Any]]:
        """Return the piece that starts with some stored row, and which of our rows these are."""
        stop = min(start + self._rows_of_piece, self._X.shape[0])
        block = self._read(start, stop)
        if self._numbers is None:
            return slice(start, stop), block
        first, last = np.searchsorted(self._numbers, [start, stop])
        return slice(int(first), int(last)), block[self._numbers[first:last] - start]

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        with self._lock:
            block = self._X[start:stop]
            if self._map is not None:
                mapped, block = block, np.array(block)
                _forget(self._map, mapped)
        return self._check(block, start)

    @property
    def _bytes_of_row(self) -> int:
        return 8 * self.shape[1]

    @cached_property
    def _rows_of_chunk(self) -> int:
        """Rows that are stored together, so that none of them can be read without the others."""
        chunks = getattr(self._X, "chunks", None) or (1,)
        return chunks[0] if isinstance(chunks[0], int) else 1

    @cached_property
    def _rows_of_piece(self) -> int:
        fitting = within_working_memory(PIECE) // self._bytes_of_row
        return max(fitting // self._rows_of_chunk, 1) * self._rows_of_chunk


def _mapping(X: Any) -> Any:
    """Return the memory map under an array, where its pages can be dropped and read again."""
    if not (isinstance(X, np.memmap) and X.mode != "c" and hasattr(mmap, "MADV_DONTNEED")):
        return None
    base: Any = X
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    return base


def _forget(mapping: Any, rows: NDArray[Any]) -> None:
    """Let go of the pages of rows: they are not read again before all others."""
    first = rows.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
    spans = (
        (n - 1) * stride for n, stride in zip(rows.shape, rows.strides, strict=True) if stride > 0
    )
    start = max(first - AROUND, 0) // AROUND * AROUND
    stop = min(first + sum(spans) + rows.itemsize + AROUND, len(mapping))
    mapping.madvise(mmap.MADV_DONTNEED, start, stop - start)


class StoredRows(Rows):
    """Rows of a :class:`StoredArray`."""

    X: Any

    in_memory = False

    @cached_property
    def has_missing(self) -> bool:
        """Whether some cell is NaN: known from the pass that summarises the rows."""
        return bool(self.summary.missing.any())

    def restrict(self, index: NDArray[np.intp]) -> Rows:
        """Return some of the rows, which stay where they are stored as well."""
        return StoredRows(self.X.only(index), *self._columns(index))

    def read(self, block: int) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
        """Yield blocks of rows, with their weights."""
        for _, part in self._parts():
            yield from part.read(block)

    def sweep(
        self, function: Callable[..., Result], assignment: Divisible, block: int, workers: Workers
    ) -> Iterator[Result]:
        """Yield ``function(X, weights, assignment, starts)`` of all segments of all pieces."""
        for rows, part in self._parts():
            own = assignment.part(rows, part.labels)
            part, own = group_by_pattern(part, own) if self.has_missing else (part, own)
            yield from part.sweep(function, own, block, workers)

    def sample(self, n_rows: int, rng: Any) -> Rows:
        """Return at most n_rows of the rows, in their order, in memory."""
        return self.take(slice(None)) if self.n_rows <= n_rows else super().sample(n_rows, rng)

    def _parts(self) -> Iterator[tuple[slice, Rows]]:
        """Yield the rows piece by piece, in memory, and which they are."""
        for rows, X in self.X.read():
            yield rows, Rows(X, *self._columns(rows))

    def _columns(self, index: Any) -> tuple[Any, Any]:
        """Return weights and labels of some rows."""
        weights, labels = self.weights, self.labels
        return (
            None if weights is None else weights[index],
            None if labels is None else labels[index],
        )

    def first(self, n_rows: int) -> NDArray[Any]:
        """Return so many of the first rows, or all, in memory."""
        return self.X[:n_rows]
