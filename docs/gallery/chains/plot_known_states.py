"""
A few states that are known
===========================

Someone has watched a part of the recording, and written down what the animal did. A few labels
tell which state is which, as the data alone cannot.
"""

# %%
# A sensor on an animal that rests, walks and feeds: two numbers each minute. Walking and feeding
# look much alike, but walks are short.

import matplotlib.pyplot as plt
import numpy as np

from skem import GaussianHMM

NAMES = ["rests", "walks", "feeds"]
truth = GaussianHMM.from_parameters(
    startprob=[1, 0, 0],
    transmat=[[0.95, 0.05, 0], [0.15, 0.6, 0.25], [0, 0.05, 0.95]],
    means=[[0.0, 0.0], [1.5, 0.5], [1.5, 1.5]],
    covariances=[[0.5, 0.5], [1.0, 1.0], [1.0, 1.0]],
    covariance_type="diag",
)
X, states = truth.sample(600, random_state=1)

# %%
# One minute in ten was watched: -1 where not. Rest and food are in different places, so that the
# animal walks between them: zeros in the start of the transitions.

rng = np.random.default_rng(0)
known = np.where(rng.random(600) < 0.1, states, -1)
nan = np.nan
options = {
    "covariance_type": "diag",
    "transmat_init": [[nan, nan, 0], [nan, nan, nan], [0, nan, nan]],
    "random_state": 0,
}
watched = GaussianHMM(3, **options).fit(X, known_labels=known)
alone = GaussianHMM(3, **options).fit(X)
unseen = known < 0
for name, model in [("with labels", watched), ("without", alone)]:
    # Without labels the naming has to come from somewhere: here from the truth.
    confusion = np.zeros((3, 3))
    np.add.at(confusion, (states, model.predict(X)), 1)
    naming = np.arange(3) if model is watched else confusion.argmax(axis=0)
    right = (naming[model.predict(X)] == states)[unseen].mean()
    print(f"{name}: {right:.1%} of the minutes told right that nobody watched")

# %%
# After the fit labels can be given too: the path then goes through them. One that no path can go
# through is refused.

try:
    watched.predict(X[:3], known_labels=[0, 2, -1])
except ValueError as error:
    print(error)

# %%
# Two hours, with what was watched.

part = slice(300, 420)
minutes = np.arange(120)
posterior = watched.predict_proba(X, known_labels=known)[part]
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.stackplot(minutes, posterior.T, labels=NAMES, step="mid", alpha=0.6)
seen = known[part] >= 0
ax.plot(minutes[seen], np.full(seen.sum(), 1.03), "kv", clip_on=False, label="watched")
ax.set(xlabel="minute", ylabel="probability", xlim=(0, 119), ylim=(0, 1))
ax.legend(loc="lower right")
plt.show()
