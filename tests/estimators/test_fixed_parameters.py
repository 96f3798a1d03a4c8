"""Fixed parameters: EM leaves them where they were given, and finds the best of the others."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import binom, multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony, load_two_coins
from skem.mixture.starts import STRATEGIES
from tests import reference

FAITHFUL = load_old_faithful().data
COINS = load_two_coins().data
SAXONY = load_saxony()
N = np.nan

#: Short and long eruptions as they might be known beforehand: not where the optimum is.
WEIGHTS = np.array([0.45, 0.55])
MEANS = np.array([[2.3, 57.0], [4.1, 78.0]])
MATRICES = np.array([[[0.2, 1.0], [1.0, 40.0]], [[0.1, 0.3], [0.3, 30.0]]])
COVARIANCES = {
    "full": MATRICES,
    "tied": MATRICES[0],
    "diag": np.array([[0.2, 40.0], [0.1, 30.0]]),
    "spherical": np.array([20.0, 15.0]),
}
each_covariance_type = pytest.mark.parametrize("covariance_type", COVARIANCES)


def gaussian(covariance_type="full", **params):
    """Return a mixture of two that starts from known parameters."""
    start = {
        "weights_init": WEIGHTS,
        "means_init": MEANS,
        "covariances_init": COVARIANCES[covariance_type],
        "reg_covar": 0.0,
        "tol": 1e-13,
        "max_iter": 5000,
    }
    return GaussianMixtureEM(2, covariance_type=covariance_type, **{**start, **params})


def coins(**params):
    start = {"weights_init": [0.5, 0.5], "probabilities_init": [[0.6], [0.5]]}
    return BinomialMixture(2, **{**start, **params})


def n_parameters(covariance_type, *, weights=1, means=2, covariances=2):
    """Return the number of parameters with so many weights, means and covariances free."""
    each = {"full": 3, "tied": 3, "diag": 2, "spherical": 1}[covariance_type]
    return (
        weights
        + 2 * means
        + each * (min(covariances, 1) if covariance_type == "tied" else covariances)
    )


# Two coins picked uniformly at random: the run that Do & Batzoglou (2008) published.


@pytest.mark.parametrize("acceleration", [None, "quasi-newton"])
@pytest.mark.parametrize(("n_updates", "published"), [(1, [0.71, 0.58]), (10, [0.80, 0.52])])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_coins_of_equal_weights_give_the_published_updates(n_updates, published, acceleration):
    mixture = coins(fixed={"weights": True}, max_iter=n_updates, tol=0, acceleration=acceleration)
    mixture.fit(COINS)
    if acceleration is None or n_updates == 1:
        assert_array_equal(mixture.probabilities_.ravel().round(2), published)
    assert_array_equal(mixture.weights_, [0.5, 0.5])
    assert mixture.n_parameters_ == 2


def test_coins_of_equal_weights_end_at_their_own_optimum():
    def log_likelihood(log_odds):
        return logsumexp(binom.logpmf(COINS[:, :1], 10, expit(log_odds)), axis=1).sum() - (
            5 * np.log(2)
        )

    best = minimize(lambda v: -log_likelihood(v), [1.0, 0.1], method="BFGS", tol=1e-10)
    for acceleration in (None, "quasi-newton"):
        mixture = coins(fixed={"weights": True}, tol=1e-14, acceleration=acceleration).fit(COINS)
        assert_allclose(mixture.probabilities_.ravel(), expit(best.x), atol=1e-5)
        assert_allclose(5 * mixture.lower_bound_, -best.fun, rtol=1e-10)
    free = coins(tol=1e-14).fit(COINS)
    assert free.lower_bound_ > mixture.lower_bound_ + 1e-5


# What is fixed stays, to the last bit.


@each_covariance_type
@pytest.mark.parametrize("acceleration", [None, "quasi-newton"])
@pytest.mark.parametrize("name", ["weights", "means", "covariances"])
def test_a_fixed_parameter_stays_and_the_others_move(covariance_type, acceleration, name):
    mixture = gaussian(covariance_type, fixed={name: True}, acceleration=acceleration)
    given = {"weights": WEIGHTS, "means": MEANS, "covariances": COVARIANCES[covariance_type]}
    mixture.fit(FAITHFUL)
    assert mixture.n_iter_ > 3
    for other, values in given.items():
        found = getattr(mixture, f"{other}_")
        if other == name:
            assert_array_equal(found, values)
        else:
            assert not np.isclose(found, values, rtol=1e-4).any()
    free = {name: 0}
    assert mixture.n_parameters_ == n_parameters(covariance_type, **free)


@pytest.mark.parametrize("name", ["weights", "means", "covariances"])
@pytest.mark.parametrize("held", [0, 1])
def test_a_parameter_of_one_component_alone(name, held):
    mask = [held == 0, held == 1]
    mixture = gaussian(fixed={name: mask}).fit(FAITHFUL)
    given = {"weights": WEIGHTS, "means": MEANS, "covariances": MATRICES}[name]
    found = getattr(mixture, f"{name}_")
    assert_array_equal(found[held], given[held])
    if name == "weights":  # of two, the other is what is left
        assert_allclose(mixture.weights_.sum(), 1.0, rtol=1e-15)
        assert mixture.n_parameters_ == n_parameters("full", weights=0)
    else:
        assert not np.isclose(found[1 - held], given[1 - held], rtol=1e-4).any()
        assert mixture.n_parameters_ == n_parameters("full", **{name: 1})


def odd_weights(n=100, K=4):
    """Return weights of which some do not sum to one to the last bit, as decimals do not."""
    drawn = np.random.default_rng(0).dirichlet(np.ones(K), n).round(2)
    return [w for w in drawn if abs(w.sum() - 1) < 1e-12 and w.min() > 0.01]


def test_weights_are_kept_to_the_last_bit():
    given = odd_weights()
    assert any(w.sum() != 1.0 for w in given)
    for weights in given:
        probabilities = [[0.2], [0.4], [0.6], [0.8]]
        mixture = BinomialMixture(
            4, weights_init=weights, probabilities_init=probabilities, fixed={"weights": True}
        ).fit(SAXONY.data)
        assert_array_equal(mixture.weights_, weights)


def test_means_are_kept_to_the_last_bit_however_far_from_them_the_data_are():
    X = np.vstack([FAITHFUL, FAITHFUL + 1000])
    means = np.array([[0.1, 0.2], [1003.3, 1070.7]])
    mixture = GaussianMixtureEM(2, means_init=means, fixed={"means": True}).fit(X)
    assert_array_equal(mixture.means_, means)


def test_weights_that_are_partly_fixed_sum_to_one():
    weights = np.array([0.2, N, 0.35, N])
    for acceleration in (None, "quasi-newton"):
        mixture = GaussianMixtureEM(
            4,
            weights_init=weights,
            fixed={"weights": [True, False, True, False]},
            acceleration=acceleration,
            random_state=0,
        ).fit(FAITHFUL)
        assert_array_equal(mixture.weights_[[0, 2]], [0.2, 0.35])
        assert_allclose(mixture.weights_.sum(), 1.0, rtol=1e-15)
        r = reference.responsibilities(mixture, FAITHFUL).sum(axis=0)[[1, 3]]
        assert_allclose(mixture.weights_[[1, 3]], 0.45 * r / r.sum(), atol=1e-4)
        assert mixture.n_parameters_ == 1 + 8 + 12


@each_covariance_type
def test_with_everything_fixed_there_is_nothing_to_fit(covariance_type):
    everything = {"weights": True, "means": True, "covariances": True}
    for acceleration in (None, "quasi-newton"):
        mixture = gaussian(covariance_type, fixed=everything, acceleration=acceleration)
        mixture.fit(FAITHFUL)
        assert mixture.converged_
        assert mixture.n_parameters_ == 0
        for name, values in [
            ("weights_", WEIGHTS),
            ("means_", MEANS),
            ("covariances_", COVARIANCES[covariance_type]),
        ]:
            assert_array_equal(getattr(mixture, name), values)
        expected = -2 * len(FAITHFUL) * reference.objective(mixture, FAITHFUL)
        for criterion in (mixture.aic, mixture.bic):
            assert_allclose(criterion(FAITHFUL), expected, rtol=1e-12)


def test_with_all_probabilities_and_weights_fixed_coins_stay_as_they_are():
    mixture = coins(fixed={"weights": True, "probabilities": True}).fit(COINS)
    assert_array_equal(mixture.probabilities_, [[0.6], [0.5]])
    assert mixture.n_parameters_ == 0
    assert mixture.converged_


# What is left is at its best: against an optimiser that knows nothing of EM.


def unpacked(vector, covariance_type):
    """Return a weight, means and covariance matrices from unconstrained coordinates."""
    w, means, shape = expit(vector[0]), vector[1:5].reshape(2, 2), vector[5:]
    if covariance_type in ("full", "tied"):
        L = np.zeros((2, 2, 2))
        L[:, [0, 1, 1], [0, 0, 1]] = shape.reshape(-1, 3)
        L[:, [0, 1], [0, 1]] = np.exp(L[:, [0, 1], [0, 1]])
        C = L @ L.swapaxes(1, 2)
    elif covariance_type == "diag":
        C = np.exp(shape.reshape(2, 2))[:, :, np.newaxis] * np.eye(2)
    else:
        C = np.exp(shape)[:, np.newaxis, np.newaxis] * np.eye(2)
    return np.array([w, 1 - w]), means, C


def minus_log_likelihood(vector, covariance_type, X):
    weights, means, C = unpacked(vector, covariance_type)
    joint = [
        np.log(w) + multivariate_normal.logpdf(X, m, matrix)
        for w, m, matrix in zip(weights, means, C, strict=True)
    ]
    return -logsumexp(joint, axis=0).mean()


def packed(mixture):
    """Undo unpacked."""
    matrices = reference.covariance_matrices(mixture)
    if mixture.covariance_type == "tied":
        matrices = matrices[:1]
    if mixture.covariance_type in ("full", "tied"):
        L = np.linalg.cholesky(matrices)
        L[:, [0, 1], [0, 1]] = np.log(L[:, [0, 1], [0, 1]])
        shape = L[:, [0, 1, 1], [0, 0, 1]]
    else:
        shape = np.log(mixture.covariances_)
    w = mixture.weights_[0]
    return np.concatenate([[np.log(w / (1 - w))], mixture.means_.ravel(), shape.ravel()])


FIXED = [
    {"weights": True},
    {"means": True},
    {"means": [False, True]},
    {"covariances": True},
    {"covariances": [True, False]},
    {"weights": [False, True], "means": [True, False], "covariances": [False, True]},
]


def free_coordinates(fixed, covariance_type):
    """Return which coordinates of ``packed`` are free."""
    free = {
        name: np.array([True, True]) & ~np.broadcast_to(fixed.get(name, False), 2)
        for name in ("weights", "means", "covariances")
    }
    each = {"full": 3, "tied": 3, "diag": 2, "spherical": 1}[covariance_type]
    shapes = free["covariances"][:1] if covariance_type == "tied" else free["covariances"]
    return np.concatenate(
        [[free["weights"].all()], np.repeat(free["means"], 2), np.repeat(shapes, each)]
    )


@each_covariance_type
@pytest.mark.parametrize("fixed", FIXED, ids=str)
def test_the_rest_is_at_the_maximum_under_the_constraints(covariance_type, fixed):
    if covariance_type == "tied" and "covariances" in fixed:
        fixed = {**fixed, "covariances": True}
    X = FAITHFUL / [1.0, 10.0]  # so that no step is far longer than another
    unit = np.array([1.0, 10.0])
    C = COVARIANCES[covariance_type]
    C = {
        "full": C / np.outer(unit, unit),
        "tied": C / np.outer(unit, unit),
        "diag": C / unit**2,
        "spherical": np.array([0.2, 0.3]),
    }[covariance_type]
    mixture = gaussian(
        covariance_type, means_init=MEANS / unit, covariances_init=C, fixed=fixed
    ).fit(X)
    free, at = free_coordinates(fixed, covariance_type), packed(mixture)

    def function(values):
        vector = at.copy()
        vector[free] = values
        return minus_log_likelihood(vector, covariance_type, X)

    away = at[free] + np.random.default_rng(0).uniform(-0.1, 0.1, free.sum())
    assert function(away) > function(at[free]) + 1e-3
    best = minimize(function, away, method="BFGS", options={"gtol": 1e-7})
    assert_allclose(mixture.lower_bound_, -best.fun, rtol=0, atol=1e-8)
    assert_allclose(at[free], best.x, atol=1e-3)
    assert mixture.n_parameters_ == free.sum()


@pytest.mark.parametrize(
    "fixed",
    [
        {"probabilities": [True, False, False]},
        {"weights": [False, True, False]},
        {"weights": True},
    ],
    ids=str,
)
def test_families_of_twelve_are_at_the_maximum_under_the_constraints(fixed):
    """Boys are as likely as is commonly said in some families; in the others it is to be found."""
    X, count = SAXONY.data, SAXONY.sample_weight
    start = {"weights_init": [0.5, 0.3, 0.2], "probabilities_init": [[0.513], [0.4], [0.62]]}
    mixture = BinomialMixture(3, fixed=fixed, tol=1e-14, max_iter=100_000, **start)
    mixture.fit(X, sample_weight=count)
    free_weights = ~np.broadcast_to(fixed.get("weights", False), 3)
    free_p = ~np.broadcast_to(fixed.get("probabilities", False), 3)
    n_weights = max(free_weights.sum() - 1, 0)

    def mean_log_likelihood(vector):
        ratios, log_odds = np.split(vector, [n_weights])
        weights, p = np.array(start["weights_init"]), np.array(start["probabilities_init"])[:, 0]
        if n_weights:
            shares = np.exp(np.append(ratios, 0.0))
            weights[free_weights] = (1 - weights[~free_weights].sum()) * shares / shares.sum()
        p[free_p] = expit(log_odds)
        joint = np.log(weights) + binom.logpmf(X[:, :1], 12, p)
        return np.average(logsumexp(joint, axis=1), weights=count)

    log_weights, p = np.log(mixture.weights_[free_weights]), mixture.probabilities_[free_p, 0]
    ratios = (log_weights - log_weights[-1:])[:-1]
    at = np.concatenate([ratios, np.log(p / (1 - p))])
    assert_allclose(mean_log_likelihood(at), mixture.lower_bound_, rtol=1e-12)
    best = minimize(lambda v: -mean_log_likelihood(v), at + 0.05, method="BFGS", tol=1e-9)
    assert mean_log_likelihood(at + 0.05) < mixture.lower_bound_ - 1e-5
    assert_allclose(mixture.lower_bound_, -best.fun, rtol=0, atol=1e-9)
    assert mixture.n_parameters_ == len(at)


@each_covariance_type
@pytest.mark.parametrize("acceleration", [None, "quasi-newton"])
def test_the_trace_never_falls(covariance_type, acceleration):
    for fixed in FIXED:
        if covariance_type == "tied" and "covariances" in fixed:
            fixed = {**fixed, "covariances": True}
        mixture = gaussian(covariance_type, fixed=fixed, acceleration=acceleration, reg_covar=0.01)
        trace = np.array(mixture.fit(FAITHFUL).lower_bounds_)
        assert trace[-1] > trace[0] + 0.01
        assert np.all(np.diff(trace) >= -1e-12 * np.abs(trace[1:]))


# Criteria.


def test_fixed_parameters_are_not_paid_for():
    for fixed, free in [
        (None, 11),
        ({}, 11),
        ({"weights": False}, 11),
        ({"weights": True}, 10),
        ({"means": [True, False]}, 9),
        ({"means": True, "covariances": True}, 1),
    ]:
        mixture = gaussian(fixed=fixed).fit(FAITHFUL)
        n = len(FAITHFUL)
        deviance = -2 * n * reference.objective(mixture, FAITHFUL)
        assert mixture.n_parameters_ == free
        assert_allclose(mixture.aic(FAITHFUL), deviance + 2 * free, rtol=1e-12)
        assert_allclose(mixture.bic(FAITHFUL), deviance + free * np.log(n), rtol=1e-12)
        mixture.set_params(fixed=None)  # which is of the next fit
        assert_allclose(mixture.aic(FAITHFUL), deviance + 2 * free, rtol=1e-12)


# Starts.


@pytest.mark.parametrize("init_params", STRATEGIES)
@pytest.mark.parametrize("place", [0, 2])
def test_the_others_start_where_the_fixed_one_is_not(init_params, place):
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    X = np.repeat(centres, 40, axis=0) + np.random.default_rng(0).normal(size=(120, 2))
    means = np.full((3, 2), N)
    means[place] = centres[1] + 0.3
    mixture = GaussianMixtureEM(
        3,
        means_init=means,
        fixed={"means": np.arange(3) == place},
        init_params=init_params,
        n_init=2,
        random_state=0,
    ).fit(X)
    assert_allclose(mixture.means_[place], centres[1] + 0.3, rtol=1e-12)
    others = np.delete(mixture.means_, place, axis=0)
    assert_allclose(others[others[:, 0].argsort()], centres[[2, 0]], atol=1.5)
    assert mixture.converged_


def test_values_that_are_not_given_come_from_the_start():
    """Those of NaN alone; and what is given but not fixed is where the run starts, no more."""
    means = np.array([[2.0, 55.0], [N, N]])
    with pytest.warns(ConvergenceWarning):
        one = GaussianMixtureEM(2, means_init=means, max_iter=1, tol=0, random_state=0)
        one.fit(FAITHFUL)
    assert not np.isnan(one.means_).any()
    begun = GaussianMixtureEM(2, means_init=means, max_iter=0, random_state=0).fit(FAITHFUL)
    assert_array_equal(begun.means_[0], means[0])
    nothing = GaussianMixtureEM(
        2, means_init=np.full((2, 2), N), weights_init=[N, N], init_params="kmeans", random_state=0
    )
    plain = GaussianMixtureEM(2, init_params="kmeans", random_state=0).fit(FAITHFUL)
    assert_array_equal(nothing.fit(FAITHFUL).means_, plain.means_)


@pytest.mark.parametrize("kind", ["covariances", "precisions"])
@pytest.mark.parametrize(
    "covariance_type",
    [
        "full",
        "tied",
        "diag",
        "spherical",
    ],
)
def test_covariances_of_which_none_is_given(covariance_type, kind):
    nothing = {f"{kind}_init": np.full(np.shape(COVARIANCES[covariance_type]), N)}
    options = {"covariance_type": covariance_type, "init_params": "kmeans", "random_state": 0}
    mixture = GaussianMixtureEM(2, **options, **nothing).fit(FAITHFUL)
    assert_array_equal(mixture.means_, GaussianMixtureEM(2, **options).fit(FAITHFUL).means_)


@each_covariance_type
def test_precisions_can_be_what_is_fixed(covariance_type):
    C = COVARIANCES[covariance_type]
    P = np.linalg.inv(C) if covariance_type in ("full", "tied") else 1 / C
    mixture = gaussian(
        covariance_type, covariances_init=None, precisions_init=P, fixed={"covariances": True}
    ).fit(FAITHFUL)
    assert_allclose(mixture.precisions_, P, rtol=1e-12, atol=1e-12)
    assert_allclose(mixture.covariances_, C, rtol=1e-12)


def test_many_starts_hold_the_same_values():
    means = np.array([[2.0, 55.0], [N, N], [N, N], [N, N]])
    mixture = GaussianMixtureEM(
        4,
        means_init=means,
        fixed={"means": [True, False, False, False]},
        init_params="random_from_data",
        n_init=4,
        n_jobs=2,
        random_state=0,
    ).fit(FAITHFUL)
    assert len(mixture.restarts_) == 4
    assert_array_equal(mixture.means_[0], means[0])
    assert np.ptp([restart.log_likelihood for restart in mixture.restarts_]) > 1e-6


def test_a_fit_holds_what_an_earlier_one_came_to():
    free = gaussian().fit(FAITHFUL)
    means = free.means_.copy()
    free.set_params(warm_start=True, fixed={"means": True}).fit(FAITHFUL[:150])
    assert_array_equal(free.means_, means)
    assert free.n_parameters_ == 7
    r = reference.responsibilities(free, FAITHFUL[:150])
    assert_allclose(free.weights_, r.mean(axis=0), atol=1e-4)


def test_a_fit_holds_parameters_of_its_own_making():
    mixture = BinomialMixture.from_parameters(
        weights=[0.5, 0.5],
        probabilities=[[0.6], [0.5]],
        warm_start=True,
        fixed={"weights": True},
        max_iter=10,
        tol=0,
        acceleration=None,
    )
    with pytest.warns(ConvergenceWarning):
        mixture.fit(COINS)
    assert_array_equal(mixture.probabilities_.ravel().round(2), [0.80, 0.52])
    assert_array_equal(mixture.weights_, [0.5, 0.5])


# With weights, missing cells, single precision, copies.


@each_covariance_type
def test_integer_weights_are_repeated_rows(covariance_type):
    weight = np.random.default_rng(0).integers(0, 3, len(FAITHFUL))
    for fixed in ({"means": True}, {"covariances": True, "weights": True}):
        mixture = gaussian(covariance_type, fixed=fixed)
        weighted = clone(mixture).fit(FAITHFUL, sample_weight=weight)
        repeated = clone(mixture).fit(np.repeat(FAITHFUL, weight, axis=0))
        for name in ("weights_", "means_", "covariances_"):
            assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-5)


@each_covariance_type
@pytest.mark.parametrize("acceleration", [None, "quasi-newton"])
def test_missing_cells_do_not_move_what_is_fixed(covariance_type, acceleration):
    X = np.where(np.random.default_rng(0).random(FAITHFUL.shape) < 0.15, N, FAITHFUL)
    mixture = gaussian(
        covariance_type, fixed={"means": [True, False]}, acceleration=acceleration
    ).fit(X)
    assert_array_equal(mixture.means_[0], MEANS[0])
    best = mixture.lower_bound_
    X = X[~np.isnan(X).all(axis=1)]  # a row that says nothing does not count
    assert_allclose(best, reference.objective(mixture, X), rtol=1e-11)
    rng = np.random.default_rng(1)
    for _ in range(10):  # nothing near is better
        rival = copy.deepcopy(mixture)
        rival.weights_ = rival.weights_ + np.array([1, -1]) * rng.normal(scale=1e-2)
        rival.means_[1] += rng.normal(size=2) * [1e-2, 1e-1]
        rival.covariances_ = rival.covariances_ * np.exp(rng.normal(scale=1e-2))
        assert reference.objective(rival, X) < best


def test_single_precision_keeps_what_it_can():
    mixture = gaussian(fixed={"means": True}).fit(FAITHFUL.astype(np.float32))
    assert mixture.means_.dtype == np.float32
    assert_array_equal(mixture.means_, MEANS.astype(np.float32))


def test_a_mask_is_a_parameter_like_any_other():
    mask = np.array([True, False])
    mixture = gaussian(fixed={"means": mask})
    copied = clone(mixture)
    assert_array_equal(copied.get_params()["fixed"]["means"], mask)
    copied.fit(FAITHFUL)
    assert_array_equal(mask, [True, False])
    pickled = pickle.loads(pickle.dumps(copied))
    assert pickled.n_parameters_ == 9
    assert pickled.bic(FAITHFUL) == copied.bic(FAITHFUL)
    assert_array_equal(pickled.fit(FAITHFUL).means_, copied.means_)


# Errors.

BAD_FIXED = [
    (["means"], "'fixed' parameter of .* must be None or a dict"),
    ({"mean": True}, "fixed names 'mean'; what can be fixed is"),
    ({"precisions": True}, "fixed names 'precisions'"),
    ({"means": [True]}, r"fixed\['means'\] must be a bool, or one for each of the 2"),
    ({"means": [1, 0]}, r"fixed\['means'\] must be a bool"),
    ({"means": None}, r"fixed\['means'\] must be a bool"),
    ({"means": [[True, False]] * 2}, r"fixed\['means'\] must be a bool"),
    ({"weights": "all"}, r"fixed\['weights'\] must be a bool"),
]


def assert_refused(mixture, X, message):
    for candidate in (mixture, clone(mixture).set_params(fixed=None).fit(X)):
        candidate.set_params(fixed=mixture.fixed)
        before = copy.deepcopy(vars(candidate))
        with pytest.raises((ValueError, TypeError), match=message):
            candidate.fit(X)
        assert_equal(vars(candidate), before)


@pytest.mark.parametrize(("fixed", "message"), BAD_FIXED, ids=[case[1] for case in BAD_FIXED])
def test_what_cannot_be_fixed_is_refused(fixed, message):
    assert_refused(gaussian(fixed=fixed), FAITHFUL, message)
    coin = (
        fixed
        if isinstance(fixed, list)
        else {{"means": "probabilities"}.get(name, name): mask for name, mask in fixed.items()}
    )
    assert_refused(coins(fixed=coin), COINS, message.replace("means", "probabilities"))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"weights_init": None, "fixed": {"weights": True}}, "set weights_init"),
        ({"means_init": None, "fixed": {"means": [False, True]}}, "set means_init"),
        (
            {"means_init": [[2.0, 55.0], [N, N]], "fixed": {"means": [False, True]}},
            r"fixed\['means'\] holds values that are not given",
        ),
        ({"covariances_init": None, "fixed": {"covariances": True}}, "set covariances_init"),
        ({"means_init": [[2.0, N], [4.0, 80.0]]}, "NaN is allowed for whole components only"),
        ({"weights_init": [0.7, 0.4]}, "'weights' should be normalized"),
        ({"weights_init": [1.2, N]}, "'weights' should be in the range"),
    ],
)
def test_what_is_fixed_must_be_given(params, message):
    mixture = gaussian(**params)
    with pytest.raises(ValueError, match=message):
        mixture.fit(FAITHFUL)
    assert not [name for name in vars(mixture) if name.endswith("_")]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("assignment", ["soft", "hard"])
@pytest.mark.parametrize(
    ("probabilities", "fixed"),
    [
        ([[0.0], [1.0]], {"probabilities": True}),
        ([[0.0], [0.5]], {"probabilities": [True, False], "weights": True}),
    ],
)
def test_a_row_that_no_component_can_produce_is_refused(probabilities, fixed, assignment):
    """The likelihood is zero, whatever is free."""
    mixture = coins(weights_init=[1.0, 0.0], probabilities_init=probabilities)
    mixture.set_params(fixed=fixed, assignment=assignment)
    assert_refused(mixture, COINS, "fixed contradicts the data: .* cannot come from any component")
    mixture.set_params(fixed={name: [False, True] for name in fixed})
    assert mixture.fit(COINS).lower_bound_ > -np.inf  # from the same start


def test_a_shared_covariance_is_fixed_as_a_whole():
    mixture = gaussian("tied", fixed={"covariances": [True, False]})
    assert_refused(mixture, FAITHFUL, "covariances are shared by all components")
    for whole in (True, [True, True]):
        mixture = gaussian("tied", fixed={"covariances": whole}).fit(FAITHFUL)
        assert_array_equal(mixture.covariances_, COVARIANCES["tied"])
