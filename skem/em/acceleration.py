"""Fewer evaluations: a quasi-Newton climb that EM preconditions.

An EM step is the gradient of the log-likelihood times the inverse of the complete-data
information, so it is a Newton step but for the information that the missing labels take away.
Limited-memory BFGS supplies just that: started from EM's matrix in place of the identity, its
first direction is the EM step, and each evaluation adds one pair of differences (Jamshidian &
Jennrich 1997, "QN2"; compact form: Byrd, Nocedal & Schnabel 1994, theorem 2.2).

EM's matrix H is never formed. It is needed only on a combination of gradients, and what it does
to each of those is known: H gradient = EM step.

Methods that solve the fixed-point equation instead (Aitken, Anderson, SQUAREM) cannot tell a
maximum from the saddle that a plateau lies around, and are drawn back to it.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtrs

__all__ = ["Climb", "QuasiNewton"]

Vector = NDArray[np.float64]

#: Pairs of differences that are kept.
MEMORY = 10

#: While an evaluation still gains more than this, in nats per row, EM is left to itself: far
#: from an optimum a long step may climb another hill than the one the start was on. What is
#: learned on the way is of use: without it four problems need 9 % more evaluations, and 18 % more
#: where no slope is known (``python -m benchmarks.fixed_points``).
GAIN_OF_PLAIN_EM = 1e-3

#: Factor by which successive EM steps are lengthened while the objective is not concave, and how
#: far that may go.
LENGTHENING, LONGEST = 2.0, 1024.0


class Climb(NamedTuple):
    """A proposed step.

    Attributes
    ----------
    point : ndarray of shape (n,)
        Where to evaluate next.
    gain : float
        Gain to the optimum of the quadratic model: half of slope times step.
    """

    point: Vector
    gain: float


class QuasiNewton:
    """Limited-memory BFGS for maximisation, preconditioned by EM.

    The driver tells it of every evaluation (:meth:`accept`, :meth:`reject`) and asks where to go
    (:meth:`propose`). Points are unconstrained coordinates of the parameters.
    """

    def __init__(self) -> None:
        # Differences of points, of slopes and of EM steps: (3, number of pairs, n).
        self._pairs = np.empty((3, 0, 0))
        self._last: tuple[Vector, Vector, Vector] | None = None
        self._length = 1.0
        self._far = True

    def accept(self, point: Vector, gradient: Vector, em_step: Vector, gain: float) -> None:
        """Move to a point that was evaluated.

        Parameters
        ----------
        point : ndarray of shape (n,)
            The point.
        gradient : ndarray of shape (n,)
            Gradient of the objective there.
        em_step : ndarray of shape (n,)
            From the point to where EM would go next.
        gain : float
            By how much the objective is higher there than where it was last.
        """
        self._far = gain > GAIN_OF_PLAIN_EM
        concave = self._learn(point, gradient, em_step)
        if concave:
            self._length = 1.0
        elif self._last is not None:
            # Curved the wrong way: no quadratic model, but EM's own direction, further.
            self._keep(0)
            self._length = min(LENGTHENING * self._length, LONGEST)
        self._last = (point, gradient, em_step)

    def reject(self, point: Vector, gradient: Vector, em_step: Vector) -> None:
        """Learn from a point that was worse than the last: the next step is plain EM."""
        self._length = 1.0
        half = self._n_pairs // 2
        with np.errstate(all="ignore"):  # the point may be anything
            concave = self._learn(point, gradient, em_step)
        if concave:
            half = max(1, half)
        self._keep(half)

    def forget(self) -> None:
        """Start afresh, where a point has no finite coordinates or could not be evaluated."""
        self._keep(0)
        self._last = None
        self._length = 1.0

    def propose(self) -> Climb | None:
        """Return the next point; None where only the EM step is to be had."""
        if self._last is None or self._far:
            return None
        point, gradient, em_step = self._last
        if self._n_pairs:
            direction = self._direction(gradient, em_step)
        elif self._length > 1.0:
            direction = self._length * em_step
        else:
            return None
        slope = float(gradient @ direction)
        if not (slope > 0.0 and np.isfinite(direction).all()):
            return None
        return Climb(point + direction, slope / 2)

    def _learn(self, point: Vector, gradient: Vector, em_step: Vector) -> bool:
        """Add the differences from the last point; False where the objective is not concave."""
        if self._last is None:
            return False
        points = point - self._last[0]
        slopes = self._last[1] - gradient
        steps = self._last[2] - em_step
        product = float(points @ slopes)
        rounding = 1e-10 * math.sqrt(points @ points) * math.sqrt(slopes @ slopes)
        if not (product > rounding and float(slopes @ steps) > 0.0):
            return False
        pair = np.array([points, slopes, steps])[:, np.newaxis]
        if self._n_pairs:
            self._keep(MEMORY - 1)
            pair = np.concatenate([self._pairs, pair], axis=1)
        self._pairs = pair
        return True

    @property
    def _n_pairs(self) -> int:
        return self._pairs.shape[1]

    def _keep(self, n: int) -> None:
        """Forget all pairs but the last n."""
        self._pairs = self._pairs[:, max(self._n_pairs - n, 0) :]

    def _direction(self, gradient: Vector, em_step: Vector) -> Vector:
        """Return the inverse of the approximate information times the gradient.

        With rows P of points, Y of slopes, S of EM steps, and R the upper triangle of ``P Y'``::

            a = inv(R) P gradient,   r = em_step - S'a,
            direction = r + P' inv(R') (diag(R) a - Y r)
        """
        points, slopes, steps = self._pairs
        R = points @ slopes.T  # of which only the upper triangle is looked at
        a = dtrtrs(R, points @ gradient)[0]
        r = em_step - a @ steps
        direction: Vector = r + dtrtrs(R, R.diagonal() * a - slopes @ r, trans=1)[0] @ points
        return direction
