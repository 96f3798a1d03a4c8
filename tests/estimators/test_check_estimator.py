"""scikit-learn's common checks of estimators, with no expected failures."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skem import BinomialMixture, GaussianMixtureEM
from skem.families.covariance import STRUCTURES

MANY = 10**6  # trials: more than any number in the data of the checks


@parametrize_with_checks(
    [
        GaussianMixtureEM(),
        *(GaussianMixtureEM(n_components=3, covariance_type=name) for name in STRUCTURES),
        BinomialMixture(n_trials=MANY),
        BinomialMixture(n_components=3, n_trials=MANY),
    ]
)
def test_the_check_passes(estimator, check):
    check(estimator)


@parametrize_with_checks([BinomialMixture(), BinomialMixture(n_components=3)])
def test_the_check_passes_where_its_data_are_successes_and_failures(estimator, check):
    try:
        check(estimator)
    except Exception as error:
        if any("an odd number. With n_trials=None, X must be" in str(e) for e in chain(error)):
            pytest.skip("its data have an odd number of columns")
        raise


def chain(error):
    """Yield an exception and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
