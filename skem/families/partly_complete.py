"""The Gaussian kernel for rows of which most are complete.

Where few rows miss a cell, only these have to be completed pattern by pattern; the others take the
two matrix products of complete data.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray
from skem.families.exponential import LinearKernel
from skem.families.patterns import PatternKernel

__all__ = ["PartlyCompleteKernel"]


class _Block(NamedTuple):
    """Rows of a block: which are complete, their statistics, the others, and their patterns."""

    complete: NDArray[np.intp]
    statistics: FloatArray
    others: NDArray[np.intp]
    patterns: Any


@dataclass(frozen=True, eq=False)
class PartlyCompleteKernel:
    """Kernel of Gaussian components with correlations, on rows of which few have missing cells.

    Parameters
    ----------
    linear : LinearKernel
        For the rows without a missing cell; its statistics are ``(1, z, second moments)``.
    patterns : PatternKernel
        For the others. Totals are about its centres.
    """

    linear: LinearKernel
    patterns: PatternKernel

    @property
    def width(self) -> int:
        """Numbers of a complete row; the space of the others is made when they come."""
        return self.linear.width

    @property
    def centres(self) -> FloatArray:
        """Points about which totals are taken: the means."""
        return self.patterns.means

    def load(self, X: FloatArray, out: FloatArray) -> _Block:
        """Part the rows X (b, d), and load each part; out has space for the complete ones."""
        missing = np.isnan(X).any(axis=1)
        complete, others = np.flatnonzero(~missing), np.flatnonzero(missing)
        space = out.reshape(-1)[: self.linear.width * complete.size]
        statistics = self.linear.load(X[complete], space.reshape(self.linear.width, -1))
        patterns = self.patterns.load(X[others], out) if others.size else None
        return _Block(complete, statistics, others, patterns)

    def log_density(self, block: _Block, out: FloatArray) -> float:
        """Write the log-density of the observed cells to out (K, b)."""
        of_complete = np.empty((len(out), block.complete.size))
        constant = self.linear.log_density(block.statistics, of_complete)
        out[:, block.complete] = of_complete
        if block.others.size:
            of_others = np.empty((len(out), block.others.size))
            other = self.patterns.log_density(block.patterns, of_others)
            out[:, block.others] = of_others + (other - constant)
        return constant

    def totals(self, block: _Block, responsibilities: FloatArray) -> FloatArray:
        """Return counts, and expected first and second moments about the means."""
        structure, means = self.patterns.structure, self.centres
        of_complete = self.linear.totals(block.statistics, responsibilities[:, block.complete])
        counts, first, second = np.split(of_complete, [1, 1 + means.shape[1]], axis=1)
        moments = structure.moments_about(means, counts[:, 0], first, second)
        totals = np.hstack([counts, *moments])
        if block.others.size:
            totals += self.patterns.totals(block.patterns, responsibilities[:, block.others])
        return totals
