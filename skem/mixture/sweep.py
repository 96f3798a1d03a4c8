"""One E/M pass over the data: log-joint, responsibilities, statistics."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skem.data.blocks import Workers, block_rows
from skem.data.rows import Divisible, Rows
from skem.families.base import FloatArray, Kernel
from skem.mixture.posterior import mask_known, normalise

__all__ = [
    "Assignment",
    "EStep",
    "GivenResponsibilities",
    "Share",
    "load_blocks",
    "sweep",
]

#: ``share(log_joint, weights, responsibilities)`` writes these and returns each row's evidence.
Share = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


class Assignment(Divisible, Protocol):
    """How the rows of a block are shared out among the components."""

    @property
    def n_components(self) -> int:
        """Number of components K."""

    def assign(
        self, kernel: Kernel, block: Any, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the rows' contributions to the objective, and responsibilities (K, b).

        ``work`` is uninitialised space of shape (2, K, b).
        """


class EStep:
    """Responsibilities that follow from the parameters.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        Mixing weights. Of shape (S, K) for S mixtures side by side: the kernel has their S K
        components, one mixture after another.
    share : callable, default=normalise
        How a log-joint shares out rows: :func:`~skem.mixture.posterior.normalise`, the E-step of
        EM, or :func:`~skem.mixture.posterior.classify`.
    labels : integer ndarray of shape (n_rows,) or None, default=None
        Components that rows are known to come from, -1 where unknown.
    """

    def __init__(
        self,
        weights: FloatArray,
        share: Share = normalise,
        labels: NDArray[np.intp] | None = None,
    ) -> None:
        self.weights = weights
        self.share = share
        self.labels = labels

    by_row = False

    @property
    def n_components(self) -> int:
        """Number of components, those of all mixtures."""
        return self.weights.size

    def part(self, rows: Any, labels: NDArray[np.intp] | None) -> "EStep":
        """Return the E-step with other labels."""
        return EStep(self.weights, self.share, labels)

    def assign(
        self, kernel: Kernel, block: Any, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return log evidence, less the base measure, and responsibilities."""
        log_joint, responsibilities = work
        constant = kernel.log_density(block, out=log_joint)
        by_mixture = work
        if self.weights.ndim > 1:
            by_mixture = work.reshape(2, *self.weights.shape, work.shape[-1])
        if self.labels is not None:
            mask_known(by_mixture[0], self.labels[rows])
        evidence = self.share(by_mixture[0], self.weights, by_mixture[1])
        evidence += constant
        return evidence, responsibilities


class GivenResponsibilities:
    """Responsibilities known beforehand, as at a start.

    Parameters
    ----------
    responsibilities : ndarray of shape (n_rows, n_components), or integers of shape (n_rows,)
        One row of non-negative shares for each row of data, or its label.
    n_components : int
        Number of components.
    """

    def __init__(self, responsibilities: NDArray[Any], n_components: int) -> None:
        self.responsibilities = responsibilities
        self.n_components = n_components

    by_row = True

    def part(self, rows: Any, labels: NDArray[np.intp] | None) -> "GivenResponsibilities":
        """Return those of some of the rows."""
        return GivenResponsibilities(self._of(rows), self.n_components)

    def assign(
        self, kernel: Kernel, block: Any, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the block's share of them; it has no objective."""
        given, out = self._of(rows), work[1]
        if self._are_labels:
            np.equal(given, np.arange(len(out))[:, np.newaxis], out=out)
        else:
            out[:] = given.T
        return np.zeros(1), out

    @property
    def _are_labels(self) -> bool:
        return self.responsibilities.dtype.kind in "iu"

    def _of(self, rows: Any) -> NDArray[Any]:
        return self.responsibilities[rows]


def sweep(
    kernel: Kernel, rows: Rows, assignment: Assignment, workers: Workers, loaded: Any = None
) -> tuple[Any, FloatArray]:
    """Pass once over all rows.

    Parameters
    ----------
    kernel : Kernel
        The family at the current parameters.
    rows : Rows
        The data.
    assignment : Assignment
        How responsibilities are made.
    workers : Workers
        Who does it.
    loaded : object, default=None
        The working form of all rows, where one block holds them all and it is there already.

    Returns
    -------
    objective : float
        Total contribution of the rows, by weight, in nats.
    statistics : ndarray of shape (n_components, n_statistics)
        Statistics summed by component, by weight and responsibility.
    """
    K, n = assignment.n_components, rows.n_rows
    if loaded is not None:
        all_rows = slice(0, n)
        found = assignment.assign(kernel, loaded, all_rows, np.empty((2, K, n)))
        return _sums(kernel, loaded, rows.weights, all_rows, *found)
    objective: Any = 0.0
    statistics = np.zeros(())
    workers = workers.for_work(n * kernel.width * K)
    for segment_objective, segment_statistics in rows.sweep(
        partial(sweep_segment, kernel), assignment, block_rows(kernel.width, K, n), workers
    ):
        objective = objective + segment_objective
        statistics = statistics + segment_statistics
    return objective, statistics


def load_blocks(
    kernel: Kernel, K: int, X: FloatArray, starts: range
) -> Iterator[tuple[slice, Any, FloatArray]]:
    """Load a segment block by block, each into the space of the one before.

    Parameters
    ----------
    kernel : Kernel
        Says what the working form of a block is.
    K : int
        Number of components.
    X : ndarray of shape (n_rows, n_features)
        All rows.
    starts : range
        The segment: where its blocks start.

    Yields
    ------
    rows : slice
        Which rows.
    block : object
        Their working form, mostly an ndarray of shape (kernel.width, b).
    work : ndarray of shape (2, K, b)
        Uninitialised space.
    """
    most = min(starts.step, starts.stop - starts.start)
    space, work = np.empty(kernel.width * most), np.empty(2 * K * most)
    for start in starts:
        rows = slice(start, min(start + starts.step, starts.stop))
        b = rows.stop - rows.start
        block = kernel.load(X[rows], space[: kernel.width * b].reshape(-1, b))
        yield rows, block, work[: 2 * K * b].reshape(2, K, b)


def sweep_segment(
    kernel: Kernel, X: Any, weights: FloatArray | None, assignment: Assignment, starts: range
) -> tuple[Any, FloatArray]:
    """Return objective and statistics of a segment of rows."""
    objective: Any = 0.0
    statistics = np.zeros(())
    for these, block, work in load_blocks(kernel, assignment.n_components, X, starts):
        found = assignment.assign(kernel, block, these, work)
        of_block = _sums(kernel, block, weights, these, *found)
        objective, statistics = objective + of_block[0], statistics + of_block[1]
    return objective, statistics


def _sums(
    kernel: Kernel,
    block: Any,
    weights: FloatArray | None,
    rows: slice,
    contributions: FloatArray,
    responsibilities: FloatArray,
) -> tuple[Any, FloatArray]:
    """Return objective and statistics of a block of rows."""
    if weights is not None:
        responsibilities *= weights[rows]
        contributions = contributions * weights[rows]
    return np.add.reduce(contributions, axis=-1), kernel.statistics(block, responsibilities)
