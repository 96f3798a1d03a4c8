"""
Blood groups: alleles that nobody has seen
==========================================

Somebody of blood group A has two A alleles, or an A and an O: the blood does not tell. How often
is each allele in the population? EM counts alleles as if it knew (Smith 1957), which makes it the
oldest example of the algorithm there is. The data are 521 patients with a duodenal ulcer
(Clarke et al. 1959; Lange 2010, section 9.5.1).
"""

# %%
# What was counted, and what each group is by the alleles' frequencies a, b and o.

import matplotlib.pyplot as plt
import numpy as np

from skem.em import SIMPLEX, TwoSteps, check_gradient, fit

groups = ["A", "B", "AB", "O"]
counts = np.array([186, 38, 13, 284])


def probabilities(a, b, o):
    return np.array([a * a + 2 * a * o, b * b + 2 * b * o, 2 * a * b, o * o])


# %%
# **E-step.** Of those with group A the share ``a / (a + 2 o)`` is expected to have two A alleles.
# The statistics are the expected number of each allele; beside them the log-likelihood of what was
# seen.


def e_step(params):
    a, b, o = params["alleles"]
    n_a, n_b, n_ab, n_o = counts
    two_a, two_b = n_a * a / (a + 2 * o), n_b * b / (b + 2 * o)
    alleles = np.array(
        [n_a + two_a + n_ab, n_b + two_b + n_ab, 2 * n_o + n_a - two_a + n_b - two_b]
    )
    return alleles, counts @ np.log(probabilities(a, b, o))


# %%
# **M-step.** The frequencies are shares of that count.


def m_step(alleles):
    return {"alleles": alleles / alleles.sum()}


# %%
# **Q**, the log-likelihood of alleles that could be counted. It is not needed, but has the slope
# of the log-likelihood, so that there are standard errors. ``check_gradient`` finds out whether it
# is right.


def expected(params, alleles):
    return alleles @ np.log(params["alleles"])


model = TwoSteps(e_step, m_step, counts.sum(), {"alleles": SIMPLEX}, expected)
start = {"alleles": np.array([0.3, 0.2, 0.5])}
print(f"Q and log-likelihood differ by {check_gradient(model, start):.0e} of their slope")
result = fit(model, start)
print(result)
print("standard errors", result.standard_errors()["alleles"].round(4))

# %%
# Three parameters with a sum of one describe four groups, and do it well.

n = counts.sum()
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
place = np.arange(4)
ax.bar(place - 0.2, counts, 0.4, label="counted")
ax.bar(place + 0.2, n * probabilities(*result.params["alleles"]), 0.4, label="expected")
ax.set(xticks=place, xticklabels=groups, xlabel="blood group", ylabel="patients")
ax.legend()
plt.show()
