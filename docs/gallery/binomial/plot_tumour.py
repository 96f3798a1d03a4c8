"""
Read counts of a tumour
=======================

A tumour is a mixture of clones, cells that share their mutations. Sequencing counts, at each
mutated site and in each of several samples, how many reads carry the mutation. Sites of the same
clone have the same share of mutated reads in every sample, up to chance; the depth (the number of
reads) is different everywhere, and some sites are not covered at all.
"""

# %%
# Simulated: 400 mutations of four clones in three samples, at depths from a handful to hundreds.
# A cell with no reads has 0 mutated and 0 others, which says nothing; a cell that was filtered out
# is NaN, which says as little.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV

from skem import BinomialMixture
from skem.model_selection import WholeSample, information_criteria, selection_table
from skem.plotting import ResponsibilitiesDisplay, SelectionDisplay

rng = np.random.default_rng(0)
shares = np.array([[0.48, 0.48, 0.47], [0.30, 0.05, 0.20], [0.10, 0.35, 0.0], [0.15, 0.0, 0.32]])
clone = rng.choice(4, 400, p=[0.4, 0.25, 0.2, 0.15])
depth = rng.negative_binomial(2, 0.03, (400, 3))
mutated = rng.binomial(depth, 0.002 + 0.996 * shares[clone]).astype(float)  # reads have errors
others = depth - mutated
filtered = rng.random((400, 3)) < 0.1
mutated[filtered] = others[filtered] = np.nan
X = np.hstack([mutated, others])
print(f"depth: {np.percentile(depth, [0, 10, 50, 90, 100])}; missing: {filtered.mean():.0%}")
print(X[:4])

# %%
# The number of clones by BIC and by ICL. Nothing has to be said of the missing cells.

search = GridSearchCV(
    BinomialMixture(random_state=0),
    {"n_components": range(1, 6)},
    scoring=information_criteria,
    refit="neg_bic",
    cv=WholeSample(),
).fit(X)
table = selection_table(search)
table[["n_components", "n_parameters", "log_likelihood", "bic", "icl"]].head(4).round(1)

# %%
# Up to four clones the fit gains by much, and from then on by too little.

display = SelectionDisplay.from_estimator(search)

# %%
# The clones that were found, against those that were simulated.

mixture = search.best_estimator_
print(mixture.probabilities_[mixture.weights_.argsort()[::-1]].round(2))
print(f"agreement (adjusted Rand index): {adjusted_rand_score(clone, mixture.labels_):.3f}")

# %%
# Sites in two of the samples, coloured by clone. The proportion alone misleads where the depth is
# small; the mixture weighs every site by its reads.

with np.errstate(invalid="ignore"):
    proportion = mutated / depth
fig, ax = plt.subplots(figsize=(7, 5.5), layout="constrained")
ax.scatter(*proportion[:, :2].T, s=depth[:, :2].sum(axis=1) / 4, c=mixture.labels_, alpha=0.6)
ax.scatter(*mixture.probabilities_[:, :2].T, marker="+", s=200, color="tab:red", label="clones")
ax.set(xlabel="share of mutated reads, sample 1", ylabel="share of mutated reads, sample 2")
ax.legend()
plt.show()

# %%
# How certain it is: nearly all sites belong to one clone.

display = ResponsibilitiesDisplay.from_estimator(mixture, X)

# %%
# What the filtered cells would have held, given the clone of their site: with the depth they
# would have had, here 100 reads.

row = int(np.flatnonzero(filtered.any(axis=1))[0])
print("observed:", X[row, :3], "imputed:", mixture.impute(X[[row]], n_trials=100)[0, :3].round(1))
