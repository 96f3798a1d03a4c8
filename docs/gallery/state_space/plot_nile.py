"""
The level of the Nile
=====================

How much of the change from year to year is noise, and how much does the level itself move? EM for
a local level says, and the smoother draws it.
"""

# %%
# One hundred years of flow. A and C are known to be one; the variances are not.

import matplotlib.pyplot as plt
import numpy as np

from skem import LinearGaussianSSM
from skem.datasets import load_nile

nile = load_nile()
known = {
    "transition_matrix": [[1]],
    "observation_matrix": [[1]],
    "observation_offset": [0],
    "initial_state_mean": [0],
    "initial_state_covariance": [[1e7]],
}
level = LinearGaussianSSM(
    **{f"{name}_init": value for name, value in known.items()},
    fixed=dict.fromkeys(known, True),
).fit(nile.data)
print(f"the level moves by {level.transition_covariance_[0, 0] ** 0.5:.0f} a year,")
print(f"a measurement is off by {level.observation_covariance_[0, 0] ** 0.5:.0f}")
print(f"after {level.n_iter_} evaluations, log-likelihood {100 * level.score(nile.data):.3f}")

# %%
# The level given all years, and ten years to come. It drops about 1898.

means, covariances = level.smooth(nile.data)
ahead = level.forecast(10)
years = np.concatenate([nile.year, nile.year[-1] + 1 + np.arange(10)])
mean = np.concatenate([means[:, 0], ahead["state_means"][:, 0]])
spread = np.sqrt(np.concatenate([covariances, ahead["state_covariances"]])[:, 0, 0])

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(nile.year, nile.data, ".", color="0.6", label="flow")
ax.plot(years, mean, label="level")
ax.fill_between(
    years, mean - 2 * spread, mean + 2 * spread, alpha=0.2, label="two standard errors"
)
ax.axvline(nile.year[-1], color="0.8", linewidth=1)
ax.set(xlabel="year", ylabel="10^8 cubic metres")
ax.legend()
plt.show()
