"""What makes a fit doubtful is in doubts_, whatever the model, and one warning tells it."""

import pickle
import re
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine

from skem import (
    BinomialMixture,
    CategoricalMixture,
    GaussianHMM,
    GaussianMixtureEM,
    LinearGaussianSSM,
    Mixture,
    PoissonHMM,
    PoissonMixture,
)
from skem.datasets import load_beta_blockers, load_earthquakes, load_nile, load_old_faithful
from skem.model_selection.soundness import doubt_of

FAITHFUL = load_old_faithful().data
QUAKES = load_earthquakes().data


def told(model, X, **given):
    """Fit, and return what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, **given)
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


HASTY = {
    "Gaussian": (GaussianMixtureEM(3, random_state=0), FAITHFUL),
    "binomial": (BinomialMixture(3, random_state=0), load_beta_blockers().data),
    "any density": (Mixture(2, random_state=0), FAITHFUL[:, :1]),
    "chain": (GaussianHMM(2, random_state=0), FAITHFUL),
    "state space": (LinearGaussianSSM(1), load_nile().data),
}


@pytest.mark.parametrize("kind", HASTY)
def test_a_fit_cut_short_is_in_doubt_and_told_once(kind):
    model, X = HASTY[kind]
    model = clone(model).set_params(max_iter=1)
    (message,) = told(model, X)
    assert list(model.doubts_) == ["no end"]
    assert message == f"The fit cannot be trusted: {model.doubts_['no end']}"
    assert re.search(r"not converge\. .* \(After max_iter=1 evaluations; .* tol=1e-08", message)
    if kind != "state space":
        assert repr(model.summary()).count("not to be trusted") == 1
    assert told(model.set_params(max_iter=1000), X) == [] and model.doubts_ == {}


@pytest.mark.parametrize(
    ("kind", "at_a_time"), [("Gaussian", 1), ("chain", 2), ("state space", 3)]
)
def test_continued_step_by_step_the_doubt_ends_with_the_climb(kind, at_a_time):
    model, X = HASTY[kind]
    model = clone(model).set_params(max_iter=at_a_time, warm_start=True, tol=1e-8)
    words = []
    while not words or words[-1]:
        assert bool(told(model, X)) == bool(model.doubts_) == (not model.converged_)
        words.append(list(model.doubts_))
        assert len(words) < 200
    assert len(words) > 1 and all(each == ["no end"] for each in words[:-1])


def test_a_start_that_is_asked_for_is_not_in_doubt():
    model = GaussianMixtureEM(3, random_state=0, max_iter=0)
    assert told(model, FAITHFUL) == [] and model.doubts_ == {}
    (message,) = told(model, np.repeat(FAITHFUL[:2], 9, axis=0))  # but the data may be
    assert list(model.doubts_) == ["few rows"] and "only 2 distinct rows" in message


@pytest.mark.parametrize(
    "model",
    [
        GaussianMixtureEM(3, random_state=0),
        BinomialMixture(3, n_trials=9, random_state=0),
        PoissonMixture(3, random_state=0),
        CategoricalMixture(3, random_state=0),
        Mixture(3, components=stats.poisson, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_fewer_distinct_rows_than_components(model):
    """However often they are there: that explains what else may be wrong."""
    X = np.repeat([[2.0], [7.0]], 20, axis=0)
    (message,) = told(model, X)
    assert list(model.doubts_) == ["few rows"]
    assert "X has only 2 distinct rows, fewer than n_components" in message
    told(model.set_params(n_components=2), X)
    assert "distinct" not in str(model.doubts_)


@pytest.mark.parametrize("n_trials", [3, 4])
def test_too_few_trials_are_a_doubt_that_does_not_name_the_number_of_components(n_trials):
    X = np.tile(np.arange(n_trials + 1.0), 30)[:, np.newaxis]
    texts = set()
    for K in (3, 4):
        model = BinomialMixture(K, n_trials=n_trials, random_state=0)
        texts.update(told(model, X))
        assert "unclear" in model.doubts_
    (text,) = texts
    assert f"at most {n_trials} trials, which tell at most 2 apart" in text
    assert told(BinomialMixture(2, n_trials=n_trials, random_state=0), X) == []


def test_components_alike_are_a_doubt():
    """A Poisson mixture of the earthquakes has its highest likelihood with four components."""
    four, five = (PoissonMixture(K, random_state=0) for K in (4, 5))
    assert told(four, QUAKES) == [] and four.doubts_ == {}
    (message,) = told(five, QUAKES)
    assert list(five.doubts_) == ["alike"] and "come out alike" in message
    assert five.score(QUAKES) == pytest.approx(four.score(QUAKES), abs=1e-6)
    gaps = np.diff(np.sort(five.rates_[:, 0]))
    assert gaps.min() < 0.1 < 1 < np.sort(gaps)[1]


def test_known_labels_tell_components_apart_that_are_alike():
    X, labels = FAITHFUL[:200], np.arange(200) % 2
    X = np.repeat(X[:100], 2, axis=0)  # the same rows in both
    model = GaussianMixtureEM(2)
    assert told(model, X, known_labels=labels) == [] and model.doubts_ == {}
    assert np.ptp(model.means_, axis=0).max() < 1e-9
    start = {"weights_init": [0.4, 0.6], "means_init": model.means_}
    assert told(model.set_params(**start, precisions_init=model.precisions_), X)
    assert list(model.doubts_) == ["alike"]


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_sound_fits_of_real_data_have_no_doubts(load):
    X = load().data
    for K in (2, 3, 4):
        for covariance_type in ("tied", "diag"):
            model = GaussianMixtureEM(K, covariance_type=covariance_type, random_state=0)
            assert told(model, X) == [] and model.doubts_ == {}


def test_words_of_a_fit_with_several_doubts_are_in_one_warning():
    model = PoissonHMM(4, random_state=0, max_iter=1)
    (message,) = told(model, np.arange(12)[:, None] % 5)
    assert {"parameters", "no end"} <= set(model.doubts_)
    assert message == f"The fit cannot be trusted: {' '.join(model.doubts_.values())}"


def streamed(model, X, size=90, passes=3):
    """Fit batch by batch; nothing warns."""
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(passes):
            for batch in np.array_split(rng.permutation(X), len(X) // size):
                model.partial_fit(batch)
    return model


def test_a_stream_has_doubts_about_its_parameters_as_they_are():
    model = streamed(GaussianMixtureEM(2, random_state=0), FAITHFUL)
    assert model.doubts_ == {} and not hasattr(model, "converged_")
    flat = np.column_stack([FAITHFUL, FAITHFUL[:, 0]])
    model = streamed(GaussianMixtureEM(2, random_state=0), flat)
    assert list(model.doubts_) == ["data"] and "collinear" in model.doubts_["data"]
    assert "not to be trusted: the data are flat" in repr(model.summary())
    assert doubt_of(model) == "data"
    model.fit(FAITHFUL[:, :1].repeat(3, axis=1) * [1, 2, 3] + [0, 0, 1])
    assert list(model.doubts_) == ["data"]
    assert streamed(model.set_params(covariance_type="diag").fit(flat), flat).doubts_ == {}


@pytest.mark.parametrize("covariance_type", ["full", "spherical"])
def test_a_column_is_constant_in_a_stream_only_if_it_is_in_all_batches(covariance_type):
    X = np.column_stack([FAITHFUL, np.arange(len(FAITHFUL)) > 200])
    model = GaussianMixtureEM(1, covariance_type=covariance_type)
    model.partial_fit(X[150:]).partial_fit(X[:150])
    assert model.doubts_ == {}
    model = GaussianMixtureEM(1, covariance_type=covariance_type)
    model.partial_fit(X[:100]).partial_fit(X[100:150])
    assert "column 2 is constant. Leave it out" in model.doubts_["data"]


def test_doubts_of_a_stream_follow_its_parameters():
    X = np.repeat([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], 3, axis=0)  # rows before
    start = {"weights_init": [0.5, 0.5], "rates_init": [[3.0], [3.0]]}
    model = PoissonMixture(2, **start).partial_fit(X)
    assert list(model.doubts_) == ["alike"]
    again = pickle.loads(pickle.dumps(model))
    assert again.doubts_ == model.doubts_
    assert model.set_params(rates_init=None, weights_init=None, random_state=0).fit(QUAKES)
    assert model.doubts_ == {} and streamed(model, QUAKES, 40).doubts_ == {}


@pytest.mark.parametrize("weight", [1e-3, 1.0, 1e3])
def test_doubts_of_a_stream_do_not_depend_on_the_scale_of_weights(weight):
    model = GaussianMixtureEM(2, random_state=0)
    for batch in np.array_split(FAITHFUL, 3):
        model.partial_fit(batch, sample_weight=np.full(len(batch), weight))
    assert model.doubts_ == {}


def test_what_is_not_fitted_has_no_doubts():
    assert not hasattr(GaussianMixtureEM(), "doubts_")
    given = {"weights": [1.0], "means": [[0.0]], "covariances": [[[1.0]]]}
    assert not hasattr(GaussianMixtureEM.from_parameters(**given), "doubts_")
