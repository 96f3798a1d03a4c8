"""A likelihood that is high for the wrong reason is told apart, and does not win."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skem import GaussianMixtureEM
from skem.datasets import load_old_faithful
from skem.families import Gaussian
from skem.families.covariance import STRUCTURES

N = 1000.0
RIDGE = 1e-6
structures = pytest.mark.parametrize("structure", STRUCTURES)
own_shape = pytest.mark.parametrize("structure", ["full", "diag", "spherical"])


def mixture_of(structure, n_rows=(500, 300, 200), variances=((1, 1), (1, 1), (1, 1))):
    """Return components, parameters and counts: rows of each component, variances by axis."""
    K, d = len(n_rows), len(variances[0])
    family = Gaussian(STRUCTURES[structure], K, np.zeros(d), np.ones(d), np.zeros(d), RIDGE)
    covariances = np.array([np.diag(v) for v in variances], dtype=float)
    shaped = {
        "full": covariances,
        "tied": covariances[0],
        "diag": np.einsum("kii->ki", covariances),
        "spherical": np.einsum("kii->ki", covariances).min(axis=1),
    }[structure]
    counts = N * np.array(n_rows) / np.sum(n_rows)
    return family, family.parameters(np.arange(K * d).reshape(K, d) * 3.0, shaped), counts


def verdict(structure, *args, **options):
    """Return what is said of a mixture, None where nothing is."""
    family, params, counts = mixture_of(structure, *args, **options)
    doubt = family.spurious(params, counts)
    return doubt and doubt.sentence


@structures
@pytest.mark.parametrize(
    "n_rows, variances",
    [
        ((500, 300, 200), ((1, 1), (1, 1), (1, 1))),
        ((500, 480, 20), ((1, 1), (1, 1), (1e-2, 1e-2))),
        ((500, 300, 200), ((1, 1), (1, 1), (1e-5, 1e-5))),  # tight, but on many rows
        ((500, 490, 10), ((1, 1), (1, 1), (3, 3))),
        ((500, 500, 0), ((1, 1), (1, 1), (1, 1))),  # empty: of that there is another warning
    ],
    ids=["even", "small", "tight", "outliers", "empty"],
)
def test_healthy_mixture(structure, n_rows, variances):
    assert verdict(structure, n_rows, variances) is None


@own_shape
@pytest.mark.parametrize("few", [1.0, 1.4])
def test_component_of_hardly_any_rows(structure, few):
    n_rows = (500, few, 500 - few)
    assert "component 1 has only" in verdict(structure, n_rows)
    assert verdict("tied", n_rows) is None  # it has no covariance of its own


@pytest.mark.parametrize("structure, enough", [("full", 3), ("diag", 2), ("spherical", 2)])
def test_component_needs_as_many_rows_as_its_covariance_has_directions_and_one(structure, enough):
    assert verdict(structure, (500, 500 - enough, enough)) is None
    assert "component 2" in verdict(structure, (500, 501 - enough, enough - 1))


@own_shape
def test_spike_on_few_rows(structure):
    spike = ((1, 1), (1, 1), (2e-5, 2e-5))
    assert "component 2 is a spike" in verdict(structure, (500, 490, 10), spike)
    assert verdict(structure, (500, 450, 50), spike) is None
    assert verdict(structure, (500, 490, 10), ((2e-5, 2e-5),) * 3) is None  # units, rather


@structures
def test_components_that_are_flat_where_all_data_are(structure):
    """A constant column, say, is no reason to prefer a mixture with other components."""
    family, params, counts = mixture_of(structure, variances=((1, RIDGE), (1, RIDGE), (1, RIDGE)))
    params = params._replace(means=params.means * [1, 0])
    if structure != "spherical":
        assert family.spurious(params, counts) is None
    apart = params._replace(means=params.means + np.array([[0, 1], [0, 0], [0, 0]]))
    assert family.spurious(apart, counts)


@structures
@pytest.mark.parametrize("variance", [RIDGE, 2 * RIDGE])
def test_flat_component_however_many_rows_it_has(structure, variance):
    flat = ((4, variance), (1, 1), (1, 1))
    expected = "the shared covariance" if structure == "tied" else "component 0"
    assert verdict(structure, variances=flat).startswith(f"{expected} is flat")
    family, params, counts = mixture_of(structure, variances=flat)
    assert replace(family, ridge=0.0).spurious(params, counts) is None


@pytest.mark.parametrize("degrees", [10, 45, 80])
def test_line_is_flat_at_any_angle(degrees):
    """Though neither feature is."""
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    family, params, counts = mixture_of("full")
    covariances = params.covariances.copy()
    covariances[1] = rotation @ np.diag([1, RIDGE]) @ rotation.T
    params = family.parameters(params.means, covariances)
    doubt = family.spurious(params, counts)
    assert doubt.word == "flat" and doubt.sentence.startswith("component 1 is flat")


# What the estimator makes of it.


def tight_few(seed=0, n=80, d=1):
    """Return two clouds, and four rows of the first that are nearly the same."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    X[n // 2 :] += 4
    X[1:5] = X[0] + 1e-3 * rng.standard_normal((4, d))
    return X


def fitted(X, sample_weight=None, **options):
    mixture = GaussianMixtureEM(
        3, **{"init_params": "random_from_data", "random_state": 0, **options}
    )
    return mixture.fit(X, sample_weight=sample_weight)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", [0, 1])
def test_more_starts_do_not_make_the_answer_worse(seed):
    X = tight_few(seed)
    mixture = fitted(X, n_init=20)
    bad = [r for r in mixture.restarts_ if r.spurious is not None]
    good = [r for r in mixture.restarts_ if r.spurious is None and r.converged]
    best = max(r.log_likelihood for r in good)
    assert max(r.log_likelihood for r in bad) > best + 1e-2
    assert abs(mixture.lower_bounds_[-1] - best) < 1e-8
    assert mixture.covariances_.min() > 1e-4


def test_only_spurious_starts_are_a_warning_that_says_why():
    labels = np.repeat([0, 1], [77, 3])
    labels[:40] = 2
    X = tight_few()
    X[77:] = 50 + 1e-4 * np.arange(3)[:, np.newaxis]
    with pytest.warns(ConvergenceWarning, match=r"a component is .*n_init") as told:
        mixture = fitted(X, init_params=labels)
    assert len(told) == 1
    (sentence,) = mixture.doubts_.values()
    assert str(told[0].message) == f"The fit cannot be trusted: {sentence}"
    assert mixture.restarts_[0].spurious.startswith("component 1 is ")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init_params", ["short-runs", "random_from_data"])
@pytest.mark.parametrize("X", [load_old_faithful().data, tight_few()], ids=["healthy", "tight"])
def test_scale_of_sample_weight_does_not_matter(X, init_params):
    """All weights 0.007 do not make there be fewer rows."""
    X = np.unique(X, axis=0)  # sorted: weighted or not, the starts are the same
    options = {"n_init": 10, "init_params": init_params}
    plain = fitted(X, **options)
    scaled = fitted(X, np.full(len(X), 0.007), **options)
    for a, b in zip(plain.restarts_, scaled.restarts_, strict=True):
        assert (a.spurious is None) == (b.spurious is None)
        assert_allclose(a.log_likelihood, b.log_likelihood, rtol=1e-6)
    assert_allclose(scaled.means_, plain.means_, rtol=1e-3)


@pytest.mark.parametrize("init_params", ["short-runs", "random_from_data", "random"])
def test_jobs_give_the_same_bits(init_params):
    X = tight_few()
    one, two = (
        fitted(X, n_init=6, n_jobs=n_jobs, init_params=init_params) for n_jobs in (None, 2)
    )
    assert one.restarts_ == two.restarts_
    for name in ("weights_", "means_", "covariances_", "lower_bounds_", "labels_"):
        assert_array_equal(getattr(one, name), getattr(two, name))


def test_every_start_is_reported_and_repeats_from_its_seed():
    X = tight_few()
    mixture = fitted(X, n_init=6, random_state=3)
    assert mixture.restarts_[0].seed == 3
    assert len({r.seed for r in mixture.restarts_}) == 6
    for restart in mixture.restarts_:
        assert restart.failure is None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            alone = fitted(X, random_state=restart.seed)
        assert (alone.n_iter_, alone.converged_) == (restart.n_iter, restart.converged)
        assert alone.lower_bounds_[-1] == restart.log_likelihood
        assert alone.restarts_ == (replace(restart, optimum=alone.restarts_[0].optimum),)


def test_start_that_is_cut_short_is_reported_as_such():
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        mixture = fitted(tight_few(), n_init=3, max_iter=3)
    assert [(r.n_iter, r.converged) for r in mixture.restarts_] == [(3, False)] * 3
