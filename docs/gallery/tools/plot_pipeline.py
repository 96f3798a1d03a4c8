"""
A pipeline, and a search inside it
==================================

A mixture is a scikit-learn estimator: it goes at the end of a pipeline, and its parameters go into
a grid. Here thirteen chemical measurements of wines are scaled, reduced to a few directions and
clustered, with the number of clusters and their shape chosen by held-out likelihood. The labels,
three cultivars, are used only at the end.
"""

# %%
# The wines.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skem import GaussianMixtureEM
from skem.model_selection import held_out_score, one_standard_error
from skem.plotting import ClusterDisplay, SelectionDisplay

X, cultivar = load_wine(return_X_y=True, as_frame=True)
pipe = make_pipeline(StandardScaler(), PCA(4), GaussianMixtureEM(random_state=0))
pipe

# %%
# The grid has parameters of the mixture alone. That is not by chance: a likelihood is a density in
# the units of what the mixture sees, so that candidates that scale or project the data in other
# ways cannot be compared by it. Of the candidates that are within a standard error of the best,
# ``one_standard_error`` takes the simplest.

grid = {
    "gaussianmixtureem__n_components": range(1, 6),
    "gaussianmixtureem__covariance_type": ["full", "tied", "diag"],
}
folds = KFold(5, shuffle=True, random_state=0)  # the rows are sorted by cultivar
search = GridSearchCV(pipe, grid, scoring=held_out_score, refit=one_standard_error, cv=folds)
search = search.fit(X)
print(search.best_params_)

# %%
# The search is now itself a clusterer: it predicts labels and posterior probabilities from raw
# measurements. They agree with the cultivars, of which it has never heard.

labels = search.predict(X)
print(f"adjusted Rand index: {adjusted_rand_score(cultivar, labels):.2f}")
print("posterior probabilities of the first wine:", search.predict_proba(X[:1]).round(3))

# %%
# What the search found.

name = "held-out nats per row"
display = SelectionDisplay.from_estimator(search, metric="score", score_name=name)
plt.show()

# %%
# A display finds the mixture in the search. It shows the features that the mixture sees.

display = ClusterDisplay.from_estimator(search, X, features=(0, 1))
display.ax_.set(xlabel="first principal component", ylabel="second principal component")
plt.show()
