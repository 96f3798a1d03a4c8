"""
Quiet and restless years of the earth
=====================================

Great earthquakes by year: one rate does not fit, and restless years come together. A hidden Markov
model of Poisson states tells when.
"""

# %%
# How many states? The BIC asks for two, and three are close; the AIC asks for three.

import matplotlib.pyplot as plt
import numpy as np

from skem import PoissonHMM
from skem.datasets import load_earthquakes

X = load_earthquakes().data
models = [PoissonHMM(k, random_state=0).fit(X) for k in (1, 2, 3)]
for model in models:
    print(f"{model.n_components} states: BIC {model.bic(X):.1f}, AIC {model.aic(X):.1f}")

# %%
# States by their rates, how often the chain is in each, and how it moves.

model = models[2].reordered(0)
print(model.summary(X))

# %%
# The likeliest course of the states, and how sure each year's is.

years = 1900 + np.arange(len(X))
posterior = model.predict_proba(X)

fig, (top, bottom) = plt.subplots(2, figsize=(8, 5.5), sharex=True, layout="constrained")
top.plot(years, X, ".-", color="0.7", label="earthquakes of magnitude 7 or more")
top.step(years, model.rates_[model.predict(X), 0], where="mid", label="rate of the state")
top.set(ylabel="in a year")
top.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
bottom.stackplot(years, posterior.T, step="mid", labels=["quiet", "middling", "restless"])
bottom.set(xlabel="year", ylabel="probability", ylim=(0, 1), xlim=(years[0], years[-1]))
bottom.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
plt.show()
