"""The table of a search, and the rule of one standard error."""

import sys
import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful
from skem.model_selection import (
    WholeSample,
    best_sound,
    held_out_score,
    information_criteria,
    neg_aic,
    neg_bic,
    neg_icl,
    one_standard_error,
    selection_table,
)
from skem.model_selection.soundness import WORDS

pd = pytest.importorskip("pandas")

FAITHFUL = load_old_faithful().data
MIXTURE = GaussianMixtureEM(random_state=0)
GRID = {"covariance_type": ["full", "tied"], "n_components": [1, 2, 3]}
WHOLE = {"cv": WholeSample()}
ALL = {"scoring": information_criteria, "refit": "neg_bic", **WHOLE}


def fitted(mixture=MIXTURE, grid=GRID, X=FAITHFUL, **options):
    return GridSearchCV(mixture, grid, **options).fit(X)


@pytest.fixture(scope="module")
def criteria():
    """Return a search by all criteria, which must not be changed."""
    return fitted(**ALL)


@pytest.fixture(scope="module")
def folds():
    """Return a search by what is held out, which must not be changed."""
    return fitted(cv=5)


def test_one_row_for_each_candidate_with_all_criteria(criteria):
    table = selection_table(criteria)
    assert list(table) == [
        *("n_components", "covariance_type", "n_parameters"),
        *("log_likelihood", "bic", "aic", "icl", "converged", "doubt", "best"),
    ]
    assert table.index.name == "candidate"
    assert sorted(table.index) == list(range(6))
    for i, row in table.iterrows():
        params = criteria.cv_results_["params"][i]
        assert params == {key: row[key] for key in params}
        mixture = clone(MIXTURE).set_params(**params).fit(FAITHFUL)
        assert row.n_parameters == mixture.n_parameters_
        total = mixture.score_samples(FAITHFUL).sum()
        assert_allclose(row.log_likelihood, total, rtol=1e-10)
        for name in ("bic", "aic", "icl"):
            assert_allclose(row[name], getattr(mixture, name)(FAITHFUL), rtol=1e-10)
    assert table.bic.is_monotonic_increasing
    assert not table.aic.is_monotonic_increasing
    assert_array_equal(table.best, [True] + 5 * [False])
    assert table.index[0] == criteria.best_index_
    assert table.n_parameters.dtype.kind == table.n_components.dtype.kind == "i"
    assert table.converged.dtype == bool
    assert table.converged.all()


def test_another_score_can_be_chosen_by(criteria):
    table = selection_table(criteria, by="neg_aic")
    assert table.aic.is_monotonic_increasing
    assert table.aic.iloc[0] < selection_table(criteria).aic.iloc[0]
    assert_array_equal(table.best, [True] + 5 * [False])


def test_one_criterion_has_its_name_and_its_usual_sign(criteria):
    table = selection_table(fitted(scoring=neg_bic, **WHOLE))
    assert list(table) == ["n_components", "covariance_type", "bic", "best"]
    expected = selection_table(criteria)[list(table)]
    pd.testing.assert_frame_equal(table, expected)


def test_several_scorers_have_the_names_that_they_are_known_by():
    scoring = {"a": neg_aic, "b": neg_bic, "mine": held_out_mean}
    table = selection_table(fitted(scoring=scoring, refit="b", **WHOLE))
    assert list(table)[2:] == ["aic", "bic", "mine", "best"]
    assert table.bic.is_monotonic_increasing
    assert (table.bic > 0).all()


def held_out_mean(estimator, X, y=None):
    return estimator.score(X)


def test_held_out_scores_come_with_their_standard_error(folds):
    table = selection_table(folds)
    assert list(table) == [
        *("n_components", "covariance_type", "score", "standard_error"),
        *("best", "one_standard_error"),
    ]
    for _, row in table.iterrows():
        mixture = clone(MIXTURE).set_params(**row[["n_components", "covariance_type"]])
        scores = cross_val_score(mixture, FAITHFUL, cv=5)
        assert_allclose(row.score, scores.mean(), rtol=1e-12)
        assert_allclose(row.standard_error, scores.std(ddof=1) / np.sqrt(5), rtol=1e-10)
    assert table.score.is_monotonic_decreasing
    assert_array_equal(table.best, table.index == folds.best_index_)


def test_the_default_score_of_the_whole_sample_has_no_standard_error():
    table = selection_table(fitted(**WHOLE))
    assert list(table)[2:] == ["score", "best"]


# One standard error.


def simplest_by_hand(scores, simplicity):
    """Return the rule's choice, from the scores (candidates, splits), in plain steps."""
    best = max(scores, key=np.mean)
    least = np.mean(best) - np.std(best, ddof=1) / np.sqrt(len(best))
    near = [i for i, row in enumerate(scores) if np.mean(row) >= least]
    fewest = min(simplicity[i] for i in near)
    return max((i for i in near if simplicity[i] == fewest), key=lambda i: np.mean(scores[i]))


@pytest.mark.parametrize("seed", range(20))
def test_the_rule_is_that_of_plain_steps(seed):
    rng = np.random.default_rng(seed)
    scores = np.linspace(0, 1, 8)[:, np.newaxis] + rng.normal(size=(8, 4))
    simplicity = rng.integers(1, 4, size=8)
    results = results_of(scores)
    results["mean_test_n_parameters"] = simplicity.astype(float)
    chosen = one_standard_error(results)
    assert chosen == simplest_by_hand(scores, simplicity)
    assert isinstance(chosen, int)
    results = {**results_of(scores), "param_mixture__n_components": np.ma.array(simplicity)}
    assert one_standard_error(results) == chosen


def results_of(scores, metric="score"):
    """Return what a search makes of scores (candidates, splits)."""
    splits = {f"split{i}_test_{metric}": column for i, column in enumerate(scores.T)}
    return {
        **splits,
        f"mean_test_{metric}": scores.mean(axis=1),
        f"std_test_{metric}": scores.std(axis=1),
    }


def test_the_rule_does_not_always_choose_the_best_nor_the_simplest():
    scores = np.array([[-9.0, -9.0, -9.0], [0.8, 0.9, 1.0], [0.5, 1.0, 1.5]])
    results = results_of(scores, "mine")
    results["mean_test_n_parameters"] = np.array([1.0, 2.0, 3.0])
    assert one_standard_error(results, "mine") == 1
    results["std_test_mine"] = results["std_test_mine"] / 100
    assert one_standard_error(results, metric="mine") == 2


def test_a_search_can_be_refitted_by_the_rule():
    grid = {"n_components": [1, 2, 3], "covariance_type": ["tied", "full"]}
    search = fitted(grid=grid, scoring=held_out_score, refit=one_standard_error, cv=5)
    scores = np.stack([search.cv_results_[f"split{i}_test_score"] for i in range(5)], axis=1)
    # In two dimensions: K - 1 weights, 2 K means, 3 or 3 K of covariances.
    counted = [
        3 * p["n_components"]
        - 1
        + 3 * (p["n_components"] if p["covariance_type"] == "full" else 1)
        for p in search.cv_results_["params"]
    ]
    expected = simplest_by_hand(scores, counted)
    assert search.best_index_ == expected
    assert search.best_index_ != scores.mean(axis=1).argmax()
    assert search.best_estimator_.n_components == 2
    table = selection_table(search)
    assert_array_equal(table.n_parameters.sort_index(), counted)
    assert_array_equal(table.one_standard_error, table.index == expected)
    assert_array_equal(table.best, table.index == scores.mean(axis=1).argmax())


def test_without_the_number_of_parameters_components_are_counted(folds):
    table = selection_table(folds)
    scores = np.stack([folds.cv_results_[f"split{i}_test_score"] for i in range(5)], axis=1)
    expected = simplest_by_hand(scores, [p["n_components"] for p in folds.cv_results_["params"]])
    assert_array_equal(table.one_standard_error, table.index == expected)
    assert one_standard_error(folds.cv_results_) == expected


def test_the_rule_says_what_it_lacks(criteria, folds):
    results = folds.cv_results_
    with pytest.raises(ValueError, match=r"metric='bic' is none of the scores: \['score'\]"):
        one_standard_error(results, "bic")
    with pytest.raises(ValueError, match="two splits"):
        one_standard_error(criteria.cv_results_, "neg_bic")
    without = {key: value for key, value in results.items() if key != "param_n_components"}
    with pytest.raises(ValueError, match="scoring=held_out_score"):
        one_standard_error(without)
    with pytest.raises(ValueError, match="scoring=held_out_score"):
        one_standard_error({**results, "param_pca__n_components": [1] * 6})
    partly = np.ma.array([1] * 6, mask=[True] + [False] * 5)
    with pytest.raises(ValueError, match="scoring=held_out_score"):
        one_standard_error({**results, "param_n_components": partly})
    with pytest.raises(ValueError, match=r"no candidate has a finite score: .*prior='conjugate'"):
        one_standard_error({**results, "mean_test_score": np.full(6, np.nan)})


# Parameters of candidates.


def test_parameters_of_the_last_step_lose_its_name_and_others_do_not():
    inner = Pipeline([("reduce", PCA()), ("mixture", MIXTURE)])
    pipeline = Pipeline([("scale", StandardScaler()), ("model", inner)])
    grid = {
        "model__mixture__n_components": [2, 3],
        "model__reduce__n_components": [1, 2],
        "model__mixture__reg_covar": [1e-6],
    }
    search = fitted(pipeline, grid, scoring=information_criteria, refit="neg_bic", **WHOLE)
    table = selection_table(search)
    assert list(table)[:5] == [
        *("n_components", "covariance_type", "reg_covar"),
        *("model__reduce__n_components", "n_parameters"),
    ]
    assert set(table.covariance_type) == {"full"}
    for i, row in table.iterrows():
        params = search.cv_results_["params"][i]
        assert row.n_components == params["model__mixture__n_components"]
        assert row.model__reduce__n_components == params["model__reduce__n_components"]


def test_what_a_candidate_does_not_set_is_shown_as_it_is():
    grid = [{"n_components": [1], "reg_covar": [1e-3]}, {"covariance_type": ["diag"]}]
    search = fitted(GaussianMixtureEM(2, random_state=0), grid, **WHOLE)
    table = selection_table(search).sort_index()
    assert table.n_components.tolist() == [1, 2]
    assert table.covariance_type.tolist() == ["full", "diag"]
    assert table.reg_covar.tolist() == [1e-3, "scale"]


def test_steps_can_be_candidates_too():
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(2, random_state=0))
    grid = {"standardscaler": [StandardScaler(), MinMaxScaler()]}
    table = selection_table(fitted(pipeline, grid)).sort_index()
    assert [type(step) for step in table.standardscaler] == [StandardScaler, MinMaxScaler]
    assert table.n_components.tolist() == [2, 2]


def test_candidates_that_are_no_mixtures_have_no_simplest():
    pipeline = Pipeline([("scale", StandardScaler()), ("model", MIXTURE)])
    grid = {"model": [MIXTURE, KMeans(2, n_init=1, random_state=0)]}
    table = selection_table(fitted(pipeline, grid))
    assert table.best.sum() == 1
    assert "one_standard_error" not in table


def test_a_binomial_mixture_has_no_covariances():
    rng = np.random.default_rng(0)
    X = rng.binomial(20, rng.choice([0.2, 0.8], size=(100, 1)))
    mixture = BinomialMixture(n_trials=20, random_state=0)
    table = selection_table(fitted(mixture, {"n_components": [1, 2]}, X=X, **ALL))
    assert "covariance_type" not in table
    assert table.n_parameters.tolist() == [3, 1]
    assert table.n_components.tolist() == [2, 1]


# What went wrong.


@pytest.mark.filterwarnings(
    "ignore:One or more of the test scores", "ignore::sklearn.exceptions.FitFailedWarning"
)
@pytest.mark.parametrize(
    "options",
    [{"cv": 4}, {"scoring": neg_bic, **WHOLE}, ALL, {"scoring": held_out_score, "refit": "score"}],
)
def test_a_candidate_that_failed_comes_last_and_is_not_chosen(options):
    search = fitted(grid={"n_components": [300, 1, 2]}, **options)
    table = selection_table(search)
    assert table.n_components.tolist() == [2, 1, 300]
    assert table.best.tolist() == [True, False, False]
    (score,) = {"score", "bic"} & set(table)
    assert np.isnan(table[score].iloc[-1])
    assert np.isfinite(table[score].iloc[:2]).all()
    if "converged" in table:
        assert table.converged.tolist() == [True, True, False]
        assert table.n_parameters.iloc[:2].tolist() == [11, 5]
    if "one_standard_error" in table:
        assert table.one_standard_error.tolist() == [True, False, False]


def impossible(estimator, X, y=None):
    return -np.inf if estimator.n_components < 3 else np.nan


@pytest.mark.filterwarnings("ignore:One or more of the test scores", "ignore:invalid value")
def test_none_is_chosen_where_all_failed():
    table = selection_table(fitted(scoring=impossible, cv=3, refit=False))
    assert not table.best.any()
    assert not table.one_standard_error.any()
    assert np.isnan(table.score.iloc[-2:]).all()


def test_a_fold_that_has_not_converged_is_told():
    mixture = GaussianMixtureEM(random_state=0, max_iter=2)
    grid = {"n_components": [1, 3]}
    with pytest.warns(match="did not converge"):
        search = fitted(mixture, grid, scoring=held_out_score, refit="score")
    converged = selection_table(search).set_index("n_components").converged
    assert converged.to_dict() == {1: True, 3: False}


def in_the_first_fold(estimator, X, y=None):
    return {"score": 0.0, "converged": float(X[0, 0] == FAITHFUL[0, 0])}


def test_what_converged_in_some_folds_has_not_converged():
    search = fitted(grid={}, scoring=in_the_first_fold, refit="score", cv=KFold(3))
    assert_allclose(search.cv_results_["mean_test_converged"], 1 / 3)
    assert selection_table(search).converged.tolist() == [False]


def test_wrong_searches_are_refused(criteria, folds):
    with pytest.raises(NotFittedError):
        selection_table(GridSearchCV(MIXTURE, GRID))
    with pytest.raises(TypeError):
        selection_table(folds.cv_results_)
    with pytest.raises(ValueError, match=r"by must be one of .*'neg_bic'.*; got 'bic'"):
        selection_table(criteria, by="bic")
    undecided = fitted(scoring=information_criteria, refit=False, **WHOLE)
    with pytest.raises(ValueError, match=r"by must name the score .*'neg_bic'"):
        selection_table(undecided)
    assert selection_table(undecided, by="neg_bic").equals(selection_table(criteria))
    halving = HalvingGridSearchCV(
        MIXTURE, {"n_components": [1, 2]}, cv=KFold(3), min_resources=60, random_state=0
    ).fit(FAITHFUL)
    with pytest.raises(ValueError, match="equally many rows; got HalvingGridSearchCV"):
        selection_table(halving)


def test_without_pandas_it_is_a_list_of_dicts(criteria, monkeypatch):
    frame = selection_table(criteria)
    monkeypatch.setitem(sys.modules, "pandas", None)
    rows = selection_table(criteria)
    assert isinstance(rows, list)
    assert list(rows[0]) == ["candidate", *frame]
    assert rows == frame.reset_index().to_dict("records")
    assert type(rows[0]["bic"]) is float


# What cannot be trusted is not chosen.


def answers():
    """Return 250 rows of four answers from 1 to 5, in two groups."""
    centres = np.repeat([2.1, 3.9], 125)[:, np.newaxis]
    noise = np.random.default_rng(0).normal(0, 0.8, (250, 4))
    return np.clip(np.round(centres + noise), 1, 5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
@pytest.mark.parametrize("scoring", [neg_bic, neg_icl])
def test_spikes_on_whole_numbers_are_not_chosen(scoring):
    X, mixture = answers(), GaussianMixtureEM(reg_covar=1e-6, random_state=0)
    grid = {"n_components": [1, 2, 8]}
    search = GridSearchCV(mixture, grid, scoring=scoring, cv=WholeSample()).fit(X)
    fits = {K: clone(mixture).set_params(n_components=K).fit(X) for K in (1, 2, 8)}
    assert min(fits, key=lambda K: fits[K].bic(X)) == 8 and fits[8].doubts_
    assert not fits[search.best_params_["n_components"]].doubts_
    assert np.isnan(search.cv_results_["mean_test_score"][2])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:No candidate is sound")
@pytest.mark.parametrize("choose", [best_sound, one_standard_error])
def test_sound_candidates_come_first(choose):
    X, mixture = answers(), GaussianMixtureEM(reg_covar=1e-6, random_state=0)
    grid = {"n_components": [1, 8]}
    search = GridSearchCV(mixture, grid, scoring=held_out_score, refit=choose).fit(X)
    table = selection_table(search, by="score")
    assert table.score[1] > table.score[0]
    assert table.index.tolist() == [0, 1]
    assert table.best.tolist() == [True, False]
    assert table.doubt[0] == "" and "flat" in table.doubt[1]
    assert search.best_params_ == {"n_components": 1}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("choose", [best_sound, one_standard_error])
def test_where_nothing_is_sound_that_is_told(choose):
    mixture = GaussianMixtureEM(reg_covar=1e-6, random_state=0)
    grid, options = {"n_components": [7, 8]}, {"scoring": held_out_score, "cv": 2}
    search = GridSearchCV(mixture, grid, refit=choose, **options)
    with pytest.warns(UserWarning, match="No candidate is sound"):
        search.fit(answers())


def test_default_chooses_two_groups_of_answers():
    grid = {"n_components": [1, 2, 3, 8]}
    mixture = GaussianMixtureEM(random_state=0)
    search = GridSearchCV(mixture, grid, scoring=held_out_score, refit=one_standard_error, cv=5)
    order = np.random.default_rng(0).permutation(250)
    assert search.fit(answers()[order]).best_params_ == {"n_components": 2}


def test_candidates_for_which_the_data_are_too_flat_come_after_those_that_are_sound():
    X = np.random.default_rng(0).normal(size=(8, 8))
    kinds = {"covariance_type": ["full", "diag", "spherical"]}
    refit = partial(best_sound, metric="neg_bic")
    mixture = GaussianMixtureEM(random_state=0)

    def search(grid):
        options = {"scoring": information_criteria, "refit": refit, "cv": WholeSample()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return GridSearchCV(mixture, grid, **options).fit(X)

    found = search(kinds)
    assert found.cv_results_["mean_test_neg_bic"].argmax() == 0  # full, which rests on the bound
    assert found.best_params_["covariance_type"] != "full"
    assert selection_table(found, by="neg_bic")["doubt"].tolist()[-1] == "data"
    with pytest.warns(UserWarning, match="No candidate is sound"):
        only = search({"covariance_type": ["full"], "n_components": [1]})
    assert only.best_params_ == {"covariance_type": "full", "n_components": 1}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("choose", [best_sound, one_standard_error])
def test_candidates_that_have_not_converged_come_after_those_that_have(choose):
    mixture = GaussianMixtureEM(random_state=0, max_iter=2)
    search = fitted(mixture, {"n_components": [1, 3]}, scoring=held_out_score, refit=choose)
    table = selection_table(search, by="score")
    assert table.score[1] > table.score[0]
    assert table.doubt.tolist() == ["", "no end"] and table.best.tolist() == [True, False]
    assert search.best_params_ == {"n_components": 1}
    with pytest.warns(
        UserWarning, match="No candidate is sound.*against 'no end' increase max_iter"
    ):
        fitted(mixture, {"n_components": [4, 5]}, scoring=held_out_score, refit=choose)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_criteria_of_what_has_not_converged_are_known_and_no_better_than_at_the_end():
    hasty = GaussianMixtureEM(random_state=0, max_iter=2, init_params="kmeans")
    hasty = fitted(hasty, scoring=neg_bic, **WHOLE)
    patient = fitted(scoring=neg_bic, **WHOLE)
    short, whole = (each.cv_results_["mean_test_score"] for each in (hasty, patient))
    assert (short <= whole + 1e-6).all() and (short < whole - 0.01).any()


def test_the_less_counts_against_a_candidate_the_earlier_it_comes():
    """Of three splits the middle one decides; a candidate that failed is never chosen."""
    words = [["", "flat", ""], ["no end"] * 3, ["data", "data", ""], ["flat"] * 3, [None] * 3]
    numbers = np.array([[np.nan if w is None else WORDS.index(w) for w in each] for each in words])
    means = np.array([-4.0, -3.0, -2.0, -1.0, np.nan])
    results = {"mean_test_score": means, "std_test_score": np.full(5, 0.1)}
    for i in range(3):
        results |= {f"split{i}_test_doubt": numbers[:, i], f"split{i}_test_score": means}
    results["mean_test_n_parameters"] = np.arange(5)
    for first in range(4):
        some = {key: values[first:] for key, values in results.items()}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert best_sound(some) == one_standard_error(some) == 0
        assert bool(caught) == (first > 0)
