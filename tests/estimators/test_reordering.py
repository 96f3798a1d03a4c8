"""A reordered mixture is the same mixture; only the numbers of its components differ."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skem import BinomialMixture, GaussianHMM, GaussianMixtureEM
from skem.datasets import load_old_faithful

GEYSER = load_old_faithful(as_frame=True).data
PLACES = np.array([2, 0, 1])


def gaussian(covariance_type="full", **params):
    mixture = GaussianMixtureEM(
        3, covariance_type=covariance_type, random_state=0, n_init=2, record_trace=True, **params
    )
    return mixture.fit(GEYSER)


@pytest.fixture(scope="module", params=["full", "tied", "diag", "spherical", "counts"])
def mixture(request):
    if request.param != "counts":
        return gaussian(request.param)
    rng = np.random.default_rng(0)
    p = np.repeat([0.1, 0.5, 0.9], [60, 100, 140])[:, np.newaxis]
    X = pd.DataFrame(rng.binomial(20, p, (300, 2)), columns=["a", "b"])
    model = BinomialMixture(3, n_trials=20, random_state=0, n_init=2, record_trace=True)
    model.rows = X
    return model.fit(X)


def rows_of(mixture):
    return getattr(mixture, "rows", GEYSER)


def test_posterior_is_permuted(mixture):
    X, other = rows_of(mixture), mixture.reordered(PLACES)
    np.testing.assert_allclose(
        other.predict_proba(X), mixture.predict_proba(X)[:, PLACES], rtol=1e-12, atol=1e-300
    )
    assert other.score(X) == pytest.approx(mixture.score(X), rel=1e-14)
    assert other.bic(X) == pytest.approx(mixture.bic(X), rel=1e-14)


def test_labels_name_the_same_components(mixture):
    other = mixture.reordered(PLACES)
    np.testing.assert_array_equal(PLACES[other.labels_], mixture.labels_)
    np.testing.assert_array_equal(other.labels_, other.predict(rows_of(mixture)))
    assert other.labels_.dtype == mixture.labels_.dtype


def test_every_array_by_component_is_permuted(mixture):
    """Whatever has the components on its first axis, but for what they share."""
    other = mixture.reordered(PLACES)
    shared = getattr(mixture, "covariance_type", None) == "tied"
    for name, values in vars(mixture).items():
        if not name.endswith("_") or np.shape(values)[:1] != (3,):
            continue
        moved = not (shared and name[:2] in ("co", "pr"))
        expected = np.asarray(values)[PLACES] if moved else values
        np.testing.assert_array_equal(getattr(other, name), expected, err_msg=name)
    for mine, its in zip(mixture.trace_, other.trace_, strict=True):
        np.testing.assert_array_equal(
            its.parameters["weights_"], mine.parameters["weights_"][PLACES]
        )
        assert its.log_likelihood == mine.log_likelihood


def test_the_mixture_itself_is_left_as_it_is(mixture):
    before = {name: np.copy(mixture.__dict__[name]) for name in ("weights_", "labels_")}
    mixture.reordered(PLACES)
    for name, values in before.items():
        np.testing.assert_array_equal(getattr(mixture, name), values)


def test_there_and_back_is_the_same(mixture):
    back = mixture.reordered(PLACES).reordered(np.argsort(PLACES))
    np.testing.assert_array_equal(back.labels_, mixture.labels_)
    assert back.restarts_ == mixture.restarts_
    np.testing.assert_array_equal(
        back.predict_proba(rows_of(mixture)), mixture.predict_proba(rows_of(mixture))
    )


def test_orders(mixture):
    assert (np.diff(mixture.reordered().weights_) <= 0).all()
    values = mixture.means_ if hasattr(mixture, "means_") else mixture.probabilities_
    for column, name in enumerate(rows_of(mixture).columns):
        expected = np.sort(values[:, column])
        for order in (name, column):
            other = mixture.reordered(order)
            now = other.means_ if hasattr(other, "means_") else other.probabilities_
            np.testing.assert_array_equal(now[:, column], expected)


@pytest.mark.parametrize("order", ["depth", 2, [0, 1], [0, 0, 1], [0.5, 1, 2], [[0, 1, 2]]])
def test_bad_orders(order):
    with pytest.raises(ValueError, match="order"):
        gaussian().reordered(order)


def test_what_a_start_was_said_to_suffer_from_has_the_new_number():
    X = np.r_[np.random.default_rng(0).normal(size=30), 50.0, 50.0 + 1e-9].reshape(-1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture = GaussianMixtureEM(2, random_state=0, reg_covar=1e-12).fit(X)
    (said,) = (each.spurious for each in mixture.restarts_)
    narrow = int(np.argmin(mixture.covariances_))
    assert f"component {narrow}" in said
    (said,) = (each.spurious for each in mixture.reordered([1, 0]).restarts_)
    assert f"component {1 - narrow}" in said


def test_a_fit_continues_with_the_same_parameters_held():
    """Masks and starting values are by component, too."""
    start = {"means_init": [[2.0, 50.0], [4.0, 70.0], [4.5, 80.0]]}
    held = {"means": [True, False, False]}
    mixture = gaussian(**start, fixed=held, warm_start=True)
    other = mixture.reordered(PLACES)
    assert other.n_parameters_ == mixture.n_parameters_
    other.fit(GEYSER[:200])
    np.testing.assert_array_equal(other.means_[1], [2.0, 50.0])
    assert (other.means_[[0, 2]] != mixture.means_[[2, 1]]).all()
    mixture.set_params(warm_start=False).fit(GEYSER)
    anew = gaussian(**start, fixed=held).reordered(PLACES).set_params(warm_start=False)
    np.testing.assert_allclose(anew.fit(GEYSER).means_, mixture.means_[PLACES], rtol=1e-4)


@pytest.mark.parametrize("fixed", [None, {"means": [True, False, False]}])
def test_batches_go_on(fixed):
    start = {"means_init": [[2.0, 54.5], [4.0, 70.0], [4.5, 80.0]]}
    mixture = gaussian(**start, fixed=fixed)
    mixture.partial_fit(GEYSER[:150])
    other = mixture.reordered(PLACES).partial_fit(GEYSER[150:])
    mixture.partial_fit(GEYSER[150:])
    np.testing.assert_allclose(other.means_, mixture.means_[PLACES], rtol=1e-10)
    np.testing.assert_allclose(other.covariances_, mixture.covariances_[PLACES], rtol=1e-8)


@pytest.mark.parametrize("order", [True, False, np.bool_(True), [True, False]])
def test_bools_are_no_order(order):
    """They would count as columns 0 and 1, or as a mask."""
    mixture = GaussianMixtureEM.from_parameters(
        weights=[0.5, 0.5], means=[[1.0, 0.0], [0.0, 1.0]], covariances=[np.eye(2)] * 2
    )
    chain = GaussianHMM.from_parameters(
        startprob=[0.5, 0.5],
        transmat=[[0.5, 0.5]] * 2,
        means=mixture.means_,
        covariances=mixture.covariances_,
    )
    for model in (mixture, chain):
        np.testing.assert_array_equal(model.reordered(1).means_, [[1, 0], [0, 1]])
        with pytest.raises(ValueError, match="order must be 'weights', the name or the index"):
            model.reordered(order)
