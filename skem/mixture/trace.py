"""The two parts of the bound that touches the log-likelihood after an E-step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from skem.families.base import LOG_ZERO, FloatArray, Kernel
from skem.mixture.model import MixtureModel
from skem.mixture.sweep import EStep, sweep

__all__ = ["decompose"]


class _Decomposed:
    """An E-step that contributes Q and the entropy, one above the other."""

    def __init__(self, e_step: EStep) -> None:
        self.e_step = e_step
        self.n_components = e_step.n_components

    by_row = False

    def part(self, rows: Any, labels: NDArray[np.intp] | None) -> "_Decomposed":
        """Return that of some of the rows."""
        return _Decomposed(self.e_step.part(rows, labels))

    def assign(
        self, kernel: Kernel, block: Any, rows: slice, work: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return both contributions (2, b), and responsibilities (K, b)."""
        _, responsibilities = self.e_step.assign(kernel, block, rows, work)
        constant = kernel.log_density(block, out=work[0])
        np.maximum(work[0], LOG_ZERO, out=work[0])  # that 0 times it is 0
        expected = (responsibilities * work[0]).sum(axis=0) + constant
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
    expected += model.components.log_prior(params.components)
    return model.mean(expected), float(entropy) / rows.total_weight
