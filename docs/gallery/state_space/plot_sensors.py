"""
Sensors with gaps
=================

Three sensors follow the same two things, and each of them is often silent. The fit uses every cell
that is there; the smoother fills in the others, and says how sure it is.
"""

# %%
# Simulated: a slow and a fast signal, three sensors, four cells in ten missing, and a stretch in
# which the first sensor was broken.

import matplotlib.pyplot as plt
import numpy as np

from skem import LinearGaussianSSM

rng = np.random.default_rng(0)
n = 400
signals = np.zeros((n, 2))
for t in range(1, n):
    signals[t] = [0.98, 0.8] * signals[t - 1] + rng.normal(size=2) * [0.2, 0.6]
truth = signals @ [[1, 0.5, -0.4], [0.3, 1, 0.6]] + [20, 5, -3]
X = truth + 0.3 * rng.normal(size=truth.shape)
X[rng.random(X.shape) < 0.4] = np.nan
X[150:200, 0] = np.nan

# %%
# Two states, all else estimated. The best of three starts.

model = LinearGaussianSSM(n_states=2, n_init=3, tol=1e-6, random_state=0).fit(X)
print([f"{restart.log_likelihood:.4f}" for restart in model.restarts_])
print("noise of the sensors:", np.sqrt(np.diag(model.observation_covariance_)).round(2))

# %%
# What was missing, beside the truth and beside a straight line between the neighbours.

filled = model.impute(X)
gone = np.isnan(X)
line = np.column_stack(
    [np.interp(np.arange(n), np.flatnonzero(~m), x[~m]) for x, m in zip(X.T, gone.T, strict=True)]
)
for name, values in {"smoother": filled, "straight lines": line}.items():
    print(f"{name}: off by {np.sqrt(np.mean((values - truth)[gone] ** 2)):.2f}")

# %%
# The broken sensor, from what the other two saw.

means, covariances = model.smooth(X)
C = model.observation_matrix_[0]
spread = np.sqrt(np.einsum("i,tij,j->t", C, covariances, C))
expected = means @ C + model.observation_offset_[0]
t = np.arange(120, 230)

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(t, X[t, 0], ".", color="0.5", label="measured")
ax.plot(t, truth[t, 0], color="0.7", label="truth")
ax.plot(t, expected[t], label="smoothed")
ax.fill_between(t, *(expected[t] + k * spread[t] for k in (-2, 2)), alpha=0.2)
ax.axvspan(150, 200, color="0.95", zorder=0)
ax.set(xlabel="time", ylabel="sensor 0")
ax.legend()
plt.show()
