"""Where parameters may lie, and coordinates in which they may lie anywhere.

A range is declared once per parameter. Acceleration, standard errors and the count of parameters
follow from its coordinates, error messages from what it contains.

Entries of an array of parameters may be held: they have no coordinates, and keep their values.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

__all__ = [
    "COVARIANCE",
    "POSITIVE",
    "PROBABILITY",
    "REAL",
    "SIMPLEX",
    "Covariance",
    "Range",
    "Real",
]

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

#: An estimate tends to an edge, at which EM never arrives, if it is nearer than the first, and a
#: further step of EM takes away more than the second, as a share, of the distance.
NEAR_EDGE, NEARER = 1e-6, 0.01

#: By how much rounding may carry sums, probabilities and symmetric entries beyond their bounds.
ROUNDING = 1e-8


class Range(ABC):
    """Values that an array of parameters may have.

    ``core`` is the number of last axes that belong together: 0 where each entry stands for
    itself, 1 where those of a row do, 2 where those of a matrix do. What is held are whole
    matrices, or single entries of anything else; it is a mask of that shape.
    """

    core: ClassVar[int] = 0

    #: What is accepted, for a person.
    accepted: ClassVar[str]

    #: Where the range ends, if an estimate may be there.
    edges: ClassVar[tuple[float, ...]] = ()

    @abstractmethod
    def contains(self, values: FloatArray) -> Mask:
        """Say of each entry, row or matrix whether it is in the range."""

    @abstractmethod
    def to_vector(self, values: FloatArray, held: Mask | None = None) -> FloatArray:
        """Return unconstrained coordinates of what is not held (inf at the edge of the range)."""

    @abstractmethod
    def from_vector(
        self, vector: FloatArray, like: FloatArray, held: Mask | None = None
    ) -> FloatArray:
        """Undo :meth:`to_vector`: an array of the shape of like, in which what is held stays."""

    @abstractmethod
    def n_coordinates(self, shape: tuple[int, ...], held: Mask | None = None) -> int:
        """Count the coordinates of what is not held in an array of some shape."""

    def move_to_edges(self, values: FloatArray, following: FloatArray) -> FloatArray:
        """Return estimates; those that tend to an edge, as the following ones tell, are on it."""
        for edge in self.edges:
            distance, next_distance = np.abs(values - edge), np.abs(following - edge)
            tends = (distance < NEAR_EDGE) & (next_distance < (1 - NEARER) * distance)
            values = np.where(tends, edge, values)
        return values

    def check(self, name: str, values: Any) -> None:
        """Raise ValueError where values are outside the range, TypeError where no numbers."""
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} must be {self.accepted}, got {values!r}")
        if array.ndim < self.core:
            raise ValueError(
                f"{name} must be {self.accepted}, got {values!r}, which has {array.ndim} axes, "
                f"not {self.core} or more"
            )
        within = self.contains(array)
        if not within.all():
            index = tuple(map(int, np.argwhere(~within)[0]))
            where = f" at index {index if len(index) > 1 else index[0]}" if index else ""
            raise ValueError(
                f"{name} must be {self.accepted}, got {self._in_words(array[index])}{where}"
            )

    def _in_words(self, values: FloatArray) -> str:
        return str(values)


class _Entries(Range):
    """A range of single numbers; subclasses say how these go to the real line and back."""

    @abstractmethod
    def _to_line(self, values: FloatArray) -> FloatArray: ...

    @abstractmethod
    def _from_line(self, coordinates: FloatArray) -> FloatArray: ...

    def to_vector(self, values: FloatArray, held: Mask | None = None) -> FloatArray:
        """Return a coordinate for each entry that is free."""
        with np.errstate(divide="ignore", invalid="ignore"):
            coordinates = self._to_line(np.asarray(values, dtype=np.float64))
        return coordinates.ravel() if held is None else coordinates[~held]

    def from_vector(
        self, vector: FloatArray, like: FloatArray, held: Mask | None = None
    ) -> FloatArray:
        """Return the entries of coordinates; those that are held as in like."""
        if held is None:
            return self._from_line(np.reshape(vector, np.shape(like)))
        coordinates = self._to_line(np.asarray(like, dtype=np.float64))
        coordinates[~held] = vector
        values = self._from_line(coordinates)
        values[held] = like[held]
        return values

    def n_coordinates(self, shape: tuple[int, ...], held: Mask | None = None) -> int:
        """Count the entries that are free."""
        return int(np.prod(shape, dtype=int)) - (0 if held is None else int(held.sum()))


@dataclass(frozen=True)
class Real(_Entries):
    """Any number.

    Parameters
    ----------
    scale : float or ndarray, default=1.0
        Unit of the coordinates: a change that matters, by order of magnitude.
    """

    scale: Any = 1.0
    accepted: ClassVar[str] = "finite numbers"

    def contains(self, values: FloatArray) -> Mask:
        """Say whether entries are finite."""
        return np.isfinite(values)

    def _to_line(self, values: FloatArray) -> FloatArray:
        return values / self.scale

    def _from_line(self, coordinates: FloatArray) -> FloatArray:
        return coordinates * self.scale


class _Positive(_Entries):
    """Numbers from 0 on; coordinates are logarithms."""

    accepted = "finite and not negative"
    edges = (0.0,)

    def contains(self, values: FloatArray) -> Mask:
        """Say whether entries are neither negative nor infinite."""
        return (values >= 0) & np.isfinite(values)

    def _to_line(self, values: FloatArray) -> FloatArray:
        return np.log(values)

    def _from_line(self, coordinates: FloatArray) -> FloatArray:
        return np.exp(coordinates)


class _Probability(_Entries):
    """Numbers from 0 to 1; coordinates are log-odds."""

    accepted = "between 0 and 1"
    edges = (0.0, 1.0)

    def contains(self, values: FloatArray) -> Mask:
        """Say whether entries are between 0 and 1, but for rounding."""
        return (values >= -ROUNDING) & (values <= 1 + ROUNDING)

    def _to_line(self, values: FloatArray) -> FloatArray:
        return logit(values)

    def _from_line(self, coordinates: FloatArray) -> FloatArray:
        return expit(coordinates)


class _Simplex(Range):
    """Rows (along the last axis) of numbers that are not negative and sum to one.

    Coordinates are logarithms of the entries' ratios to the reference of their row: its last
    entry that is not zero. (Entries that are zero stay so under EM, so that it stays the same.)
    Free entries share what those that are held leave.
    """

    core = 1
    accepted = "not negative, with a sum of 1 along the last axis"
    edges = (0.0,)

    def contains(self, values: FloatArray) -> Mask:
        """Say whether rows are not negative and sum to one, but for rounding."""
        positive = (values >= -ROUNDING).all(axis=-1)
        return positive & (np.abs(values.sum(axis=-1) - 1) <= ROUNDING)

    def _in_words(self, values: FloatArray) -> str:
        return f"{values}, with a sum of {values.sum():.9g}"

    def to_vector(self, values: FloatArray, held: Mask | None = None) -> FloatArray:
        """Return log-ratios, one fewer than there are free entries in a row."""
        values = np.asarray(values, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(values)
            if self._is_last(values, held):
                return (logs[..., :-1] - logs[..., -1:]).ravel()
            reference = np.take_along_axis(logs, self._references(values, held), axis=-1)
            return self.select(logs - reference, values, held)

    def from_vector(
        self, vector: FloatArray, like: FloatArray, held: Mask | None = None
    ) -> FloatArray:
        """Return rows of log-ratios."""
        like = np.asarray(like, dtype=np.float64)
        if self._is_last(like, held):
            logs = np.zeros(like.shape)
            logs[..., :-1] = np.reshape(vector, logs[..., :-1].shape)
            shares = np.exp(logs - np.maximum.reduce(logs, axis=-1, keepdims=True))
            return shares / np.add.reduce(shares, axis=-1, keepdims=True)
        free = np.ones(like.shape, dtype=bool) if held is None else ~held
        rest = 1.0 if held is None else np.where(free, like, 0.0).sum(axis=-1, keepdims=True)
        logs = np.where(free, 0.0, -np.inf)
        logs[self._coordinates(like, held)] = vector
        shares = np.exp(logs - logs.max(axis=-1, keepdims=True, initial=np.finfo(float).min))
        totals = shares.sum(axis=-1, keepdims=True)
        return np.where(free, np.divide(shares, totals, where=free, out=shares) * rest, like)

    def n_coordinates(self, shape: tuple[int, ...], held: Mask | None = None) -> int:
        """Count the free entries of each row, less one."""
        if held is None:
            return math.prod(shape[:-1]) * (shape[-1] - 1)
        return int(np.maximum((~held).sum(axis=-1) - 1, 0).sum())

    def select(
        self, entries: FloatArray, values: FloatArray, held: Mask | None = None
    ) -> FloatArray:
        """Return the entries, such as slopes, that belong to coordinates of values."""
        if self._is_last(values, held):
            return entries[..., :-1].ravel()
        return entries[self._coordinates(values, held)]

    @staticmethod
    def _is_last(values: FloatArray, held: Mask | None) -> bool:
        """Say, for speed, whether the last entry is every row's reference."""
        last = values[..., -1]
        return held is None and bool(last > 0 if last.ndim == 0 else (last > 0).all())

    def _coordinates(self, values: FloatArray, held: Mask | None) -> Mask:
        """Say which entries have coordinates: those that are free, but for the references."""
        mask = np.ones(values.shape, dtype=bool) if held is None else ~held
        np.put_along_axis(mask, self._references(values, held), False, axis=-1)
        return mask

    @staticmethod
    def _references(values: FloatArray, held: Mask | None) -> NDArray[np.intp]:
        """Return the index of each row's last free entry above zero; of the last, if none is."""
        free = np.ones(values.shape, dtype=bool) if held is None else ~held
        positive = free & (values > 0)
        candidates = np.where(positive.any(axis=-1, keepdims=True), positive, free)
        from_the_end = candidates[..., ::-1].argmax(axis=-1)
        return values.shape[-1] - 1 - from_the_end[..., np.newaxis]


@dataclass(frozen=True)
class Covariance(Range):
    """Symmetric positive definite matrices, in the last two axes.

    Coordinates are the lower triangle of the Cholesky factor, with the logarithm of its diagonal.

    Parameters
    ----------
    scale : float or ndarray of shape (d,), default=1.0
        Units of the features.
    """

    scale: Any = 1.0
    core: ClassVar[int] = 2
    accepted: ClassVar[str] = "symmetric and positive definite in the last two axes"

    def contains(self, values: FloatArray) -> Mask:
        """Say whether matrices are symmetric, but for rounding, and have a Cholesky factor."""
        *leading, rows, columns = values.shape
        if rows != columns:
            return np.zeros(leading, dtype=bool)
        matrices = values.reshape(-1, rows, rows)
        return np.reshape([_is_covariance(C) for C in matrices], leading)

    def to_vector(self, values: FloatArray, held: Mask | None = None) -> FloatArray:
        """Return the triangles of the matrices that are free, row by row."""
        values = np.asarray(values, dtype=np.float64)
        free = values if held is None else values[~held]
        i, j = np.tril_indices(values.shape[-1])
        L = np.linalg.cholesky(free) / self._units(values.shape[-1])
        coordinates = L[..., i, j]
        coordinates[..., i == j] = np.log(coordinates[..., i == j])
        return coordinates.ravel()

    def from_vector(
        self, vector: FloatArray, like: FloatArray, held: Mask | None = None
    ) -> FloatArray:
        """Return matrices of triangles."""
        values = np.array(like, dtype=np.float64)
        d = values.shape[-1]
        i, j = np.tril_indices(d)
        free: Any = ... if held is None else ~held
        L = np.zeros(values[free].shape)
        coordinates = np.array(vector, dtype=np.float64).reshape(*L.shape[:-2], len(i))
        coordinates[..., i == j] = np.exp(coordinates[..., i == j])
        L[..., i, j] = coordinates
        L *= self._units(d)
        values[free] = L @ L.swapaxes(-1, -2)
        return values

    def n_coordinates(self, shape: tuple[int, ...], held: Mask | None = None) -> int:
        """Count d (d + 1) / 2 for each matrix that is free."""
        n = int(np.prod(shape[:-2], dtype=int)) - (0 if held is None else int(held.sum()))
        return n * shape[-1] * (shape[-1] + 1) // 2

    def _units(self, d: int) -> FloatArray:
        """Return the unit of each row of a factor, as a column."""
        return np.broadcast_to(np.asarray(self.scale, dtype=np.float64), d)[:, np.newaxis]


def _is_covariance(C: FloatArray) -> bool:
    if not (np.isfinite(C).all() and (np.abs(C - C.T) <= ROUNDING * np.abs(C).max()).all()):
        return False
    try:
        np.linalg.cholesky(C)
    except np.linalg.LinAlgError:
        return False
    return True


REAL: Range = Real()
POSITIVE: Range = _Positive()
PROBABILITY: Range = _Probability()
SIMPLEX: _Simplex = _Simplex()
COVARIANCE: Range = Covariance()
