"""How long the filter remembers where it started."""

import numpy as np

from skem.state_space.series import FloatArray, StateSpace

__all__ = ["memory"]

#: What is left of the start when it counts as forgotten.
FORGOTTEN = 1e-13

#: Doublings: 2 ** 20 steps.
MOST_DOUBLINGS = 20


def memory(params: StateSpace) -> tuple[FloatArray, int | None]:
    """Return the predicted covariance that the filter settles at, and how many steps that takes.

    By the doubling algorithm for the Riccati equation (Chu, Fan & Lin 2005, equation 3.10): after
    k rounds its first matrix is the product of 2 ** k steps of the filter.

    Returns
    -------
    covariance : ndarray of shape (n, n)
        The limit, or what was reached.
    n_steps : int or None
        None where the filter does not forget.
    """
    A, C, Q, R, *_ = params
    identity = np.eye(len(A))
    with np.errstate(all="ignore"):
        noise = R + 1e-12 * (np.trace(R) + np.abs(C @ Q @ C.T).max()) * np.eye(len(R))
        E, H = A.T.copy(), Q.copy()
        try:
            G = C.T @ np.linalg.solve(noise, C)
            for doubling in range(MOST_DOUBLINGS + 1):
                largest = np.abs(E).max()
                if not np.isfinite(largest + np.abs(H).max()):
                    break
                if largest < FORGOTTEN:
                    rate = np.log(max(largest, 1e-300)) / 2**doubling
                    # (The limit has converged here, the rate too.)
                    return (H + H.T) / 2, int(np.ceil(np.log(FORGOTTEN) / rate)) + 1
                inner = np.linalg.inv(identity + G @ H)
                G = G + E @ inner @ G @ E.T
                H = H + E.T @ H @ inner @ E
                E = E @ inner @ E
        except np.linalg.LinAlgError:
            pass
    return Q, None
