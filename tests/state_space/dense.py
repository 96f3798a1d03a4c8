"""An independent reference: the joint Gaussian of states and observations of a short series."""

import numpy as np
from scipy.stats import multivariate_normal

from skem.state_space.series import StateSpace


def random_params(rng, n, p, *, diagonal=False, radius=0.9):
    """Return stable parameters."""
    A = rng.normal(size=(n, n))
    A *= radius / np.abs(np.linalg.eigvals(A)).max()
    R = np.diag(rng.uniform(0.3, 1.0, p)) if diagonal else covariance(rng, p)
    return StateSpace(
        A,
        rng.normal(size=(p, n)),
        covariance(rng, n),
        R,
        rng.normal(size=n),
        covariance(rng, n),
        rng.normal(size=p),
    )


def covariance(rng, d):
    factor = rng.normal(size=(d, d))
    return factor @ factor.T / d + 0.2 * np.eye(d)


def simulate(rng, params, T, missing=0.0):
    """Return T observations, cells of which are missing by chance."""
    A, C, Q, R, m, P, d = params
    draw = rng.multivariate_normal
    x, rows = draw(m, P), []
    for _ in range(T):
        rows.append(draw(C @ x + d, R))
        x = draw(A @ x, Q)
    Y = np.array(rows)
    Y[rng.random(Y.shape) < missing] = np.nan
    return Y


class Joint:
    """The distribution of states given observations, by conditioning one large Gaussian."""

    def __init__(self, params, Y):
        A, C, Q, R, m, P, d = params
        T, n = len(Y), len(A)
        self.T, self.n = T, n
        powers = [np.linalg.matrix_power(A, k) for k in range(T)]
        mean = np.concatenate([power @ m for power in powers])
        spread = np.zeros((T * n, T * n))
        for s in range(T):
            from_s = np.vstack([powers[t - s] if t >= s else np.zeros((n, n)) for t in range(T)])
            spread += from_s @ (Q if s else P) @ from_s.T
        C_all = np.kron(np.eye(T), C)
        y, seen = Y.ravel(), ~np.isnan(Y.ravel())
        C_all, y = C_all[seen], y[seen]
        noise = np.kron(np.eye(T), R)[np.ix_(seen, seen)]
        y_mean = C_all @ mean + np.tile(d, T)[seen]
        y_cov = C_all @ spread @ C_all.T + noise
        gain = np.linalg.solve(y_cov, C_all @ spread).T
        self.log_likelihood = multivariate_normal.logpdf(y, y_mean, y_cov) if seen.any() else 0.0
        self.means = (mean + gain @ (y - y_mean)).reshape(T, n)
        self.covariance = spread - gain @ C_all @ spread

    def between(self, s, t):
        """Return the covariance of the states at s and t."""
        n = self.n
        return self.covariance[s * n : (s + 1) * n, t * n : (t + 1) * n]
