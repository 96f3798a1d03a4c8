"""
Old Faithful, one eruption after another
========================================

As a mixture the eruptions of Old Faithful are long or short. But they are a series, and a short
one is hardly ever followed by another. A hidden Markov model sees that, and knows more of the
next.
"""

# %%
# The same two Gaussians, with rows that are independent, and with rows that follow each other.

import matplotlib.pyplot as plt
import numpy as np

from skem import GaussianHMM, GaussianMixtureEM
from skem.datasets import load_old_faithful
from skem.plotting import TransitionDisplay

X = load_old_faithful().data
mixture = GaussianMixtureEM(2, random_state=0).fit(X)
chain = GaussianHMM(2, random_state=0).fit(X).reordered(0)
for model in (mixture, chain):
    print(f"{type(model).__name__}: {model.n_parameters_} parameters, BIC {model.bic(X):.0f}")

# %%
# After a short eruption comes a long one; after a long one, either.

TransitionDisplay.from_estimator(chain)
plt.show()

# %%
# What is known of an eruption before it has begun: its probability to be long given all those
# before, beside the share of long ones, which is all that a mixture knows.

ahead = chain.filter_proba(X) @ chain.transmat_
was_long = chain.predict(X)[1:] == 1
share = was_long.mean()
print(f"told right by the share alone: {max(share, 1 - share):.0%}")
print(f"told right by the one before:  {((ahead[:-1, 1] > 0.5) == was_long).mean():.0%}")

# %%
# The waiting time to come, after each eruption, and what it was. (The parameters have seen these
# rows.)

mean = ahead @ chain.means_
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(X[1:80, 1], ".", color="0.5", label="waited")
ax.step(np.arange(79), mean[:79, 1], where="mid", label="expected from those before")
ax.set(xlabel="eruption", ylabel="minutes")
ax.legend()
plt.show()
