"""
Old Faithful: which mixture?
============================

The geyser erupts for some minutes, and the longer it did, the longer one waits for the next time.
How many kinds of eruption are there, and of what shape? A search over numbers of components and
covariance structures, a table of what it found, and a picture of the winner.
"""

# %%
# The durations and waiting times of 272 eruptions, in minutes.

# sphinx_gallery_thumbnail_number = 2
from sklearn.model_selection import GridSearchCV

from skem import GaussianMixtureEM
from skem.datasets import load_old_faithful
from skem.model_selection import WholeSample, information_criteria, selection_table
from skem.plotting import ClusterDisplay, SelectionDisplay

X = load_old_faithful(as_frame=True).data
X.describe().round(2)

# %%
# Information criteria judge a fit by all the data that it was made of, so the search does not
# split them: ``WholeSample``.

grid = {"n_components": range(1, 6), "covariance_type": ["full", "tied", "diag"]}
search = GridSearchCV(
    GaussianMixtureEM(random_state=0),
    grid,
    scoring=information_criteria,
    refit="neg_bic",
    cv=WholeSample(),
).fit(X)
table = selection_table(search)
columns = ["covariance_type", "n_components", "n_parameters", "log_likelihood", "bic", "icl"]
table[columns].head(6).round(1)

# %%
# By BIC there are three components of one shape; by ICL, which also asks that the clusters be told
# apart, there are fewer.

print("best by BIC:", search.best_params_)
print("best by ICL:", table.loc[table["icl"].idxmin(), columns[:2]].to_dict())
display = SelectionDisplay.from_estimator(search)

# %%
# The best by BIC. Dashed ellipses are the components at one and two standard deviations, thin
# lines the regions in which the mixture has half, 90 % and 99 % of its probability. An uncertain
# eruption is drawn large.

display = ClusterDisplay.from_estimator(search.best_estimator_, X)

# %%
# And the best by ICL.

by_icl = GaussianMixtureEM(2, covariance_type="full", random_state=0).fit(X)
display = ClusterDisplay.from_estimator(by_icl, X)

# %%
# The labels are those that ``fit`` left, in the order of the rows.

X.assign(kind=search.best_estimator_.labels_).groupby("kind").mean().round(2)
