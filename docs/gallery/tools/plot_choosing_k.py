"""
How many components? Cross-validation against BIC
=================================================

More components always fit the data better that they are fitted to. Two ways to tell when to stop:
score each fit on rows that it has not seen, or charge it for its parameters. Here the truth is
known, so that one can see what each is good for.
"""

# %%
# Simulated: three components in two features, two of them overlapping; 400 rows.

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, KFold

from skem import GaussianMixtureEM
from skem.model_selection import (
    WholeSample,
    bootstrap_lrt,
    held_out_score,
    information_criteria,
    one_standard_error,
    selection_table,
)
from skem.plotting import ClusterDisplay, SelectionDisplay

truth = GaussianMixtureEM.from_parameters(
    weights=[0.5, 0.3, 0.2],
    means=[[0.0, 0.0], [2.5, 2.0], [5.0, -1.0]],
    covariances=[[[1.0, 0.3], [0.3, 1.0]], [[0.8, -0.4], [-0.4, 0.8]], [[0.5, 0.0], [0.0, 1.5]]],
)
X, labels = truth.sample(400, random_state=4)
mixture = GaussianMixtureEM(random_state=0)
grid = {"n_components": range(1, 6)}

# %%
# **Held-out likelihood.** Ten folds, shuffled because ``sample`` sorts its rows. The mean over
# folds has a standard error, and often the best is not clearly better than something simpler:
# ``one_standard_error`` picks the simplest candidate that is within one error of the best.

folds = KFold(10, shuffle=True, random_state=0)
by_folds = GridSearchCV(
    mixture, grid, scoring=held_out_score, refit=one_standard_error, cv=folds
).fit(X)
columns = ["n_components", "n_parameters", "score", "standard_error", "best", "one_standard_error"]
selection_table(by_folds, by="score")[columns].round(4)

# %%
# Higher is better, and the bars are standard errors.

name = "held-out nats per row"
display = SelectionDisplay.from_estimator(by_folds, metric="score", score_name=name)
plt.show()

# %%
# **Information criteria** need one fit for each candidate, to all rows. BIC charges half the
# logarithm of the number of rows for a parameter, AIC charges one nat.

by_criteria = GridSearchCV(
    mixture, grid, scoring=information_criteria, refit="neg_bic", cv=WholeSample()
).fit(X)
columns = ["n_components", "n_parameters", "log_likelihood", "bic", "aic", "icl"]
selection_table(by_criteria)[columns].round(1)

# %%
# Lower is better.

fig, ax = plt.subplots(layout="constrained")
for name, look in {"bic": "o-", "aic": "s--", "icl": "^-."}.items():
    values = -by_criteria.cv_results_[f"mean_test_neg_{name}"]
    ax.plot(grid["n_components"], values, look, label=name.upper())
ax.set(
    xlabel="number of components",
    ylabel="criterion (lower is better)",
    xticks=grid["n_components"],
)
ax.legend()
plt.show()

# %%
# **A test** of two components against three, by bootstrap: how large is the likelihood ratio
# where the truth has two? And of three against four.

for K in (2, 3):
    null = GaussianMixtureEM(K, random_state=0)
    print(bootstrap_lrt(null, X, n_bootstrap=39, random_state=1))

# %%
# All of them find the three components that are there.

display = ClusterDisplay.from_estimator(by_criteria.best_estimator_, X)
