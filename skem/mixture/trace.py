"""What happened at one evaluation: the log-likelihood, and the bound that touches it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from skem.families.base import LOG_ZERO, FloatArray, Kernel
from skem.mixture.model import MixtureModel
from skem.mixture.sweep import EStep, sweep

__all__ = ["TraceEntry", "decompose"]


class TraceEntry(NamedTuple):
    """One E/M evaluation, all values in nats per row.

    Attributes
    ----------
    n_iter : int
        E/M evaluations spent, this one included.
    parameters : dict of str to ndarray
        The parameters at which the E-step was made, under the names of the fitted attributes.
    log_likelihood : float
        Their mean objective, as in ``lower_bounds_``: the log-likelihood, less penalties.
    expected_log_likelihood : float
        Mean of ``Q``, the expected log-likelihood of rows and labels together.
    entropy : float
        Mean entropy of the responsibilities. It and ``Q`` add up to the bound, which touches the
        log-likelihood here, after an E-step.
    """

    n_iter: int
    parameters: Mapping[str, FloatArray]
    log_likelihood: float
    expected_log_likelihood: float
    entropy: float


class _Decomposed:
    """An E-step that contributes Q and the entropy, one above the other."""

    def __init__(self, e_step: EStep) -> None:
        self.e_step = e_step

    by_row = False

    def part(self, rows: Any, labels: NDArray[np.intp] | None) -> "_Decomposed":
        """Return that of some of the rows."""
        return _Decomposed(self.e_step.part(rows, labels))

    def assign(
        self, kernel: Kernel, block: Any, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return both contributions (2, b), and responsibilities (K, b)."""
        _, responsibilities = self.e_step.assign(kernel, block, rows, work)
        kernel.log_joint(block, out=work[0])
        np.maximum(work[0], LOG_ZERO, out=work[0])  # that 0 times it is 0
        expected = (responsibilities * work[0]).sum(axis=0)
        return np.stack([expected, entr(responsibilities).sum(axis=0)]), responsibilities


def decompose(model: MixtureModel, params: Any) -> tuple[float, float]:
    """Return the mean expected complete-data log-likelihood and entropy, in nats per row.

    Parameters
    ----------
    model : MixtureModel
        What is fitted.
    params : object
        Parameters at which to take the E-step.

    Returns
    -------
    expected_log_likelihood, entropy : float
        Computed each for itself: their sum is the objective of params, up to rounding.
    """
    kernel, rows = model.kernel(params), model.rows
    assignment = _Decomposed(model.e_step(params))
    (expected, entropy), _ = sweep(kernel, rows, assignment, model.workers)
    # What is left out of every row's log-joint was added to both.
    entropy -= kernel.offset * rows.total_weight + kernel.constant
    return model.mean(expected), float(entropy) / rows.total_weight
