"""The protocol between a mixture and the distributions of its components.

A family knows what one component is. It knows no weights, no labels and no algorithm. For an
exponential family the log-density of row ``x`` under component ``k`` is affine in the sufficient
statistics ``T(x)``, the first of which is the constant 1::

    log f(x | theta_k) = eta_k . T(x) + log h(x)

A bias for each component, such as its log-weight, is added to the constant's coordinate and costs
nothing. Over a block of rows the E-step is then the one matrix
product ``eta @ T``, and the data pass of the M-step the one product ``responsibilities @ T'``.
A family that is content with that subclasses :class:`ExponentialFamily`; one that needs another
kernel (a centred one for the sake of accuracy, say) implements :class:`Family` and
:class:`Kernel` directly.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from skem.coordinates import Coordinates
from skem.errors import DegenerateError, Doubt
from skem.families.held import Held
from skem.families.products import multiply, weighted_sums
from skem.ranges import Range

__all__ = [
    "LOG_IMPOSSIBLE",
    "LOG_ZERO",
    "DegenerateComponentError",
    "ExponentialFamily",
    "Family",
    "Kernel",
    "LinearKernel",
    "LossOfPrecision",
    "draw_labels",
    "log_or_impossible",
]

FloatArray = NDArray[np.floating[Any]]

#: Stands for log(0) in natural parameters. Unlike -inf it gives 0 when multiplied by a count of
#: 0, so that matrix products need no special case for probabilities at 0 or 1.
LOG_ZERO = -1e300

#: A log-joint below this can only come from LOG_ZERO: the row is impossible.
LOG_IMPOSSIBLE = -1e250


class DegenerateComponentError(DegenerateError):
    """A component has no maximum-likelihood estimate left.

    Parameters
    ----------
    component : int or None
        Index of the component; None where all components share what degenerated.
    reason : str
        What happened to it, for a person.
    """

    def __init__(self, component: int | None, reason: str) -> None:
        super().__init__(component, reason)
        self.component = component
        self.reason = reason

    def __str__(self) -> str:
        where = "all components" if self.component is None else f"component {self.component}"
        return f"{where}: {self.reason}"


class LossOfPrecision(Exception):
    """The totals cancel too much to be trusted; sweep again with ``kernel(bias)``."""

    def __init__(self, kernel: "Callable[[FloatArray], Kernel]") -> None:
        super().__init__("the totals have lost too many digits")
        self.kernel = kernel


@runtime_checkable
class Kernel(Protocol):
    """What one sweep over blocks of rows needs to know: immutable, made anew for each sweep.

    Attributes
    ----------
    width : int
        Rows of the working form of a block, which fixes the size of a block.
    """

    @property
    def width(self) -> int: ...

    def load(self, X: FloatArray, out: FloatArray) -> Any:
        """Bring rows X (b, n_features) into the working form; out (width, b) is space for it.

        The form must not depend on parameters: kernels of one kind and width share it in a fit.
        """

    def log_density(self, block: Any, out: FloatArray) -> float:
        """Write the log-density of each component, plus its bias, to out (K, b).

        Less log h(x), and less a constant, which is returned. The constant is near the largest
        value where one is known, so that exponentials neither overflow nor vanish.
        """

    def totals(self, block: Any, responsibilities: FloatArray) -> FloatArray:
        """Sum the statistics of the block by component, weighted: an array (K, n_totals).

        The first column is the total responsibility of each component.
        """


class Family(Protocol):
    """The distributions of K components.

    ``params`` is an immutable value, a NamedTuple of arrays; a mixture hands it back and forth and
    never looks inside.

    Attributes
    ----------
    n_statistics : int
        Width of the sufficient statistics, by which the work of a pass is judged.
    accelerable : bool
        Whether the last three methods are there. Without them EM is plain.
    """

    @property
    def n_statistics(self) -> int: ...

    @property
    def accelerable(self) -> bool: ...

    @property
    def n_components(self) -> int: ...

    def bound(self, rows: Any) -> "Family":
        """Return this family with what it may use of the rows that it is to be fitted to."""

    def for_missing(self) -> "Family":
        """Return this family for rows of which cells may be missing, which are NaN."""

    def for_streams(self) -> "Family":
        """Return this family for batches of rows: their totals can be added whatever they miss."""

    def about_origin(self, totals: FloatArray, kernel: Kernel) -> FloatArray:
        """Return the totals of a kernel in a form that does not depend on its parameters."""

    def mean_totals(self, params: Any, like: FloatArray) -> FloatArray:
        """Return what the M-step gives params for: totals of one row of each component.

        What params leave open, such as how many trials there are, is as in the totals ``like``.
        """

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Bring rows to where Euclidean distances make sense, for the starts; nothing missing."""

    def impute(
        self, params: Any, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in the missing cells of X: by their expectation, or a draw where rng is given."""

    def kernel(self, params: Any, bias: FloatArray) -> Kernel:
        """Return the kernel to sweep with at params; None means that only totals are wanted.

        ``bias`` (K,) is added to the log-density of each component.
        """

    def maximize(self, totals: FloatArray, kernel: Kernel, previous: Any) -> Any:
        """M-step: the parameters that maximise the expected complete-data log-likelihood.

        ``previous`` are the parameters behind the totals, from which an empty component keeps
        its own; None at a start. Raises LossOfPrecision where the sums cancel and another kernel
        would not, and DegenerateComponentError where no maximum exists.
        """

    def log_base_measure(self, X: FloatArray) -> FloatArray | float:
        """Return log h(x) of each row of X, shape (b,), or 0.0 where it vanishes."""

    def log_prior(self, params: Any) -> float:
        """Return the log of the prior density of params, up to a constant, or 0.0 without one."""

    def n_parameters(self, params: Any) -> int:
        """Count the free parameters."""

    def spurious(self, params: Any, counts: FloatArray) -> Doubt | None:
        """Say what makes parameters of components with so many rows (K,) a spurious optimum."""

    def sample(self, params: Any, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw counts[k] rows from each component k, one component after another."""

    def to_vector(self, params: Any) -> FloatArray:
        """Flatten the parameters to unconstrained coordinates (may hold inf at a boundary)."""

    def from_vector(self, vector: FloatArray, like: Any) -> Any:
        """Rebuild parameters of the shapes of like from unconstrained coordinates."""

    def gradient(self, params: Any, new: Any, totals: FloatArray) -> FloatArray:
        """Return the gradient of the total objective at params, in those coordinates.

        By Fisher's identity it is that of the expected complete-data log-likelihood, so that the
        totals, or what the M-step made of them (``new``), determine it.
        """


def draw_labels(posterior: FloatArray, rng: Any) -> NDArray[np.intp]:
    """Draw a component for each row of posterior probabilities (n, K)."""
    cumulated = posterior.cumsum(axis=1)
    return (rng.uniform(size=(len(posterior), 1)) * cumulated[:, -1:] > cumulated).sum(axis=1)


def log_or_impossible(probabilities: FloatArray) -> FloatArray:
    """Return log of each probability, with LOG_ZERO for log(0)."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(probabilities), LOG_ZERO)


@dataclass(frozen=True, eq=False)
class LinearKernel:
    """Kernel of an exponential family: one matrix product each way.

    Parameters
    ----------
    family : ExponentialFamily
        Supplies the sufficient statistics.
    natural_parameters : ndarray of shape (n_components, width) or None
        ``eta``, biases included; None where only totals are wanted.
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
        return self.family.statistics(X, out)

    def log_density(self, block: FloatArray, out: FloatArray) -> float:
        """Write ``eta @ T`` to out."""
        assert self.natural_parameters is not None
        with np.errstate(over="ignore"):  # LOG_ZERO times many counts is as impossible
            multiply(self.natural_parameters, block, out)
        return self.offset

    def totals(self, block: FloatArray, responsibilities: FloatArray) -> FloatArray:
        """Return ``responsibilities @ T'``."""
        return weighted_sums(responsibilities, block)


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
    def statistics(self, X: FloatArray, out: FloatArray) -> FloatArray:
        """Write T(x) of each row of X (b, n_features) to out (n_statistics, b)."""

    @abstractmethod
    def natural_parameters(self, params: Any) -> FloatArray:
        """Return eta (K, n_statistics)."""

    @abstractmethod
    def maximize(self, totals: FloatArray, kernel: Kernel, previous: Any) -> Any:
        """M-step; see :meth:`Family.maximize`."""

    def log_base_measure(self, X: FloatArray) -> FloatArray | float:
        """Return log h(x) of each row; 0.0 unless the family says otherwise."""
        return 0.0

    def log_prior(self, params: Any) -> float:
        """Return 0.0: there is no prior unless the family says otherwise."""
        return 0.0

    def bound(self, rows: Any) -> Any:
        """Return the family itself: all it needs to know of the rows is whether cells miss."""
        return self.for_missing() if rows.has_missing else self

    def for_missing(self) -> Any:
        """Return the family for rows with missing cells; optional."""
        raise self._lacks("missing cells", "for_missing")

    def for_streams(self) -> Any:
        """Return the family itself."""
        return self

    def about_origin(self, totals: FloatArray, kernel: Kernel) -> FloatArray:
        """Return the totals as they are."""
        return totals

    def mean_totals(self, params: Any, like: FloatArray) -> FloatArray:
        """Return totals of which the M-step makes params; optional."""
        raise self._lacks("partial_fit", "mean_totals")

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

    def kernel(self, params: Any, bias: FloatArray) -> LinearKernel:
        """Return the linear kernel at params."""
        eta = None
        if params is not None:
            eta = self.natural_parameters(params)
            eta[:, 0] += bias
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

    def gradient(self, params: Any, new: Any, totals: FloatArray) -> FloatArray:
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
