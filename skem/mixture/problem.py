"""A family and the rows it is to be fitted to: the mixture as a model for EM."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.data.blocks import SERIAL, Workers
from skem.data.rows import Rows
from skem.em.model import Evaluation
from skem.families.base import (
    DegenerateComponentError,
    Family,
    FloatArray,
    Kernel,
    LossOfPrecision,
)
from skem.mixture.posterior import normalise
from skem.mixture.sweep import Assignment, EStep, GivenResponsibilities, Share, sweep

__all__ = ["Problem"]


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

    def evaluate(self, params: Any) -> Evaluation:
        """Return the next parameters, and the objective and totals of these ones.

        Raises DegenerateComponentError where the M-step has no solution.
        """
        try:
            new, total, totals = self.maximize(params, self.e_step(params))
        except DegenerateComponentError as error:
            error.objective = self.objective(params)
            raise
        return Evaluation(new, self.mean(total), totals)

    @property
    def n_units(self) -> float:
        """Number of rows, by weight."""
        return self.rows.total_weight

    def to_vector(self, params: Any) -> FloatArray:
        """Flatten the parameters to unconstrained coordinates."""
        return self.family.to_vector(params)

    def from_vector(self, vector: FloatArray, like: Any) -> Any:
        """Rebuild parameters of the shapes of like."""
        return self.family.from_vector(vector, like)

    def gradient(self, params: Any, evaluation: Evaluation) -> FloatArray:
        """Return the gradient of the mean objective at params, in those coordinates."""
        new, _, totals = evaluation
        return self.family.gradient(params, new, totals) / totals[:, 0].sum()

    def contributions(self, params: Any, units: slice) -> FloatArray:
        """Return what some of the rows add to the total objective, less their base measure."""
        rows = self.rows.take(units)
        if rows.n_rows == 0:
            return np.empty(0)
        kernel, contributions = self.family.kernel(params), np.empty(rows.n_rows)
        some = replace(self, rows=rows)
        sweep(kernel, rows, _Noted(some.e_step(params), contributions), self.workers)
        return (contributions + kernel.offset) * rows.each_weight

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


class _Noted:
    """An assignment that also writes down the contributions row by row."""

    def __init__(self, inner: Assignment, contributions: FloatArray) -> None:
        self.inner = inner
        self.contributions = contributions

    by_row = True

    def part(self, rows: Any, labels: NDArray[np.intp] | None) -> "_Noted":
        """Return that of some of the rows."""
        return _Noted(self.inner.part(rows, labels), self.contributions[rows])

    def assign(
        self, kernel: Kernel, block: Any, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return what the inner assignment does."""
        contributions, responsibilities = self.inner.assign(kernel, block, rows, work)
        self.contributions[rows] = contributions
        return contributions, responsibilities
