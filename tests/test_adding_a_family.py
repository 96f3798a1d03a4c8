"""The family that docs/adding_a_family.md adds is a family like any other."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import expon
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

from skem.mixture.labels import MixtureParameters, Weights
from tests import laws

PAGE = Path(__file__).parents[1] / "docs" / "adding_a_family.md"
CODE = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)


def run_code(blocks, name):
    """Return what the blocks define, as a module that pickle can find."""
    module = sys.modules[name] = ModuleType(name)
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), vars(module))
    return module


SHORT, WHOLE = run_code(CODE[:2], "added_short"), run_code(CODE, "added_whole")
WEIGHTS = np.array([0.5, 0.3, 0.2])
RATES = np.array([[0.2, 0.2, 4.0], [3.0, 0.3, 0.2], [5.0, 5.0, 1.0]])


def log_densities(params, X):
    return expon.logpdf(X[:, np.newaxis], scale=1 / params.rates).sum(axis=2)


def draw(n_rows):
    rng = np.random.default_rng(0)
    labels = rng.choice(3, n_rows, p=WEIGHTS)
    return rng.exponential(1 / RATES[labels]).astype(np.float32).astype(float), labels


def case(family):
    return laws.Case(
        name=family.__name__,
        family=family(n_components=3, n_columns=3),
        params=MixtureParameters(Weights(WEIGHTS), WHOLE.ExponentialParameters(RATES)),
        X=draw(300)[0],
        n_parameters=3 - 1 + 3 * 3,
        log_densities=log_densities,
    )


def test_family_and_estimator_fit_a_screen():
    assert sum(len(block.splitlines()) for block in CODE[:2]) <= 60


@pytest.mark.parametrize(
    ("law", "case"),
    [
        pytest.param(law, case, id=f"{law.__name__}-{case}")
        for case in (case(WHOLE.Exponential), case(WHOLE.SmoothExponential))
        for law in laws.laws_of(case)
    ],
)
def test_family_keeps_law(law, case):
    law(case)


both = pytest.mark.parametrize("added", [SHORT, WHOLE], ids=["plain", "accelerated"])


@both
def test_fit_recovers_the_parameters_it_was_simulated_with(added):
    X, labels = draw(5000)
    mixture = added.ExponentialMixture(n_components=3, random_state=0).fit(X)
    order = mixture.rates_[:, 0].argsort()
    # The standard error of a rate r from n waiting times is r / sqrt(n); overlap adds to it.
    standard_errors = RATES / np.sqrt(WEIGHTS[:, np.newaxis] * len(X))
    assert mixture.converged_
    assert (np.abs(mixture.rates_[order] - RATES) < 5 * standard_errors).all()
    assert_allclose(mixture.weights_[order], WEIGHTS, atol=0.03)
    assert (order[labels] == mixture.predict(X)).mean() > 0.85


@both
def test_score_is_that_of_scipy(added):
    X, _ = draw(500)
    mixture = added.ExponentialMixture(n_components=3, random_state=0).fit(X)
    density = expon.pdf(X[:, np.newaxis], scale=1 / mixture.rates_).prod(axis=2) @ mixture.weights_
    assert_allclose(mixture.score_samples(X), np.log(density), rtol=1e-12)
    assert mixture.score(X) == mixture.lower_bound_


@both
def test_estimator_is_at_home_in_scikit_learn(added):
    X, _ = draw(500)
    search = GridSearchCV(
        added.ExponentialMixture(random_state=0), {"n_components": [1, 2, 3]}
    ).fit(X)
    assert search.best_params_ == {"n_components": 3}
    twin = clone(search.best_estimator_).fit(X)
    assert_allclose(twin.rates_, search.best_estimator_.rates_)


@both
def test_estimator_passes_the_checks_of_scikit_learn(added):
    check_estimator(added.ExponentialMixture())


def test_negative_values_are_refused():
    with pytest.raises(ValueError, match="Negative"):
        WHOLE.ExponentialMixture().fit([[1.0], [-1.0]])


def test_samples_repeat_with_a_seed_and_weights_count_as_repeats():
    X, _ = draw(300)
    mixture = WHOLE.ExponentialMixture(n_components=2, random_state=0).fit(X)
    assert_allclose(mixture.sample(50, random_state=1)[0], mixture.sample(50, random_state=1)[0])
    weights = np.random.default_rng(1).integers(1, 4, len(X))
    labels = (X[:, 0] > 5).astype(int)
    weighted = WHOLE.ExponentialMixture(2, init_params=labels).fit(X, sample_weight=weights)
    repeated = WHOLE.ExponentialMixture(2, init_params=np.repeat(labels, weights)).fit(
        np.repeat(X, weights, axis=0)
    )
    assert_allclose(weighted.rates_, repeated.rates_, rtol=1e-6)
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-9)


def test_accelerated_fit_needs_fewer_evaluations_for_the_same_optimum():
    X, _ = draw(2000)
    options = {"tol": 1e-10, "max_iter": 10_000, "init_params": "kmeans", "random_state": 0}
    short, whole = (added.ExponentialMixture(3, **options).fit(X) for added in (SHORT, WHOLE))
    assert whole.n_iter_ < short.n_iter_
    assert_allclose(whole.lower_bound_, short.lower_bound_, rtol=0, atol=1e-8)


def test_what_a_user_does_next_works_or_names_the_member_to_add():
    X, _ = draw(2000)
    mixture = WHOLE.ExponentialMixture(3, random_state=0).fit(X)
    errors = mixture.standard_errors(X)
    assert (np.abs(errors.rates / mixture.rates_ - 1 / np.sqrt(len(X) / 3)) < 0.05).all()
    held = clone(mixture).set_params(fixed={"rates": True}, warm_start=True)
    held.weights_, held.rates_, held.n_features_in_ = WEIGHTS, RATES, 3
    assert_allclose(held.fit(X).rates_, RATES)
    assert held.n_parameters_ == 2
    with pytest.raises(ValueError, match="rates_init"):
        clone(mixture).set_params(fixed={"rates": True}).fit(X)
    with pytest.raises(NotImplementedError, match="gradient"):
        SHORT.ExponentialMixture(3, random_state=0).fit(X).standard_errors(X)
