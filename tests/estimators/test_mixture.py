"""Mixture against the package's own families, scipy's densities and direct maximisation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.utils.estimator_checks import check_estimator

from skem import BinomialMixture, Density, GaussianMixtureEM, Mixture, PoissonMixture
from skem.datasets import load_old_faithful
from skem.em import POSITIVE

FAITHFUL = np.asarray(load_old_faithful().data)
rng = np.random.default_rng(0)
COUNTS = np.concatenate([rng.poisson(3, (150, 2)), rng.poisson(12, (80, 2))]).astype(float)
TIMES = np.concatenate([rng.exponential(1, 200), rng.gamma(20, 0.5, 200)])[:, np.newaxis]
LABELS = (TIMES[:, 0] > 4).astype(int)


@pytest.mark.parametrize("closed", [True, False])
def test_normals_are_those_of_gaussian_mixture(closed):
    labels = (FAITHFUL[:, 0] > 3).astype(int)
    options = {"init_params": labels, "tol": 1e-10}
    # A distribution of another name has no closed form.
    normal = stats.norm if closed else type("Other", (type(stats.norm),), {})(name="other")
    found = Mixture(2, components=normal, **options).fit(FAITHFUL)
    expected = GaussianMixtureEM(2, covariance_type="diag", reg_covar=0.0, **options).fit(FAITHFUL)
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-8)
    for k in range(2):
        assert_allclose(found.components_[k]["loc"], expected.means_[k], rtol=1e-4)
        assert_allclose(found.components_[k]["scale"] ** 2, expected.covariances_[k], rtol=1e-3)
    assert found.n_parameters_ == expected.n_parameters_
    assert_allclose(found.bic(FAITHFUL), expected.bic(FAITHFUL), rtol=1e-8)


def test_poisson_and_binomial_are_those_of_their_classes():
    options = {"init_params": (COUNTS[:, 0] > 7).astype(int), "tol": 1e-10}
    found = Mixture(2, components=stats.poisson, **options).fit(COUNTS)
    expected = PoissonMixture(2, **options).fit(COUNTS)
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-8)
    few = COUNTS.clip(max=20)
    binomial = Density(stats.binom, fixed={"n": 20})
    found = Mixture(2, components=binomial, **options).fit(few)
    expected = BinomialMixture(2, n_trials=20, **options).fit(few)
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-7)
    assert found.n_parameters_ == 1 + 2 * 2


def test_different_components_are_those_of_direct_maximisation():
    mixture = Mixture(2, components=[stats.expon, stats.gamma], init_params=LABELS, tol=1e-10)
    mixture.fit(TIMES)

    def log_joint(theta):
        w = 1 / (1 + np.exp(-theta[0]))
        e, a, g = np.exp(theta[1:])
        x = TIMES[:, 0]
        return [
            np.log(w) + stats.expon.logpdf(x, scale=e),
            np.log1p(-w) + stats.gamma.logpdf(x, a, scale=g),
        ]

    direct = minimize(
        lambda theta: -logsumexp(log_joint(theta), axis=0).mean(),
        [0.0, 0.0, np.log(10), np.log(1.0)],
        options={"gtol": 1e-8},
    )
    assert mixture.converged_
    assert (np.diff(mixture.lower_bounds_) >= 0).all()
    assert_allclose(mixture.lower_bound_, -direct.fun, rtol=0, atol=1e-7)
    expon, gamma = mixture.components_
    e, a, g = np.exp(direct.x[1:])
    assert_allclose([expon["scale"][0], gamma["a"][0], gamma["scale"][0]], [e, a, g], rtol=1e-2)
    assert expon["loc"][0] == gamma["loc"][0] == 0
    assert mixture.n_parameters_ == 1 + 1 + 2
    assert_allclose(
        mixture.score_samples(TIMES[:5]),
        logsumexp(log_joint(np.append(np.log(mixture.weights_[0] / mixture.weights_[1]), np.log(
            [expon["scale"][0], gamma["a"][0], gamma["scale"][0]]
        ))), axis=0)[:5],
        rtol=1e-9,
    )  # fmt: skip


def laplace(X, centre, width):
    return -np.abs(X[:, 0] - centre) / width - np.log(2 * width)


def test_function_is_a_component():
    own = Density(laplace, start={"centre": 1.0, "width": 1.0}, ranges={"width": POSITIVE})
    options = {"init_params": LABELS, "tol": 1e-9}
    found = Mixture(2, components=own, **options).fit(TIMES)
    scipy = Mixture(2, components=stats.laplace, **options).fit(TIMES)
    # The median is a corner, which differences see as such to some digits.
    assert_allclose(found.lower_bound_, scipy.lower_bound_, rtol=0, atol=1e-3)
    with pytest.raises(NotImplementedError, match="laplace is a density alone"):
        found.sample(3)


def test_known_labels_and_weights():
    weights = np.random.default_rng(1).integers(1, 3, len(TIMES))
    model = Mixture(2, components=[stats.expon, stats.gamma], init_params=LABELS)
    weighted = model.fit(TIMES, sample_weight=weights).parameters_
    model.init_params = np.repeat(LABELS, weights)
    repeated = model.fit(np.repeat(TIMES, weights, axis=0)).parameters_
    assert_allclose(weighted, repeated, rtol=1e-4)
    complete = model.set_params(init_params="kmeans").fit(TIMES, known_labels=LABELS)
    assert_allclose(complete.components_[0]["scale"], TIMES[LABELS == 0].mean(), rtol=1e-8)
    a, _, scale = stats.gamma.fit(TIMES[LABELS == 1, 0], floc=0)
    assert_allclose(complete.components_[1]["a"], a, rtol=1e-4)
    assert_allclose(complete.components_[1]["scale"], scale, rtol=1e-4)


def test_draws_are_of_the_mixture():
    mixture = Mixture(2, components=[stats.expon, stats.gamma], init_params=LABELS).fit(TIMES)
    X, labels = mixture.sample(4000, random_state=0)
    assert_allclose(X[labels == 0].mean(), mixture.components_[0]["scale"][0], rtol=0.1)
    assert (
        stats.ks_1samp(
            X[labels == 1, 0],
            stats.gamma(**{n: v[0] for n, v in mixture.components_[1].items()}).cdf,
        ).pvalue
        > 1e-3
    )


def test_component_on_equal_rows_is_degenerate():
    X = np.append(np.zeros(10), np.arange(10.0))[:, np.newaxis]
    labels = np.repeat([0, 1], 10)
    with pytest.raises(ValueError, match="component 0: the scale of its norm is zero"):
        Mixture(2, init_params=labels).fit(X)


@pytest.mark.parametrize(
    ("components", "error", "message"),
    [
        (3, TypeError, "a component must be a distribution of scipy.stats, .* got 3"),
        ([stats.norm], ValueError, "components has 1 densities, but n_components is 2"),
        (laplace, ValueError, "start must name the parameters of laplace"),
    ],
)
def test_what_is_no_component(components, error, message):
    with pytest.raises(error, match=message):
        Mixture(2, components=components).fit(TIMES)


def test_parameter_that_a_distribution_does_not_have():
    with pytest.raises(ValueError, match="'n' is no parameter of gamma, which has a, loc, scale"):
        Density(stats.gamma, fixed={"n": 3})


def test_blocks_of_rows_stand_one_after_another():
    X = np.random.default_rng(0).standard_normal((100_000, 2))
    mixture = Mixture().fit(X)
    assert_allclose(mixture.components_[0]["loc"], X.mean(axis=0), rtol=0, atol=1e-14)
    assert_allclose(mixture.components_[0]["scale"], X.std(axis=0), rtol=1e-13)


def test_what_needs_a_slope_or_a_stream_says_so():
    mixture = Mixture(2, init_params=LABELS).fit(TIMES)
    assert not hasattr(mixture, "partial_fit")
    with pytest.raises(NotImplementedError, match="Densities does not allow for"):
        mixture.standard_errors(TIMES)


def test_estimator_passes_the_checks_of_scikit_learn():
    check_estimator(Mixture())
