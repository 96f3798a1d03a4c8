"""
Carbon dioxide: a trend and a yearly cycle
==========================================

The air over Mauna Loa has more carbon dioxide every year, and less of it every summer. A trend
whose slope may change and a cycle whose shape may change are a state-space model of six states, of
which EM estimates only how much they change (Harvey 1989, chapter 4). Some months are missing.
"""

# %%
# 526 months, five of them without a value.

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import block_diag

from skem import LinearGaussianSSM
from skem.datasets import load_co2

co2 = load_co2()
when = co2.year + (co2.month - 0.5) / 12
print(len(co2.data), "months,", np.isnan(co2.data).sum(), "missing")

# %%
# The states are a level and its slope, and two waves, of a year and of half a year: each a hand of
# a clock that goes round, of which one coordinate is seen. A and C are known then; how much each
# state changes from month to month (Q, diagonal), and the noise (R), are not.


def wave(per_year):
    angle = 2 * np.pi * per_year / 12
    return [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]


known = {
    "transition_matrix": block_diag([[1, 1], [0, 1]], wave(1), wave(2)),
    "observation_matrix": [[1, 0, 1, 0, 1, 0]],
    "observation_offset": [0],
    "initial_state_mean": [315, 0, 0, 0, 0, 0],
    "initial_state_covariance": np.diag([100, 1, 10, 10, 10, 10]),
}
model = LinearGaussianSSM(
    n_states=6,
    transition_covariance_type="diagonal",
    **{f"{name}_init": value for name, value in known.items()},
    transition_covariance_init=np.diag([0.01, 1e-4, 1e-3, 1e-3, 1e-3, 1e-3]),
    fixed=dict.fromkeys(known, True),
    tol=1e-7,
).fit(co2.data)
print("converged", model.converged_, "after", model.n_iter_, "evaluations")
print("noise", np.sqrt(model.observation_covariance_[0, 0]).round(2), "ppm")

# %%
# The smoother takes the series apart. The slope has nearly doubled in forty years.

means, covariances = model.smooth(co2.data)
level, slope = means[:, 0], 12 * means[:, 1]
error = 12 * np.sqrt(covariances[:, 1, 1])
for year in (1960, 1980, 2000):
    at = np.flatnonzero((co2.year == year) & (co2.month == 6))[0]
    print(f"{year}: {slope[at]:.2f} ± {error[at]:.2f} ppm a year")

# %%
# Two years ahead, with twice the standard deviation.

ahead = model.forecast(24)
mean, sd = ahead["means"][:, 0], np.sqrt(ahead["covariances"][:, 0, 0])
future = when[-1] + np.arange(1, 25) / 12

fig, axes = plt.subplots(3, 1, figsize=(8, 7.5), layout="constrained")
axes[0].plot(when, co2.data, lw=0.8, label="by month")
axes[0].plot(when, level, label="level")
axes[0].set(ylabel="CO$_2$ (ppm)")
axes[0].legend()
axes[1].plot(when, slope)
axes[1].fill_between(when, slope - 2 * error, slope + 2 * error, alpha=0.3)
axes[1].set(ylabel="slope (ppm a year)")
axes[2].plot(when[-48:], co2.data[-48:], "o-", ms=3, label="by month")
axes[2].plot(future, mean, label="forecast")
axes[2].fill_between(future, mean - 2 * sd, mean + 2 * sd, alpha=0.3)
axes[2].set(xlabel="year", ylabel="CO$_2$ (ppm)")
axes[2].legend()
plt.show()
