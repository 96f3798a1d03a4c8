"""From the log-joint of rows and components to evidence and responsibilities.

This is the one log-sum-exp of the package, and the seam at which the latent structure enters:
rows with independent labels here; known labels, hard assignment or a Markov chain would be
another function of the same (K, b) log-joint.
"""

import numpy as np

from skem.families.base import LOG_IMPOSSIBLE, FloatArray

__all__ = ["normalise"]


#: Sums of exponentials within these bounds have lost nothing to underflow or overflow: a term
#: that vanished was less than 1e-300 / 1e-200 of its sum.
_SAFE = (1e-200, 1e200)


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
        np.exp(log_joint, out=responsibilities)
        evidence = responsibilities.sum(axis=-2)
        if evidence.min() > _SAFE[0] and evidence.max() < _SAFE[1]:
            responsibilities *= (1 / evidence)[..., np.newaxis, :]
            return np.log(evidence, out=evidence)

        largest = log_joint.max(axis=-2)
        log_joint -= largest[..., np.newaxis, :]
        np.exp(log_joint, out=responsibilities)
        evidence = responsibilities.sum(axis=-2)
        responsibilities *= (1 / evidence)[..., np.newaxis, :]
        log_evidence = np.log(evidence, out=evidence)
        log_evidence += largest
    impossible = largest < LOG_IMPOSSIBLE
    if impossible.any():
        np.copyto(responsibilities, weights[..., np.newaxis], where=impossible[..., np.newaxis, :])
        log_evidence[impossible] = -np.inf
    return log_evidence
