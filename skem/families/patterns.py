"""The Gaussian kernel for rows with missing cells, which are NaN.

A row with the features ``o`` observed has the marginal density of those::

    log f_k(x_o) = -|W (x_o - mean_o)|^2 / 2 - sum(log diag(chol)) - |o|/2 log(2 pi),
    chol = Cholesky factor of C_oo,  W = inv(chol)

Given them, its other features ``m`` have the mean ``mean_m + V'W (x_o - mean_o)`` and the
covariance ``C_mm - V'V``, with ``V = W C_om`` (Little & Rubin 2019, section 11.2). The E-step of
EM takes the expected moments of the complete row. Rows that miss the same features share W and V:
the kernel works pattern by pattern, on whole batches of them at a time.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray
from skem.families.covariance import Structure
from skem.families.kept import keep_last
from skem.families.triangles import inverse_triangles
from skem.missing import by_pattern

__all__ = ["PatternKernel"]

LOG_2PI = float(np.log(2 * np.pi))

#: Rows that are multiplied by one matrix at a time, at most.
MOST_IN_BATCH = 256


class _Conditioned(NamedTuple):
    """What parameters make of the rows of some patterns.

    Attributes
    ----------
    deviations : ndarray of shape (n_batches, K, size, d)
        Rows less the mean of each component, 0 where missing.
    whitened : ndarray of shape (n_batches, K, size, d)
        ``W`` times those.
    W : ndarray of shape (n_patterns, K, d, d), or (n_patterns, 1, d, d) where they are shared
        Inverse Cholesky factors of the observed block; the identity elsewhere.
    """

    deviations: FloatArray
    whitened: FloatArray
    W: FloatArray


@dataclass(frozen=True, eq=False)
class _Patterns:
    """A block of rows, cut into batches of equally many with the same cells observed.

    Parameters
    ----------
    rows : integer ndarray of shape (n_batches, size)
        Which row; some one where a batch is not full.
    filled : bool ndarray of shape (n_batches, size)
        Where there is a row.
    pattern : integer ndarray of shape (n_batches,)
        Pattern of each batch.
    missing : bool ndarray of shape (n_patterns, d)
        Cells missing in each pattern.
    values : ndarray of shape (n_batches, size, d)
        The rows about the origin, 0 where missing.
    """

    rows: NDArray[np.intp]
    filled: NDArray[np.bool_]
    pattern: NDArray[np.intp]
    missing: NDArray[np.bool_]
    values: FloatArray

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Cells observed in each pattern, as (n_patterns, 1, d)."""
        return ~self.missing[:, np.newaxis]

    @cached_property
    def both_seen(self) -> NDArray[np.bool_]:
        """Pairs of observed cells, as (n_patterns, 1, d, d)."""
        return self.seen[..., np.newaxis] & self.seen[:, np.newaxis]

    @cached_property
    def identity(self) -> FloatArray:
        """What stands in for the covariances of missing cells, (d, d)."""
        return np.eye(self.missing.shape[1])

    @cached_property
    def explaining(self) -> NDArray[np.bool_]:
        """Pairs of an observed and a missing cell, as (n_patterns, 1, d, d)."""
        return self.seen[..., np.newaxis] & ~self.seen[:, np.newaxis]

    @cached_property
    def seen_in_batch(self) -> NDArray[np.bool_]:
        """Cells observed in each batch, as (n_batches, 1, 1, d)."""
        return self.seen[self.pattern][:, np.newaxis]

    @cached_property
    def log_constants(self) -> FloatArray:
        """What the number of observed cells adds to a log-density, as (n_patterns, 1)."""
        return self.seen.sum(axis=2) * (-LOG_2PI / 2)

    @cached_property
    def first_batches(self) -> NDArray[np.intp]:
        """The first batch of each pattern, (n_patterns,)."""
        return np.flatnonzero(np.diff(self.pattern, prepend=-1))

    @keep_last
    def at(self, kernel: "PatternKernel") -> _Conditioned:
        """Factor the patterns, and whiten the rows: both halves of an EM step need that."""
        d = self.missing.shape[1]
        blocks = np.where(self.both_seen, kernel.covariances, self.identity)
        triangles = np.linalg.cholesky(blocks)
        W = inverse_triangles(triangles.reshape(-1, d, d)).reshape(blocks.shape)
        deviations = self.values[:, np.newaxis] - kernel.means[:, np.newaxis]
        deviations *= self.seen_in_batch
        return _Conditioned(deviations, deviations @ W[self.pattern].swapaxes(-1, -2), W)


def _batches(
    observed: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp]]:
    """Cut rows into batches of the same pattern.

    Returns rows, filled and pattern, as in _Patterns, and one row of each pattern.
    """
    n = len(observed)
    order = by_pattern(~observed)
    observed = observed[order]
    starts = np.flatnonzero(np.append(True, (observed[1:] != observed[:-1]).any(axis=1)))
    lengths = np.diff(np.append(starts, n))
    size = min(MOST_IN_BATCH, 1 << (-(-n // len(starts)) - 1).bit_length())
    n_batches = -(-lengths // size)
    pattern = np.repeat(np.arange(len(starts)), n_batches)
    position = np.arange(len(pattern)) - np.repeat(np.cumsum(n_batches) - n_batches, n_batches)
    index = (starts[pattern] + position * size)[:, np.newaxis] + np.arange(size)
    filled = index < (starts + lengths)[pattern][:, np.newaxis]
    rows = order[np.where(filled, index, starts[pattern][:, np.newaxis])]
    return rows, filled, pattern, order[starts]


@dataclass(frozen=True, eq=False)
class PatternKernel:
    """Kernel of Gaussian components on rows of which any cells may be missing.

    It is right for any order of the rows; the fewer patterns a block has the faster.

    Parameters
    ----------
    structure : Structure
        Covariance structure: how second moments are packed.
    origin : ndarray of shape (n_features,)
        Subtracted from every row first.
    means : ndarray of shape (n_components, n_features)
        Means, about the origin.
    covariances : ndarray of shape (n_components, n_features, n_features)
        Covariances, as full matrices; (1, n_features, n_features) where they are shared.
    log_heights : ndarray of shape (n_components,)
        Added to the log-density of each component: log-weights, less penalties.
    """

    structure: Structure
    origin: FloatArray
    means: FloatArray
    covariances: FloatArray
    log_heights: FloatArray

    #: Nothing cancels in its statistics: there is no kernel to be had that is more accurate.
    exact = True

    @property
    def width(self) -> int:
        """Numbers of a row's own, where no other has its pattern."""
        K, d = self.means.shape
        return K * d * (d + 2)

    @property
    def centres(self) -> FloatArray:
        """Points about which statistics are taken: the means."""
        return self.means

    def load(self, X: FloatArray, out: FloatArray) -> _Patterns:
        """Cut rows X (b, d) into batches; the space of ``out`` is not used."""
        Z = X - self.origin
        observed = ~np.isnan(Z)
        Z[~observed] = 0.0
        rows, filled, pattern, examples = _batches(observed)
        return _Patterns(rows, filled, pattern, ~observed[examples], Z[rows])

    def log_density(self, block: _Patterns, out: FloatArray) -> float:
        """Write the log-density of the observed cells to out (K, b)."""
        _, whitened, W = block.at(self)
        peaks = np.log(np.einsum("pkii->pki", W)).sum(axis=2)
        peaks = peaks + self.log_heights + block.log_constants
        log_density = np.einsum("bksi,bksi->bsk", whitened, whitened)
        log_density *= -0.5
        log_density += peaks[block.pattern][:, np.newaxis]
        out[:, block.rows[block.filled]] = log_density[block.filled].T
        return 0.0

    def completed(self, block: _Patterns) -> FloatArray:
        """Return the expected rows, about the means, as (n_batches, K, size, d)."""
        return self._completed(block, self._regressions(block))

    def _completed(self, block: _Patterns, V: FloatArray) -> FloatArray:
        deviations, whitened, _ = block.at(self)
        completed: FloatArray = deviations + whitened @ V[block.pattern]
        return completed

    def _regressions(self, block: _Patterns) -> FloatArray:
        """Return V, of the shape of W: rows of observed, columns of missing cells."""
        return np.where(block.explaining, block.at(self).W @ self.covariances, 0.0)

    def statistics(self, block: _Patterns, responsibilities: FloatArray) -> FloatArray:
        """Return counts, and expected first and second moments about the means."""
        return self.statistics_about(np.zeros((1, self.means.shape[1])), block, responsibilities)

    def statistics_about(
        self, shifts: FloatArray, block: _Patterns, responsibilities: FloatArray
    ) -> FloatArray:
        """Return the statistics about points that the means are further than by shifts (K, d)."""
        K, d = self.means.shape
        V = self._regressions(block)
        rows = self._completed(block, V)
        rows += shifts[:, np.newaxis]
        rows = rows.swapaxes(0, 1).reshape(K, -1, d)
        shares = responsibilities[:, block.rows] * block.filled  # (K, n_batches, size)
        counts = np.add.reduceat(shares.sum(axis=2), block.first_batches, axis=1)
        shares = shares.reshape(K, -1, 1)
        first = (shares.swapaxes(1, 2) @ rows)[:, 0]
        second = _squares(np.sqrt(shares) * rows)
        # Less than complete: sum_p n_p (C_mm - V'V), each pattern's in its own cells.
        both_missing = (block.missing.T * counts[:, np.newaxis]) @ block.missing
        explained = np.sqrt(counts.T)[..., np.newaxis, np.newaxis] * V
        second += self.covariances * both_missing
        second -= _squares(explained.swapaxes(0, 1).reshape(K, -1, d))
        totals = counts.sum(axis=1, keepdims=True)
        return np.concatenate([totals, first, self.structure.pack(second)], axis=1)


def _squares(rows: FloatArray) -> FloatArray:
    """Return the symmetric products ``Z'Z`` of matrices (K, n, d)."""
    return rows.swapaxes(1, 2) @ rows
