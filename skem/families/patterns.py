"""The Gaussian kernel for rows with missing cells, which are NaN.

Let a row have the features ``o`` observed and ``m`` missing, ``P = U U'`` be the precision of a
component and ``z`` the row less its mean. The missing cells, given the others, have the mean and
the covariance (Little & Rubin 2019, section 11.2)::

    z_m = -inv(P_mm) P_mo z_o,    inv(P_mm) = W'W,    W = inv(chol),  chol chol' = P_mm = U_m U_m'

Completed by this mean, the row has its marginal density but for a constant::

    log f_k(x_o) = log det U - sum(log diag(chol)) - |U'z|^2 / 2 - |o|/2 log(2 pi)

With ``B = W U_m``, whose rows are orthonormal, ``U'z = (I - B'B) U_o' z_o`` and
``z_m = -W'B U_o' z_o``: all that is factored is as large as what is missing. The E-step of EM
takes the expected moments of the complete row. Rows that miss the same features share these
matrices: the kernel works pattern by pattern, on whole batches of them at a time.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

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
    deviations : ndarray of shape (K, n_batches, size, d)
        Rows less the mean of each component, 0 where missing.
    whitened : ndarray of shape (K, n_batches, size, d)
        ``U'`` times those that are completed.
    log_determinants : ndarray of shape (K, n_patterns)
        Half of that of ``P_mm``.
    roots : ndarray of shape (K, n_patterns, q, d)
        ``W`` in the columns of missing cells: ``W'W`` is their conditional covariance.
    regressions : ndarray of shape (K, n_patterns, d, q)
        ``U_o B'``: less this times W are the expected cells, for one of those observed.
    """

    deviations: FloatArray
    whitened: FloatArray
    log_determinants: FloatArray
    roots: FloatArray
    regressions: FloatArray


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
    def selectors(self) -> FloatArray:
        """Rows of the identity for the missing cells of each pattern, (n_patterns, q, d).

        As many as a pattern has at most, those beyond its number 0.
        """
        number = np.cumsum(self.missing, axis=1)  # of a cell among those that are missing
        places = np.arange(1, max(int(number[:, -1].max()), 1) + 1)
        chosen = (number[:, np.newaxis] == places[:, np.newaxis]) & self.missing[:, np.newaxis]
        return chosen.astype(np.float64)

    @cached_property
    def padding(self) -> FloatArray:
        """The identity for rows of selectors that are 0, (n_patterns, q, q)."""
        return np.eye(self.selectors.shape[1]) * (1 - self.selectors.sum(axis=2, keepdims=True))

    @cached_property
    def seen_in_batch(self) -> NDArray[np.bool_]:
        """Cells observed in each batch, as (n_batches, 1, d)."""
        return ~self.missing[self.pattern][:, np.newaxis]

    @cached_property
    def log_constants(self) -> FloatArray:
        """What a log-density has more than that of complete rows, (n_patterns,)."""
        return self.missing.sum(axis=1) * (LOG_2PI / 2)

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Where each row is among those of all batches, one after another."""
        places = np.flatnonzero(self.filled)
        return places[np.argsort(self.rows[self.filled])]

    @cached_property
    def first_batches(self) -> NDArray[np.intp]:
        """The first batch of each pattern, (n_patterns,)."""
        return np.flatnonzero(np.diff(self.pattern, prepend=-1))

    @keep_last
    def at(self, kernel: "PatternKernel") -> _Conditioned:
        """Factor the patterns, and whiten the rows: both halves of an EM step need that."""
        U, E = kernel.precisions_cholesky[:, np.newaxis], self.selectors
        of_missing = E @ U
        if kernel.narrow:
            R: Any = np.linalg.qr(of_missing.swapaxes(2, 3), mode="r")
            triangles = R.swapaxes(2, 3) + self.padding
        else:
            triangles = np.linalg.cholesky(of_missing @ of_missing.swapaxes(2, 3) + self.padding)
        q = triangles.shape[-1]
        W = inverse_triangles(triangles.reshape(-1, q, q)).reshape(triangles.shape)
        B = W @ of_missing
        regressions = U @ B.swapaxes(2, 3)
        deviations = self.values - kernel.means[:, np.newaxis, np.newaxis]
        deviations *= self.seen_in_batch
        whitened = deviations @ (U - regressions @ B)[:, self.pattern]
        log_determinants = np.log(np.abs(triangles.diagonal(0, 2, 3))).sum(axis=2)
        return _Conditioned(deviations, whitened, log_determinants, W @ E, regressions)


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
    precisions_cholesky : ndarray of shape (n_components, n_features, n_features)
        Upper triangles U; (1, n_features, n_features) where they are shared.
    log_peaks : ndarray of shape (n_components,)
        Largest log-density of a complete row, plus its bias.
    narrow : bool
        Whether some component may be so narrow one way that the squares of U lose it. Then factors
        of patterns come from U itself, which takes longer.
    """

    structure: Structure
    origin: FloatArray
    means: FloatArray
    precisions_cholesky: FloatArray
    log_peaks: FloatArray
    narrow: bool

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
        _, whitened, log_determinants, _, _ = block.at(self)
        log_density = np.einsum("kbsi,kbsi->kbs", whitened, whitened)
        log_density *= -0.5
        peaks = self.log_peaks[:, np.newaxis] + block.log_constants - log_determinants
        log_density += peaks[:, block.pattern, np.newaxis]
        out[:] = log_density.reshape(len(out), -1)[:, block.places]
        return 0.0

    def completed(self, block: _Patterns) -> FloatArray:
        """Return the expected rows, about the means, as (K, n_batches, size, d)."""
        deviations, _, _, roots, regressions = block.at(self)
        expected: FloatArray = deviations @ (regressions @ roots)[:, block.pattern]
        return np.subtract(deviations, expected, out=expected)

    def statistics(self, block: _Patterns, responsibilities: FloatArray) -> FloatArray:
        """Return counts, and expected first and second moments about the means."""
        return self.statistics_about(np.zeros((1, self.means.shape[1])), block, responsibilities)

    def statistics_about(
        self, shifts: FloatArray, block: _Patterns, responsibilities: FloatArray
    ) -> FloatArray:
        """Return the statistics about points that the means are further than by shifts (K, d)."""
        K, d = self.means.shape
        rows = self.completed(block).reshape(K, -1, d)
        rows += shifts[:, np.newaxis]
        shares = responsibilities[:, block.rows] * block.filled  # (K, n_batches, size)
        counts = np.add.reduceat(shares.sum(axis=2), block.first_batches, axis=1)
        shares = shares.reshape(K, -1, 1)
        first = (shares.swapaxes(1, 2) @ rows)[:, 0]
        second = _squares(np.sqrt(shares) * rows)
        # More than that: sum_p n_p W'W, each pattern's in its own cells.
        roots = np.sqrt(counts)[..., np.newaxis, np.newaxis] * block.at(self).roots
        second += _squares(roots.reshape(K, -1, d))
        totals = counts.sum(axis=1, keepdims=True)
        return np.concatenate([totals, first, self.structure.pack(second)], axis=1)


def _squares(rows: FloatArray) -> FloatArray:
    """Return the symmetric products ``Z'Z`` of matrices (K, n, d)."""
    return rows.swapaxes(1, 2) @ rows
