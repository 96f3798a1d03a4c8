"""The trace: what a fit did at each evaluation, against the formulas row by row."""

import copy
import pickle
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import entr
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_beta_blockers, load_old_faithful, load_two_coins
from tests import reference

FAITHFUL = load_old_faithful().data
CENTRES = load_beta_blockers().data
COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]

MIXTURES = [
    *(
        pytest.param(
            GaussianMixtureEM(
                3, covariance_type=name, reg_covar=0.0, init_params="kmeans", record_trace=True
            ),
            FAITHFUL,
            id=name,
        )
        for name in COVARIANCE_TYPES
    ),
    pytest.param(
        BinomialMixture(3, init_params="kmeans", record_trace=True), CENTRES, id="binomial"
    ),
]
each_mixture = pytest.mark.parametrize(("mixture", "X"), MIXTURES)


def fitted(mixture, X, **data):
    """Return a clone fitted from a seed."""
    return clone(mixture).set_params(random_state=0).fit(X, **data)


def at(mixture, entry):
    """Return the mixture as it was at an entry of its trace."""
    image = copy.copy(mixture)
    vars(image).update(entry.parameters)
    return image


def parts(mixture, X, sample_weight=None, known_labels=None, hard=False):
    """Return Q and the entropy, both by row, with the responsibilities of a mixture."""
    joint = reference.log_joint(mixture, X)
    r = reference.responsibilities(mixture, X, known_labels, hard=hard)
    Q = np.where(r > 0, r * joint, 0.0).sum(axis=1)
    return np.average([Q, entr(r).sum(axis=1)], axis=1, weights=sample_weight)


#: What can be told to fit, and how rows are assigned.
WAYS = [
    pytest.param({}, {}, id="plain"),
    pytest.param({}, {"acceleration": None}, id="EM steps alone"),
    pytest.param({"sample_weight": True, "known_labels": True}, {}, id="known labels"),
    pytest.param({"sample_weight": True, "known_labels": True}, {"assignment": "hard"}, id="hard"),
    pytest.param({"missing": True}, {}, id="missing cells"),
]


@each_mixture
@pytest.mark.parametrize(("told", "params"), WAYS)
def test_q_and_entropy_add_up_to_the_bound_that_touches_the_log_likelihood(
    mixture, X, told, params
):
    rng, data = np.random.default_rng(0), {}
    if "sample_weight" in told:
        data["sample_weight"] = rng.uniform(0.2, 2, len(X))
    if "known_labels" in told:
        groups = np.digitize(X[:, 0], np.quantile(X[:, 0], [1 / 3, 2 / 3]))
        data["known_labels"] = np.where(rng.random(len(X)) < 0.2, groups, -1)
    if "missing" in told:
        holes = rng.random(X.shape) < 0.1
        X = np.where(holes[:, :1] if isinstance(mixture, BinomialMixture) else holes, np.nan, X)
        X = X[~np.isnan(X).all(axis=1)]  # a row of which nothing is known is left out of a fit
    model = clone(mixture).set_params(**params)
    model = fitted(model, X, **data)
    hard = model.assignment == "hard"
    assert len(model.trace_) > 1
    for entry in model.trace_[:: 1 + len(model.trace_) // 6]:
        then = at(model, entry)
        Q, entropy = parts(then, X, **data, hard=hard)
        objective = reference.objective(then, X, **data, hard=hard)
        assert_allclose(entry.expected_log_likelihood, Q, rtol=1e-10)
        assert_allclose(entry.entropy, entropy, rtol=1e-8, atol=1e-10)
        assert_allclose(entry.log_likelihood, objective, rtol=1e-10)
        assert_allclose(entry.expected_log_likelihood + entry.entropy, objective, rtol=1e-10)
        assert entry.log_likelihood == model.lower_bounds_[entry.n_iter - 1]
        if hard:
            assert abs(entry.entropy) < 1e-10
        elif "known_labels" not in told:
            assert entry.entropy > 1e-3


@pytest.mark.filterwarnings("ignore:The fit cannot be trusted")
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_ridge_is_taken_off_q(covariance_type):
    mixture = GaussianMixtureEM(
        3, covariance_type=covariance_type, reg_covar=0.5, record_trace=True, init_params="kmeans"
    )
    model = fitted(mixture, FAITHFUL)
    for entry in (model.trace_[0], model.trace_[-1]):
        then = at(model, entry)
        r = reference.responsibilities(then, FAITHFUL)
        traces = np.trace(np.linalg.inv(reference.covariance_matrices(then)), axis1=1, axis2=2)
        # The penalty of a component lowers its log-density, and so the responsibilities too.
        joint = reference.log_joint(then, FAITHFUL) - 0.25 * traces
        r = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
        assert_allclose(entry.entropy, entr(r).sum(axis=1).mean(), rtol=1e-8)
        expected = (r * joint).sum(axis=1).mean()
        assert_allclose(entry.expected_log_likelihood, expected, rtol=1e-10)
        assert_allclose(expected + entry.entropy, entry.log_likelihood, rtol=1e-10)


@each_mixture
def test_without_acceleration_each_entry_is_the_m_step_of_the_one_before(mixture, X):
    weight = np.random.default_rng(0).uniform(0.2, 2, len(X))
    model = clone(mixture).set_params(acceleration=None, max_iter=12, tol=0)
    with pytest.warns(ConvergenceWarning):
        model = fitted(model, X, sample_weight=weight)
    assert [entry.n_iter for entry in model.trace_] == list(range(1, 13))
    steps = [*(entry.parameters for entry in model.trace_), vars(model)]
    for entry, after in zip(model.trace_, steps[1:], strict=True):
        then = at(model, entry)
        r = reference.responsibilities(then, X)
        for name, values in reference.m_step(then, X, r, weight).items():
            assert_allclose(after[name], values, rtol=1e-8, atol=1e-10, err_msg=name)
    moved = abs(model.trace_[0].parameters["weights_"] - model.weights_).max()
    assert moved > 1e-3


def test_two_coins_go_the_published_way():
    mixture = BinomialMixture(
        2,
        weights_init=[0.5, 0.5],
        probabilities_init=[[0.6], [0.5]],
        fixed={"weights": True},
        acceleration=None,
        tol=0,
        max_iter=11,
        record_trace=True,
    )
    with pytest.warns(ConvergenceWarning):
        mixture.fit(load_two_coins().data)
    way = [
        entry.parameters["probabilities_"].ravel().round(2).tolist() for entry in mixture.trace_
    ]
    assert way[:2] == [[0.6, 0.5], [0.71, 0.58]]
    assert way[10] == [0.8, 0.52]


@each_mixture
def test_entries_are_evaluations_that_were_better_than_any_before(mixture, X):
    model = fitted(mixture, X)
    assert len(model.lower_bounds_) == model.n_iter_
    numbers = [entry.n_iter for entry in model.trace_]
    assert numbers[0] == 1
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= model.n_iter_
    assert np.all(np.diff([entry.log_likelihood for entry in model.trace_]) >= 0)
    assert model.trace_[-1].log_likelihood <= model.lower_bound_ + 1e-12
    for entry in model.trace_:
        for name, values in entry.parameters.items():
            assert values.shape == getattr(model, name).shape


@each_mixture
def test_parameters_of_the_trace_make_a_mixture(mixture, X):
    model = fitted(mixture, X)
    entry = model.trace_[1]
    given = {name.removesuffix("_"): values for name, values in entry.parameters.items()}
    if isinstance(model, BinomialMixture):
        known = BinomialMixture.from_parameters(**given)
    else:
        for name in ("precisions", "precisions_cholesky"):
            del given[name]
        known = GaussianMixtureEM.from_parameters(covariance_type=model.covariance_type, **given)
    assert_allclose(known.score(X), entry.log_likelihood, rtol=1e-10)


@each_mixture
def test_watching_changes_nothing(mixture, X):
    watched = fitted(mixture, X)
    plain = fitted(clone(mixture).set_params(record_trace=False), X)
    assert watched.lower_bounds_ == plain.lower_bounds_
    assert_array_equal(watched.weights_, plain.weights_)
    assert not hasattr(plain, "trace_")
    watched.set_params(record_trace=False).fit(X)
    assert not hasattr(watched, "trace_")


def test_the_trace_is_that_of_the_best_start():
    mixture = GaussianMixtureEM(
        3, init_params="random_from_data", n_init=5, n_jobs=2, record_trace=True
    )
    model = fitted(mixture, FAITHFUL)
    best = max(restart.log_likelihood for restart in model.restarts_)
    assert min(restart.log_likelihood for restart in model.restarts_) < best - 1e-3
    assert_allclose(model.trace_[-1].log_likelihood, best, atol=1e-7)
    assert model.trace_[-1].log_likelihood in model.lower_bounds_


@each_mixture
def test_without_evaluations_there_is_no_trace(mixture, X):
    model = fitted(clone(mixture).set_params(max_iter=0), X)
    assert model.trace_ == ()
    assert model.lower_bounds_ == []


def test_a_trace_is_pickled_with_the_fit():
    model = fitted(MIXTURES[0].values[0], FAITHFUL)
    copied = pickle.loads(pickle.dumps(model))
    assert [entry[2:] for entry in copied.trace_] == [entry[2:] for entry in model.trace_]
    assert_array_equal(copied.trace_[1].parameters["means_"], model.trace_[1].parameters["means_"])
    assert copied.trace_[0]._fields == (
        "n_iter",
        "parameters",
        "log_likelihood",
        "expected_log_likelihood",
        "entropy",
    )


@pytest.mark.parametrize("record_trace", [1, None, "yes"])
def test_record_trace_is_a_bool(record_trace):
    with pytest.raises(ValueError, match="'record_trace' parameter of BinomialMixture must be"):
        BinomialMixture(record_trace=record_trace).fit(CENTRES)


@pytest.mark.parametrize(("verbose", "max_iter", "n_init"), [(0, 25, 1), (1, 7, 2), (2, 25, 1)])
def test_verbose_prints_what_scikit_learn_prints(capsys, verbose, max_iter, n_init):
    params = {
        "n_components": 3,
        "init_params": "kmeans",
        "random_state": 0,
        "tol": 0,
        "max_iter": max_iter,
        "n_init": n_init,
        "verbose": verbose,
        "verbose_interval": 5,
    }

    def printed(mixture):
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            mixture.fit(FAITHFUL)
        # Times are not the same twice, and changes are those of a bound at another time.
        return re.sub(r"-?(\d+\.\d+|inf)", "#", capsys.readouterr().out)

    ours = printed(GaussianMixtureEM(acceleration=None, **params))
    assert ours == printed(GaussianMixture(**params))
    assert bool(ours) == (verbose > 0)
