"""A choice that rests on a single held-out row is told, and the row named."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from skem import GaussianMixtureEM, PoissonMixture
from skem.model_selection import best_sound, held_out_score, one_standard_error, selection_table
from skem.model_selection.lone_row import METRICS, LoneRowWarning

FOLDS = KFold(5, shuffle=True, random_state=0)
RULES = pytest.mark.parametrize("rule", [one_standard_error, best_sound])


def two_groups(n=200, seed=0):
    rng = np.random.default_rng(seed)
    young = np.arange(n) < n // 3
    age = rng.normal(np.where(young, 30, 60), 5).round()
    return pd.DataFrame({"age": age, "income": rng.normal(np.where(young, 2, 5), 0.4)})


def searched(mixture, X, rule, K=(1, 2, 3), **grid):
    """Return the search, and what it warned of a single row."""
    grid = {"n_components": list(K), **grid}
    search = GridSearchCV(mixture, grid, scoring=held_out_score, refit=rule, cv=FOLDS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X)
    told = [each.message for each in caught if isinstance(each.message, LoneRowWarning)]
    return search, told


@RULES
def test_one_wrong_cell_is_named(rule):
    mixture = GaussianMixtureEM(covariance_type="tied", random_state=0)
    X = two_groups()
    search, told = searched(mixture, X, rule)
    assert (search.best_params_["n_components"], told) == (2, [])
    X.loc[3, "income"] *= 100
    search, told = searched(mixture, X, rule)
    assert search.best_params_["n_components"] == 1
    (warning,) = told
    assert warning.row.share > 0.9
    assert (warning.row.column, warning.row.value) == (1, X.loc[3, "income"])
    assert f"X[:, 1] is {X.loc[3, 'income']:.15g} there" in str(warning)
    assert str(pickle.loads(pickle.dumps(warning))) == str(warning)  # from another process
    without = searched(mixture, X.drop(3), rule)
    assert without[0].best_params_["n_components"] > 1
    assert without[1] == []


def test_one_wrong_count_is_named():
    X = np.random.default_rng(0).poisson(5, (300, 1))
    assert searched(PoissonMixture(random_state=0), X, one_standard_error)[1] == []
    X[3] = 5000
    (warning,) = searched(PoissonMixture(random_state=0), X, one_standard_error)[1]
    assert (warning.row.column, warning.row.value) == (0, 5000)


@pytest.mark.parametrize("degrees", [3, 5])
def test_heavy_tails_are_no_wrong_cells(degrees):
    X = np.random.default_rng(1).standard_t(degrees, (200, 2))
    assert searched(GaussianMixtureEM(random_state=0), X, one_standard_error)[1] == []


def test_row_that_changes_no_choice_is_left_in_peace():
    """The row loses as much as in the tests above, but one component is all there is to choose."""
    X = two_groups()
    X.loc[3, "income"] *= 100
    search, told = searched(GaussianMixtureEM(random_state=0), X, one_standard_error, K=[1])
    assert told == []
    assert max(search.cv_results_[f"split{i}_test_lone_share"][0] for i in range(5)) > 0.9


def test_scores_are_those_of_the_formulas():
    X = np.r_[np.linspace(-2, 2, 9), 30.0][:, np.newaxis]
    mixture = GaussianMixtureEM(reg_covar=0.0).fit([[-1.0], [1.0]])  # the standard normal
    scores = held_out_score(mixture, X)
    log_densities = norm.logpdf(X[:, 0])
    others = log_densities[:9].mean()
    assert_allclose(scores["score"], log_densities.mean(), rtol=1e-12)
    assert_allclose(scores["score_but_one"], others, rtol=1e-12)
    losses = np.maximum(others - log_densities, 0)
    assert_allclose(scores["lone_share"], losses[9] / losses.sum(), rtol=1e-12)
    assert (scores["lone_column"], scores["lone_value"]) == (0, 30)
    twice = held_out_score(mixture, X, sample_weight=np.full(10, 2.0))
    copies = held_out_score(mixture, np.repeat(X, 2, axis=0))
    assert_allclose([twice[key] for key in METRICS], [copies[key] for key in METRICS], rtol=1e-12)
    assert copies["lone_share"] < 0.6  # a copy of it loses as much


def test_cells_are_named_as_the_user_has_them_and_missing_ones_tell_nothing():
    X = two_groups()
    X.loc[3, "age"] = 999
    X.loc[5, "age"] = np.nan
    pipe = make_pipeline(SimpleImputer(), GaussianMixtureEM(2, random_state=0))
    scores = held_out_score(pipe.fit(X.drop(3)), X)
    assert (scores["lone_column"], scores["lone_value"]) == (0, 999)
    X.loc[3, "income"] = np.nan
    plain = GaussianMixtureEM(2, random_state=0).fit(X.drop(3))
    assert held_out_score(plain, X)["lone_share"] == 0


def test_table_does_not_show_what_only_warnings_need():
    search, _ = searched(GaussianMixtureEM(random_state=0), two_groups(60), best_sound, K=[1])
    table = selection_table(search, by="score")
    assert not set(METRICS) & set(table.columns)
