"""What a fitted mixture should say and do, worked out row by row with SciPy and NumPy alone."""

import numpy as np
from scipy.special import logsumexp, softmax
from scipy.stats import binom, multivariate_normal

__all__ = ["covariance_matrices", "log_joint", "m_step", "objective", "responsibilities"]


def covariance_matrices(mixture):
    """Return the covariances of a Gaussian mixture as full matrices (K, d, d)."""
    C, (K, d) = mixture.covariances_, mixture.means_.shape
    return {
        "full": lambda: C,
        "tied": lambda: np.array([C] * K),
        "diag": lambda: np.array([np.diag(c) for c in C]),
        "spherical": lambda: np.array([c * np.eye(d) for c in C]),
    }[mixture.covariance_type]()


def log_joint(mixture, X):
    """Return ``log p(x_i, k)`` (n, K) of what is observed of each row, from the attributes."""
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.asarray(mixture.weights_, dtype=float))
    log_density = _gaussian if hasattr(mixture, "means_") else _binomial
    return log_weights + log_density(mixture, np.asarray(X, dtype=float))


def _gaussian(mixture, X):
    log_density = np.zeros((len(X), len(mixture.weights_)))
    covariances, seen = covariance_matrices(mixture), ~np.isnan(X)
    for pattern in np.unique(seen[seen.any(axis=1)], axis=0):
        rows = (seen == pattern).all(axis=1)
        for k, (mean, C) in enumerate(zip(mixture.means_, covariances, strict=True)):
            marginal = multivariate_normal(mean[pattern], C[np.ix_(pattern, pattern)])
            log_density[rows, k] = marginal.logpdf(X[np.ix_(rows, pattern)])
    return log_density


def _binomial(mixture, X):
    if mixture.n_trials is None:
        successes, failures = np.hsplit(X, 2)
        trials = successes + failures
    else:
        successes, trials = X, np.broadcast_to(mixture.n_trials, X.shape)
    columns = binom.logpmf(successes[:, np.newaxis], trials[:, np.newaxis], mixture.probabilities_)
    return np.nansum(columns, axis=2)


def responsibilities(mixture, X, known_labels=None, *, hard=False):
    """Return the shares (n, K) that an E-step gives, or a C-step where hard."""
    joint = log_joint(mixture, X)
    K = joint.shape[1]
    r = np.eye(K)[joint.argmax(axis=1)] if hard else softmax(joint, axis=1)
    if known_labels is not None:
        known = np.asarray(known_labels) >= 0
        r[known] = np.eye(K)[np.asarray(known_labels)[known]]
    return r


def objective(mixture, X, sample_weight=None, known_labels=None, *, hard=False):
    """Return the mean that EM raises, in nats per row, no penalty taken off."""
    joint = log_joint(mixture, X)
    each = joint.max(axis=1) if hard else logsumexp(joint, axis=1)
    if known_labels is not None:
        known = np.flatnonzero(np.asarray(known_labels) >= 0)
        each[known] = joint[known, np.asarray(known_labels)[known]]
    weights = np.ones(len(each)) if sample_weight is None else np.asarray(sample_weight)
    return np.average(each[weights > 0], weights=weights[weights > 0])


def m_step(mixture, X, r, sample_weight=None):
    """Return the parameters that maximise the expected log-likelihood of complete rows.

    A dict by the names of the attributes, in the layout of the mixture; ``reg_covar`` is left out.
    What a component without rows would have is NaN.
    """
    r = r if sample_weight is None else r * np.asarray(sample_weight)[:, np.newaxis]
    counts = np.where(r.any(axis=0), r.sum(axis=0), np.nan)[:, np.newaxis]
    found = {"weights_": r.sum(axis=0) / r.sum()}
    if not hasattr(mixture, "means_"):
        if mixture.n_trials is None:
            successes, failures = np.hsplit(X, 2)
            trials = successes + failures
        else:
            successes, trials = X, np.broadcast_to(mixture.n_trials, X.shape)
        seen = np.where(np.isnan(counts), np.nan, r.T @ trials)
        found["probabilities_"] = (r.T @ successes) / seen
        return found
    found["means_"] = (r.T @ X) / counts
    Z = X - found["means_"][:, np.newaxis]
    C = np.einsum("ik,kij,kil->kjl", r, Z, Z) / counts[:, :, np.newaxis]
    found["covariances_"] = {
        "full": lambda: C,
        "tied": lambda: np.nansum(found["weights_"][:, np.newaxis, np.newaxis] * C, axis=0),
        "diag": lambda: np.einsum("kii->ki", C),
        "spherical": lambda: np.einsum("kii->k", C) / X.shape[1],
    }[mixture.covariance_type]()
    return found
