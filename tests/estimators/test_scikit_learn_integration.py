"""Both estimators among others: pipelines, searches, routing, frames, copies."""

import inspect
import pickle
import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful

FAITHFUL = load_old_faithful().data
RNG = np.random.default_rng(0)
COIN = RNG.choice(2, size=120)
HEADS = RNG.binomial(20, np.array([[0.2, 0.7], [0.8, 0.3]])[COIN]).astype(float)
FLIPS = np.hstack([HEADS, 20 - HEADS])

BOTH = pytest.mark.parametrize(
    ("mixture", "X"),
    [
        (GaussianMixtureEM(2, random_state=0), FAITHFUL),
        (BinomialMixture(2, random_state=0), FLIPS),
        (BinomialMixture(2, n_trials=20, random_state=0), HEADS),
    ],
    ids=["gaussian", "successes and failures", "successes"],
)
FOLDS = KFold(4, shuffle=True, random_state=0)


def held_out(mixture, X, n_components, weight):
    """Return the mean score of the folds, weighted in fit and score, by hand."""
    scores = []
    for train, test in FOLDS.split(X):
        fitted = clone(mixture).set_params(n_components=n_components)
        fitted.fit(X[train], sample_weight=weight[train])
        scores.append(fitted.score(X[test], sample_weight=weight[test]))
    return np.mean(scores)


# Choosing K.


def test_a_grid_search_picks_k_by_held_out_log_likelihood():
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    X = centres[RNG.integers(0, 3, size=300)] + RNG.normal(size=(300, 2))
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(random_state=0))
    grid = {"gaussianmixtureem__n_components": [1, 2, 3, 5]}
    search = GridSearchCV(pipeline, grid, cv=FOLDS).fit(X)
    assert search.best_params_ == {"gaussianmixtureem__n_components": 3}
    scaled = make_pipeline(StandardScaler(), GaussianMixtureEM(3, random_state=0))
    assert_allclose(search.best_score_, cross_val_score(scaled, X, cv=FOLDS).mean(), rtol=1e-12)


def test_a_grid_search_finds_the_number_of_coins():
    search = GridSearchCV(BinomialMixture(random_state=0), {"n_components": [1, 2, 4]}, cv=FOLDS)
    search.fit(FLIPS)
    assert search.best_params_ == {"n_components": 2}
    assert adjusted_rand_score(COIN, search.predict(FLIPS)) > 0.9


# Weights, with and without metadata routing.


@BOTH
def test_routed_weights_reach_fit_and_score_in_a_grid_search(mixture, X):
    weight = RNG.uniform(0.1, 3, size=len(X))
    grid = {"n_components": [1, 2]}
    with sklearn.config_context(enable_metadata_routing=True):
        asked = clone(mixture)
        asked.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(asked, grid, cv=FOLDS).fit(X, sample_weight=weight)
    expected = [held_out(mixture, X, K, weight) for K in [1, 2]]
    assert_allclose(search.cv_results_["mean_test_score"], expected, rtol=1e-10)
    refitted = clone(mixture).fit(X, sample_weight=weight)
    assert search.best_params_ == {"n_components": 2}
    assert_allclose(search.best_estimator_.lower_bound_, refitted.lower_bound_, rtol=1e-10)


@BOTH
def test_weights_reach_fit_in_a_grid_search_without_routing(mixture, X):
    weight = RNG.integers(0, 4, size=len(X))
    search = GridSearchCV(mixture, {"n_components": [1, 2]}, cv=FOLDS)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        search.fit(X, sample_weight=weight)
    expected = clone(mixture).set_params(**search.best_params_).fit(X, sample_weight=weight)
    assert_allclose(search.best_estimator_.weights_, expected.weights_, rtol=1e-10)
    plain = clone(mixture).set_params(**search.best_params_).fit(X)
    assert abs(plain.lower_bound_ - search.best_estimator_.lower_bound_) > 1e-6


@BOTH
@pytest.mark.parametrize("routing", [True, False])
def test_weights_reach_the_mixture_at_the_end_of_a_pipeline(mixture, X, routing):
    weight = RNG.integers(0, 4, size=len(X))
    expected = clone(mixture).fit(X, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            last = clone(mixture).set_fit_request(sample_weight=True)
            last.set_score_request(sample_weight=True)
            pipeline = make_pipeline("passthrough", last).fit(X, sample_weight=weight)
        else:
            pipeline = make_pipeline("passthrough", clone(mixture))
            name = pipeline.steps[-1][0]
            pipeline.fit(X, **{f"{name}__sample_weight": weight})
        score = pipeline.score(X, sample_weight=weight)
    assert_allclose(pipeline[-1].lower_bound_, expected.lower_bound_, rtol=1e-12)
    assert_allclose(score, expected.lower_bound_, rtol=1e-10)
    assert abs(score - clone(mixture).fit(X).lower_bound_) > 1e-6


@BOTH
def test_weights_that_nobody_asked_for_are_an_error_under_routing(mixture, X):
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(mixture, {"n_components": [1]}, cv=FOLDS)
        with pytest.raises(ValueError, match="sample_weight"):
            search.fit(X, sample_weight=np.ones(len(X)))


# Among transformers and clusterers.


def test_a_column_transformer_before_the_mixture():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(FAITHFUL, columns=["eruptions", "waiting"])
    frame["site"] = np.where(np.arange(len(frame)) % 2, "north", "south")
    chosen = ColumnTransformer(
        [("scale", StandardScaler(), ["eruptions", "waiting"]), ("drop", "drop", ["site"])]
    )
    mixture = GaussianMixtureEM(2, random_state=0)
    labels = make_pipeline(chosen, mixture).fit_predict(frame)
    assert_array_equal(labels, mixture.fit_predict(StandardScaler().fit_transform(FAITHFUL)))
    encoded = ColumnTransformer(
        [("site", OneHotEncoder(sparse_output=False), ["site"])], remainder="passthrough"
    )
    assert len(make_pipeline(encoded, mixture).fit_predict(frame)) == len(frame)


@BOTH
def test_it_serves_as_a_clusterer(mixture, X):
    labels = mixture.fit_predict(X)
    assert_array_equal(labels, mixture.labels_)
    assert labels.shape == (len(X),)
    assert set(labels) == {0, 1}
    truth = COIN if X is not FAITHFUL else FAITHFUL[:, 0] > 3
    assert adjusted_rand_score(truth, labels) > 0.9


@BOTH
def test_a_slice_of_the_rows_scores_as_part_of_the_whole(mixture, X):
    fitted = clone(mixture).fit(X)
    assert_allclose(fitted.score_samples(X[7:9]), fitted.score_samples(X)[7:9], rtol=1e-12)
    assert_array_equal(fitted.predict(X[::-1]), fitted.labels_[::-1])


# Frames and names.


@BOTH
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_taken_and_their_names_kept(mixture, X, library):
    frames = pytest.importorskip(library)
    names = [f"column {j}" for j in range(X.shape[1])]
    frame = frames.DataFrame(dict(zip(names, X.T, strict=True)))
    fitted = clone(mixture).fit(frame)
    assert fitted.n_features_in_ == len(names)
    assert_array_equal(fitted.labels_, clone(mixture).fit(X).labels_)
    assert_array_equal(fitted.predict(frame), fitted.labels_)
    if not hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        pytest.skip(f"this scikit-learn does not see the names of this {library}")
    assert list(fitted.feature_names_in_) == names
    renamed = frames.DataFrame(dict(zip(names[::-1], X.T, strict=True)))
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(renamed)
    with pytest.warns(UserWarning, match="feature names"):
        fitted.predict(X)
    assert not hasattr(fitted.fit(X), "feature_names_in_")


@BOTH
def test_float_layouts_and_lists_are_the_same_data(mixture, X):
    labels = clone(mixture).fit(X).labels_
    for same in [np.asfortranarray(X), X.tolist(), np.repeat(X, 2, axis=0)[::2]]:
        assert_array_equal(clone(mixture).fit(same).labels_, labels)
    if X is not FAITHFUL:
        for dtype in [np.int64, np.int8, np.uint16]:
            assert_array_equal(clone(mixture).fit(X.astype(dtype)).labels_, labels)


# Copies and descriptions.


@BOTH
def test_a_clone_has_the_parameters_and_nothing_else(mixture, X):
    fitted = clone(mixture).set_params(tol=1e-5).fit(X)
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    assert not [name for name in vars(copied) if name.endswith("_")]


@BOTH
def test_a_pickle_goes_on_where_the_original_was(mixture, X):
    fitted = clone(mixture).fit(X)
    copied = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))
    assert copied.restarts_ == fitted.restarts_
    if fitted.get_params().get("n_trials", 20) is not None:
        fitted.sample(3)
        copied = pickle.loads(pickle.dumps(fitted))
        assert_array_equal(copied.sample(3)[0], fitted.sample(3)[0])


@BOTH
def test_fitting_changes_no_parameter_and_no_data(mixture, X):
    params = mixture.get_params()
    X = X.copy()
    X.setflags(write=False)
    clone(mixture).fit(X).predict(X)
    fitted = clone(mixture).fit(X)
    assert fitted.get_params() == params


@BOTH
def test_the_html_names_the_class_and_its_changed_parameters(mixture, X):
    for estimator in [mixture, clone(mixture).fit(X), make_pipeline(StandardScaler(), mixture)]:
        html = estimator._repr_html_()
        assert type(mixture).__name__ in html
        assert "n_components" in html
    assert repr(GaussianMixtureEM(2, tol=0.5)) == "GaussianMixtureEM(n_components=2, tol=0.5)"


@BOTH
def test_the_tags_say_what_kind_of_estimator_it_is(mixture, X):
    tags = get_tags(mixture)
    assert tags.estimator_type == "density_estimator"
    assert not tags.target_tags.required
    assert not tags.input_tags.sparse
    assert tags.input_tags.allow_nan
    assert tags.input_tags.positive_only == isinstance(mixture, BinomialMixture)


@BOTH
def test_parameters_other_than_k_are_given_by_name(mixture, X):
    parameters = list(inspect.signature(type(mixture)).parameters.values())
    assert parameters[0].name == "n_components"
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[1:])


@BOTH
def test_classes_are_the_labels_that_there_are(mixture, X):
    mixture = clone(mixture)
    assert not hasattr(mixture, "classes_")
    fitted = mixture.fit(X)
    assert_array_equal(fitted.classes_, np.unique(fitted.labels_))
