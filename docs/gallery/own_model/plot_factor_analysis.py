"""
Factor analysis, and what a slope is worth
==========================================

Six tests of ability of 112 people: do they measure one thing, or two? Factor analysis says that a
few hidden factors make the tests correlate. EM for it (Rubin & Thayer 1982) is two short functions
of the correlation matrix, and slow. With ranges of the parameters it is accelerated, and with Q
more so.
"""

# %%
# The correlations (Smith & Stanley 1983, ``ability.cov`` of R).

from dataclasses import replace
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from skem.em import POSITIVE, REAL, TwoSteps, fit

tests = ["general", "picture", "blocks", "maze", "reading", "vocab"]
lower = [
    [24.641],
    [5.991, 6.700],
    [33.520, 18.137, 149.831],
    [6.023, 1.782, 19.424, 12.711],
    [20.755, 4.936, 31.430, 4.757, 52.604],
    [29.701, 7.204, 50.753, 9.075, 66.762, 135.292],
]
C = np.zeros((6, 6))
C[np.tril_indices(6)] = np.concatenate(lower)
C = C + np.tril(C, -1).T
R = C / np.sqrt(np.outer(np.diag(C), np.diag(C)))
n, n_factors = 112, 2


class Parameters(NamedTuple):
    loadings: np.ndarray  # (6, 2)
    uniquenesses: np.ndarray  # (6,)


# %%
# **E-step.** Given its tests, a person's factors are normal, with a mean that is linear in these.
# The statistics are the covariance of factors and tests, and the second moments of the factors.


def e_step(params):
    L, noise = params
    scaled = L / noise[:, np.newaxis]
    M = np.eye(n_factors) + L.T @ scaled
    beta = np.linalg.solve(M, scaled.T)
    by_tests = beta @ R
    second = np.linalg.inv(M) + by_tests @ beta.T
    log_det = np.log(noise).sum() + np.linalg.slogdet(M)[1]
    fit_of_model = np.sum(1 / noise) - np.sum(by_tests * scaled.T)
    return (by_tests, second), -n / 2 * (6 * np.log(2 * np.pi) + log_det + fit_of_model)


# %%
# **M-step.** A regression of the tests on the factors.


def m_step(statistics):
    by_tests, second = statistics
    L = np.linalg.solve(second, by_tests).T
    return Parameters(L, 1 - np.sum(L.T * by_tests, axis=0))


# %%
# **Q.**


def expected(params, statistics):
    L, noise = params
    by_tests, second = statistics
    squares = 1 - 2 * np.sum(L.T * by_tests, axis=0) + np.einsum("ij,jk,ik->i", L, second, L)
    return -n / 2 * np.sum(np.log(noise) + squares / noise)


# %%
# Three models: with nothing but the two steps, with ranges, and with Q as well.

ranges = {"loadings": REAL, "uniquenesses": POSITIVE}
with_q = TwoSteps(e_step, m_step, n, ranges, expected)
with_ranges = replace(with_q, expected=None)
bare = replace(with_ranges, ranges=None)
rng = np.random.default_rng(0)
start = Parameters(0.3 * rng.standard_normal((6, n_factors)), np.ones(6))

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
models = {"two steps": bare, "with ranges": with_ranges, "with Q": with_q}
for name, model in models.items():
    result = fit(model, start, tol=1e-9, max_iter=5000)
    print(f"{name:11} {result.n_evaluations:5} evaluations, {n * result.objective:.6f} nats")
    ax.semilogy(1e-9 + n * (result.objective - np.array(result.trace)), label=name)
ax.set(xlabel="evaluations", ylabel="still to gain (nats)", xscale="log")
ax.legend()
plt.show()

# %%
# The uniquenesses, which is what a test has for itself, are those of R's ``factanal``.

for test, uniqueness in zip(tests, result.params.uniquenesses, strict=True):
    print(f"{test:8} {uniqueness:.3f}")
