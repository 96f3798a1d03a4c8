"""Warm start: a fit goes on from what is published, as if it had never stopped."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from scipy.special import logsumexp
from scipy.stats import binom
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialMixture, GaussianHMM, GaussianMixtureEM, LinearGaussianSSM
from skem.datasets import load_beta_blockers, load_old_faithful, load_saxony, load_two_coins
from tests import reference

FAITHFUL = load_old_faithful().data
SAXONY = load_saxony()
COINS = load_two_coins().data
COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]

MIXTURES = [
    *(
        pytest.param(
            GaussianMixtureEM(
                3, covariance_type=name, init_params="kmeans", random_state=0, warm_start=True
            ),
            FAITHFUL,
            id=name,
        )
        for name in COVARIANCE_TYPES
    ),
    pytest.param(
        BinomialMixture(3, init_params="kmeans", random_state=0, warm_start=True),
        load_beta_blockers().data,
        id="binomial",
    ),
]
each_mixture = pytest.mark.parametrize(("mixture", "X"), MIXTURES)
BOTH = pytest.mark.parametrize(("mixture", "X"), [MIXTURES[0], MIXTURES[-1]])
unfinished = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def assert_same(actual, expected, rtol):
    for name in [f"{name}_" for name in type(expected)._Parameters._fields]:
        values = getattr(expected, name)
        assert_allclose(getattr(actual, name), values, rtol=rtol, atol=rtol * abs(values).max())


# In pieces and in one.


@each_mixture
@pytest.mark.parametrize("piece", [1, 2, 5])
@unfinished
def test_a_fit_in_pieces_is_the_fit_in_one(mixture, X, piece):
    weight = np.random.default_rng(0).uniform(0.2, 2, len(X))
    plain = clone(mixture).set_params(acceleration=None, tol=0)
    whole = clone(plain).set_params(max_iter=20).fit(X, sample_weight=weight)
    pieces, trace = clone(plain).set_params(max_iter=piece), []
    for _ in range(20 // piece):
        pieces.fit(X, sample_weight=weight)
        assert pieces.n_iter_ == piece
        trace += pieces.lower_bounds_
    assert_same(pieces, whole, rtol=1e-9)
    assert_allclose(trace, whole.lower_bounds_, rtol=1e-12)
    assert np.ptp(trace) > 1e-4


@each_mixture
@pytest.mark.parametrize("piece", [2, 25])
@unfinished
def test_pieces_until_they_converge_end_where_one_run_does(mixture, X, piece):
    whole = clone(mixture).set_params(tol=1e-10, max_iter=5000).fit(X)
    pieces = clone(whole).set_params(max_iter=piece)
    for _ in range(5000 // piece):
        if pieces.fit(X).converged_:
            break
    assert pieces.converged_
    assert_allclose(pieces.lower_bound_, whole.lower_bound_, rtol=0, atol=2e-6)


@each_mixture
def test_a_fit_that_has_converged_has_nothing_left_to_do(mixture, X):
    fitted = clone(mixture).set_params(tol=1e-12).fit(X)
    before = copy.deepcopy(fitted)
    fitted.set_params(tol=1e-8).fit(X)
    assert fitted.converged_
    assert fitted.n_iter_ <= 4
    assert_same(fitted, before, rtol=1e-4)
    assert fitted.lower_bound_ >= before.lower_bound_ - 1e-12


@each_mixture
def test_the_first_fit_is_one_from_a_start(mixture, X):
    warm, cold = clone(mixture).fit(X), clone(mixture).set_params(warm_start=False).fit(X)
    assert warm.lower_bounds_ == cold.lower_bounds_
    again = cold.fit(X)
    assert again.lower_bounds_ == warm.lower_bounds_
    assert warm.fit(X).lower_bounds_[0] > again.lower_bounds_[0]


@BOTH
def test_only_one_start_is_continued(mixture, X):
    fitted = clone(mixture).set_params(n_init=3, init_params="random_from_data").fit(X)
    assert len(fitted.restarts_) == 3
    fitted.fit(X)
    (restart,) = fitted.restarts_
    assert restart.seed is None
    assert restart.n_iter == fitted.n_iter_


@BOTH
def test_starting_values_and_starts_have_had_their_turn(mixture, X):
    def impossible(X, **_):
        raise AssertionError("a start was made")

    given = np.array([0.6, 0.3, 0.1])
    fitted = clone(mixture).set_params(weights_init=given).fit(X)
    before = fitted.weights_
    for again in (given.tolist(), None):
        fitted.set_params(weights_init=again, init_params=impossible, max_iter=0).fit(X)
        assert_allclose(fitted.weights_, before, rtol=1e-15)


@each_mixture
def test_other_rows_are_fitted_from_there(mixture, X):
    fitted = clone(mixture).fit(X)
    begun = {f"{name}_init": getattr(fitted, f"{name}_") for name in ("weights",)}
    name = "probabilities" if isinstance(mixture, BinomialMixture) else "means"
    begun[f"{name}_init"] = getattr(fitted, f"{name}_")
    if name == "means":
        begun["covariances_init"] = fitted.covariances_
    some = X[::2]
    fitted.fit(some)
    same = clone(mixture).set_params(warm_start=False, **begun).fit(some)
    assert_same(fitted, same, rtol=1e-6)
    assert len(fitted.labels_) == len(some)
    assert_allclose(fitted.lower_bound_, fitted.score(some), rtol=1e-12)


@BOTH
def test_missing_cells_may_come_and_go(mixture, X):
    holes = np.random.default_rng(0).random((len(X), 1)) < 0.2
    with_holes = np.where(np.hstack([holes, holes]), np.nan, X)
    if not isinstance(mixture, BinomialMixture):
        with_holes[:, 1] = X[:, 1]
    fitted = clone(mixture).set_params(tol=1e-10).fit(X)
    fitted.fit(with_holes)
    seen = with_holes[~np.isnan(with_holes).all(axis=1)]
    assert_allclose(fitted.lower_bound_, reference.objective(fitted, seen), rtol=1e-10)
    fitted.fit(X)
    assert_allclose(fitted.lower_bound_, reference.objective(fitted, X), rtol=1e-10)


@BOTH
@unfinished
def test_a_pickle_continues_as_the_original_does(mixture, X):
    fitted = clone(mixture).set_params(max_iter=3).fit(X)
    copied = pickle.loads(pickle.dumps(fitted))
    for each in (fitted, copied):
        each.set_params(max_iter=500).fit(X)
    assert copied.lower_bounds_ == fitted.lower_bounds_
    assert_array_equal(copied.weights_, fitted.weights_)
    assert copied.converged_


@unfinished
def test_float32_continues():
    X = FAITHFUL.astype(np.float32)
    mixture = GaussianMixtureEM(2, random_state=0, warm_start=True, max_iter=2, tol=1e-6)
    for _ in range(20):
        mixture.fit(X)
    assert mixture.converged_
    assert mixture.means_.dtype == np.float32
    assert_allclose(mixture.lower_bound_ * len(X), -1130.264, atol=0.01)


# Where it cannot go on.


def assert_refused(mixture, X, message):
    before = copy.deepcopy(vars(mixture))
    with pytest.raises(ValueError, match=message):
        mixture.fit(X)
    assert_equal(vars(mixture), before)


@each_mixture
def test_another_number_of_components_is_refused(mixture, X):
    fitted = clone(mixture).fit(X)
    for K in (1, 2, 4):
        message = f"n_components is {K}, but the model so far has 3: set it to 3"
        assert_refused(fitted.set_params(n_components=K), X, message)
        with pytest.raises(ValueError, match=message):
            fitted.standard_errors(X)
    fitted.set_params(n_components=3).fit(X)
    fitted.set_params(warm_start=False, n_components=2).fit(X)
    assert len(fitted.weights_) == 2


@pytest.mark.parametrize("before", COVARIANCE_TYPES)
@pytest.mark.parametrize("after", COVARIANCE_TYPES)
def test_another_covariance_type_is_refused(before, after):
    fitted = GaussianMixtureEM(2, covariance_type=before, random_state=0, warm_start=True)
    fitted.fit(FAITHFUL).set_params(covariance_type=after)
    if before == after:
        assert fitted.fit(FAITHFUL).converged_
    else:
        assert_refused(fitted, FAITHFUL, f"covariance_type='{after}' from a fit with '{before}'")


def test_a_fit_that_failed_is_no_place_to_go_on_from():
    mixture = GaussianMixtureEM(2, random_state=0, warm_start=True).fit(FAITHFUL)
    before = mixture.means_.copy()
    with pytest.raises(ValueError, match="Scale it"):
        mixture.fit(FAITHFUL * 1e200)
    assert_array_equal(mixture.means_, before)
    assert mixture.fit(FAITHFUL).n_iter_ <= 4


# From parameters of one's own.


@pytest.mark.parametrize("acceleration", [None, "quasi-newton"])
def test_coins_of_known_parameters_go_on_to_the_optimum(acceleration):
    mixture = BinomialMixture.from_parameters(
        weights=[0.5, 0.5],
        probabilities=[[0.6], [0.5]],
        n_trials=10,
        warm_start=True,
        tol=1e-15,
        acceleration=acceleration,
    )
    mixture.fit(COINS[:, :1])
    assert_allclose(mixture.probabilities_.ravel(), [0.793368, 0.513917], atol=2e-6)
    assert_allclose(5 * mixture.lower_bound_, -9.795419, atol=1e-6)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_gaussians_of_known_parameters_go_on_as_from_starting_values(covariance_type):
    fitted = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(FAITHFUL)
    given = {
        "weights": [0.5, 0.5],
        "means": fitted.means_ + np.array([0.3, 3.0]),
        "covariances": 2 * fitted.covariances_,
    }
    known = GaussianMixtureEM.from_parameters(
        covariance_type=covariance_type, warm_start=True, **given
    ).fit(FAITHFUL)
    begun = {f"{name}_init": values for name, values in given.items()}
    same = GaussianMixtureEM(2, covariance_type=covariance_type, **begun).fit(FAITHFUL)
    assert_same(known, same, rtol=1e-9)
    assert known.n_iter_ == same.n_iter_ > 3
    fresh = GaussianMixtureEM.from_parameters(covariance_type=covariance_type, **given)
    assert_same(fresh.set_params(random_state=0).fit(FAITHFUL), fitted, rtol=1e-12)


def test_coins_of_known_parameters_say_what_scipy_says():
    rng = np.random.default_rng(0)
    weights, p, trials = [0.6, 0.3, 0.1], rng.random((3, 2)), [8, 20]
    successes = rng.binomial(trials, 0.4, (30, 2)).astype(float)
    joint = np.log(weights) + binom.logpmf(successes[:, np.newaxis], trials, p).sum(axis=2)
    for n_trials, X in ((trials, successes), (None, np.hstack([successes, trials - successes]))):
        known = BinomialMixture.from_parameters(
            weights=weights, probabilities=p, n_trials=n_trials, random_state=0
        )
        assert_allclose(known.score_samples(X), logsumexp(joint, axis=1), rtol=1e-12)
        assert_array_equal(known.predict(X), joint.argmax(axis=1))
        assert known.n_parameters_ == 2 + 6
        assert known.n_features_in_ == X.shape[1]
        drawn, y = known.sample(2000, n_trials=None if n_trials else trials)
        assert drawn.shape == (2000, X.shape[1])
        assert_allclose(np.bincount(y) / 2000, weights, atol=0.05)
        assert clone(known).get_params() == known.get_params()
        assert not hasattr(known, "converged_")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": [0.5, 0.6]}, "'weights' should be normalized"),
        ({"weights": [0.5, np.nan]}, "'weights' should be finite"),
        ({"weights": [1.0]}, "'weights' should have the shape"),
        ({"probabilities": [0.6, 0.5]}, r"probabilities must have the shape \(n_components, "),
        ({"probabilities": [[0.6], [1.5]]}, "probabilities must be between 0 and 1, got 1.5"),
        ({"probabilities": [[0.6], [np.nan]]}, "'probabilities' should be finite"),
        ({"n_trials": [10, 10]}, "n_trials has the shape"),
        ({"n_trials": -1}, "'n_trials'"),
        ({"tol": -1}, "'tol' parameter of BinomialMixture"),
    ],
)
def test_parameters_that_make_no_coins_are_refused(wrong, message):
    right = {"weights": [0.5, 0.5], "probabilities": [[0.6], [0.5]], "n_trials": 10}
    BinomialMixture.from_parameters(**right)
    with pytest.raises(ValueError, match=message):
        BinomialMixture.from_parameters(**{**right, **wrong})


def test_counted_rows_continue():
    """Rows of a few distinct counts are counted, in a first fit and in one that continues."""
    X = np.repeat(SAXONY.data, SAXONY.sample_weight.astype(int) // 10, axis=0)
    rng = np.random.default_rng(0)
    mixture = BinomialMixture(2, random_state=0, warm_start=True, tol=1e-10, max_iter=4)
    with pytest.warns(ConvergenceWarning):
        mixture.fit(rng.permutation(X))
    mixture.set_params(max_iter=5000).fit(rng.permutation(X))
    r = reference.responsibilities(mixture, X)
    expected = reference.m_step(mixture, X, r)
    assert_allclose(mixture.probabilities_, expected["probabilities_"], atol=1e-4)
    assert len(mixture.labels_) == len(X)


SSM = LinearGaussianSSM(warm_start=True, max_iter=3, tol=0.5)
CHANGES = [
    (GaussianMixtureEM(2, random_state=0, warm_start=True), "means_init", FAITHFUL[:2]),
    (GaussianHMM(2, random_state=0, warm_start=True), "transmat_init", [[0.9, 0.1], [0, 1]]),
    (GaussianHMM(2, random_state=0, warm_start=True), "startprob_init", [1, 0]),
    (SSM, "transition_matrix_init", [[0.5]]),
]


@pytest.mark.parametrize(("estimator", "name", "values"), CHANGES, ids=[c[1] for c in CHANGES])
def test_starting_values_that_changed_are_refused(estimator, name, values):
    """The fit goes on from what is published: it would not read them, and zeros would not hold."""
    model = clone(estimator).fit(FAITHFUL)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=rf"{name} has changed since the fit that warm_start"):
        model.set_params(**{name: values}).fit(FAITHFUL)
    model.set_params(**{name: None})
    assert vars(model) == before
    model.fit(FAITHFUL)
    begun = clone(estimator).set_params(**{name: values}).fit(FAITHFUL).fit(FAITHFUL)
    with pytest.raises(ValueError, match=f"{name} has changed"):
        begun.set_params(**{name: np.asarray(values)[::-1] + 0.125}).fit(FAITHFUL)
    cold = begun.set_params(warm_start=False, **{name: values}).fit(FAITHFUL)
    assert cold.lower_bound_ > -np.inf


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (GaussianMixtureEM(2, random_state=0, warm_start=True), "n_components"),
        (GaussianHMM(2, random_state=0, warm_start=True), "n_components"),
        (clone(SSM).set_params(n_states=2), "n_states"),
    ],
)
def test_another_number_is_refused_by_name(estimator, name):
    model = clone(estimator).fit(FAITHFUL)
    with pytest.raises(ValueError, match=f"{name} is 3, but the model so far has 2: set it to 2"):
        model.set_params(**{name: 3}).fit(FAITHFUL)


def test_a_reordered_fit_continues_with_reordered_starting_values():
    start = {"means_init": [[4.0, 80], [2, 55]], "transmat_init": [[0.5, 0.5], [0.9, 0.1]]}
    model = GaussianHMM(2, random_state=0, warm_start=True, **start).fit(FAITHFUL)
    other = model.reordered(0)
    assert other.means_init[0][0] == 2
    again = other.fit(FAITHFUL)
    np.testing.assert_allclose(again.means_, model.means_[::-1], rtol=1e-3)
