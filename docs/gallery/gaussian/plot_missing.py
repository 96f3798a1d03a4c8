"""
Missing values against complete cases
=====================================

The usual way around missing values is to drop every row that lacks one. With four features, one
cell in four missing, only a third of the rows is left. EM needs no way around: what is missing
is one more thing that is hidden, and every observed cell counts.
"""

# %%
# Simulated: two clusters in four features, 400 rows; then a quarter of all cells goes missing.

import matplotlib.pyplot as plt
import numpy as np

from skem import GaussianMixtureEM

truth = GaussianMixtureEM.from_parameters(
    weights=[0.6, 0.4],
    means=[[0.0, 0.0, 0.0, 0.0], [1.5, 2.0, -1.0, 0.5]],
    covariances=0.4 * np.eye(4) + 0.6,
    covariance_type="tied",
)
everything, labels = truth.sample(400, random_state=0)
rng = np.random.default_rng(0)
X = np.where(rng.random(everything.shape) < 0.25, np.nan, everything)
complete = ~np.isnan(X).any(axis=1)
print(f"{np.isnan(X).mean():.0%} of the cells missing; {complete.sum()} of 400 rows complete")

# %%
# Three fits: to all data, as if nothing had been lost; to the complete rows; to what there is. The
# standard errors of the means say what each has to go by.

mixture = {"n_components": 2, "covariance_type": "tied", "random_state": 0}
data = {"nothing missing": everything, "complete rows": X[complete], "all observed cells": X}
fits = {name: GaussianMixtureEM(**mixture).fit(rows) for name, rows in data.items()}
for name, fit in fits.items():
    errors = fit.standard_errors(data[name])
    print(f"{name:20} standard errors of the means: {errors.means.mean():.3f}")

# %%
# Rows with missing cells are predicted like others, from what they have. ``impute`` fills the
# cells in with their expectation given the rest of the row, which tells more than the mean of
# their column does.

filled = fits["all observed cells"].impute(X)
gone = np.isnan(X)
by_mean = np.broadcast_to(np.nanmean(X, axis=0), X.shape)
for name, guess in [("column means", by_mean), ("impute", filled)]:
    print(f"{name}: off by {np.sqrt(((guess - everything)[gone] ** 2).mean()):.2f} on average")

# %%
# So much for what the fits say of themselves. Ten data sets, with more and more of each missing,
# show how far the means truly are from those simulated.

rates = [0.05, 0.2, 0.35]
errors = np.empty((10, len(rates), 2))
for seed in range(10):
    sample, _ = truth.sample(400, random_state=seed + 1)
    holes = np.random.default_rng(seed).random(sample.shape)
    for j, rate in enumerate(rates):
        seen = np.where(holes < rate, np.nan, sample)
        for i, rows in enumerate((seen[~np.isnan(seen).any(axis=1)], seen)):
            fit = GaussianMixtureEM(**mixture, means_init=truth.means_).fit(rows)
            errors[seed, j, i] = np.sqrt(((fit.means_ - truth.means_) ** 2).mean())

fig, ax = plt.subplots(layout="constrained")
for i, name in enumerate(("complete rows", "all observed cells")):
    ax.plot(rates, errors[:, :, i].mean(axis=0), marker="o", label=name)
ax.set(xlabel="share of cells missing", ylabel="error of the means", ylim=(0, None))
ax.legend()
plt.show()
