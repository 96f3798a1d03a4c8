"""Binomials at the edge of the parameter space, in both layouts, and as Bernoullis."""

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import gammaln
from scipy.stats import bernoulli

from skem.data.rows import Rows
from skem.families import Binomial, BinomialParameters
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from skem.mixture.scoring import evaluate
from tests.families.cases import binomials

pytestmark = pytest.mark.filterwarnings("error")

HALF = np.array([0.5, 0.5])


def score(family, params, X):
    """Return log-densities and posteriors."""
    X = np.asarray(X, dtype=float)
    log_density, posterior = np.empty(len(X)), np.empty((len(X), len(params.labels.weights)))
    evaluate(family, params, X, log_density=log_density, posterior=posterior)
    return log_density, posterior


def test_one_trial_is_bernoulli():
    p = np.array([[0.2], [0.9]])
    X = np.array([[0.0], [1.0]])
    log_density, _ = score(Binomial(2, 1, np.ones(1)), binomials(HALF, p), X)
    assert_allclose(log_density, np.log(bernoulli.pmf(X, p.T) @ HALF), rtol=1e-14)


@pytest.mark.parametrize("trials", [1, 10, 1000])
def test_log_density_is_exact(trials):
    """Against whole-number arithmetic, tails included."""
    p = Fraction(3, 8)
    successes = np.unique([0, trials // 3, trials // 2, trials - 1, trials])
    exact = [
        math.log(math.comb(trials, s) * 3**s * 5 ** (trials - s)) - trials * math.log(8)
        for s in successes.tolist()
    ]
    params = binomials(np.ones(1), np.array([[float(p)]]))
    log_density, _ = score(Binomial(1, 1, np.array([trials])), params, successes[:, np.newaxis])
    # log C(n, s), which can be n log 2, and the rest nearly cancel.
    assert_allclose(log_density, exact, rtol=1e-12, atol=trials * np.finfo(float).eps)


def test_fractional_counts_have_the_coefficient_of_the_gamma_function():
    s, f, p = 2.5, 0.25, 0.7
    expected = gammaln(s + f + 1) - gammaln(s + 1) - gammaln(f + 1)
    expected += s * np.log(p) + f * np.log(1 - p)
    params = binomials(np.ones(1), np.array([[p]]))
    assert_allclose(score(Binomial(1, 1), params, [[s, f]])[0], expected, rtol=1e-13)


def test_both_layouts_are_one_model():
    rng = np.random.default_rng(0)
    successes = rng.integers(0, 6, (50, 3)).astype(float)
    r = rng.dirichlet([1, 1], size=50)
    short = MixtureModel(Independent(), Binomial(2, 3, np.full(3, 5.0)), Rows(successes))
    long = MixtureModel(Independent(), Binomial(2, 3), Rows(np.hstack([successes, 5 - successes])))
    start = short.start(r)
    a, b = short.evaluate(start), long.evaluate(start)
    assert a.objective == b.objective
    assert_array_equal(a.params.labels.weights, b.params.labels.weights)
    assert_array_equal(a.params.components.probabilities, b.params.components.probabilities)


def test_probabilities_of_zero_and_one_are_legitimate():
    """0 log 0 is 0, and a row that no component can produce has -inf and the weights."""
    family = Binomial(2, 1, np.array([3.0]))
    params = binomials(np.array([0.25, 0.75]), np.array([[0.0], [1.0]]))
    log_density, posterior = score(family, params, [[0], [3], [1]])
    assert_allclose(log_density, [np.log(0.25), np.log(0.75), -np.inf], rtol=1e-14)
    assert_array_equal(posterior, [[1, 0], [0, 1], [0.25, 0.75]])


def test_impossible_rows_count_as_nothing_but_minus_infinity():
    """One possible row and one impossible one: the M-step of the weights stands in for it."""
    family = Binomial(2, 1, np.array([3.0]))
    params = binomials(HALF, np.array([[0.0], [1.0]]))
    step = MixtureModel(Independent(), family, Rows(np.array([[0.0], [1.0]]))).evaluate(params)
    assert step.objective == -np.inf
    assert np.isfinite(step.params.components.probabilities).all()


def test_probability_at_the_edge_stays_there():
    X = np.array([[3.0], [3.0], [0.0], [1.0]])
    model = MixtureModel(Independent(), Binomial(2, 1, np.array([3.0])), Rows(X))
    params = model.start(np.array([0, 0, 1, 1]))
    assert params.components.probabilities[0, 0] == 1.0
    assert model.evaluate(params).params.components.probabilities[0, 0] == 1.0


def test_cell_without_trials_is_unobserved():
    rng = np.random.default_rng(0)
    params = binomials(HALF, rng.uniform(size=(2, 2)))
    s, f = rng.integers(0, 9, (2, 20, 1))
    empty = np.zeros_like(s)
    with_empty, _ = score(Binomial(2, 2), params, np.hstack([s, empty, f, empty]))
    without = params.with_arrays(probabilities=params.components.probabilities[:, :1])
    assert_allclose(with_empty, score(Binomial(2, 1), without, np.hstack([s, f]))[0], rtol=1e-14)


def test_component_that_saw_no_trial_of_a_column_keeps_its_probability_or_takes_the_pooled_one():
    # Successes of two columns, then failures; component 1 sees no trial of the second column.
    X = np.array([[3.0, 1.0, 1.0, 3.0], [2.0, 0.0, 2.0, 0.0]])
    model = MixtureModel(Independent(), Binomial(2, 2), Rows(X))
    start = model.start(np.array([0, 1]))
    assert_allclose(start.components.probabilities, [[0.75, 0.25], [0.5, 0.25]])
    sure = binomials(HALF, np.array([[0.99, 0.5], [0.0, 0.125]]))
    X_of_one = MixtureModel(Independent(), Binomial(2, 2), Rows(np.array([[4.0, 2.0, 0.0, 2.0]])))
    assert_array_equal(
        X_of_one.evaluate(sure).params.components.probabilities[1],
        sure.components.probabilities[1],
    )


def test_sample_needs_to_know_the_trials():
    with pytest.raises(ValueError, match="trials"):
        Binomial(2, 1).sample(BinomialParameters(np.ones((2, 1))), np.ones(2, int), None)
