"""
Eight displays
==============

What :mod:`skem.plotting` draws, in one figure: each display is one call.
"""

# %%
# Three fits, a search, and the axes.

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV

from skem import BinomialMixture, GaussianMixtureEM, PoissonHMM
from skem.datasets import load_earthquakes, load_old_faithful, load_saxony
from skem.model_selection import WholeSample, neg_bic
from skem.plotting import (
    ClusterDisplay,
    CountDisplay,
    DensityDisplay,
    ResponsibilitiesDisplay,
    SelectionDisplay,
    StatesDisplay,
    TraceDisplay,
    TransitionDisplay,
)

X = load_old_faithful(as_frame=True).data
saxony = load_saxony()
boys, families = saxony.data, saxony.sample_weight

gaussian = GaussianMixtureEM(3, covariance_type="tied", random_state=0).fit(X)
binomial = BinomialMixture(2, random_state=0).fit(boys, sample_weight=families)
earthquakes = load_earthquakes().data
chain = PoissonHMM(3, random_state=0).fit(earthquakes)
fits = {
    name: GaussianMixtureEM(3, init_params="kmeans", random_state=0, acceleration=how).fit(X)
    for name, how in [("plain EM", None), ("accelerated", "quasi-newton")]
}
grid = {"n_components": range(1, 6), "covariance_type": ["full", "tied", "diag"]}
search = GridSearchCV(
    GaussianMixtureEM(random_state=0), grid, scoring=neg_bic, cv=WholeSample()
).fit(X)

figure, axes = plt.subplots(4, 2, figsize=(13, 17), layout="constrained")
ClusterDisplay.from_estimator(gaussian, X, ax=axes[0, 0])
DensityDisplay.from_estimator(gaussian, X, feature="waiting", ax=axes[0, 1])
CountDisplay.from_estimator(binomial, boys, sample_weight=families, ax=axes[1, 0])
ResponsibilitiesDisplay.from_estimator(gaussian, X, ax=axes[1, 1])
TraceDisplay.from_estimators(fits, gap=True, ax=axes[2, 0])
SelectionDisplay.from_estimator(search, ax=axes[2, 1])
StatesDisplay.from_estimator(chain, earthquakes, ax=axes[3, 0])
TransitionDisplay.from_estimator(chain, ax=axes[3, 1])
plt.show()
