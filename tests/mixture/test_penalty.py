"""With a ridge it is the penalised log-likelihood that EM raises."""

import numpy as np
import pytest

from skem import GaussianMixtureEM
from skem.datasets import load_old_faithful
from skem.families.covariance import STRUCTURES


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("reg_covar", [0.1, 10.0])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_penalised_trace_never_falls_even_where_the_likelihood_does(covariance_type, reg_covar):
    X = load_old_faithful().data
    start = GaussianMixtureEM(3, covariance_type=covariance_type, reg_covar=0.0, random_state=0)
    options = {
        "covariance_type": covariance_type,
        "reg_covar": reg_covar,
        "max_iter": 1,
        "warm_start": True,
    }
    start.fit(X)
    mixture = GaussianMixtureEM.from_parameters(
        weights=start.weights_, means=start.means_, covariances=start.covariances_, **options
    )
    penalised, likelihoods = [], [mixture.score(X)]
    for _ in range(10):
        mixture.fit(X)
        penalised += mixture.lower_bounds_
        likelihoods.append(mixture.score(X))
    assert (np.diff(penalised) >= -1e-12).all()
    assert penalised[-1] > penalised[0]
    # The start maximises the likelihood, so a penalty that is felt at all must lower it.
    assert likelihoods[-1] < likelihoods[0]
