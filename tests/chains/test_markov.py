"""What follows from a transition matrix."""

import numpy as np
import pytest

from skem.chains.markov import (
    expected_dwell_times,
    forecast,
    reachable,
    stationary_distribution,
)
from tests.chains.reference import KINDS


@pytest.mark.parametrize("kind", ["dense", "sticky", "cycle"])
def test_stationary_distribution_stays(kind):
    A = KINDS[kind](4, np.random.default_rng(0))
    distribution = stationary_distribution(A)
    np.testing.assert_allclose(distribution @ A, distribution, rtol=1e-13)
    np.testing.assert_allclose(distribution.sum(), 1.0)


def test_stationary_distribution_of_tiny_probabilities_has_all_digits():
    A = np.array([[1 - 1e-18, 1e-18], [3e-18, 1 - 3e-18]])
    np.testing.assert_allclose(stationary_distribution(A), [0.75, 0.25], rtol=1e-14)


def test_states_that_are_left_for_good_have_none_of_it():
    A = np.array([[0.5, 0.25, 0.25], [0, 0.5, 0.5], [0, 0.25, 0.75]])
    np.testing.assert_allclose(stationary_distribution(A), [0, 1 / 3, 2 / 3])


def test_several_stationary_distributions_are_none():
    A = np.array([[1.0, 0, 0], [0.1, 0.8, 0.1], [0, 0, 1.0]])
    with pytest.raises(ValueError, match=r"\[0\] nor \[2\]"):
        stationary_distribution(A)


def test_forecast_tends_to_the_stationary_distribution():
    A = KINDS["dense"](3, np.random.default_rng(1))
    now = np.array([1.0, 0, 0])
    ahead = forecast(now, A, 200)
    np.testing.assert_allclose(ahead[1], now @ A @ A)
    np.testing.assert_allclose(ahead[-1], stationary_distribution(A))


def test_dwell_times():
    np.testing.assert_array_equal(
        expected_dwell_times(np.array([[0.75, 0.25], [0.0, 1.0]])), [4.0, np.inf]
    )


def test_reachable_states():
    A = np.array([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    np.testing.assert_array_equal(reachable(np.eye(4)[0], A), [True, True, True, False])
    np.testing.assert_array_equal(reachable(np.eye(4)[2], A), [False, False, True, False])
