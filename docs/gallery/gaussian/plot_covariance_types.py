"""
The four covariance types in one picture
========================================

`covariance_type` says what shapes the components may have. The same rows, fitted with each of the
four: the dashed ellipses are one and two standard deviations of a component.
"""

# %%
# Two elongated clusters of different shape, 200 rows each.

import matplotlib.pyplot as plt
import numpy as np

from skem import GaussianMixtureEM
from skem.plotting import ClusterDisplay

rng = np.random.default_rng(0)
shapes = [[[2.0, 1.5], [1.5, 1.5]], [[0.4, -0.3], [-0.3, 0.6]]]
X = np.concatenate(
    [
        rng.multivariate_normal(mean, C, 200)
        for mean, C in zip([(0, 0), (4, -1)], shapes, strict=True)
    ]
)

# %%
# `full`: each component has a shape of its own. `tied`: all have the same shape. `diag`: ellipses
# along the axes. `spherical`: circles in the units of the data, each of its own size.

meanings = {
    "full": "any ellipse each",
    "tied": "one ellipse for all",
    "diag": "along the axes",
    "spherical": "circles",
}
figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained", sharex=True, sharey=True)
for ax, (kind, meaning) in zip(axes.ravel(), meanings.items(), strict=True):
    mixture = GaussianMixtureEM(2, covariance_type=kind, random_state=0).fit(X)
    ClusterDisplay.from_estimator(mixture, X, ax=ax, regions=(), legend=False)
    ax.set_title(
        f"{kind}: {meaning}\n{mixture.n_parameters_} parameters, BIC {mixture.bic(X):.0f}"
    )
plt.show()

# %%
# A lower BIC is better: it rewards a good fit and charges for parameters. Where rows are many,
# `full` is safe; where rows are few, or clusters alike, take `tied`; with many columns, `diag`. A
# search can try all four.
