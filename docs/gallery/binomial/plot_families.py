"""
Saxony: one coin does not explain the families
==============================================

Of 6,115 families of twelve children in nineteenth-century Saxony it is known how many of the
twelve were boys. If every child of every family were a flip of one and the same coin, the
families would follow one binomial. They do not: there are too many with nearly all boys or
nearly all girls.
"""

# %%
# Thirteen rows, one for each number of boys, and how many families each stands for. The families
# go in as ``sample_weight``: thirteen weighted rows are the same data as 6,115 single ones.

import matplotlib.pyplot as plt
import numpy as np

from skem import BinomialMixture
from skem.datasets import load_saxony
from skem.plotting import CountDisplay

saxony = load_saxony()
X, families = saxony.data, saxony.sample_weight
boys = X[:, 0]
print(np.column_stack([boys, families]).T)

# %%
# One binomial, and mixtures of two and three.

for K in (1, 2, 3):
    mixture = BinomialMixture(K, random_state=0).fit(X, sample_weight=families)
    bic = mixture.bic(X, sample_weight=families)
    print(f"K = {K}: log-likelihood {mixture.lower_bound_ * 6115:.2f}, BIC {bic:.1f}")

# %%
# BIC prefers two kinds of family. How well does each model predict the counts? Sum the squared
# differences, each over what was expected (Pearson's statistic): about one per degree of freedom
# is what a true model would have.

one = BinomialMixture(1).fit(X, sample_weight=families)
two = BinomialMixture(2, random_state=0).fit(X, sample_weight=families)
expected = {}
for name, mixture, freedom in [("one binomial", one, 11), ("two", two, 9)]:
    expected[name] = 6115 * np.exp(mixture.score_samples(X))
    statistic = ((families - expected[name]) ** 2 / expected[name]).sum()
    print(f"{name}: {statistic:.1f} on {freedom} degrees of freedom")

# %%
# The two coins, with standard errors from the observed information.

errors = two.standard_errors(X, sample_weight=families)
for weight, p, error in zip(two.weights_, two.probabilities_, errors.probabilities, strict=True):
    print(f"{100 * weight:.0f} % of families: a boy with probability {p[0]:.3f} ({error[0]:.3f})")

# %%
# The mixture and its parts over the observed counts.

display = CountDisplay.from_estimator(two, X, sample_weight=families)
display.ax_.set(xlabel="boys among twelve children", ylabel="families")
plt.show()

# %%
# What each model leaves unexplained, on a scale of square roots, on which all bars are equally
# uncertain (Tukey's hanging rootogram).

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for (name, counts), shift in zip(expected.items(), (-0.2, 0.2), strict=True):
    ax.bar(boys + shift, np.sqrt(families) - np.sqrt(counts), 0.4, label=name)
ax.axhspan(-1, 1, color="0.9", zorder=0, label="to be expected by chance")
ax.set(ylabel="root of observed less root of expected", xlabel="boys among twelve children")
ax.legend()
plt.show()
