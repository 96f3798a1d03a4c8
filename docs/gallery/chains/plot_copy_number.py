"""
Copies along a chromosome
=========================

A tumour has lost or gained pieces of chromosomes. At places where its owner has two alleles, the
share of reads of one of them tells: a half where both are there once, a third or two thirds after
a gain, next to none or all after a loss. Neighbours mostly share their state, and there are gaps
without reads.
"""

# %%
# Simulated: 600 places, 30 reads each, and a gap of 60 places where nothing could be read. A third
# of the sample is healthy cells, which draws shares towards a half.

import matplotlib.pyplot as plt
import numpy as np

from skem import BinomialHMM

states = np.repeat([0, 1, 0, 2, 0], [150, 110, 140, 120, 80])  # normal, gain, normal, loss, normal
shares = np.array([0.5, 0.62, 0.80])
rng = np.random.default_rng(0)
depth = rng.poisson(30, 600) + 1.0
reads = rng.binomial(depth.astype(int), shares[states])
X = np.column_stack([reads, depth - reads]).astype(float)
X[320:380] = np.nan

# %%
# The share of a normal piece is known: it is held. The others are left to the data.

model = BinomialHMM(
    3,
    probabilities_init=[[0.5], [0.6], [0.75]],
    fixed={"probabilities": [True, False, False]},
    startprob_prior=2.0,
    transmat_prior=2.0,
    random_state=0,
).fit(X)
print(model.summary(X, standard_errors=True))
path = model.predict(X)
print(f"places told right: {(path == states).mean():.1%}")
print(f"among those without reads: {(path == states)[320:380].mean():.1%}")

# %%
# Within the gap the chain goes on, less and less sure until reads come again.

fig, (top, bottom) = plt.subplots(2, figsize=(8, 5), sharex=True, layout="constrained")
top.plot(X[:, 0] / X.sum(axis=1), ".", color="0.6", markersize=3)
top.step(np.arange(600), model.probabilities_[path, 0], where="mid")
top.set(ylabel="share of reads", ylim=(0, 1))
names = ["normal", "gain", "loss"]
bottom.stackplot(np.arange(600), model.predict_proba(X).T, labels=names, step="mid")
bottom.axvspan(320, 380, color="white", alpha=0.5)
bottom.set(xlabel="place", ylabel="probability", xlim=(0, 599), ylim=(0, 1))
bottom.legend(loc="lower right")
plt.show()
