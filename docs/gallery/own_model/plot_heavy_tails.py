"""
Darwin's plants: a mean that outliers do not pull
=================================================

Darwin grew 15 pairs of plants, one of each cross-fertilised, the other self-fertilised, and wrote
down by how much the first outgrew the second. Two pairs went wrong. A t distribution has room for
such: it is a normal distribution with a precision of its own for each pair, which is hidden. EM
estimates them along with the mean.
"""

# %%
# The differences, in eighths of an inch.

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import t

from skem.em import POSITIVE, REAL, TwoSteps, fit

x = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])
df = 4


class Parameters(NamedTuple):
    mean: float
    variance: float


# %%
# **E-step.** The expected precision of a pair is small if it is far from the mean. Weighted sums
# are all that the M-step needs.


def precisions(params):
    return (df + 1) / (df + (x - params.mean) ** 2 / params.variance)


def e_step(params):
    w = precisions(params)
    log_likelihood = t.logpdf(x, df, params.mean, np.sqrt(params.variance)).sum()
    return (w.sum(), w @ x, w @ x**2), log_likelihood


# %%
# **M-step.** A weighted mean and variance.


def m_step(moments):
    n, first, second = moments
    mean = first / n
    return Parameters(mean, (second - n * mean**2) / len(x))


# %%
# **Q.** The log-likelihood of a normal distribution with these precisions.


def expected(params, moments):
    n, first, second = moments
    squares = second - 2 * params.mean * first + n * params.mean**2
    return -(len(x) * np.log(params.variance) + squares / params.variance) / 2


model = TwoSteps(e_step, m_step, len(x), {"mean": REAL, "variance": POSITIVE}, expected)
result = fit(model, Parameters(x.mean(), x.var()))
print(result)
print(f"mean of a normal distribution {x.mean():.1f}")
print(f"standard error of the mean {result.standard_errors().mean:.1f}")

# %%
# The two pairs below zero have small weights.

fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.stem(x, precisions(result.params), basefmt=" ")
ax.axvline(x.mean(), color="tab:gray", ls="--", label="mean of all")
ax.axvline(result.params.mean, color="tab:orange", label="mean by EM")
ax.set(xlabel="difference (1/8 inch)", ylabel="expected precision", ylim=(0, 1.4))
ax.legend(loc="upper left")
plt.show()
