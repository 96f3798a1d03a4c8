"""A chain whose start is the stationary distribution of its transitions."""

import numpy as np
import pytest
from scipy.optimize import minimize

from skem.chains.markov import stationary_distribution
from skem.mixture.markov import Chain
from skem.mixture.stationary import StationaryMarkov

COUNTS = np.array([[30.0, 2.0, 5.0], [9.0, 3.0, 1.0], [2.0, 20.0, 4.0], [1.0, 3.0, 6.0]])
ALL = np.vstack([np.zeros((1, 3), bool), np.ones((3, 3), bool)])
BAND = np.array([[0, 0, 0], [1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool)


def chain_of(free, seed=0):
    A = np.random.default_rng(seed).uniform(0.2, 1, (3, 3)) * free[1:]
    A /= A.sum(axis=1, keepdims=True)
    return Chain(stationary_distribution(A), A)


def expected(labels, vector, like, pseudo=0.0):
    """Return the expected log-probability of starts and transitions."""
    table = labels.table(*labels.from_vector(vector, like))
    counts = COUNTS + pseudo * labels.free
    return (counts * np.log(np.where(table > 0, table, 1.0))).sum()


@pytest.mark.parametrize("free", [ALL, BAND], ids=["all", "zeros"])
@pytest.mark.parametrize("pseudo", [0.0, 2.0])
class TestMaximum:
    """The M-step that has no closed form."""

    def test_slope_is_that_of_differences(self, free, pseudo):
        labels, chain = StationaryMarkov(free, pseudo * np.ones((4, 3))), chain_of(free)
        at = labels.to_vector(chain)
        assert len(at) == labels.n_parameters() == free[1:].sum() - 3
        steps = 1e-5 * np.eye(len(at))
        numeric = [
            expected(labels, at + h, chain, pseudo) - expected(labels, at - h, chain, pseudo)
            for h in steps
        ]
        slope = labels.gradient(chain, COUNTS)
        np.testing.assert_allclose(slope, np.array(numeric) / 2e-5, rtol=1e-6, atol=1e-6)

    def test_steps_never_fall_and_lead_to_the_maximum(self, free, pseudo):
        labels, chain = StationaryMarkov(free, pseudo * np.ones((4, 3))), chain_of(free)
        found = minimize(
            lambda v: -expected(labels, v, chain_of(free), pseudo),
            labels.to_vector(chain),
            method="BFGS",
            options={"gtol": 1e-6},
        )
        values = []
        for _ in range(100):
            chain = labels.maximize(COUNTS * (free | ~ALL), chain)
            values.append(expected(labels, labels.to_vector(chain), chain, pseudo))
        assert (np.diff(values) > -1e-10).all()
        assert values[0] < values[-1] - 1e-3
        np.testing.assert_allclose(values[-1], -found.fun, rtol=1e-7)
        np.testing.assert_allclose(chain.startprob @ chain.transmat, chain.startprob)
        assert (chain.transmat[~free[1:]] == 0).all()
