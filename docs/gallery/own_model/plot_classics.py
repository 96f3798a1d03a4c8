"""
Four classics in two functions each
===================================

Models that EM was made for, from the paper that named it and before: what is hidden is a cell that
was merged with another, a life that went on after the end of the study, a household that could not
be infected, and which of two chromosomes a gene lies on. Each is an E-step, an M-step, and Q for
the standard errors.
"""

# %%
# Linkage
# -------
#
# 197 animals of four kinds. The first kind is two in truth, of probability 1/2 and pi/4, of which
# only the sum was counted (Dempster, Laird & Rubin 1977).

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import gammaln, xlogy

from skem.em import POSITIVE, PROBABILITY, SIMPLEX, TwoSteps, check_gradient, fit

animals = np.array([125, 18, 20, 34])


def e_step(params):
    pi = params["pi"]
    cells = np.array([0.5 + pi / 4, (1 - pi) / 4, (1 - pi) / 4, pi / 4])
    return animals[0] * pi / (2 + pi), animals @ np.log(cells)


def m_step(hidden):
    return {"pi": (hidden + animals[3]) / (hidden + animals[1:].sum())}


def expected(params, hidden):
    pi = params["pi"]
    return (hidden + animals[3]) * np.log(pi) + animals[1:3].sum() * np.log1p(-pi)


linkage = TwoSteps(e_step, m_step, animals.sum(), {"pi": PROBABILITY}, expected)
result = fit(linkage, {"pi": 0.1})
print(f"pi {result.params['pi']:.6f}, standard error {result.standard_errors()['pi']:.4f}")

# %%
# The picture of EM that every textbook has: each plain step leaves about the same share of the
# way. That share is the share of the information that is hidden.

distances = []
fit(
    linkage,
    {"pi": 0.1},
    accelerate=False,
    report=lambda n, objective, params: distances.append(abs(params["pi"] - 0.6268214978)),
)
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.semilogy(range(1, len(distances) + 1), distances, "o-")
ax.set(xlabel="evaluation", ylabel="distance from the optimum")
plt.show()

# %%
# Lives that went on
# ------------------
#
# Times to failure of ten parts, three of which were whole when the study ended at 12. A part that
# goes on has, by the exponential distribution, 1/rate before it still. The estimate is known in
# closed form, failures by time observed, so that EM can be checked.

lives = np.array([5.1, 0.4, 12.0, 2.2, 12.0, 7.9, 1.3, 12.0, 3.5, 9.6])
failed = lives < 12


def e_step(params):
    rate = params["rate"]
    total = failed.sum() * np.log(rate) - rate * lives.sum()
    return lives.sum() + (~failed).sum() / rate, total


def m_step(total_life):
    return {"rate": len(lives) / total_life}


def expected(params, total_life):
    return len(lives) * np.log(params["rate"]) - params["rate"] * total_life


censored = TwoSteps(e_step, m_step, len(lives), {"rate": POSITIVE}, expected)
result = fit(censored, {"rate": 3.0}, tol=1e-12)
print(f"rate {result.params['rate']:.6f}, by hand {failed.sum() / lives.sum():.6f}")
print(f"standard error {result.standard_errors()['rate']:.4f}")

# %%
# Households that could not be infected
# -------------------------------------
#
# Cases of cholera in 223 households of a village in India (McKendrick 1926). There are too many
# without any for a Poisson distribution: some households were not exposed. Which of those with no
# case were, is hidden.

households = np.array([168, 32, 16, 6, 1])  # with 0, 1, ... 4 cases
cases = np.arange(5)


def probabilities(unexposed, rate):
    p = (1 - unexposed) * np.exp(cases * np.log(rate) - rate - gammaln(cases + 1))
    p[0] += unexposed
    return p


def e_step(params):
    p = probabilities(**params)
    return households[0] * params["unexposed"] / p[0], households @ np.log(p)


def m_step(hidden):
    n = households.sum()
    return {"unexposed": hidden / n, "rate": households @ cases / (n - hidden)}


def expected(params, hidden):
    n, unexposed, rate = households.sum(), params["unexposed"], params["rate"]
    labels = xlogy(hidden, unexposed) + (n - hidden) * np.log1p(-unexposed)
    return labels + households @ cases * np.log(rate) - (n - hidden) * rate


ranges = {"unexposed": PROBABILITY, "rate": POSITIVE}
cholera = TwoSteps(e_step, m_step, households.sum(), ranges, expected)
start = {"unexposed": 0.2, "rate": 0.3}
print(f"Q and log-likelihood differ by {check_gradient(cholera, start):.0e} of their slope")
result = fit(cholera, start)
print(result)
print("expected", (households.sum() * probabilities(**result.params)).round(1), "of", households)

# %%
# Haplotypes
# ----------
#
# Blood groups MN and Ss of 1000 people. They lie next to each other on a chromosome, so that
# somebody has two of the pairs MS, Ms, NS, Ns. Who has both M and N and both S and s may have MS
# and Ns, or Ms and NS.

people = np.array([[57, 140, 101], [39, 224, 226], [3, 54, 156]])  # by number of N, and of s
sure = np.array(
    [
        2 * people[0, 0] + people[0, 1] + people[1, 0],
        2 * people[0, 2] + people[0, 1] + people[1, 2],
        2 * people[2, 0] + people[1, 0] + people[2, 1],
        2 * people[2, 2] + people[1, 2] + people[2, 1],
    ]
)


def e_step(params):
    ms, m_s, ns, n_s = params["frequencies"]
    coupled, crossed = ms * n_s, m_s * ns
    share = coupled / (coupled + crossed)
    counts = sure + people[1, 1] * np.array([share, 1 - share, 1 - share, share])
    total = sure @ np.log(params["frequencies"]) + people[1, 1] * np.log(coupled + crossed)
    return counts, total


def m_step(counts):
    return {"frequencies": counts / counts.sum()}


def expected(params, counts):
    return counts @ np.log(params["frequencies"])


haplotypes = TwoSteps(e_step, m_step, people.sum(), {"frequencies": SIMPLEX}, expected)
result = fit(haplotypes, {"frequencies": np.array([0.1, 0.4, 0.4, 0.1])})
errors = result.standard_errors()["frequencies"]
for name, value, error in zip(
    ["MS", "Ms", "NS", "Ns"], result.params["frequencies"], errors, strict=True
):
    print(f"{name}: {value:.4f} ± {error:.4f}")
