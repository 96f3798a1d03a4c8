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
    """Rows of a block.

    Attributes
    ----------
    span : slice
        The rows from the first complete one to the last.
    statistics : ndarray of shape (n_statistics, b)
        Those of the rows of the span, 0 where a row is not complete: they add nothing to a sum.
    others : slice or integer ndarray of shape (n_others,)
        Rows that are not complete; a slice where they are together.
    patterns : object
        Their patterns; None where there is none.
    """

    span: slice
    statistics: FloatArray
    others: slice | NDArray[np.intp]
    patterns: Any


@dataclass(frozen=True, eq=False)
class PartlyCompleteKernel:
    """Kernel of Gaussian components with correlations, on rows of which few have missing cells.

    It is right for any order of the rows; where rows of a pattern are together nothing is copied.

    Parameters
    ----------
    family : Completion
        Has the kernel to use where statistics cancel.
    linear : LinearKernel
        For the rows without a missing cell; its statistics are ``(1, z, second moments)``, about
        the origin. Statistics are about it, too.
    patterns : PatternKernel
        For the others.
    """

    family: Any
    linear: LinearKernel
    patterns: PatternKernel

    @property
    def width(self) -> int:
        """Numbers of a complete row; the space of the others is made when they come."""
        return self.linear.width

    def load(self, X: FloatArray, out: FloatArray) -> _Block:
        """Part the rows X (b, d), and load each part; out has space for the complete ones."""
        missing = np.logical_or.reduce(np.isnan(X), axis=1)
        span = _span(~missing)
        others: Any = _span(missing)
        space = out.reshape(-1)[: self.linear.width * (span.stop - span.start)]
        statistics = self.linear.load(X[span], space.reshape(self.linear.width, -1))
        statistics[:, missing[span]] = 0.0
        if not missing.any():
            return _Block(span, statistics, others, None)
        if not missing[others].all():
            others = np.flatnonzero(missing)
        return _Block(span, statistics, others, self.patterns.load(X[others], out))

    def log_density(self, block: _Block, out: FloatArray) -> float:
        """Write the log-density of the observed cells to out (K, b)."""
        constant = self.linear.log_density(block.statistics, out[:, block.span])
        if block.patterns is not None:
            of_others = out[:, block.others]
            other = self.patterns.log_density(block.patterns, of_others)
            of_others += other - constant
            if not isinstance(block.others, slice):
                out[:, block.others] = of_others
        return constant

    def statistics(self, block: _Block, responsibilities: FloatArray) -> FloatArray:
        """Return counts, and expected first and second moments about the origin."""
        statistics = self.linear.statistics(block.statistics, responsibilities[:, block.span])
        if block.patterns is not None:
            shares = responsibilities[:, block.others]
            patterns = self.patterns
            statistics += patterns.statistics_about(patterns.means, block.patterns, shares)
        return statistics


def _span(rows: NDArray[np.bool_]) -> slice:
    """Return the rows from the first that is chosen to the last."""
    chosen = np.flatnonzero(rows)
    return slice(int(chosen[0]), int(chosen[-1]) + 1) if chosen.size else slice(0, 0)
