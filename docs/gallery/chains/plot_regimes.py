"""
Calm and nervous markets
========================

Returns of a market come in calm and in nervous times. These are simulated, so that what is found
can be compared with what was true; no real series ends up as neatly.
"""

# %%
# Ten years of daily returns in percent: calm on most days, at times nervous for some weeks. The
# mean differs little, the spread much.

import matplotlib.pyplot as plt
import numpy as np

from skem import GaussianHMM, GaussianMixtureEM

truth = GaussianHMM.from_parameters(
    transmat=[[0.99, 0.01], [0.03, 0.97]],
    means=[[0.06], [-0.08]],
    covariances=[[[0.5]], [[4.0]]],
    stationary_start=True,
)
returns, regimes = truth.sample(2500, random_state=7)

# %%
# A mixture of two Gaussians takes the days one by one, and does not know that nervous days come
# together. The chain does, and tells regimes better.

mixture = GaussianMixtureEM(2, random_state=0).fit(returns)
mixture = mixture.reordered(mixture.covariances_.ravel().argsort())
model = GaussianHMM(2, stationary_start=True, random_state=0).fit(returns)
model = model.reordered(model.covariances_.ravel().argsort())
for each in (mixture, model):
    right = (each.predict(returns) == regimes).mean()
    print(f"{type(each).__name__}: BIC {each.bic(returns):.0f}, regimes told right: {right:.0%}")

# %%
# How sure, with standard errors. The means of returns are hardly known after ten years; the
# spreads and how long regimes last are.

print(model.summary(returns, standard_errors=True))
print("mean stay, in days:", *model.expected_dwell_times_.round(0))

# %%
# What was known on the day, and what is known in hindsight.

today, hindsight = model.filter_proba(returns)[:, 1], model.predict_proba(returns)[:, 1]
fig, (top, bottom) = plt.subplots(2, figsize=(8, 5), sharex=True, layout="constrained")
top.plot(returns, color="0.6", linewidth=0.7)
top.set(ylabel="return, %")
bottom.fill_between(np.arange(2500), regimes, step="mid", alpha=0.3, label="true")
bottom.plot(today, linewidth=0.7, label="given the past")
bottom.plot(hindsight, label="given all")
bottom.set(xlabel="day", ylabel="nervous", xlim=(0, 2499), ylim=(0, 1))
bottom.legend(loc="upper right")
plt.show()

# %%
# The days to come: the spread that is expected goes from that of today's regime to that of the
# long run.

ahead = model.forecast(120)
print("standard deviation 1, 20 and 120 days ahead:", end=" ")
print(*np.sqrt(ahead.covariances[[0, 19, 119], 0, 0]).round(2))
