"""
Cars known only by weight
=========================

A weighbridge has weighed the cars that crossed it and kept nothing but the numbers. Some were
small cars, some were vans. How heavy is each kind, and how many are there of it? First without
the kinds, then with them.
"""

# %%
# Simulated weights in tonnes: 300 small cars and 100 vans.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from skem import GaussianMixtureEM
from skem.plotting import DensityDisplay

rng = np.random.default_rng(0)
kind = np.repeat([0, 1], [300, 100])
weight = rng.normal([1.1, 1.8], [0.15, 0.3], (400, 2))[np.arange(400), kind]
X = weight[:, np.newaxis]  # rows and columns: one column

# %%
# **The labels hidden.** A mixture of two Gaussians. Components are numbered in no particular
# order, so we sort them by their mean.


def describe(mixture):
    for k in mixture.means_[:, 0].argsort():
        mean, deviation = mixture.means_[k, 0], np.sqrt(mixture.covariances_[k, 0, 0])
        share = 100 * mixture.weights_[k]
        print(f"{share:.0f} % weigh {mean:.2f} t, give or take {deviation:.2f}")


hidden = GaussianMixtureEM(n_components=2, random_state=0).fit(X)
describe(hidden)

# %%
# A car of 1.45 tonnes may be either. The mixture says how likely.

print(hidden.predict_proba([[1.1], [1.45], [1.8]]).round(2))

# %%
# **The labels revealed.** Where all of them are known there is nothing to iterate: the estimates
# are the mean and the variance of each kind.

revealed = GaussianMixtureEM(n_components=2).fit(X, known_labels=kind)
describe(revealed)
print("by hand:", [f"{weight[kind == k].mean():.2f}" for k in (0, 1)])

# %%
# **Some of them.** Had somebody noted the kind of every tenth car, the rest could still be hidden:
# -1 stands for unknown.

noted = np.where(np.arange(400) % 10 == 0, kind, -1)
some = GaussianMixtureEM(n_components=2, random_state=0).fit(X, known_labels=noted)
describe(some)

# %%
# Above what the fit had to work with and what it found; below what was hidden from it, and the two
# densities as they truly are.

fig, (above, below) = plt.subplots(2, 1, figsize=(7, 7), layout="constrained", sharex=True)
DensityDisplay.from_estimator(hidden, X, bins=30, ax=above)
above.set(title="labels hidden", xlabel="")
below.hist([weight[kind == 0], weight[kind == 1]], 30, density=True, stacked=True, alpha=0.4)
grid = np.linspace(weight.min(), weight.max(), 300)
below.plot(grid, 0.75 * norm.pdf(grid, 1.1, 0.15), color="tab:blue", label="small cars")
below.plot(grid, 0.25 * norm.pdf(grid, 1.8, 0.3), color="tab:orange", label="vans")
below.set(title="labels revealed", xlabel="weight (t)", ylabel="density")
below.legend()
plt.show()
