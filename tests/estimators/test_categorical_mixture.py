"""CategoricalMixture and CategoricalHMM: what is theirs alone."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

from skem import CategoricalHMM, CategoricalMixture

PROBABILITIES = [[[0.7, 0.2, 0.1], [0.5, 0.5, 0]], [[0.1, 0.1, 0.8], [0.9, 0.1, 0]]]
CATEGORIES = [[1.0, 2.0, 5.0], [0.0, 1.0]]


def mixture():
    return CategoricalMixture.from_parameters(
        weights=[0.4, 0.6], probabilities=PROBABILITIES, categories=CATEGORIES
    )


def chain():
    return CategoricalHMM.from_parameters(
        startprob=[0.5, 0.5],
        transmat=[[0.9, 0.1], [0.2, 0.8]],
        probabilities=PROBABILITIES,
        categories=CATEGORIES,
    )


@pytest.mark.parametrize("estimator", [CategoricalMixture(), CategoricalHMM()])
def test_checks_of_scikit_learn(estimator):
    for each, check in estimator_checks_generator(estimator):
        check(each)


def test_density_is_the_sum_over_classes():
    density = 0.4 * 0.1 * 0.5 + 0.6 * 0.8 * 0.1
    np.testing.assert_allclose(mixture().score_samples([[5.0, 1.0]]), np.log(density))


def test_missing_cells_drop_out():
    density = 0.4 * 0.1 + 0.6 * 0.8
    np.testing.assert_allclose(mixture().score_samples([[5.0, np.nan]]), np.log(density))


def test_value_that_is_no_category_is_impossible():
    np.testing.assert_array_equal(mixture().score_samples([[3.0, 1.0]]), -np.inf)


def test_impute_by_the_likeliest_category():
    np.testing.assert_array_equal(mixture().impute([[np.nan, 0.0]]), [[5.0, 0.0]])


def test_fit_finds_categories_and_counts_what_is_free():
    X, _ = mixture().sample(500, random_state=0)
    fitted = CategoricalMixture(2, random_state=0).fit(X)
    np.testing.assert_array_equal(fitted.categories_[0], CATEGORIES[0])
    np.testing.assert_array_equal(fitted.categories_[1], CATEGORIES[1])
    assert fitted.n_parameters_ == 1 + 2 * (2 + 1)
    assert (fitted.probabilities_[:, 1, 2] == 0).all()
    np.testing.assert_allclose(fitted.probabilities_.sum(axis=-1), 1.0)


def test_one_class_has_the_shares_of_the_categories():
    X = np.array([[1, 0], [1, 1], [2, 0], [1, 0]])
    np.testing.assert_allclose(
        CategoricalMixture().fit(X).probabilities_, [[[0.75, 0.25], [0.75, 0.25]]]
    )


def test_chain_recovers_what_was_simulated():
    X, states = chain().sample(800, random_state=0)
    model = CategoricalHMM(2, n_init=1, random_state=0).fit(X)
    model = model.reordered(model.probabilities_[:, 0, 2].argsort())
    with pytest.warns(ConvergenceWarning, match="at the edge"):  # of one sequence, the start
        errors = model.standard_errors(X)
    free = errors.probabilities > 0
    away = np.abs(model.probabilities_ - PROBABILITIES)
    assert free.sum() == 10
    assert (away[free] < 4 * errors.probabilities[free]).all()
    assert (model.predict(X) == states).mean() > 0.85
    assert model.score(X) >= chain().score(X)


@pytest.mark.parametrize(
    ("categories", "message"),
    [([[0, 1]], "each of the 2 columns"), ([[1, 0], [0, 1]], "increasing order")],
)
def test_bad_categories(categories, message):
    with pytest.raises(ValueError, match=message):
        CategoricalMixture(categories=categories).fit([[0, 1], [1, 0]])


@pytest.mark.parametrize("Estimator", [CategoricalMixture, CategoricalHMM])
def test_values_that_are_not_listed_are_named(Estimator):
    X = np.column_stack([np.arange(12) % 3, np.arange(12) % 2])
    with pytest.raises(ValueError, match=r"Column 0 of X holds 2, which is not among categories"):
        Estimator(1, categories=[[0, 1], [0, 1]]).fit(X)
