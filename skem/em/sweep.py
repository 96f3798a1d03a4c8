"""One E/M pass over the data: log-joint, responsibilities, totals."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skem.em.blocks import Workers, block_rows, loaded
from skem.em.posterior import normalise
from skem.em.rows import Rows
from skem.families.base import FloatArray, Kernel

__all__ = ["Assignment", "GivenResponsibilities", "Posterior", "sweep"]


class Assignment(Protocol):
    """How the rows of a block are shared out among the components."""

    def assign(
        self, kernel: Kernel, block: FloatArray, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the rows' contributions to the objective, and responsibilities (K, b).

        ``work`` is uninitialised space of shape (2, K, b).
        """


class Posterior:
    """Soft assignment, the E-step of EM: responsibilities are posterior probabilities.

    Parameters
    ----------
    weights : ndarray of shape (n_components,), or (n_mixtures, n_components)
        Mixing weights; of each of several mixtures, if the kernel holds all their components.
    """

    def __init__(self, weights: FloatArray) -> None:
        self.weights = weights

    def assign(
        self, kernel: Kernel, block: FloatArray, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return log evidence, less the kernel's offset, and posterior."""
        kernel.log_joint(block, out=work[0])
        log_joint, posterior = work.reshape(2, *self.weights.shape, work.shape[-1])
        return normalise(log_joint, self.weights, responsibilities=posterior), work[1]


class GivenResponsibilities:
    """Responsibilities known beforehand, as at a start.

    Parameters
    ----------
    responsibilities : ndarray of shape (n_rows, n_components), or integers of shape (n_rows,)
        One row of non-negative shares for each row of data, or its label.
    """

    def __init__(self, responsibilities: NDArray[Any]) -> None:
        self.responsibilities = responsibilities

    def assign(
        self, kernel: Kernel, block: FloatArray, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the block's share of them; it has no objective."""
        given, out = self.responsibilities[rows], work[1]
        if given.ndim == 1:
            np.equal(given, np.arange(len(out))[:, np.newaxis], out=out)
        else:
            out[:] = given.T
        return np.zeros(1), out


def sweep(
    kernel: Kernel, rows: Rows, assignment: Assignment, workers: Workers
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

    Returns
    -------
    objective : float, or ndarray of shape (n_mixtures,)
        Total contribution of the rows, by weight, in nats.
    totals : ndarray of shape (n_components, n_totals)
        Statistics summed by component, by weight and responsibility.
    """

    def sweep_segment(starts: range) -> tuple[Any, FloatArray]:
        objective: Any = 0.0
        totals = np.zeros(())
        for these, block, work in loaded(kernel, rows.X, starts):
            contribution, r = assignment.assign(kernel, block, these, work)
            if rows.weights is not None:
                r *= rows.weights[these]
                contribution = contribution * rows.weights[these]
            objective = objective + np.sum(contribution, axis=-1)
            totals = totals + kernel.totals(block, r)
        return objective, totals

    objective: Any = 0.0
    totals = np.zeros(())
    block = block_rows(kernel.width, kernel.n_components)
    for segment_objective, segment_totals in workers.map(sweep_segment, rows.n_rows, block):
        objective = objective + segment_objective
        totals = totals + segment_totals
    return objective + kernel.offset * rows.total_weight + kernel.constant, totals
