"""
Hard and soft assignment on elongated clusters
==============================================

k-means gives each row to the nearest centre, where near is the same in every direction. EM lets
clusters have a shape, and shares a row out where clusters overlap. Between the two is EM with hard
assignment: clusters with a shape, and every row given to one of them.
"""

# %%
# Simulated: three elongated clusters that lie close to each other.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from skem import GaussianMixtureEM
from skem.plotting import ClusterDisplay

truth = GaussianMixtureEM.from_parameters(
    weights=[0.4, 0.35, 0.25],
    means=[[0.0, 0.0], [0.0, 1.5], [6.0, 1.0]],
    covariances=[[[4.0, 1.2], [1.2, 0.6]], [[4.0, 1.2], [1.2, 0.6]], [[0.4, 0.0], [0.0, 2.0]]],
)
X, labels = truth.sample(1000, random_state=0)

# %%
# The three of them.

centres = KMeans(3, n_init=10, random_state=0).fit(X)
hard = GaussianMixtureEM(3, assignment="hard", n_init=10, random_state=0).fit(X)
soft = GaussianMixtureEM(3, random_state=0).fit(X)
for name, fit in [("k-means", centres), ("hard EM", hard), ("soft EM", soft)]:
    print(f"{name}: agreement with the truth {adjusted_rand_score(labels, fit.labels_):.3f}")

# %%
# What is lost by deciding too early. A row between two clusters says something of both; given to
# one of them it makes that one too tight, and pushes the two apart. The determinants of the
# covariances, in proportion to the true ones:


def matched(fit):
    distances = np.linalg.norm(fit.means_[:, None] - truth.means_, axis=2)
    return distances.argmin(axis=0)


for name, fit in [("hard", hard), ("soft", soft)]:
    volumes = np.linalg.det(fit.covariances_[matched(fit)]) / np.linalg.det(truth.covariances_)
    print(f"{name}: {volumes.round(2)}")

# %%
# In the pictures of the mixtures uncertain rows are drawn large.

fig, axes = plt.subplots(3, 1, figsize=(7, 10), layout="constrained", sharex=True, sharey=True)
axes[0].scatter(*X.T, c=centres.labels_, s=20, cmap=plt.get_cmap("viridis", 4), vmax=3)
axes[0].plot(*centres.cluster_centers_.T, "o", color="white", markeredgecolor="black")
for ax, fit in zip(axes[1:], (hard, soft), strict=True):
    ClusterDisplay.from_estimator(fit, X, ax=ax, regions=())
for ax, title in zip(axes, ("k-means", "hard assignment", "soft assignment"), strict=True):
    ax.set(title=title)
plt.show()
