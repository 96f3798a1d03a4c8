"""A family and the rows it is to be fitted to: one step of EM."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.data.blocks import SERIAL, Workers
from skem.data.rows import Rows
from skem.families.base import Family, FloatArray, LossOfPrecision
from skem.mixture.posterior import normalise
from skem.mixture.sweep import Assignment, EStep, GivenResponsibilities, Share, sweep

__all__ = ["Problem", "Step"]


class Step(NamedTuple):
    """One E/M evaluation.

    Attributes
    ----------
    params : object
        The parameters that the M-step gives.
    objective : float
        Mean log-likelihood (penalised, where the family has a penalty) of the parameters that
        the E-step *started from*, in nats per row.
    totals : ndarray of shape (n_components, n_totals) or None
        Statistics that the E-step gave; None where there was no M-step.
    """

    params: Any
    objective: float
    totals: NDArray[np.floating[Any]] | None


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be fitted to what.

    Parameters
    ----------
    family : Family
        The distributions.
    rows : Rows
        The data.
    workers : Workers
        Who passes over the rows.
    share : callable, default=normalise
        How rows are shared out; see :class:`~skem.mixture.sweep.EStep`.
    """

    family: Family
    rows: Rows
    workers: Workers = SERIAL
    share: Share = normalise

    def step(self, params: Any) -> Step:
        """Return the next parameters and the objective of these ones.

        Raises DegenerateComponentError where the M-step has no solution.
        """
        new, total, totals = self.maximize(params, self.e_step(params))
        return Step(new, self.mean(total), totals)

    def objective(self, params: Any) -> float:
        """Return the mean objective of params, in nats per row."""
        kernel = self.family.kernel(params)
        total, _ = sweep(kernel, self.rows, self.e_step(params), self.workers)
        return self.mean(total)

    def e_step(self, params: Any) -> EStep:
        """Return the E-step at params."""
        return EStep(params.weights, self.share, self.rows.labels)

    def mean(self, total: float) -> float:
        """Return a total objective by row, the base measure included."""
        return float(total + self._log_base_total) / self.rows.total_weight

    def start(self, responsibilities: NDArray[Any]) -> Any:
        """Return the M-step of given responsibilities (n_rows, K), or labels (..., n_rows)."""
        return self.maximize(None, GivenResponsibilities(responsibilities))[0]

    def maximize(
        self, params: Any, assignment: Assignment
    ) -> tuple[Any, Any, NDArray[np.floating[Any]]]:
        """Sweep, and return new parameters, the total objective and the totals."""
        kernel = self.family.kernel(params)
        while True:
            total, totals = sweep(kernel, self.rows, assignment, self.workers)
            try:
                return self.family.maximize(totals, kernel, params), total, totals
            except LossOfPrecision as loss:
                kernel = loss.kernel

    @cached_property
    def _log_base_total(self) -> float:
        """Sum log h(x) over the rows, block by block, if it is not 0 by nature."""
        if isinstance(self.family.log_base_measure(self.rows.first(1)), float):
            return 0.0
        return float(self.rows.fold(partial(_log_base, self.family), 2**14))


def _log_base(family: Family, X: FloatArray, weights: FloatArray) -> Any:
    return np.sum(weights * family.log_base_measure(X))
