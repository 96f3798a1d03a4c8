"""How sure a fit is: the observed information, and the variance of the estimates.

The gradient of the objective is exact (Fisher's identity), so its central differences give the
observed information, missing labels and cells allowed for, which is what Louis (1982) computes
from moments of the complete-data score. All of it is in the unconstrained coordinates of the free
parameters.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.data.rows import Rows
from skem.families.base import FloatArray, Kernel
from skem.mixture.problem import Problem
from skem.mixture.sweep import Assignment, sweep

__all__ = ["NotAMaximumError", "covariance"]

#: Length of a step, in units in which the objective of one row has a curvature of one, and of the
#: first step, which finds that unit.
STEP, FIRST_STEP = 1e-4, 1e-7

#: Relative curvature that differences with such steps cannot tell from none.
FLAT = 1e-6

#: Numbers that per-row scores may take at a time.
MOST_SCORES = 2**22


class NotAMaximumError(ValueError):
    """The objective is flat or convex in some direction at the parameters."""


def covariance(
    problem: Problem, params: Any, free: NDArray[np.bool_], robust: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Return the covariance matrix of the estimates, and steps fit for differences.

    Parameters
    ----------
    problem : Problem
        What was fitted, by soft assignment, with a family that is not bound to the rows.
    params : object
        The estimates.
    free : bool ndarray of shape (p,)
        Coordinates to look at; the others are taken for known.
    robust : bool, default=False
        Whether to take the sandwich of the information around the second moments of the rows'
        scores (White 1982), right also where weights are not frequencies, or the model does not
        hold; else the inverse of the information.

    Returns
    -------
    covariance : ndarray of shape (q, q)
        Of the q coordinates that are free.
    steps : ndarray of shape (q,)
        Steps along them.

    Raises
    ------
    NotAMaximumError
        Where the information is not positive definite.
    """
    at = problem.family.to_vector(params)
    axes = np.eye(at.size)[free]

    def gradient(vector: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):  # what is not finite is not a maximum
            moved = problem.family.from_vector(vector, params)
            new, _, totals = problem.maximize(moved, problem.e_step(moved))
            return problem.family.gradient(moved, new, totals)[free]

    here = gradient(at)
    curvatures = [
        (here - gradient(at + FIRST_STEP * axis))[i] / FIRST_STEP for i, axis in enumerate(axes)
    ]
    steps = STEP / np.sqrt(np.maximum(np.array(curvatures) / problem.rows.total_weight, 1e-6))
    information = np.array(
        [
            (gradient(at - step * axis) - gradient(at + step * axis)) / (2 * step)
            for step, axis in zip(steps, axes, strict=True)
        ]
    ).reshape(len(axes), len(axes))
    information = (information + information.T) / 2
    # In units of the coordinates' own, so that only directions that are truly flat look so.
    least = FLAT * problem.rows.total_weight
    unit = np.sqrt(np.maximum(np.abs(np.diag(information)), least))
    scaled = information / np.outer(unit, unit)
    if not (np.isfinite(scaled).all() and np.linalg.eigvalsh(scaled).min(initial=1) > FLAT):
        raise NotAMaximumError("the observed information is not positive definite")
    inverse = np.linalg.inv(information)
    if robust and len(axes):
        inverse = inverse @ _squared_scores(problem, params, steps[:, np.newaxis] * axes) @ inverse
    return inverse, steps


def _squared_scores(problem: Problem, params: Any, moves: FloatArray) -> FloatArray:
    """Return the sum of the outer products of the rows' weighted scores."""
    family, rows = problem.family, problem.rows
    at, squared = family.to_vector(params), np.zeros((len(moves), len(moves)))
    lengths = 2 * np.linalg.norm(moves, axis=1)
    block = max(1, MOST_SCORES // max(1, len(moves)))
    for start in range(0, rows.n_rows, block):
        some = rows.take(slice(start, start + block))
        scores = np.array(
            [
                _contributions(problem, some, family.from_vector(at + move, params))
                - _contributions(problem, some, family.from_vector(at - move, params))
                for move in moves
            ]
        )
        scores *= some.each_weight / lengths[:, np.newaxis]
        squared += scores @ scores.T
    return squared


def _contributions(problem: Problem, rows: Rows, params: Any) -> FloatArray:
    """Return what each row contributes to the objective, less its base measure."""
    kernel, contributions = problem.family.kernel(params), np.empty(rows.n_rows)
    here = Problem(problem.family, rows, problem.workers, problem.share)
    sweep(kernel, rows, _Noted(here.e_step(params), contributions), problem.workers)
    return contributions + kernel.offset


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
