"""
Stages that never come back
===========================

A machine runs in, works, and wears out. Zeros in the start of the transitions say so, and they
stay zero.
"""

# %%
# Twenty machines, measured once a day for sixty days. Each begins in the first stage.

import matplotlib.pyplot as plt
import numpy as np

from skem import GaussianHMM

truth = GaussianHMM.from_parameters(
    startprob=[1, 0, 0],
    transmat=[[0.9, 0.1, 0], [0, 0.95, 0.05], [0, 0, 1]],
    means=[[1.5], [0.0], [2.0]],
    covariances=[[[1.0]], [[0.5]], [[1.5]]],
)
lengths = np.full(20, 60)
X, stages = truth.sample(lengths=lengths, random_state=0)

# %%
# NaN is what the data are to tell.

nan = np.nan
model = GaussianHMM(
    3,
    startprob_init=[1, 0, 0],
    transmat_init=[[nan, nan, 0], [0, nan, nan], [0, 0, 1]],
    random_state=0,
).fit(X, lengths=lengths)
found = model.predict(X, lengths=lengths)
print(model.summary(X, lengths=lengths))
print(f"stages told right: {(found == stages).mean():.1%}")
print("mean stay, in days:", *model.expected_dwell_times_[:2].round(1))

# %%
# One machine: what was measured, and what is known of its stage day by day, from the past alone
# and in hindsight.

one = X[:60]
fig, axes = plt.subplots(3, figsize=(8, 6), sharex=True, layout="constrained")
axes[0].plot(one, ".-", color="0.5")
axes[0].set(ylabel="measured")
for ax, posterior, title in [
    (axes[1], model.filter_proba(one), "from the past alone"),
    (axes[2], model.predict_proba(one), "in hindsight"),
]:
    ax.stackplot(np.arange(60), posterior.T, labels=["running in", "working", "wearing out"])
    ax.set(title=title, ylabel="probability", ylim=(0, 1), xlim=(0, 59))
fig.legend(*axes[2].get_legend_handles_labels(), loc="outside upper center", ncols=3)
axes[2].set(xlabel="day")
plt.show()
