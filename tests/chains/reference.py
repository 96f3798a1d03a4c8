"""Hidden Markov chains the slow way: all paths, or a loop in long double."""

from itertools import product

import numpy as np


def by_enumeration(log_densities, startprob, transmat):
    """Return log evidence, posterior, transitions and a likeliest path of a short sequence.

    log_densities are (n_rows, n_states).
    """
    n, K = log_densities.shape
    paths = np.array(list(product(range(K), repeat=n)))
    with np.errstate(divide="ignore"):
        log_joint = np.log(startprob)[paths[:, 0]]
        log_joint = log_joint + np.log(transmat)[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    log_joint = log_joint + log_densities[np.arange(n), paths].sum(axis=1)
    evidence = np.logaddexp.reduce(log_joint)
    weights = np.exp(log_joint - evidence)
    posterior = np.array([[weights[paths[:, t] == k].sum() for k in range(K)] for t in range(n)])
    transitions = np.zeros((K, K))
    for t in range(1, n):
        np.add.at(transitions, (paths[:, t - 1], paths[:, t]), weights)
    return evidence, posterior, transitions, paths[log_joint.argmax()]


def by_loop(log_densities, startprob, transmat, lengths):
    """Return log evidence by sequence, posterior and transitions, in long double."""
    b, pi, A = (np.asarray(a, np.longdouble) for a in (log_densities, startprob, transmat))
    top = b.max(axis=1, keepdims=True)
    b = np.exp(b - top)
    evidence, posterior, transitions = [], np.zeros_like(b), np.zeros_like(A)
    for stop in np.cumsum(lengths):
        rows = range(stop - lengths[len(evidence)], stop)
        alpha, beta, c = {}, {rows[-1]: np.ones_like(pi)}, {}
        for t in rows:
            alpha[t] = (pi if t == rows[0] else alpha[t - 1] @ A) * b[t]
            c[t] = alpha[t].sum()
            alpha[t] /= c[t]
        for t in rows[:0:-1]:
            beta[t - 1] = A @ (b[t] * beta[t]) / c[t]
            transitions += alpha[t - 1][:, None] * A * (b[t] * beta[t]) / c[t]
        for t in rows:
            posterior[t] = alpha[t] * beta[t]
        evidence.append(sum(np.log(c[t]) + top[t, 0] for t in rows))
    return np.array(evidence), posterior, transitions


def log_joint(path, log_densities, startprob, transmat):
    """Return the log-joint of a path and rows (n_rows, n_states)."""
    with np.errstate(divide="ignore"):
        steps = np.log(transmat)[path[:-1], path[1:]].sum()
        start = np.log(startprob)[path[0]]
    return start + steps + log_densities[np.arange(len(path)), path].sum()


#: Kinds of chains: how to draw the transition matrix of K states.
def _dense(K, rng):
    return rng.dirichlet(np.full(K, 0.5), K)


def _left_right(K, rng):
    A = np.triu(_dense(K, rng)) + 1e-3 * np.eye(K)
    return A / A.sum(axis=1, keepdims=True)


def _sticky(K, rng):
    return 0.99 * np.eye(K) + 0.01 * _dense(K, rng)


def _sparse(K, rng):
    A = np.where(rng.random((K, K)) < 0.4, 0.0, _dense(K, rng)) + 0.01 * np.eye(K)
    return A / A.sum(axis=1, keepdims=True)


def _cycle(K, rng):
    return np.roll(np.eye(K), 1, axis=1)


KINDS = {
    "dense": _dense,
    "left-right": _left_right,
    "sticky": _sticky,
    "sparse": _sparse,
    "cycle": _cycle,
}


def random_lengths(n_rows, rng):
    """Return lengths of one or of up to 20 sequences."""
    if n_rows == 1 or rng.random() < 0.5:
        return np.array([n_rows])
    n_cuts = min(rng.integers(1, 20), n_rows - 1)
    cuts = np.sort(rng.choice(np.arange(1, n_rows), n_cuts, replace=False))
    return np.diff(np.concatenate([[0], cuts, [n_rows]]))
