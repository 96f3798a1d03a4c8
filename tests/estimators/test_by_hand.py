"""Attributes that a user assigns, values beyond all range, and pickles of other versions."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.exceptions import InconsistentVersionWarning

from skem import BinomialMixture, GaussianMixtureEM
from skem.families.covariance import STRUCTURES

C = np.array([[1.0, 0.8], [0.8, 1.0]])
LOWER = np.linalg.cholesky(np.linalg.inv(C))
ANY = LOWER @ np.array([[0.6, -0.8], [0.8, 0.6]])  # a rotation: neither lower nor upper
each_structure = pytest.mark.parametrize("covariance_type", STRUCTURES)


def by_hand(covariance_type="full", U=None):
    """Return a mixture of one component as scikit-learn's users make one."""
    mixture = GaussianMixtureEM(1, covariance_type=covariance_type, random_state=0)
    mixture.weights_, mixture.means_ = np.ones(1), np.zeros((1, 2))
    mixture.covariances_ = C if covariance_type == "tied" else C[np.newaxis]
    if U is not None:
        mixture.precisions_cholesky_ = U if covariance_type == "tied" else U[np.newaxis]
    return mixture


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
@pytest.mark.parametrize("U", [LOWER, ANY, None], ids=["lower", "any", "none"])
def test_any_factor_of_the_precision_is_one(covariance_type, U):
    mixture, X = by_hand(covariance_type, U), np.array([[1.0, 1.0], [1.0, -1.0], [0.3, 0.1]])
    assert_allclose(mixture.score_samples(X), multivariate_normal([0, 0], C).logpdf(X))
    assert_allclose(mixture.impute([[1.0, np.nan]]), [[1.0, 0.8]])
    assert_allclose(np.cov(mixture.sample(4000)[0].T), C, atol=0.1)
    if U is not None:
        on = mixture.set_params(warm_start=True, max_iter=50)
        data = np.random.default_rng(0).multivariate_normal([0, 0], C, 500)
        assert_allclose(on.fit(data).covariances_.reshape(2, 2), np.cov(data.T, ddof=0), rtol=1e-4)


@each_structure
@pytest.mark.parametrize("missing", [False, True])
def test_rows_whose_squares_overflow_are_impossible(covariance_type, missing):
    X = np.random.default_rng(0).multivariate_normal([0, 0, 0], np.eye(3) + 0.7, 100)
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(X)
    far = np.array([[v, s * v, 0.0] for v in (1e155, -1e200, 1e300) for s in (1, -1, 0)])
    if missing:
        far[:, 2] = np.nan
    rows = np.vstack([X[:5], far])
    log_density, posterior = mixture.score_samples(rows), mixture.predict_proba(rows)
    assert_allclose(log_density[:5], mixture.score_samples(X[:5]))
    assert_array_equal(log_density[5:], -np.inf)
    assert_allclose(posterior[5:], np.tile(mixture.weights_, (9, 1)))
    assert mixture.score(rows) == -np.inf
    assert_array_equal(mixture.predict(rows[5:]), mixture.weights_.argmax())
    with pytest.raises(ValueError, match="too large"):
        mixture.fit(rows)
    with pytest.raises(ValueError, match="too large"):
        mixture.partial_fit(rows)
    assert_allclose(mixture.score_samples(rows)[:5], log_density[:5])


@pytest.mark.parametrize(
    "mixture",
    [
        GaussianMixtureEM(1).fit([[0.0], [1.0], [3.0]]),
        BinomialMixture(1, n_trials=3).fit([[0], [1], [3]]),
        GaussianMixtureEM(1),
    ],
)
def test_a_pickle_of_another_version_warns(mixture, monkeypatch):
    same = pickle.dumps(mixture)
    with warnings.catch_warnings(action="error"):
        back = pickle.loads(same)
    assert vars(back).keys() == vars(mixture).keys()
    monkeypatch.setattr("skem.estimators.pickling.__version__", "99.0")
    with pytest.warns(
        InconsistentVersionWarning, match=r"skem\.\w+ from version 0.*version 99\.0"
    ):
        pickle.loads(same)
