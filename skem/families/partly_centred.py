"""The Gaussian kernel where the expanded form loses digits in few of the components.

Only these have their own centres subtracted; the others take the two matrix products. Of 200
components with 100 rows of 20 features each, three were that narrow.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray
from skem.families.centred import CentredKernel
from skem.families.exponential import LinearKernel

__all__ = ["PartlyCentredKernel"]


@dataclass(frozen=True, eq=False)
class PartlyCentredKernel:
    """Kernel of Gaussian components, few of which are narrow or far away.

    Parameters
    ----------
    linear : LinearKernel
        For all components; its statistics are ``(1, z, second moments)``.
    centred : CentredKernel
        For the narrow ones.
    exact : bool ndarray of shape (n_components,)
        Which these are: nothing cancels in their statistics.
    """

    linear: LinearKernel
    centred: CentredKernel
    exact: NDArray[np.bool_]

    @property
    def width(self) -> int:
        """Numbers of a row in the expanded form."""
        return self.linear.width

    @property
    def centres(self) -> FloatArray:
        """Points about which statistics are taken: the origin, or the narrow components' own."""
        centres = np.zeros((len(self.exact), self.centred.centres.shape[1]))
        centres[self.exact] = self.centred.centres
        return centres

    def load(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write the statistics of each row to out."""
        return self.linear.load(X, out)

    def log_density(self, block: FloatArray, out: FloatArray) -> float:
        """Write the log-density to out: of all components, then of the narrow ones again."""
        constant = self.linear.log_density(block, out)
        of_narrow = np.empty((len(self.centred.centres), out.shape[1]))
        other = self.centred.log_density(self._rows(block), of_narrow)
        out[self.exact] = of_narrow + (other - constant)
        return constant

    def statistics(self, block: FloatArray, responsibilities: FloatArray) -> FloatArray:
        """Return counts, first and second moments about the centres."""
        statistics = self.linear.statistics(block, responsibilities)
        of_exact = self.centred.statistics(self._rows(block), responsibilities[self.exact])
        statistics[self.exact] = of_exact
        return statistics

    def _rows(self, block: FloatArray) -> FloatArray:
        """Return the rows about the origin, (d, b), which are among the statistics."""
        return block[1 : 1 + self.centred.origin.size]
