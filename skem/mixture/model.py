"""A mixture as a model for EM: labels, components, and the rows that they are fitted to."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.data.blocks import SERIAL, Workers
from skem.data.rows import Rows
from skem.em.model import Evaluation, has
from skem.errors import Doubt
from skem.families.base import (
    DegenerateComponentError,
    Family,
    FloatArray,
    Kernel,
    LossOfPrecision,
)
from skem.mixture.labels import Independent, MixtureParameters
from skem.mixture.loaded import LoadedRows
from skem.mixture.posterior import normalise
from skem.mixture.sweep import Assignment, EStep, GivenResponsibilities, Share, sweep

__all__ = ["MixtureModel"]

#: Rows that are compared with each other at most.
MOST_COMPARED = 20_000


@dataclass(frozen=True, eq=False)
class MixtureModel:
    """A mixture, and the rows that it is fitted to.

    Parameters
    ----------
    labels : Independent
        How the labels of rows hang together.
    components : Family
        The distributions.
    rows : Rows
        The data.
    workers : Workers
        Who passes over the rows.
    share : callable, default=normalise
        How rows are shared out; see :class:`~skem.mixture.sweep.EStep`.
    """

    labels: Independent
    components: Family
    rows: Rows
    workers: Workers = SERIAL
    share: Share = normalise

    def evaluate(
        self, params: MixtureParameters | None, assignment: Assignment | None = None
    ) -> Evaluation:
        """Return the next parameters, and the objective and statistics of these ones.

        An assignment takes the place of the E-step; params may be None then. Of several mixtures
        side by side the objective is an array. Raises DegenerateComponentError where the M-step
        has no solution.
        """
        kernel, workers = self.kernel(params), self.workers
        if assignment is None:
            assert params is not None
            assignment = self.e_step(params)
        while True:
            total, statistics = sweep(
                kernel, self.rows, assignment, workers, self._loaded.block(kernel)
            )
            if params is not None:
                total = total + self.components.log_prior(params.components)
            try:
                new = self.m_step(statistics, kernel, params)
            except LossOfPrecision as loss:
                kernel = loss.kernel(self._bias(params))
            except DegenerateComponentError as error:
                error.objective = self.mean(total)
                raise
            else:
                return Evaluation(new, self.mean(total), statistics)

    @property
    def n_units(self) -> float:
        """Number of rows, by weight."""
        return self.rows.total_weight

    @property
    def accelerable(self) -> bool:
        """Whether its objective has a slope that the family knows."""
        return self.components.accelerable and self.share is normalise

    def n_parameters(self, params: MixtureParameters) -> int:
        """Count the free parameters."""
        of_components = self.components.n_parameters(params.components)
        return self.labels.n_parameters(params.labels) + of_components

    def to_vector(self, params: MixtureParameters) -> FloatArray:
        """Return the free parameters in unconstrained coordinates: labels, then components."""
        of_labels = self.labels.to_vector(params.labels)
        return np.concatenate([of_labels, self.components.to_vector(params.components)])

    def from_vector(self, vector: FloatArray, like: MixtureParameters) -> MixtureParameters:
        """Undo :meth:`to_vector`; what is not free is as in like."""
        n = self.labels.n_parameters(like.labels)
        return MixtureParameters(
            self.labels.from_vector(vector[:n], like.labels),
            self.components.from_vector(vector[n:], like.components),
        )

    def gradient(self, params: MixtureParameters, evaluation: Evaluation) -> FloatArray:
        """Return the gradient of the mean objective at params, in those coordinates."""
        new, _, statistics = evaluation
        of_labels = self.labels.gradient(params.labels, statistics[:, 0])
        of_components = self.components.gradient(params.components, new.components, statistics)
        return np.concatenate([of_labels, of_components]) / np.add.reduce(statistics[:, 0])

    def contributions(self, params: MixtureParameters, units: slice) -> FloatArray:
        """Return what some of the rows add to the total objective, less their base measure."""
        rows = self.rows.take(units)
        if rows.n_rows == 0:
            return np.empty(0)
        kernel, contributions = self.kernel(params), np.empty(rows.n_rows)
        some = replace(self, rows=rows)
        sweep(kernel, rows, _Noted(some.e_step(params), contributions), self.workers)
        return contributions * rows.each_weight

    def objective(self, params: MixtureParameters) -> float:
        """Return the mean objective of params, in nats per row."""
        total, _ = self._expect(params)
        return self.mean(total + self.components.log_prior(params.components))

    def spurious(self, params: MixtureParameters) -> Doubt | None:
        """Say what makes the parameters a spurious optimum of these rows, if anything does."""
        components: Any = self.components
        counts = params.labels.weights * self.rows.effective
        doubt: Doubt | None = components.spurious(params.components, counts)
        if doubt is None and getattr(components, "minds_copies", False):
            counts = self._count_without_copies(params, counts)
            doubt = components.spurious(params.components, counts)
        if doubt is None and has(components, "unsettled"):
            _, statistics = self._expect(params)
            doubt = components.unsettled(params.components, statistics)
        return doubt

    def _count_without_copies(self, params: MixtureParameters, counts: FloatArray) -> FloatArray:
        """Return the expected number of different rows of each component, (K,)."""
        different = self._without_copies
        if different is None:
            return counts
        _, statistics = replace(self, rows=different)._expect(params)
        return statistics[:, 0]

    @cached_property
    def _without_copies(self) -> Rows | None:
        """The rows without copies and weights; None where they are so, or cannot be compared.

        Copies of a row, and weights above one, tell no more of a density than the row does once.
        So many rows are not compared that it would take a good part of a fit.
        """
        rows = self.rows
        if not rows.in_memory or rows.n_rows > MOST_COMPARED:
            return None
        once = bool((rows.each_weight == 1).all())  # as the rows of the short runs mostly do
        if once and not rows.may_repeat():
            return None
        different, _ = rows.distinct()
        if once and different.n_rows == rows.n_rows:
            return None
        return replace(different, weights=None)

    def e_step(self, params: MixtureParameters) -> EStep:
        """Return the E-step at params."""
        weights, n = params.labels.weights, self.labels.n_mixtures
        return EStep(weights if n == 1 else weights.reshape(n, -1), self.share, self.rows.labels)

    def kernel(self, params: MixtureParameters | None) -> Kernel:
        """Return the components' kernel at params; at None that for statistics alone."""
        components = params and params.components
        return self.components.kernel(components, self._bias(params), self.rows.has_missing)

    def _bias(self, params: MixtureParameters | None) -> FloatArray:
        if params is None:
            return np.zeros(self.components.n_components)
        return self.labels.bias(params.labels)

    def mean(self, total: Any) -> Any:
        """Return a total objective by row, the base measure included; of an array an array."""
        mean = (total + self._log_base_total) / self.rows.total_weight
        return mean if np.ndim(mean) else float(mean)

    def start(self, responsibilities: NDArray[Any]) -> MixtureParameters:
        """Return the M-step of given responsibilities (n_rows, K), or labels (n_rows,)."""
        given = GivenResponsibilities(responsibilities, self.components.n_components)
        params: MixtureParameters = self.evaluate(None, given).params
        return params

    def m_step(
        self, statistics: FloatArray, kernel: Kernel, previous: MixtureParameters | None
    ) -> MixtureParameters:
        """Return the parameters that maximise the expected complete-data log-likelihood."""
        labels = self.labels.maximize(statistics[:, 0])
        before = None if previous is None else previous.components
        return MixtureParameters(labels, self.components.maximize(statistics, kernel, before))

    def _expect(self, params: MixtureParameters) -> tuple[Any, FloatArray]:
        """Return the total objective, less base measure and prior, and the statistics."""
        kernel = self.kernel(params)
        loaded = self._loaded.block(kernel)
        return sweep(kernel, self.rows, self.e_step(params), self.workers, loaded)

    @cached_property
    def _loaded(self) -> LoadedRows:
        return LoadedRows(self.rows, self.components.n_components)

    @cached_property
    def _log_base_total(self) -> float:
        return log_base_total(self.components, self.rows)


def log_base_total(components: Family, rows: Rows) -> float:
    """Sum log h(x) over rows, block by block, if it is not 0 by nature."""
    if isinstance(components.log_base_measure(rows.first(1)), float):
        return 0.0
    return float(rows.fold(partial(_log_base, components), 2**14))


def _log_base(components: Family, X: FloatArray, weights: FloatArray) -> Any:
    return np.sum(weights * components.log_base_measure(X))


class _Noted:
    """An assignment that also writes down the contributions row by row."""

    def __init__(self, inner: Assignment, contributions: FloatArray) -> None:
        self.inner = inner
        self.n_components = inner.n_components
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
