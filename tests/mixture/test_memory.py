"""A fit holds a few blocks beside the data, never a number for each row and component."""

import tracemalloc

import numpy as np
import pytest

from skem import GaussianMixtureEM
from skem.families.covariance import STRUCTURES

N, D, K = 800_000, 5, 20


@pytest.fixture(scope="module")
def data():
    """Return rows and the components they came from."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, K, N)
    return rng.standard_normal((N, D)) + 3 * rng.standard_normal((K, D))[labels], labels


def peak_of(function):
    """Return the largest number of bytes that are allocated at a time."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_fit_and_prediction_hold_less_than_a_copy_of_the_data(covariance_type, data):
    X, labels = data
    mixture = GaussianMixtureEM(K, covariance_type=covariance_type, init_params=labels, max_iter=2)
    assert peak_of(lambda: mixture.fit(X).predict(X)) < X.nbytes
    assert (mixture.labels_ == labels).mean() > 2 / K


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_start_holds_less_than_a_number_for_each_row_and_component(data):
    mixture = GaussianMixtureEM(K, init_params="random_from_data", max_iter=1, random_state=0)
    assert peak_of(lambda: mixture.fit(data[0])) < N * K * 8


def test_posterior_of_all_rows_is_what_exceeds_that(data):
    X, labels = data
    mixture = GaussianMixtureEM(K, init_params=labels, max_iter=0).fit(X)
    assert peak_of(lambda: mixture.predict_proba(X)) >= N * K * 8
