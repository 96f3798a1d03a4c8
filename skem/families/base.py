"""The protocol between a mixture and the distributions of its components.

A family knows what one component is. It knows no weights, no labels and no algorithm. For an
exponential family the log-density of row ``x`` under component ``k`` is affine in the sufficient
statistics ``T(x)``, the first of which is the constant 1::

    log f(x | theta_k) = eta_k . T(x) + log h(x)

A bias for each component, such as its log-weight, is added to the constant's coordinate and costs
nothing. Over a block of rows the E-step is then the one matrix
product ``eta @ T``, and the data pass of the M-step the one product ``responsibilities @ T'``.
A family that is content with that subclasses
:class:`~skem.families.exponential.ExponentialFamily`; one that needs another kernel (a centred one
for the sake of accuracy, say) implements :class:`Kernel` directly.

:class:`Components` says what every family has. What a single use asks for beyond that stands in a
protocol of its own: a family without it can be fitted all the same.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from skem.errors import DegenerateError, Doubt

__all__ = [
    "LOG_IMPOSSIBLE",
    "LOG_ZERO",
    "Components",
    "DegenerateComponentError",
    "Family",
    "FloatArray",
    "Kernel",
    "LossOfPrecision",
    "Smooth",
    "Streamed",
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
    """The statistics cancel too much to be trusted; sweep again with ``kernel(bias)``."""

    def __init__(self, kernel: "Callable[[FloatArray], Kernel]") -> None:
        super().__init__("the statistics have lost too many digits")
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

    def statistics(self, block: Any, responsibilities: FloatArray) -> FloatArray:
        """Sum the statistics of the block by component, weighted: an array (K, n_statistics).

        The first column is the total responsibility of each component.
        """


class Components(Protocol):
    """The distributions of K components: what every family has.

    ``params`` is an immutable value, a NamedTuple of arrays; a mixture hands it back and forth and
    never looks inside.

    Attributes
    ----------
    n_statistics : int
        Width of the sufficient statistics, by which the work of a pass is judged.
    """

    @property
    def n_components(self) -> int: ...

    @property
    def n_statistics(self) -> int: ...

    def kernel(self, params: Any, bias: FloatArray, incomplete: bool = False) -> Kernel:
        """Return the kernel to sweep with at params; None means that only statistics are wanted.

        ``bias`` (K,) is added to the log-density of each component. ``incomplete`` says that cells
        may be missing, which are NaN: the statistics may have other columns then, and the M-step
        takes those of either kernel.
        """

    def maximize(self, statistics: FloatArray, kernel: Kernel, previous: Any) -> Any:
        """M-step: the parameters that maximise the expected complete-data log-likelihood.

        ``previous`` are the parameters behind the statistics, from which an empty component keeps
        its own; None at a start. Raises LossOfPrecision where the sums cancel and another kernel
        would not, and DegenerateComponentError where no maximum exists.
        """

    def log_base_measure(self, X: FloatArray) -> FloatArray | float:
        """Return log h(x) of each row of X, shape (b,), or 0.0 where it vanishes."""

    def log_prior(self, params: Any) -> float:
        """Return the log of the prior density of params, up to a constant, or 0.0 without one."""

    def n_parameters(self, params: Any) -> int:
        """Count the free parameters."""

    def coordinates(self, X: FloatArray, weights: FloatArray) -> FloatArray:
        """Bring rows to where Euclidean distances make sense, for the starts; nothing missing."""


class Smooth(Protocol):
    """What acceleration and standard errors ask of a family."""

    def to_vector(self, params: Any) -> FloatArray:
        """Flatten the parameters to unconstrained coordinates (may hold inf at a boundary)."""

    def from_vector(self, vector: FloatArray, like: Any) -> Any:
        """Rebuild parameters of the shapes of like from unconstrained coordinates."""

    def gradient(self, params: Any, new: Any, statistics: FloatArray) -> FloatArray:
        """Return the gradient of the total objective at params, in those coordinates.

        By Fisher's identity it is that of the expected complete-data log-likelihood, so that the
        statistics, or what the M-step made of them (``new``), determine it.
        """


class Streamed(Protocol):
    """What ``partial_fit`` asks of a family."""

    def for_streams(self) -> "Family":
        """Return this family for batches of rows, each of which is seen once."""

    def about_origin(self, statistics: FloatArray, kernel: Kernel) -> FloatArray:
        """Return the statistics in a form that depends neither on parameters nor on the rows."""

    def mean_statistics(self, params: Any, like: FloatArray) -> FloatArray:
        """Return what the M-step gives params for: statistics of one row of each component.

        What params leave open, such as how many trials there are, is as in ``like``, which are
        statistics.
        """


class Family(Components, Smooth, Streamed, Protocol):
    """A family that does all that the estimators can ask for.

    It may also have

    - ``separable``: a component's M-step knows nothing of the others, so that several mixtures can
      be stepped in one pass;
    - ``bounded``: there may be rows that no component can have produced, whatever the parameters;
    - ``unsettled(params, statistics)``: a doubt about parameters that are not at a maximum.

    Attributes
    ----------
    accelerable : bool
        Whether the methods of :class:`Smooth` are there. Without them EM is plain.
    """

    @property
    def accelerable(self) -> bool: ...

    def bound(self, rows: Any) -> "Family":
        """Return this family with what it may use of the rows that it is to be fitted to."""

    def spurious(self, params: Any, counts: FloatArray) -> Doubt | None:
        """Say what makes parameters of components with so many rows (K,) a spurious optimum."""

    def sample(self, params: Any, counts: NDArray[np.int_], rng: Any) -> FloatArray:
        """Draw counts[k] rows from each component k, one component after another."""

    def impute(
        self, params: Any, X: FloatArray, posterior: FloatArray, rng: Any = None
    ) -> FloatArray:
        """Fill in the missing cells of X: by their expectation, or a draw where rng is given."""


def draw_labels(posterior: FloatArray, rng: Any) -> NDArray[np.intp]:
    """Draw a component for each row of posterior probabilities (n, K)."""
    cumulated = posterior.cumsum(axis=1)
    return (rng.uniform(size=(len(posterior), 1)) * cumulated[:, -1:] > cumulated).sum(axis=1)


def log_or_impossible(probabilities: FloatArray) -> FloatArray:
    """Return log of each probability, with LOG_ZERO for log(0)."""
    if np.minimum.reduce(probabilities, axis=None) > 0.0:
        return np.log(probabilities)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(probabilities), LOG_ZERO)
