"""The scorers: what they return, and that scikit-learn's searches take them as their own."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import binom, multivariate_normal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony
from skem.model_selection import (
    WholeSample,
    held_out_score,
    information_criteria,
    neg_aic,
    neg_bic,
    neg_icl,
)

FAITHFUL = load_old_faithful().data
SAXONY = load_saxony()
RNG = np.random.default_rng(0)
COUNTED = RNG.integers(1, 4, size=len(FAITHFUL))
CRITERIA = {"bic": neg_bic, "aic": neg_aic, "icl": neg_icl}
EACH = pytest.mark.parametrize(
    "scorer", [*CRITERIA.values(), information_criteria, held_out_score]
)
ALL = pytest.mark.parametrize(
    ("scoring", "refit"),
    [
        (neg_bic, True),
        ({"ours": neg_bic, "other": neg_aic}, "ours"),
        (information_criteria, "neg_bic"),
    ],
    ids=["one", "several", "all at once"],
)
MISUSED = "asked of other rows, weights or labels"


def gaussian_log_joint(mixture, X):
    """Return the log-joint of Gaussian components with full covariances, by scipy."""
    components = zip(mixture.weights_, mixture.means_, mixture.covariances_, strict=True)
    return np.stack(
        [np.log(w) + multivariate_normal.logpdf(X, m, S) for w, m, S in components], axis=1
    )


def binomial_log_joint(mixture, X):
    """Return the log-joint of one column of [successes | failures], by scipy."""
    log_pmf = binom.logpmf(X[:, :1], X.sum(axis=1, keepdims=True), mixture.probabilities_[:, 0])
    return np.log(mixture.weights_) + log_pmf


@pytest.mark.parametrize(
    ("mixture", "X", "weight", "log_joint", "n_parameters"),
    [
        (GaussianMixtureEM(2), FAITHFUL, None, gaussian_log_joint, 11),
        (GaussianMixtureEM(2), FAITHFUL, COUNTED, gaussian_log_joint, 11),
        (BinomialMixture(2), SAXONY.data, SAXONY.sample_weight, binomial_log_joint, 3),
    ],
    ids=["gaussian", "weighted gaussian", "binomial"],
)
def test_scores_are_those_of_the_formulas(mixture, X, weight, log_joint, n_parameters):
    mixture = clone(mixture).set_params(random_state=0).fit(X, sample_weight=weight)
    s = np.ones(len(X)) if weight is None else weight
    joint = log_joint(mixture, X)
    total, completed = s @ logsumexp(joint, axis=1), s @ joint.max(axis=1)
    penalty = n_parameters * np.log(s.sum())
    expected = {
        "n_parameters": n_parameters,
        "log_likelihood": total,
        "neg_bic": 2 * total - penalty,
        "neg_aic": 2 * total - 2 * n_parameters,
        "neg_icl": 2 * completed - penalty,
        "converged": 1,
        "doubt": 0,
    }
    scores = information_criteria(mixture, X, sample_weight=weight)
    assert list(scores) == list(expected)
    assert_allclose(list(scores.values()), list(expected.values()), rtol=1e-10)
    for name, scorer in CRITERIA.items():
        score = scorer(mixture, X, None, sample_weight=weight)
        assert_allclose(score, expected[f"neg_{name}"], rtol=1e-10)
    held_out = held_out_score(mixture, X, sample_weight=weight)
    assert_allclose(held_out["score"], total / s.sum(), rtol=1e-10)
    assert (held_out["n_parameters"], held_out["converged"]) == (n_parameters, 1)


def test_a_run_that_was_cut_short_has_not_converged():
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        mixture = GaussianMixtureEM(3, max_iter=2, random_state=0).fit(FAITHFUL)
    assert information_criteria(mixture, FAITHFUL)["converged"] == 0
    assert held_out_score(mixture, FAITHFUL)["converged"] == 0


@EACH
def test_integer_weights_are_repeated_rows(scorer):
    mixture = GaussianMixtureEM(2, random_state=0).fit(FAITHFUL, sample_weight=COUNTED)
    weighted = scorer(mixture, FAITHFUL, sample_weight=COUNTED)
    repeated = scorer(mixture, np.repeat(FAITHFUL, COUNTED, axis=0))
    with warnings.catch_warnings(action="ignore"):
        unweighted = scorer(mixture, FAITHFUL)
    if not isinstance(weighted, dict):
        weighted, repeated, unweighted = ({"": x} for x in (weighted, repeated, unweighted))
    assert_allclose(list(weighted.values()), list(repeated.values()), rtol=1e-10)
    assert not np.allclose(list(weighted.values()), list(unweighted.values()), rtol=1e-4)


@EACH
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_pipeline_transforms_and_asks_its_last_step(scorer, depth):
    steps = [StandardScaler(), PCA(whiten=True)][:depth]
    pipeline = make_pipeline(*steps, GaussianMixtureEM(2, random_state=0)).fit(FAITHFUL)
    X = FAITHFUL
    for step in pipeline[:-1]:
        X = step.transform(X)
    bare = GaussianMixtureEM(2, random_state=0).fit(X)
    nested = Pipeline([("all", pipeline)])
    expected = scorer(bare, X)
    assert scorer(pipeline, FAITHFUL) == expected
    assert scorer(nested, FAITHFUL) == expected
    if depth:
        with warnings.catch_warnings(action="ignore"):
            assert scorer(bare, FAITHFUL) != expected


def test_other_mixtures_that_have_the_criterion_will_do():
    other = GaussianMixture(2, random_state=0).fit(FAITHFUL)
    assert neg_bic(other, FAITHFUL) == -other.bic(FAITHFUL)
    assert neg_aic(make_pipeline("passthrough", other), FAITHFUL) == -other.aic(FAITHFUL)


@pytest.mark.parametrize(
    ("scorer", "estimator"),
    [
        (neg_bic, KMeans(2, n_init=1)),
        (neg_icl, GaussianMixture(2)),
        (information_criteria, GaussianMixture(2)),
        (held_out_score, KMeans(2, n_init=1)),
    ],
)
def test_an_estimator_without_the_criterion_is_named(scorer, estimator):
    name = type(estimator).__name__
    with pytest.raises(TypeError, match=f"{scorer.__name__} takes a fitted mixture.* got {name}"):
        scorer(estimator.fit(FAITHFUL), FAITHFUL)
    with pytest.raises(TypeError, match=f"{scorer.__name__} takes a fitted mixture.* got {name}"):
        scorer(make_pipeline(StandardScaler(), estimator).fit(FAITHFUL), FAITHFUL)


# Criteria belong on the training data.


@pytest.mark.parametrize("scorer", [*CRITERIA.values(), information_criteria])
def test_other_data_than_those_of_the_fit_are_warned_of(scorer):
    mixture = GaussianMixtureEM(2, random_state=0).fit(FAITHFUL, sample_weight=COUNTED)
    with warnings.catch_warnings(action="error"):
        scorer(mixture, FAITHFUL, sample_weight=COUNTED)
        scorer(GaussianMixtureEM(2, random_state=0).fit(FAITHFUL), FAITHFUL)
    with pytest.warns(UserWarning, match=MISUSED) as caught:
        scorer(mixture, FAITHFUL)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=MISUSED):
        scorer(mixture, FAITHFUL[:200], sample_weight=COUNTED[:200])


def test_single_precision_is_no_other_data():
    X = FAITHFUL.astype(np.float32)
    with warnings.catch_warnings(action="error"):
        neg_bic(make_pipeline(StandardScaler(), GaussianMixtureEM(2)).fit(X), X)


def test_known_labels_are_warned_of_and_a_hard_assignment_is_not():
    hard = GaussianMixtureEM(2, assignment="hard", random_state=0).fit(FAITHFUL)
    assert abs(hard.lower_bound_ - hard.score(FAITHFUL)) > 1e-4
    with warnings.catch_warnings(action="error"):
        neg_bic(hard, FAITHFUL)
    labels = np.where(np.arange(len(FAITHFUL)) % 3, -1, FAITHFUL[:, 0] > 3)
    known = GaussianMixtureEM(2, random_state=0).fit(FAITHFUL, known_labels=labels)
    with pytest.warns(UserWarning, match=MISUSED):
        neg_bic(known, FAITHFUL)


@EACH
def test_missing_cells_are_passed_on(scorer):
    X = FAITHFUL.copy()
    X[::7, 0] = np.nan
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    with warnings.catch_warnings(action="error"):
        score = scorer(mixture, X)
    if not isinstance(score, dict):
        score = {scorer.__name__: score}
    for name in score.keys() & {"neg_bic", "neg_aic", "neg_icl"}:
        assert score[name] == -getattr(mixture, name[4:])(X)
    if "score" in score:
        assert score["score"] == mixture.score(X)


def test_parameters_that_were_never_fitted_are_asked_without_a_warning():
    known = GaussianMixtureEM.from_parameters(
        weights=[1.0], means=[[3.5, 70.0]], covariances=[[[1.0, 0.0], [0.0, 100.0]]]
    )
    with warnings.catch_warnings(action="error"):
        assert neg_bic(known, FAITHFUL) == -known.bic(FAITHFUL)


def test_held_out_rows_are_warned_of_in_a_search_and_whole_samples_are_not():
    search = GridSearchCV(GaussianMixtureEM(), {"n_components": [1, 2]}, scoring=neg_bic)
    with pytest.warns(UserWarning, match="cv=WholeSample"):
        search.fit(FAITHFUL)
    with warnings.catch_warnings(action="error"):
        search.set_params(cv=WholeSample()).fit(FAITHFUL)
        search.set_params(scoring=held_out_score, refit="score", cv=3).fit(FAITHFUL)


# In scikit-learn's searches.


def test_a_search_is_as_users_know_it():
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(random_state=0))
    grid = {
        "gaussianmixtureem__n_components": [1, 2, 3],
        "gaussianmixtureem__covariance_type": ["tied", "full"],
    }
    search = GridSearchCV(pipeline, grid, scoring=neg_bic, cv=WholeSample()).fit(FAITHFUL)
    results = search.cv_results_
    Z = StandardScaler().fit_transform(FAITHFUL)
    expected = [
        -GaussianMixtureEM(
            params["gaussianmixtureem__n_components"],
            covariance_type=params["gaussianmixtureem__covariance_type"],
            random_state=0,
        )
        .fit(Z)
        .bic(Z)
        for params in results["params"]
    ]
    assert len(set(np.round(expected, 6))) == 5  # with one component full is tied
    assert_allclose(results["mean_test_score"], expected, rtol=1e-12)
    assert_array_equal(results["std_test_score"], 0)
    assert search.best_index_ == np.argmax(expected)
    assert search.best_score_ == max(results["mean_test_score"])
    assert search.best_params_["gaussianmixtureem__n_components"] == 3
    refitted = clone(pipeline).set_params(**search.best_params_).fit(FAITHFUL)
    assert_array_equal(search.predict(FAITHFUL), refitted.predict(FAITHFUL))
    assert search.score(FAITHFUL) == search.best_score_

    workers = clone(search).set_params(n_jobs=2).fit(FAITHFUL)
    assert_array_equal(workers.cv_results_["mean_test_score"], results["mean_test_score"])
    unpickled = pickle.loads(pickle.dumps(search))
    assert unpickled.scorer_ is neg_bic
    assert unpickled.score(FAITHFUL) == search.best_score_
    without = clone(search).set_params(refit=False).fit(FAITHFUL)
    assert without.best_params_ == search.best_params_
    assert not hasattr(without, "best_estimator_")


def test_other_searches_and_validations_take_the_scorers():
    mixture = GaussianMixtureEM(2, random_state=0)
    search = RandomizedSearchCV(
        mixture,
        {"n_components": [1, 2, 3]},
        n_iter=2,
        scoring=neg_icl,
        cv=WholeSample(),
        random_state=0,
    ).fit(FAITHFUL)
    assert_allclose(search.best_score_, -search.best_estimator_.icl(FAITHFUL), rtol=1e-12)
    scores = cross_val_score(mixture, FAITHFUL, scoring=neg_aic, cv=WholeSample())
    fitted = clone(mixture).fit(FAITHFUL)
    assert_allclose(scores, [-fitted.aic(FAITHFUL)], rtol=1e-12)
    scores = cross_validate(mixture, FAITHFUL, scoring=information_criteria, cv=WholeSample())
    assert_allclose(scores["test_neg_bic"], [-fitted.bic(FAITHFUL)], rtol=1e-12)
    scores = cross_validate(mixture, FAITHFUL, scoring=held_out_score, cv=KFold(3))
    assert_array_equal(scores["test_score"], cross_val_score(mixture, FAITHFUL, cv=KFold(3)))


def test_frames_keep_their_names_on_the_way():
    frame = pytest.importorskip("pandas").DataFrame(FAITHFUL, columns=["eruptions", "waiting"])
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, GaussianMixtureEM(2, random_state=0))
    search = GridSearchCV(pipeline, {}, scoring=neg_bic, cv=WholeSample())
    with warnings.catch_warnings(action="error"):
        search.fit(frame)
    assert list(search.best_estimator_[-1].feature_names_in_) == ["eruptions", "waiting"]
    plain = make_pipeline(StandardScaler(), GaussianMixtureEM(2, random_state=0)).fit(FAITHFUL)
    assert_allclose(search.best_score_, neg_bic(plain, FAITHFUL), rtol=1e-12)


def test_all_criteria_in_one_search_are_those_of_a_search_for_each():
    grid = {"n_components": [1, 2, 3]}
    mixture = GaussianMixtureEM(covariance_type="tied", random_state=0)
    every = GridSearchCV(
        mixture, grid, scoring=information_criteria, refit="neg_icl", cv=WholeSample()
    ).fit(FAITHFUL)
    for name, scorer in CRITERIA.items():
        one = GridSearchCV(mixture, grid, scoring=scorer, cv=WholeSample()).fit(FAITHFUL)
        assert_array_equal(
            every.cv_results_[f"mean_test_neg_{name}"], one.cv_results_["mean_test_score"]
        )
    assert every.best_params_ == {"n_components": 2}  # ICL wants clusters; BIC takes three
    best = every.cv_results_["rank_test_neg_bic"].argmin()
    assert every.cv_results_["params"][best] == {"n_components": 3}


def test_old_faithful_is_what_mclust_makes_of_it():
    """Of 1 to 9 components with any structure, R mclust 6.0.0 picks EEE, 3, and so do we."""
    grid = {
        "n_components": range(1, 10),
        "covariance_type": ["full", "tied", "diag", "spherical"],
    }
    search = GridSearchCV(
        GaussianMixtureEM(random_state=0),
        grid,
        scoring=information_criteria,
        refit="neg_bic",
        cv=WholeSample(),
    ).fit(FAITHFUL)
    assert search.best_params_ == {"n_components": 3, "covariance_type": "tied"}
    results, best = search.cv_results_, search.best_index_
    log_likelihood = results["mean_test_log_likelihood"][best]
    assert_allclose(log_likelihood, -1126.326, atol=0.02)  # mclust stops a little short
    assert_allclose(log_likelihood, -1126.315928, atol=2e-6)
    assert_allclose(search.best_score_, -2314.316, atol=0.04)
    by_hand = 2 * -1126.315928 - 11 * np.log(272)
    assert_allclose(search.best_score_, by_hand, atol=1e-5)
    second = np.sort(results["mean_test_neg_bic"])[-2]
    assert search.best_score_ - second > 2  # not by a hair


# Weights.


def chosen_by(search):
    return search.cv_results_["mean_test_" + {True: "score"}.get(search.refit, search.refit)]


@ALL
@pytest.mark.parametrize("piped", [False, True])
def test_routed_weights_reach_the_criteria_unasked(scoring, refit, piped):
    with sklearn.config_context(enable_metadata_routing=True):
        mixture = GaussianMixtureEM(random_state=0).set_fit_request(sample_weight=True)
        estimator = make_pipeline("passthrough", mixture) if piped else mixture
        K = "gaussianmixtureem__n_components" if piped else "n_components"
        search = GridSearchCV(
            estimator, {K: [1, 2]}, scoring=scoring, refit=refit, cv=WholeSample()
        )
        with warnings.catch_warnings(action="error"):
            search.fit(FAITHFUL, sample_weight=COUNTED)
    fits = [
        GaussianMixtureEM(K, random_state=0).fit(FAITHFUL, sample_weight=COUNTED) for K in (1, 2)
    ]
    expected = [-fit.bic(FAITHFUL, sample_weight=COUNTED) for fit in fits]
    assert_allclose(chosen_by(search), expected, rtol=1e-12)


def scorers_are_given_weights():
    """Return whether this scikit-learn gives weights to scorers even without routing."""
    given = []

    def scorer(estimator, X, y=None, sample_weight=None):
        given.append(sample_weight is not None)
        return 0.0

    search = GridSearchCV(GaussianMixtureEM(), {}, scoring=scorer, cv=WholeSample())
    search.fit(FAITHFUL, sample_weight=COUNTED)
    return any(given)


@ALL
def test_without_routing_weights_reach_the_criteria_where_they_can_or_it_is_said(scoring, refit):
    """scikit-learn 1.6 gives them to fit alone; later versions to such scorers too."""
    mixture = GaussianMixtureEM(2, random_state=0)
    search = GridSearchCV(
        mixture, {"n_components": [2]}, scoring=scoring, refit=refit, cv=WholeSample()
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(FAITHFUL, sample_weight=COUNTED)
    fitted = mixture.fit(FAITHFUL, sample_weight=COUNTED)
    expected = -fitted.bic(FAITHFUL, sample_weight=COUNTED)
    reached = np.allclose(chosen_by(search), expected, rtol=1e-12)
    assert reached == scorers_are_given_weights()
    assert reached != any(MISUSED in str(warning.message) for warning in caught)


def test_weights_given_by_the_name_of_a_step_do_not_reach_the_criteria_and_it_is_said():
    pipeline = make_pipeline("passthrough", GaussianMixtureEM(2, random_state=0))
    search = GridSearchCV(pipeline, {}, scoring=neg_bic, cv=WholeSample())
    with pytest.warns(UserWarning, match=MISUSED):
        search.fit(FAITHFUL, gaussianmixtureem__sample_weight=COUNTED)


def test_weights_reach_the_held_out_score():
    grid = {"n_components": [1, 2]}
    with sklearn.config_context(enable_metadata_routing=True):
        mixture = GaussianMixtureEM(random_state=0)
        mixture.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        plain = GridSearchCV(mixture, grid, cv=4).fit(FAITHFUL, sample_weight=COUNTED)
        ours = GridSearchCV(mixture, grid, cv=4, scoring=held_out_score, refit="score")
        ours.fit(FAITHFUL, sample_weight=COUNTED)
    unweighted = GridSearchCV(GaussianMixtureEM(random_state=0), grid, cv=4).fit(FAITHFUL)
    scores = ours.cv_results_["mean_test_score"]
    assert_array_equal(scores, plain.cv_results_["mean_test_score"])
    assert not np.allclose(scores, unweighted.cv_results_["mean_test_score"], rtol=1e-4)
