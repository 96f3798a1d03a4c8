"""Exponential families: components whose log-density is linear in sufficient statistics."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skem.coordinates import Coordinates
from skem.errors import Doubt
from skem.families.base import FloatArray, Kernel
from skem.families.held import Held
from skem.families.products import multiply, weighted_sums
from skem.ranges import Range

__all__ = ["ExponentialFamily", "LinearKernel"]


@dataclass(frozen=True, eq=False)
class LinearKernel:
    """Kernel of an exponential family: one matrix product each way.

    Parameters
    ----------
    family : ExponentialFamily
        Supplies the sufficient statistics.
    natural_parameters : ndarray of shape (n_components, width) or None
        ``eta``, biases included; None where only statistics are wanted.
    width : int
        Number of sufficient statistics.
    offset : float, default=0.0
        Constant already taken out of ``natural_parameters``.
    """

    family: Any
    natural_parameters: FloatArray | None
    width: int
    offset: float = 0.0

    def load(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write T(x) of each row to the columns of out."""
        return self.family.sufficient_statistics(X, out)

    def log_density(self, block: FloatArray, out: FloatArray) -> float:
        """Write ``eta @ T`` to out."""
        assert self.natural_parameters is not None
        with np.errstate(over="ignore"):  # LOG_ZERO times many counts is as impossible
            multiply(self.natural_parameters, block, out)
        return self.offset

    def statistics(self, block: FloatArray, responsibilities: FloatArray) -> FloatArray:
        """Return ``responsibilities @ T'``."""
        return weighted_sums(responsibilities, block)


class IncompleteKernel(LinearKernel):
    """The same for rows of which cells may be missing, which are NaN.

    Then ``T = (1, o, T(x) without its 1)``, 0 in place of what is missing, with ``o`` 1 where a
    cell is observed, of the cells that have a constant.
    """

    def load(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write T of each row to the columns of out."""
        n_cells = self.width - self.family.n_statistics
        T = self.family.sufficient_statistics(X, out[n_cells:])
        T[np.isnan(T)] = 0.0
        if n_cells:
            out[0] = 1.0
            np.logical_not(np.isnan(X.T), out=out[1 : 1 + n_cells], casting="unsafe")
        return out


@dataclass(frozen=True, eq=False)
class ExponentialFamily(ABC):
    """An exponential family: both passes of EM follow from its sufficient statistics.

    A subclass is a frozen dataclass. It declares the ranges of its parameters and implements the
    abstract methods below. With a ``gradient`` it is accelerated, and has standard errors; the
    other methods are each asked for by one use alone, whose error says which is not there.

    Parameters
    ----------
    n_components : int
        Number of components K.
    n_columns : int
        Number of columns that the parameters of a component are of.
    held : Held, default=Held()
        Parameters that the M-step leaves alone.
    """

    n_components: int
    n_columns: int
    held: Held = field(default_factory=Held, kw_only=True)

    #: Where each field of the parameters may lie. What a fit can hold, its unconstrained
    #: coordinates, the number of parameters and their checks follow.
    ranges: ClassVar[Mapping[str, Range]] = {}

    #: Whether a component's M-step knows nothing of the other components, so that those of several
    #: mixtures can be stepped together.
    separable: ClassVar[bool] = False

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each field of the parameters: by component and column, if not told."""
        return dict.fromkeys(self.ranges, (self.n_components, self.n_columns))

    @property
    @abstractmethod
    def n_statistics(self) -> int:
        """Number of sufficient statistics, the constant 1 included."""

    @abstractmethod
    def sufficient_statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write T(x) of each row of X (b, n_features) to out (n_statistics, b)."""

    @abstractmethod
    def natural_parameters(self, params: Any) -> FloatArray:
        """Return eta (K, n_statistics)."""

    @abstractmethod
    def maximize(self, statistics: FloatArray, kernel: Kernel, previous: Any) -> Any:
        """M-step; see :meth:`~skem.families.base.Components.maximize`."""

    def log_base_measure(self, X: FloatArray) -> FloatArray | float:
        """Return log h(x) of each row; 0.0 unless the family says otherwise."""
        return 0.0

    def log_prior(self, params: Any) -> float:
        """Return 0.0: there is no prior unless the family says otherwise."""
        return 0.0

    def bound(self, rows: Any) -> Any:
        """Return the family itself; raise where cells miss, and it has no kernel for that."""
        self.kernel(None, np.zeros(self.n_components), rows.has_missing)
        return self

    @property
    def n_cell_constants(self) -> int:
        """How many cells of a row have a constant in the log-density; optional.

        Where such a cell is missing its constant is, too: it is not in natural parameters then.
        """
        raise self._lacks("missing cells", "n_cell_constants")

    def cell_constants(self, params: Any) -> FloatArray:
        """Return these constants (K, n_cell_constants), the sum of which is that of the row."""
        return np.empty((self.n_components, 0))

    def for_streams(self) -> Any:
        """Return the family itself."""
        return self

    def about_origin(self, statistics: FloatArray, kernel: Kernel) -> FloatArray:
        """Return the statistics as they are."""
        return statistics

    def mean_statistics(self, params: Any, like: FloatArray) -> FloatArray:
        """Return statistics of which the M-step makes params; optional."""
        raise self._lacks("partial_fit", "mean_statistics")

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Return X; a subclass may know better."""
        return X

    def impute(
        self, params: Any, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in missing cells; optional."""
        raise self._lacks("impute", "impute")

    def spurious(self, params: Any, counts: FloatArray) -> Doubt | None:
        """Return None: the likelihood is bounded."""
        return None

    def kernel(self, params: Any, bias: FloatArray, incomplete: bool = False) -> LinearKernel:
        """Return the linear kernel at params."""
        eta = None
        if params is not None:
            eta = self.natural_parameters(params)
            if incomplete:
                eta = np.hstack([np.zeros((len(eta), 1)), self.cell_constants(params), eta[:, 1:]])
            eta[:, 0] += bias
        if incomplete:
            return IncompleteKernel(self, eta, self.n_cell_constants + self.n_statistics)
        return LinearKernel(self, eta, self.n_statistics)

    def sample(self, params: Any, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw rows; optional."""
        raise self._lacks("sample", "sample")

    @property
    def accelerable(self) -> bool:
        """Whether there are ranges and a gradient."""
        return bool(self.ranges) and type(self).gradient is not ExponentialFamily.gradient

    def n_parameters(self, params: Any) -> int:
        """Count the free parameters."""
        return self._free(params).n_coordinates(params)

    def to_vector(self, params: Any) -> FloatArray:
        """Return the unconstrained coordinates of what is not held."""
        return self._free(params).to_vector(params)

    def from_vector(self, vector: FloatArray, like: Any) -> Any:
        """Undo :meth:`to_vector`; what is held is as in like."""
        return self._free(like).from_vector(vector, like)

    def gradient(self, params: Any, new: Any, statistics: FloatArray) -> FloatArray:
        """Return the gradient in those coordinates; optional."""
        raise self._lacks("acceleration and standard errors", "gradient")

    def _free(self, params: Any) -> Coordinates:
        """Return the coordinates of parameters that are not held."""
        if not self.ranges:
            raise self._lacks(
                "acceleration, standard errors and the count of parameters", "ranges"
            )
        masks = {}
        for name, mask in self.held.masks.items():
            values = getattr(params, name)
            by_component = mask.reshape(-1, *(1,) * (values.ndim - 1))
            masks[name] = np.broadcast_to(by_component, values.shape)
        return Coordinates(self.ranges, masks)

    def _lacks(self, use: str, member: str) -> NotImplementedError:
        name = type(self).__name__
        return NotImplementedError(f"{name} does not allow for {use}: it must have {member}")
