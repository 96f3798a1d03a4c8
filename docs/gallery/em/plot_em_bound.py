"""
How EM climbs: a bound that touches
===================================

EM never looks at the log-likelihood from afar. Where it stands it builds a simpler function that
touches the log-likelihood there and lies below it everywhere else, walks to the top of that, and
begins anew. Here is the picture, with a single unknown: the probability :math:`p` of one coin,
where the other is known to be fair and each is taken half of the time.
"""

# %%
# The log-likelihood :math:`L(p)` of the five series of ten flips can be drawn, since there is
# only one unknown. ``score`` is its mean over the rows.

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import entr
from scipy.stats import binom

from skem import BinomialMixture
from skem.datasets import load_two_coins

X = load_two_coins().data
heads = X[:, :1]


def mixture(p):
    return BinomialMixture.from_parameters(weights=[0.5, 0.5], probabilities=[[p], [0.5]])


def log_likelihood(p):
    return mixture(p).score(X) * len(X)


# %%
# The bound is the expected log-likelihood of rows and labels together, plus the entropy of the
# responsibilities :math:`r`: by Jensen's inequality it is nowhere above :math:`L`. The
# responsibilities are those at one point; the bound is then a function of :math:`p`.


def bound(p, r):
    log_joint = np.log(0.5) + binom.logpmf(heads, 10, [p, 0.5])
    return (r * log_joint + entr(r)).sum()


grid = np.linspace(0.1, 0.97, 200)
curve = [log_likelihood(p) for p in grid]

fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
ax.plot(grid, curve, color="black", linewidth=2.5, label="log-likelihood $L(p)$")
colors = plt.get_cmap("viridis")(np.linspace(0.1, 0.85, 4))
p = 0.25
for step, color in enumerate(colors):
    r = mixture(p).predict_proba(X)  # the E-step at p
    ax.plot(grid, [bound(q, r) for q in grid], color=color, label=f"bound after E-step {step + 1}")
    ax.plot(p, log_likelihood(p), "o", color=color)
    new = (r[:, :1] * heads).sum() / (r[:, 0] * 10).sum()  # the M-step: the top of the bound
    ax.plot([new, new], [bound(new, r), log_likelihood(new)], ":", color=color)
    ax.plot(new, bound(new, r), "^", color=color)
    p = new
ax.set(xlabel="p", ylabel="nats", ylim=(-22, -9))
ax.legend(loc="lower center")
plt.show()

# %%
# Each E-step lifts the bound until it touches the curve (circle). Each M-step goes to the top of
# the bound (triangle); the log-likelihood there is higher still, by the length of the dotted
# line. So :math:`L` cannot fall.
#
# ``fit`` makes the same steps, and with ``record_trace`` it keeps the two parts of the bound at
# each of them. They add up to the log-likelihood, because the bound touches it.

fit = BinomialMixture(
    2,
    weights_init=[0.5, 0.5],
    probabilities_init=[[0.25], [0.5]],
    fixed={"weights": True, "probabilities": [False, True]},
    acceleration=None,
    record_trace=True,
).fit(X)
print("step     p   L per row      Q   entropy")
for entry in fit.trace_[:5]:
    p = entry.parameters["probabilities_"][0, 0]
    parts = entry.expected_log_likelihood, entry.entropy
    print(f"{entry.n_iter:4} {p:.3f} {entry.log_likelihood:11.4f} {parts[0]:.4f} {parts[1]:.4f}")
