"""How sure a fit is: the observed information, and the variance of the estimates.

The gradient of the objective is exact (Fisher's identity), so its central differences give the
observed information, missing labels and cells allowed for, which is what Louis (1982) computes
from moments of the complete-data score. All of it is in the unconstrained coordinates of the free
parameters.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.em.model import FloatArray, Smooth, has

__all__ = ["NotAMaximumError", "covariance", "delta_method"]

#: Length of a step, in units in which the objective of one unit has a curvature of one, and of the
#: first step, which finds that unit.
STEP, FIRST_STEP = 1e-4, 1e-7

#: Relative curvature that differences with such steps cannot tell from none.
FLAT = 1e-6

#: Numbers that per-unit scores may take at a time.
MOST_SCORES = 2**22


class NotAMaximumError(ValueError):
    """The objective is flat or convex in some direction at the parameters."""


def covariance(
    model: Smooth, params: Any, free: NDArray[np.bool_], robust: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Return the covariance matrix of the estimates, and steps fit for differences.

    Parameters
    ----------
    model : Smooth
        What was fitted.
    params : object
        The estimates.
    free : bool ndarray of shape (p,)
        Coordinates to look at; the others are taken for known.
    robust : bool, default=False
        Whether to take the sandwich of the information around the second moments of the units'
        scores (White 1982), right also where weights are not frequencies, or the model does not
        hold; else the inverse of the information. It needs the model's ``contributions``.

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
    TypeError
        Where ``robust`` asks for what the model does not implement.
    """
    if robust and not has(model, "contributions"):
        raise TypeError(
            "robust standard errors need the objective of each unit of data: "
            f"{type(model).__name__} must implement contributions"
        )
    at = model.to_vector(params)
    axes = np.eye(at.size)[free]

    def gradient(vector: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):  # what is not finite is not a maximum
            moved = model.from_vector(vector, params)
            return model.n_units * model.gradient(moved, model.evaluate(moved))[free]

    here = gradient(at)
    curvatures = [
        (here - gradient(at + FIRST_STEP * axis))[i] / FIRST_STEP for i, axis in enumerate(axes)
    ]
    steps = STEP / np.sqrt(np.maximum(np.array(curvatures) / model.n_units, 1e-6))
    information = np.array(
        [
            (gradient(at - step * axis) - gradient(at + step * axis)) / (2 * step)
            for step, axis in zip(steps, axes, strict=True)
        ]
    ).reshape(len(axes), len(axes))
    information = (information + information.T) / 2
    # In units of the coordinates' own, so that only directions that are truly flat look so.
    least = FLAT * model.n_units
    unit = np.sqrt(np.maximum(np.abs(np.diag(information)), least))
    scaled = information / np.outer(unit, unit)
    if not (np.isfinite(scaled).all() and np.linalg.eigvalsh(scaled).min(initial=1) > FLAT):
        raise NotAMaximumError("the observed information is not positive definite")
    inverse = np.linalg.inv(information)
    if robust and len(axes):
        inverse = inverse @ _squared_scores(model, params, steps[:, np.newaxis] * axes) @ inverse
    return inverse, steps


def delta_method(
    model: Smooth,
    params: Any,
    flat: Callable[[Any], FloatArray],
    advice: str,
    robust: bool = False,
) -> tuple[FloatArray, str | None]:
    """Return the variances of what follows from the parameters.

    Parameters
    ----------
    model : Smooth
        What was fitted.
    params : object
        The estimates.
    flat : callable
        Returns an array (m,) of what is wanted of parameters.
    advice : str
        What to tell a person to do where there are no variances.
    robust : bool, default=False
        As in :func:`covariance`.

    Returns
    -------
    variances : ndarray of shape (m,)
        NaN where there is no telling.
    doubt : str or None
        Why some are NaN, for a person; None where none is.
    """
    with np.errstate(divide="ignore"):
        at = model.to_vector(params)
    free, doubt = np.isfinite(at), None
    try:
        V, steps = covariance(model, params, free, robust)
    except NotAMaximumError as error:
        doubt = (
            f"Standard errors do not exist: {error}. The parameters are at no maximum of the "
            f"likelihood of these data, or it does not determine them all; {advice}"
        )
        V, steps = np.full((free.sum(), free.sum()), np.nan), np.full(free.sum(), STEP)

    def moved(vector: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore"):  # an empty component has coordinates at infinity
            return flat(model.from_vector(vector, params))

    axes = np.eye(at.size)[free]
    slopes = np.array(
        [
            (moved(at + step * axis) - moved(at - step * axis)) / (2 * step)
            for step, axis in zip(steps, axes, strict=True)
        ]
    ).reshape(len(axes), flat(params).size)
    variances = np.einsum("qi,qr,ri->i", slopes, V, slopes)
    if not free.all():
        doubt = doubt or (
            "Some parameters are at the edge of their range (a probability of 0 or 1, a weight of "
            "0): they have no standard error, and those of the others take them for known"
        )
        # At the edge is what moves with such a coordinate alone. (Shares beside one of zero move
        # with others, too.)
        inside = np.where(free, at, 0.0)
        moves = moved(inside) != moved(np.where(free, inside, 1.0))
        variances[moves & ~slopes.any(axis=0)] = np.nan
    return variances, doubt


def _squared_scores(model: Any, params: Any, moves: FloatArray) -> FloatArray:
    """Return the sum of the outer products of the units' scores along some moves."""
    at, squared = model.to_vector(params), np.zeros((len(moves), len(moves)))
    points = [
        (model.from_vector(at + move, params), model.from_vector(at - move, params))
        for move in moves
    ]
    lengths = 2 * np.linalg.norm(moves, axis=1)
    block = max(1, MOST_SCORES // max(1, len(moves)))
    start, size = 0, block
    while size == block:  # a shorter block is the last
        units = slice(start, start + block)
        scores = np.array(
            [
                model.contributions(ahead, units) - model.contributions(behind, units)
                for ahead, behind in points
            ]
        )
        scores /= lengths[:, np.newaxis]
        squared += scores @ scores.T
        start, size = start + block, scores.shape[1]
    return squared
