"""Online EM: each batch moves the mixture, and many of them lead where fit does."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony
from skem.mixture.online import EXPONENT, step_size
from tests.estimators.outside import counts, measured
from tests.families.cases import BINOMIALS, binomial_case, gaussian_case
from tests.laws import assert_same

COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]
X = measured(6000)
PARAMETERS = ("weights_", "means_", "covariances_", "probabilities_")

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def gaussian(K=3, **params):
    return GaussianMixtureEM(K, random_state=0, **params)


def streamed(mixture, X, n_passes=1, size=500, sample_weight=None):
    """Return the mixture after batches of all rows, in a new order each time."""
    rng = np.random.default_rng(0)
    for _ in range(n_passes):
        order = rng.permutation(len(X))
        for start in range(0, len(X), size):
            rows = order[start : start + size]
            weights = None if sample_weight is None else sample_weight[rows]
            mixture.partial_fit(X[rows], sample_weight=weights)
    return mixture


def gap(mixture, X, n_passes, size=500, sample_weight=None):
    """Return how much likelier fit makes the rows than batches do, in nats per row."""
    best = clone(mixture).fit(X, sample_weight=sample_weight)
    here = streamed(clone(mixture), X, n_passes, size, sample_weight)
    best, here = (each.score(X, sample_weight=sample_weight) for each in (best, here))
    return best - here


def state_of(mixture):
    """Return what two mixtures must share to be the same."""
    return [getattr(mixture, name) for name in PARAMETERS if hasattr(mixture, name)]


# The step.


def test_steps_shrink_with_the_rows_seen():
    assert step_size(0.0, 17.0) == 1.0
    for t in range(1, 20):
        assert_allclose(step_size(250.0 * (t - 1), 250.0), t**-EXPONENT, rtol=1e-12)
    # Steps add up to infinity, their squares do not (Robbins & Monro 1951).
    assert 0.5 < EXPONENT <= 1


def test_three_batches_by_hand():
    """Against the formulas of Cappé & Moulines (2009), in one dimension, with NumPy alone."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, 300), rng.normal(4, 2, 300)])
    rng.shuffle(x)
    batches, sizes = np.split(x, [150, 400]), np.array([150, 250, 200])
    w, mean, variance = np.array([0.4, 0.6]), np.array([-1.0, 3.0]), np.array([2.0, 1.0])
    mixture = GaussianMixtureEM(
        2,
        reg_covar=0.0,
        covariance_type="spherical",
        weights_init=w,
        means_init=mean[:, np.newaxis],
        covariances_init=variance,
    )
    S = 0.0
    for t, batch in enumerate(batches):
        column = batch[:, np.newaxis]
        r = softmax(np.log(w) + norm.logpdf(column, mean, np.sqrt(variance)), axis=1)
        s = np.array([r, r * column, r * column**2]).mean(axis=1)
        g = (sizes[t] / sizes[: t + 1].sum()) ** 0.7
        S = (1 - g) * S + g * s
        w, mean, variance = S[0], S[1] / S[0], S[2] / S[0] - (S[1] / S[0]) ** 2
        mixture.partial_fit(column)
        assert_allclose(mixture.weights_, w, rtol=1e-12)
        assert_allclose(mixture.means_[:, 0], mean, rtol=1e-10)
        assert_allclose(mixture.covariances_, variance, rtol=1e-10)
    assert mixture.n_steps_ == 3


@pytest.mark.parametrize("assignment", ["soft", "hard"])
@each_type
def test_first_batch_is_a_step_of_fit_from_its_start(covariance_type, assignment):
    mixture = gaussian(covariance_type=covariance_type, assignment=assignment, acceleration=None)
    here = clone(mixture).partial_fit(X)
    mixture.set_params(max_iter=1)
    with pytest.warns(ConvergenceWarning):
        mixture.fit(X)
    for actual, expected in zip(state_of(here), state_of(mixture), strict=True):
        assert_allclose(actual, expected, rtol=1e-8, atol=1e-10)


CASES = [
    *(gaussian_case(name, 3, 2, ridge) for name in COVARIANCE_TYPES for ridge in (0.0, 0.3)),
    *BINOMIALS,
    binomial_case(3, 2, n_trials=10),
]


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_mean_statistics_are_what_the_m_step_makes_the_parameters_of(case, streams):
    family = case.family.for_streams() if streams else case.family
    model = replace(case.model(), components=family)
    weights = case.params.labels.weights
    K, width = len(weights), model.kernel(None).width
    like = np.random.default_rng(0).uniform(1, 2, (K, width))
    of_rows = family.mean_statistics(case.params.components, like)
    statistics = 1000 * weights[:, np.newaxis] * of_rows
    arrays = case.params.by_name()
    elsewhere = case.params.with_arrays(**{name: 0 * arrays[name] for name in arrays})
    assert_same(model.m_step(statistics, model.kernel(None), elsewhere), case.params)


# Where it leads.


@each_type
def test_passes_approach_the_optimum(covariance_type):
    mixture = gaussian(covariance_type=covariance_type)
    once, often = (gap(mixture, X, n_passes) for n_passes in (1, 10))
    assert 0 < often < once / 4 < 1e-3
    assert often < 5e-5


@each_type
def test_passes_with_missing_cells(covariance_type):
    mixture = gaussian(covariance_type=covariance_type)
    assert 0 < gap(mixture, measured(6000, missing=0.2), 10) < 1e-4


@pytest.mark.parametrize("layout", ["successes", "both"])
def test_passes_over_counts(layout):
    rows = counts(3000, layout=layout, missing=0.1)
    n_trials = 200 if layout == "successes" else None
    assert -1e-9 < gap(BinomialMixture(3, n_trials=n_trials, random_state=0), rows, 10) < 1e-5


def test_passes_over_old_faithful():
    rows = load_old_faithful().data
    gaps = [gap(gaussian(2), rows, n_passes, 68) for n_passes in (1, 10, 40)]
    assert gaps[0] > 4 * gaps[1] > 16 * gaps[2] > 0
    assert gaps[2] < 1e-5


def test_where_em_is_slow_so_are_batches():
    """Two coins for the families of Saxony: plain EM needs thousands of steps, too."""
    saxony = load_saxony()
    data = {"X": saxony.data, "sample_weight": saxony.sample_weight}
    mixture = BinomialMixture(2, random_state=0, acceleration=None)
    best = clone(mixture).fit(**data)
    here = streamed(clone(mixture), n_passes=10, size=13, **data)
    assert best.n_iter_ > 1000
    assert here.score(**data) > clone(mixture).partial_fit(**data).score(**data)
    assert best.score(**data) - here.score(**data) < 1e-3


def test_uneven_batches_do_no_harm():
    rng, mixture = np.random.default_rng(0), gaussian()
    for _ in range(5):
        rows, size = rng.permutation(X), 900
        while len(rows):
            mixture.partial_fit(rows[:size])
            rows, size = rows[size:], rng.choice([900, 2])
    best = gaussian().fit(X)
    assert 0 < best.score(X) - mixture.score(X) < 1e-4


@each_type
def test_far_from_the_origin(covariance_type):
    mixture = gaussian(covariance_type=covariance_type)
    near, far = (streamed(clone(mixture), rows) for rows in (X, X + 1e8))
    assert_allclose(far.means_ - 1e8, near.means_, atol=1e-5)
    assert_allclose(far.covariances_, near.covariances_, rtol=1e-5, atol=1e-6)


@each_type
def test_relative_ridge_does_not_depend_on_units(covariance_type):
    mixture = gaussian(covariance_type=covariance_type, reg_covar="scale")
    near, small = (streamed(clone(mixture), rows) for rows in (X, X * 1e-6))
    # Where a first fit ends depends on rounding, well within its tolerance. The spread is about 1.
    assert_allclose(small.means_ * 1e6, near.means_, rtol=1e-6, atol=1e-6)


def test_missing_cells_in_some_batches_only():
    rows, rng = np.vstack([X[:3000], measured(6000, missing=0.2)[3000:]]), np.random.default_rng(0)
    for covariance_type in COVARIANCE_TYPES:
        mixture = gaussian(covariance_type=covariance_type)
        best = clone(mixture).fit(rows)
        for _ in range(10):
            complete, incomplete = (
                np.split(rng.permutation(half), 6) for half in np.split(rows, 2)
            )
            for batch in [*complete[:3], *incomplete, *complete[3:]]:
                mixture.partial_fit(batch)
        assert 0 < best.score(rows) - mixture.score(rows) < 1e-4


def test_batch_that_says_nothing_moves_nothing():
    mixture = streamed(gaussian(), X)
    before = copy.deepcopy(mixture)
    mixture.partial_fit(np.full((500, 2), np.nan))
    # But the running statistics are of older parameters, which count a little less then.
    for actual, expected in zip(state_of(mixture), state_of(before), strict=True):
        assert_allclose(actual, expected, rtol=0.02, atol=0.02)


def test_weights_are_repetitions():
    weights = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
    by_weight, repeated = (
        GaussianMixtureEM(
            3, weights_init=[1 / 3] * 3, means_init=[[0, 0], [3, 1], [-1, 4]],
            covariances_init=[np.eye(2)] * 3,
        )
        for _ in range(2)
    )  # fmt: skip
    for rows in np.split(np.arange(len(X)), 12):
        by_weight.partial_fit(X[rows], sample_weight=weights[rows])
        repeated.partial_fit(np.repeat(X[rows], weights[rows].astype(int), axis=0))
    for actual, expected in zip(state_of(by_weight), state_of(repeated), strict=True):
        assert_allclose(actual, expected, rtol=1e-10)


def test_components_keep_their_order():
    mixture = gaussian().partial_fit(X[:500])
    first = mixture.means_.copy()
    assert np.linalg.norm(streamed(mixture, X, 3).means_ - first, axis=1).max() < 0.5


# What it goes on from.


@pytest.mark.parametrize("n_rows", [1, 10, 500])
@each_type
def test_fit_counts_for_all_its_rows(covariance_type, n_rows):
    mixture = gaussian(covariance_type=covariance_type).fit(X)
    best, means = mixture.score(X), mixture.means_.copy()
    mixture.partial_fit(measured(seed=1)[:n_rows])
    assert 0 < best - mixture.score(X) < 2e-3
    assert not np.array_equal(mixture.means_, means)
    assert mixture.n_steps_ == 1
    for name in ("labels_", "converged_", "lower_bound_", "lower_bounds_", "n_iter_", "restarts_"):
        assert not hasattr(mixture, name)


@pytest.mark.parametrize("layout", ["successes", "both"])
def test_fit_to_counts_counts_too(layout):
    rows, n_trials = counts(layout=layout), 200 if layout == "successes" else None
    mixture = BinomialMixture(3, n_trials=n_trials, random_state=0).fit(rows)
    before = mixture.probabilities_.copy()
    mixture.partial_fit(rows[:5])
    assert 0 < np.abs(mixture.probabilities_ - before).max() < 0.01


def test_batch_like_the_model_changes_little():
    """The statistics that stand for a fit are those of rows drawn from it."""
    mixture = gaussian().fit(X)
    rows, _ = mixture.sample(100_000, random_state=0)
    before = copy.deepcopy(mixture)
    mixture.partial_fit(rows)
    for actual, expected in zip(state_of(mixture), state_of(before), strict=True):
        assert_allclose(actual, expected, atol=0.05)


def test_known_parameters_count_as_one_batch():
    known = gaussian().fit(X)
    given = {name: getattr(known, f"{name}_") for name in ("weights", "means", "covariances")}
    mixture = GaussianMixtureEM.from_parameters(**given)
    batch = X[:500] + 1.0
    mixture.partial_fit(batch)
    shift = (mixture.weights_ @ mixture.means_) - (known.weights_ @ known.means_)
    there = batch.mean(axis=0) - known.weights_ @ known.means_
    assert_allclose(shift, 0.5**EXPONENT * there, rtol=1e-8)
    assert GaussianMixtureEM.from_parameters(**given).partial_fit(X[:1]).n_steps_ == 1


def test_fit_starts_afresh_and_warm_start_goes_on():
    mixture, expected = gaussian().partial_fit(X[:500] * 2), gaussian().fit(X)
    assert_array_equal(mixture.fit(X).means_, expected.means_)
    assert not hasattr(mixture, "n_steps_")
    here = gaussian(warm_start=True, max_iter=0).partial_fit(X[:500])
    assert_allclose(here.fit(X).means_, gaussian().partial_fit(X[:500]).means_, rtol=1e-12)


@pytest.mark.parametrize(
    "params",
    [
        {"fixed": {"weights": True}, "weights_init": [0.2, 0.3, 0.5]},
        {
            "fixed": {"means": [True, False, True]},
            "means_init": [[0.0, 0.0], [3.0, 1.0], [-1.0, 4.0]],
        },
    ],
)
def test_held_parameters_stay(params):
    mixture = streamed(gaussian(**params), X)
    (name, mask), values = next(iter(params["fixed"].items())), list(params.values())[1]
    mask = np.broadcast_to(mask, 3)
    published = getattr(mixture, f"{name}_")
    assert_allclose(published[mask], np.array(values)[mask], rtol=1e-12)
    assert mixture.n_parameters_ == gaussian(**params).fit(X).n_parameters_
    if not mask.all():
        assert np.abs(published - values)[~mask].min() > 0


def test_prior_fades_as_rows_come_in():
    prior = {"mean": [50.0, 50.0], "shrinkage": 100.0, "degrees_of_freedom": 4.0}
    mixture = gaussian(1, prior=prior).partial_fit(X[:1000])
    best = gaussian(1, prior=prior).fit(X[:1000])
    assert_allclose(mixture.means_, best.means_, rtol=1e-10)
    early = mixture.means_.copy()
    streamed(mixture, X)
    assert np.abs(mixture.means_ - X.mean(axis=0)).max() < np.abs(early - X.mean(axis=0)).max() / 3


# What a user may do.


def test_what_is_in_place_of_y_does_not_matter():
    assert_array_equal(
        gaussian().partial_fit(X[:500], object()).means_, gaussian().partial_fit(X[:500]).means_
    )


def test_pickled_in_mid_stream():
    mixture = gaussian(covariance_type="diag").partial_fit(X[:500])
    again = pickle.loads(pickle.dumps(mixture))
    for each in (mixture, again):
        each.partial_fit(X[500:1000])
    assert_array_equal(mixture.means_, again.means_)
    assert again.n_steps_ == 2
    assert not hasattr(clone(mixture), "weights_")


@pytest.mark.parametrize(
    ("change", "batch", "message"),
    [
        ({"n_components": 2}, X, "n_components is 2, but the model so far has 3"),
        ({"covariance_type": "diag"}, X, "cannot continue with covariance_type='diag'"),
        ({}, X[:, :1], "1 features, but GaussianMixtureEM is expecting 2"),
        ({}, np.where(X > 3, np.inf, X), "infinity"),
        ({}, X[:0], "0 sample"),
    ],
)
@pytest.mark.parametrize("fitted_first", [False, True])
def test_error_leaves_the_mixture_as_it_was(change, batch, message, fitted_first):
    mixture = gaussian().fit(X) if fitted_first else gaussian().partial_fit(X[:500])
    mixture.set_params(**change)
    before = pickle.dumps(mixture)
    with pytest.raises(ValueError, match=message):
        mixture.partial_fit(batch)
    assert pickle.dumps(mixture) == before
    mixture.set_params(n_components=3, covariance_type="full").partial_fit(X[500:1000])


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (X[:2], "n_components = 3, n_samples = 2"),
        (np.where([True, False], np.nan, X), "no observed value in column 0"),
    ],
)
def test_first_batch_must_do(batch, message):
    mixture = gaussian()
    with pytest.raises(ValueError, match=message):
        mixture.partial_fit(batch)
    assert not hasattr(mixture, "weights_")


def test_estimates_that_are_not_to_be_had():
    """Two rows on a line have no covariance matrix."""
    means = [[0.0, 0.0], [9.0, 9.0]]
    mixture = GaussianMixtureEM(
        2,
        reg_covar=0.0,
        weights_init=[0.5, 0.5],
        means_init=means,
        covariances_init=[np.eye(2)] * 2,
    )
    with pytest.warns(ConvergenceWarning, match="stay as they are"):
        mixture.partial_fit([[0.0, 0.0], [1.0, 1.0], [9.0, 9.0], [8.0, 8.0]])
    assert_array_equal(mixture.means_, means)
    mixture.partial_fit(X)
    assert not np.array_equal(mixture.means_, means)


def test_batches_in_single_precision():
    mixture = streamed(gaussian(), X.astype(np.float32))
    assert mixture.means_.dtype == np.float32
    assert_allclose(mixture.means_, streamed(gaussian(), X).means_, rtol=1e-3, atol=1e-3)


def test_dask_ml_passes_blocks_one_after_another():
    """Incremental of dask-ml calls partial_fit for each block, with y where there is one."""
    da = pytest.importorskip("dask.array")
    lazy, mixture = da.from_array(X, chunks=(1000, 2)), gaussian()
    for block in lazy.to_delayed().ravel():
        mixture.partial_fit(block.compute(), y=None)
    expected = gaussian()
    for batch in np.split(X, 6):
        expected.partial_fit(batch)
    assert_array_equal(mixture.means_, expected.means_)
