"""
Beta-blockers: centres of different mortality
=============================================

In 22 centres patients after a heart attack were given beta-blockers or not. Some centres had
forty patients in an arm, some two thousand; in some one patient in six died, in others one in
twenty. A mixture finds groups of centres, and weighs each by what its numbers can tell.
"""

# %%
# A row for each centre, with two columns of counts: the control arm and the treated arm. Without
# ``n_trials`` the layout is all successes, then all failures, so that every cell has its own
# number of trials. (A "success" of this binomial is a death.)

import matplotlib.pyplot as plt
import numpy as np

from skem import BinomialMixture
from skem.datasets import load_beta_blockers

trials = load_beta_blockers()
deaths, survivors = trials.data.T.reshape(2, 2, 22)  # arms by centres
X = np.vstack([deaths, survivors]).T
patients = deaths + survivors
print("patients in an arm: from", patients.min(), "to", patients.max())

# %%
# How many groups?

mixtures = [BinomialMixture(K, random_state=0).fit(X) for K in range(1, 6)]
for mixture in mixtures:
    print(f"K = {mixture.n_components}: BIC {mixture.bic(X):.1f}, ICL {mixture.icl(X):.1f}")

# %%
# Three groups are much better than one; a fourth gains a point of BIC, and loses by ICL. In each
# of the three fewer die of those treated, and the odds ratios differ no more than their errors
# would make them.

mixture = mixtures[2]
order = mixture.probabilities_[:, 0].argsort()
errors = mixture.standard_errors(X)
print("group  centres  control          treated          odds ratio")
for group, k in enumerate(order):
    p, s = mixture.probabilities_[k], errors.probabilities[k]
    odds = p / (1 - p)
    print(
        f"{group:5} {(mixture.labels_ == k).sum():8}  {p[0]:.3f} ({s[0]:.3f})"
        f"    {p[1]:.3f} ({s[1]:.3f})    {odds[1] / odds[0]:.2f}"
    )

# %%
# How certain is it to which group a centre belongs? The fewer patients, the less.

total = patients.sum(axis=0)
for centre in total.argsort()[[0, 11, 21]]:
    shares = mixture.predict_proba(X[[centre]])[0, order]
    print(f"centre with {total[centre]:4} patients: {shares.round(2)}")

# %%
# Each centre as a circle, its area the number of patients; the colour mixes those of the groups
# by the probabilities above.

colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, 3))
fig, ax = plt.subplots(figsize=(7, 5.5), layout="constrained")
ax.scatter(
    *(deaths / patients),
    s=total / 3,
    c=np.clip(mixture.predict_proba(X)[:, order] @ colors, 0, 1),
    alpha=0.75,
    edgecolor="black",
)
ax.scatter(*mixture.probabilities_.T, marker="+", s=200, color="tab:red", label="groups")
ax.axline((0, 0), slope=1, color="0.6", linestyle=":", label="no effect")
ax.set(xlabel="mortality, control", ylabel="mortality, treated")
ax.legend()
plt.show()
