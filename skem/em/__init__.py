"""The EM algorithm for any model with hidden variables.

:func:`fit` fits a model of your own, which :class:`TwoSteps` makes of an E-step and an M-step. The
driver (``driver``) evaluates a model at its parameters, takes the parameters that come back,
and does it again until nothing is left to gain; accelerators (``acceleration``,
``fixed_point``) look further ahead. ``restarts`` runs the driver from many starts,
``information`` says how sure the result is. The mixtures of this package are such models.
"""

from skem.em.driver import LikelihoodFellError
from skem.em.fitting import Result, fit
from skem.em.model import DegenerateError, EMWarning, Evaluation
from skem.em.restarts import AllStartsFailedError, Restart
from skem.em.two_steps import TwoSteps, check_gradient
from skem.ranges import COVARIANCE, POSITIVE, PROBABILITY, REAL, SIMPLEX, Covariance, Real

__all__ = [
    "COVARIANCE",
    "POSITIVE",
    "PROBABILITY",
    "REAL",
    "SIMPLEX",
    "AllStartsFailedError",
    "Covariance",
    "DegenerateError",
    "EMWarning",
    "Evaluation",
    "LikelihoodFellError",
    "Real",
    "Restart",
    "Result",
    "TwoSteps",
    "check_gradient",
    "fit",
]
