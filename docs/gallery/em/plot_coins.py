"""
Two coins, step by step
=======================

Somebody takes one of two coins, A or B, flips it ten times, and writes down the heads; then takes
one again, five times in all. Which coin it was is not written down. How likely does each fall
heads? This is the example by which Do & Batzoglou (2008) explain EM, done here by hand and then
by the package.
"""

# %%
# Five series of ten flips.

import matplotlib.pyplot as plt
import numpy as np

from skem import BinomialMixture
from skem.datasets import load_two_coins
from skem.plotting import TraceDisplay

flips = load_two_coins()
X = flips.data  # heads, tails
print(X.T)

# %%
# If we knew the coins, there would be nothing to it: count the heads of each.

for coin, name in enumerate(flips.target_names):
    heads, tails = X[flips.target == coin].sum(axis=0)
    print(f"{name}: {heads} heads in {heads + tails} flips, {heads / (heads + tails):.2f}")

# %%
# **E-step.** We do not, but say we guess that A falls heads with probability 0.6 and B with 0.5.
# Then Bayes' rule says how likely each series is A's. ``from_parameters`` makes a mixture of the
# guess, and its ``predict_proba`` applies the rule. By these responsibilities heads and tails are
# shared out among the coins.


def e_step(p):
    guess = BinomialMixture.from_parameters(weights=[0.5, 0.5], probabilities=p[:, np.newaxis])
    return guess.predict_proba(X)


p = np.array([0.6, 0.5])
r = e_step(p)
print("heads tails |    A     B | heads of A  tails of A  heads of B  tails of B")
for (heads, tails), (a, b) in zip(X, r, strict=True):
    print(
        f"{heads:5} {tails:5} | {a:.2f}  {b:.2f} |"
        f"{a * heads:11.1f} {a * tails:11.1f} {b * heads:11.1f} {b * tails:11.1f}"
    )
expected = r.T @ X
print("        sum |" + " " * 12 + "|" + "".join(f"{count:11.1f} " for count in expected.ravel()))

# %%
# **M-step.** Now that every flip has its shares, count the heads of each coin as if the shares
# were facts. Then begin again with the new guess.

for step in range(1, 11):
    expected = e_step(p).T @ X
    p = expected[:, 0] / expected.sum(axis=1)
    if step in (1, 2, 10):
        print(f"after {step:2} updates: A {p[0]:.2f}, B {p[1]:.2f}")

# %%
# The estimator does the same. So far the weights of the coins were held at one half, which is
# what ``fixed`` says, and ``acceleration=None`` is EM without further help. Left alone, it
# estimates the weights, too, and goes on until there is nothing left to gain.

start = {"weights_init": [0.5, 0.5], "probabilities_init": [[0.6], [0.5]]}
by_steps = BinomialMixture(2, **start, fixed={"weights": True}, acceleration=None, tol=1e-5)
whole = BinomialMixture(2, **start)
for mixture in (by_steps.fit(X), whole.fit(X)):
    print(f"p = {mixture.probabilities_.ravel().round(3)}, weights {mixture.weights_.round(3)}")

# %%
# What the first guess, and what the last estimate make of the five series.

fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
pictures = [("guess: 0.60, 0.50", e_step(np.array([0.6, 0.5])))]
pictures += [("estimate: 0.79, 0.51", whole.predict_proba(X))]
for ax, (title, shares) in zip(axes, pictures, strict=True):
    ax.barh(range(5), shares[:, 0], color="tab:blue", label="A")
    ax.barh(range(5), shares[:, 1], left=shares[:, 0], color="tab:orange", label="B")
    ax.set(title=title, xlabel="responsibility", yticks=range(5))
    ax.set_yticklabels([f"{heads} of 10" for heads in X[:, 0]])
    ax.invert_yaxis()
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
plt.show()

# %%
# The climb from one to the other: the log-likelihood never falls.

display = TraceDisplay.from_estimator(by_steps)
