"""From the log-joint of rows and components to evidence and responsibilities.

Soft and hard assignment are functions of the same (K, b) log-joint, and known labels a mask on it.
:func:`normalise` is the one log-sum-exp of the package.
"""

import numpy as np
from numpy.typing import NDArray

from skem.families.base import LOG_IMPOSSIBLE, FloatArray

__all__ = ["classify", "mask_known", "normalise"]


#: Exponentials of less are zero: numbers near the smallest there are take many times as long.
LEAST = -690.0

#: Sums of exponentials within these bounds have lost nothing to underflow or overflow: a term
#: that vanished was less than exp(LEAST) / 1e-200 of its sum, which is 1e-99.
_SAFE = (1e-200, 1e200)


def _exponentials(log_joint: FloatArray, out: FloatArray) -> FloatArray:
    """Write exponentials to out, zeros where they are too small to matter."""
    if np.minimum.reduce(log_joint, axis=None) > LEAST:
        return np.exp(log_joint, out=out)
    np.maximum(log_joint, LEAST, out=out)
    np.exp(out, out=out)
    return np.multiply(out, log_joint > LEAST, out=out)


def normalise(
    log_joint: FloatArray, weights: FloatArray, responsibilities: FloatArray
) -> FloatArray:
    """Return each row's log evidence, and write its responsibilities.

    Parameters
    ----------
    log_joint : ndarray of shape (..., K, b)
        ``log(weight_k f_k(x_i))``, give or take a constant. Overwritten.
    weights : ndarray of shape (..., K)
        Mixing weights: the posterior of a row that no component can have produced.
    responsibilities : ndarray of shape (..., K, b)
        Where to write ``p(k | x_i)``.

    Returns
    -------
    log_evidence : ndarray of shape (..., b)
        ``log sum_k exp(log_joint_ki)`` in nats; -inf for an impossible row.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        # The largest log-joint of a row need not be taken out first where all sums are safe.
        _exponentials(log_joint, out=responsibilities)
        evidence = np.add.reduce(responsibilities, axis=-2)
        if (
            np.minimum.reduce(evidence, axis=None) > _SAFE[0]
            and np.maximum.reduce(evidence, axis=None) < _SAFE[1]
        ):
            responsibilities /= evidence[..., np.newaxis, :]
            return np.log(evidence, out=evidence)

        largest = log_joint.max(axis=-2)
        log_joint -= largest[..., np.newaxis, :]
        _exponentials(log_joint, out=responsibilities)
        evidence = responsibilities.sum(axis=-2)
        responsibilities *= (1 / evidence)[..., np.newaxis, :]
        log_evidence = np.log(evidence, out=evidence)
        log_evidence += largest
    impossible = largest < LOG_IMPOSSIBLE
    if impossible.any():
        prior = _prior_of_impossible(log_joint, weights)
        np.copyto(responsibilities, prior, where=impossible[..., np.newaxis, :])
        log_evidence[impossible] = -np.inf
    return log_evidence


def _prior_of_impossible(log_joint: FloatArray, weights: FloatArray) -> FloatArray:
    """Return what is thought of rows that no component can have produced, (..., K, b).

    That is the weights, or the one component that a row is known to come from: the log-joint of
    the others is -inf then.
    """
    allowed = ~np.isneginf(log_joint)
    allowed |= ~allowed.any(axis=-2, keepdims=True)
    prior = weights[..., np.newaxis] * allowed
    prior = np.where(prior.any(axis=-2, keepdims=True), prior, allowed)
    return prior / prior.sum(axis=-2, keepdims=True)


def classify(
    log_joint: FloatArray, weights: FloatArray, responsibilities: FloatArray
) -> FloatArray:
    """Give each row to its likeliest component, the first among equals (Celeux & Govaert 1992).

    Parameters
    ----------
    log_joint : ndarray of shape (..., K, b)
        ``log(weight_k f_k(x_i))``, give or take a constant.
    weights : ndarray of shape (..., K)
        Mixing weights: the heaviest component has the rows that none can have produced.
    responsibilities : ndarray of shape (..., K, b)
        Where to write 1 for that component, 0 for the others.

    Returns
    -------
    log_joint : ndarray of shape (..., b)
        That of the likeliest component, in nats; -inf for an impossible row.
    """
    largest = log_joint.max(axis=-2)
    impossible = largest < LOG_IMPOSSIBLE
    likeliest = log_joint.argmax(axis=-2)
    heaviest = _prior_of_impossible(log_joint, weights).argmax(axis=-2)
    chosen = np.where(impossible, heaviest, likeliest)
    components = np.arange(weights.shape[-1])[:, np.newaxis]
    responsibilities[...] = chosen[..., np.newaxis, :] == components
    return np.where(impossible, -np.inf, largest)


def mask_known(log_joint: FloatArray, labels: NDArray[np.intp]) -> None:
    """Rule out all components but the one that a row is known to come from.

    Parameters
    ----------
    log_joint : ndarray of shape (..., K, b)
        ``log(weight_k f_k(x_i))``. That of the other components becomes -inf.
    labels : integer ndarray of shape (b,)
        Known components; -1 where unknown.
    """
    others = np.arange(log_joint.shape[-2])[:, np.newaxis] != labels
    np.copyto(log_joint, -np.inf, where=others & (labels >= 0))
