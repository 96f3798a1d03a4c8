"""GaussianMixtureEM: scikit-learn's interface, and what goes beyond it."""

import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skem import GaussianMixtureEM
from skem.datasets import load_old_faithful

FAITHFUL = load_old_faithful().data
COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]
each_covariance_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [4.0, 1.0], [0.0, 5.0]])
COVARIANCES = {
    "full": np.array(
        [[[1.0, 0.5], [0.5, 1.0]], [[2.0, 0.0], [0.0, 0.3]], [[0.5, -0.2], [-0.2, 0.7]]]
    ),
    "tied": np.array([[1.0, 0.5], [0.5, 2.0]]),
    "diag": np.array([[1.0, 0.5], [2.0, 0.3], [0.4, 1.5]]),
    "spherical": np.array([1.0, 0.5, 2.0]),
}


def as_matrices(covariances, covariance_type):
    """Return covariances (or precisions) of any type as three 2 x 2 matrices."""
    return {
        "full": lambda C: C,
        "tied": lambda C: np.array([C] * 3),
        "diag": lambda C: np.array([np.diag(c) for c in C]),
        "spherical": lambda C: np.array([np.diag([c, c]) for c in C]),
    }[covariance_type](covariances)


def invert(covariances, covariance_type):
    matrix = covariance_type in ("full", "tied")
    return np.linalg.inv(covariances) if matrix else 1 / covariances


def known(covariance_type="full", **params):
    """Return the mixture of known parameters."""
    return GaussianMixtureEM.from_parameters(
        weights=WEIGHTS,
        means=MEANS,
        covariances=COVARIANCES[covariance_type],
        covariance_type=covariance_type,
        **params,
    )


def rows(n=300, covariance_type="full", seed=0):
    return known(covariance_type).sample(n, random_state=seed)[0]


# scikit-learn's interface.


def test_every_parameter_method_and_attribute_of_scikit_learn_exists():
    theirs = GaussianMixture(2, random_state=0).fit(FAITHFUL)
    ours = GaussianMixtureEM(2, random_state=0).fit(FAITHFUL)
    assert set(ours.get_params()) >= set(theirs.get_params())
    public = {name for name in dir(theirs) if not name.startswith("_")}
    assert public <= set(dir(ours))


@each_covariance_type
def test_attributes_have_the_shapes_and_types_of_scikit_learn(covariance_type):
    params = {"n_components": 2, "covariance_type": covariance_type, "random_state": 0}
    theirs = GaussianMixture(**params).fit(FAITHFUL)
    ours = GaussianMixtureEM(**params).fit(FAITHFUL)
    for name, value in vars(theirs).items():
        if name.endswith("_"):
            assert np.asarray(getattr(ours, name)).dtype == np.asarray(value).dtype, name
            assert np.shape(getattr(ours, name)) == np.shape(value) or name == "lower_bounds_"


@each_covariance_type
def test_a_converged_fit_agrees_with_scikit_learn(covariance_type):
    X = rows(covariance_type=covariance_type)
    params = {
        "n_components": 3,
        "covariance_type": covariance_type,
        "means_init": MEANS,
        "max_iter": 10_000,
        "tol": 1e-13,
        "reg_covar": 0,
        "init_params": "kmeans",
        "random_state": 0,
    }
    theirs = GaussianMixture(**params).fit(X)
    ours = GaussianMixtureEM(**params).fit(X)
    assert theirs.n_iter_ > 5  # the start is not the answer
    for name in ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]:
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-4, atol=1e-5)
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-5)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    for criterion in ["aic", "bic"]:
        assert_allclose(getattr(ours, criterion)(X), getattr(theirs, criterion)(X), rtol=1e-8)


@each_covariance_type
def test_a_default_fit_is_converged(covariance_type):
    mixture = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(FAITHFUL)
    assert mixture.converged_
    before = mixture.lower_bound_
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        mixture.set_params(warm_start=True, tol=0.0, max_iter=500).fit(FAITHFUL)
    assert mixture.lower_bound_ - before < 1e-5


def test_an_unfinished_fit_says_so():
    with pytest.warns(ConvergenceWarning, match="max_iter=2 .* tol=1e-09"):
        mixture = GaussianMixtureEM(3, max_iter=2, tol=1e-9, random_state=0).fit(FAITHFUL)
    assert not mixture.converged_
    assert mixture.n_iter_ == 2


def test_labels_and_the_number_of_parameters_are_published():
    mixture = GaussianMixtureEM(3, random_state=0)
    labels = mixture.fit_predict(FAITHFUL)
    assert_array_equal(labels, mixture.labels_)
    assert_array_equal(labels, mixture.predict(FAITHFUL))
    assert_array_equal(labels, mixture.predict_proba(FAITHFUL).argmax(axis=1))
    assert adjusted_rand_score(labels, np.zeros(len(labels))) < 0.5
    assert mixture.n_parameters_ == 2 + 3 * 2 + 3 * 3


# Reference optima. R's were computed by mclust 6.0.0, whose own default tolerance stops earlier:
# Mclust(faithful, G, modelNames, control = emControl(tol = c(1e-14, 1e-14))), then logLik, bic
# and icl, with mclust's sign of the criteria turned.


@pytest.mark.parametrize(
    ("K", "covariance_type", "log_likelihood", "bic", "icl"),
    [
        (2, "full", -1130.263960185, 2322.191743099, 2322.704681431),
        (3, "tied", -1126.315927823, 2314.295678376, 2358.389413034),
        (2, "diag", -1147.806352538, 2346.064923672, 2346.160838667),
    ],
)
def test_old_faithful_agrees_with_mclust(K, covariance_type, log_likelihood, bic, icl):
    mixture = GaussianMixtureEM(
        K,
        covariance_type=covariance_type,
        reg_covar=0,
        tol=1e-13,
        max_iter=20_000,
        n_init=5,
        random_state=0,
    ).fit(FAITHFUL)
    n = len(FAITHFUL)
    assert_allclose(mixture.lower_bound_ * n, log_likelihood, atol=1e-6)
    assert_allclose(mixture.bic(FAITHFUL), bic, atol=1e-5)
    assert_allclose(mixture.icl(FAITHFUL), icl, atol=1e-2 if K == 3 else 1e-4)


@pytest.mark.parametrize(
    ("K", "covariance_type", "at_least"), [(2, "full", -1130.264068), (3, "tied", -1126.326)]
)
def test_a_default_fit_of_old_faithful_finds_the_optimum(K, covariance_type, at_least):
    mixture = GaussianMixtureEM(K, covariance_type=covariance_type, n_init=5, random_state=0)
    assert mixture.fit(FAITHFUL).lower_bound_ * len(FAITHFUL) > at_least - 1e-3


def test_from_scikit_learns_own_start_a_default_fit_goes_on_where_scikit_learn_stops():
    labels = KMeans(3, n_init=1, random_state=0).fit(FAITHFUL).labels_
    mixture = GaussianMixtureEM(3, init_params=labels).fit(FAITHFUL)
    theirs = GaussianMixture(3, random_state=0).fit(FAITHFUL)
    n = len(FAITHFUL)
    assert theirs.score(FAITHFUL) * n < -1126
    assert mixture.lower_bound_ * n > -1119.215


def test_icl_is_the_bic_of_the_completed_data():
    X = rows(100)
    mixture = known()
    log_joint = np.column_stack(
        [
            np.log(w) + multivariate_normal.logpdf(X, m, C)
            for w, m, C in zip(WEIGHTS, MEANS, COVARIANCES["full"], strict=True)
        ]
    )
    completed = log_joint.max(axis=1).sum()
    n_parameters = 2 + 6 + 9
    assert_allclose(mixture.icl(X), -2 * completed + n_parameters * np.log(100), rtol=1e-12)
    assert mixture.icl(X) > mixture.bic(X)


# The bound.


@each_covariance_type
@pytest.mark.parametrize("max_iter", [0, 1, 7, 500])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lower_bound_is_the_score_of_what_is_published(covariance_type, max_iter):
    for X in [FAITHFUL, FAITHFUL.astype(np.float32)]:
        mixture = GaussianMixtureEM(
            3, covariance_type=covariance_type, max_iter=max_iter, reg_covar=0.1, random_state=0
        ).fit(X)
        assert abs(mixture.lower_bound_ - mixture.score(X)) <= 1e-12
        assert_allclose(mixture.score(X), mixture.score_samples(X).mean(), rtol=1e-6)


@each_covariance_type
def test_the_trace_never_falls(covariance_type):
    mixture = GaussianMixtureEM(
        3, covariance_type=covariance_type, init_params="random_from_data", random_state=0
    ).fit(FAITHFUL)
    trace = np.array(mixture.lower_bounds_)
    assert len(trace) == mixture.n_iter_ > 3
    assert trace[-1] > trace[0] + 0.01
    assert np.all(np.diff(trace) >= -1e-12 * np.abs(trace[1:]))


# Known parameters.


@each_covariance_type
def test_from_parameters_gives_the_density_of_scipy(covariance_type):
    X = rows(50)
    matrices = as_matrices(COVARIANCES[covariance_type], covariance_type)
    log_joint = np.column_stack(
        [
            np.log(w) + multivariate_normal.logpdf(X, m, C)
            for w, m, C in zip(WEIGHTS, MEANS, matrices, strict=True)
        ]
    )
    log_density = logsumexp(log_joint, axis=1)
    mixture = known(covariance_type)
    assert_allclose(mixture.score_samples(X), log_density, rtol=1e-12)
    assert_allclose(
        mixture.predict_proba(X), np.exp(log_joint - log_density[:, np.newaxis]), atol=1e-12
    )
    assert_array_equal(mixture.predict(X), log_joint.argmax(axis=1))
    assert_allclose(mixture.score(X), log_density.mean(), rtol=1e-12)


@each_covariance_type
def test_from_parameters_publishes_what_fit_does(covariance_type):
    mixture = known(covariance_type)
    assert_array_equal(mixture.weights_, WEIGHTS)
    assert_array_equal(mixture.means_, MEANS)
    assert_array_equal(mixture.covariances_, COVARIANCES[covariance_type])
    assert_allclose(mixture.precisions_, invert(COVARIANCES[covariance_type], covariance_type))
    counts = {"full": 9, "tied": 3, "diag": 6, "spherical": 3}
    assert mixture.n_parameters_ == 2 + 6 + counts[covariance_type]
    assert mixture.n_features_in_ == 2
    U = mixture.precisions_cholesky_
    if covariance_type in ("full", "tied"):
        assert_array_equal(U, np.triu(U))
        product = U @ np.swapaxes(U, -1, -2)
    else:
        product = U**2
    assert_allclose(product, mixture.precisions_)


def test_fit_continues_from_known_parameters():
    X = rows(200)
    mixture = known(warm_start=True, max_iter=1, tol=0)
    with pytest.warns(ConvergenceWarning):
        mixture.fit(X)
    start = {"weights_init": WEIGHTS, "means_init": MEANS, "covariances_init": COVARIANCES["full"]}
    with pytest.warns(ConvergenceWarning):
        same = GaussianMixtureEM(3, max_iter=1, tol=0, **start).fit(X)
    assert_allclose(mixture.means_, same.means_, rtol=1e-12)
    assert not np.allclose(mixture.means_, MEANS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": [0.5, 0.6, 0.1]}, "weights"),
        ({"weights": [1.0]}, "weights"),
        ({"means": [0.0, 1.0, 2.0]}, "means"),
        ({"means": np.full((3, 2), np.nan)}, "means"),
        ({"covariances": np.ones((3, 2))}, "covariances"),
        ({"covariances": -COVARIANCES["full"]}, "covariance"),
        ({"covariance_type": "round"}, "covariance_type"),
    ],
)
def test_from_parameters_names_what_is_wrong(wrong, message):
    right = {"weights": WEIGHTS, "means": MEANS, "covariances": COVARIANCES["full"]}
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM.from_parameters(**{**right, **wrong})


# Sampling.


def test_repeated_samples_differ_and_can_be_reproduced():
    mixture = GaussianMixtureEM(2, random_state=0).fit(FAITHFUL)
    first, second = mixture.sample(5)[0], mixture.sample(5)[0]
    assert not np.isin(first, second).any()
    mixture.fit(FAITHFUL)
    assert_array_equal(mixture.sample(5)[0], first)
    assert_array_equal(mixture.sample(5)[0], second)


def test_a_sample_of_its_own_random_state_is_repeated_and_disturbs_no_other():
    mixture, untouched = known(random_state=0), known(random_state=0)
    assert_array_equal(mixture.sample(5, random_state=1)[0], mixture.sample(5, random_state=1)[0])
    assert_array_equal(mixture.sample(5)[0], untouched.sample(5)[0])


@each_covariance_type
def test_samples_have_the_moments_of_their_components(covariance_type):
    n = 30_000
    X, y = known(covariance_type).sample(n, random_state=0)
    assert np.all(np.diff(y) >= 0)
    for k, C in enumerate(as_matrices(COVARIANCES[covariance_type], covariance_type)):
        Z = X[y == k]
        assert abs(len(Z) - n * WEIGHTS[k]) < 5 * np.sqrt(n * WEIGHTS[k])
        variances = np.diag(C)
        assert np.all(np.abs(Z.mean(axis=0) - MEANS[k]) < 5 * np.sqrt(variances / len(Z)))
        errors = np.sqrt((np.outer(variances, variances) + C**2) / len(Z))
        assert np.all(np.abs(np.cov(Z.T) - C) < 5 * errors)


# Starts.


def starting_values(covariance_type, shape="covariances_init"):
    C = COVARIANCES[covariance_type]
    C = invert(C, covariance_type) if shape == "precisions_init" else C.copy()
    return {"weights_init": WEIGHTS.copy(), "means_init": MEANS.copy(), shape: C}


@each_covariance_type
@pytest.mark.parametrize("shape", ["covariances_init", "precisions_init"])
def test_without_iterations_the_starting_values_are_published(covariance_type, shape):
    start = starting_values(covariance_type, shape)
    mixture = GaussianMixtureEM(3, covariance_type=covariance_type, max_iter=0, **start)
    X = rows(20)
    mixture.fit(X)
    assert mixture.n_iter_ == 0
    assert_allclose(mixture.weights_, WEIGHTS, rtol=1e-12)
    assert_allclose(mixture.means_, MEANS, atol=1e-12)
    assert_allclose(mixture.covariances_, COVARIANCES[covariance_type], rtol=1e-12, atol=1e-15)
    assert_allclose(mixture.score(X), known(covariance_type).score(X), rtol=1e-12)


@each_covariance_type
@pytest.mark.parametrize("shape", ["covariances_init", "precisions_init"])
def test_starting_values_are_never_overwritten(covariance_type, shape):
    start = starting_values(covariance_type, shape)
    before = {name: value.copy() for name, value in start.items()}
    for value in start.values():
        value.setflags(write=False)
    mixture = GaussianMixtureEM(3, covariance_type=covariance_type, **start).fit(rows())
    for name, value in start.items():
        assert getattr(mixture, name) is value
        assert_array_equal(value, before[name])
    assert not np.allclose(mixture.means_, MEANS)


@each_covariance_type
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_covariances_and_precisions_are_the_same_start(covariance_type):
    X = rows(covariance_type=covariance_type)
    params = {"covariance_type": covariance_type, "max_iter": 3, "random_state": 0}
    fits = [
        GaussianMixtureEM(3, **params, **{shape: starting_values(covariance_type, shape)[shape]})
        for shape in ["covariances_init", "precisions_init"]
    ]
    other = GaussianMixtureEM(3, **params).fit(X)
    first, second = (mixture.fit(X) for mixture in fits)
    assert_allclose(first.means_, second.means_, rtol=1e-9)
    assert not np.allclose(first.means_, other.means_, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_labels_responsibilities_and_a_callable_are_the_same_start():
    X = FAITHFUL
    labels = (X[:, 1] > 60).astype(int) + (X[:, 1] > 80)
    asked = {}

    def partition(X, *, n_components, random_state):
        asked.update(X=X, n_components=n_components, random_state=random_state)
        return labels

    starts = [labels, labels.tolist(), np.eye(3)[labels], partition]
    fits = [GaussianMixtureEM(3, init_params=start, max_iter=0).fit(X) for start in starts]
    for mixture in fits:
        for k in range(3):
            assert_allclose(mixture.means_[k], X[labels == k].mean(axis=0))
    assert_array_equal(asked["X"], X)
    assert asked["n_components"] == 3
    assert isinstance(asked["random_state"], np.random.RandomState)


def test_a_start_that_fails_is_recorded_and_dropped():
    collapsed = (np.arange(len(FAITHFUL)) == 0).astype(int)  # component 1 is a single row
    sound = (FAITHFUL[:, 1] > 65).astype(int)
    starts = iter([collapsed, sound])
    mixture = GaussianMixtureEM(
        2, init_params=lambda X, **_: next(starts), n_init=2, reg_covar=0
    ).fit(FAITHFUL)
    failed, succeeded = mixture.restarts_
    assert "component 1" in failed.failure
    assert np.isnan(failed.log_likelihood)
    assert succeeded.failure is None
    assert_allclose(mixture.means_[1], FAITHFUL[sound == 1].mean(axis=0), rtol=0.02)


def test_when_every_start_fails_the_error_says_which_component_and_what_to_try():
    collapsed = (np.arange(len(FAITHFUL)) == 0).astype(int)
    with pytest.raises(ValueError, match=r"component 1(.|\n)*increase reg_covar"):
        GaussianMixtureEM(2, init_params=collapsed, reg_covar=0).fit(FAITHFUL)
    assert np.all(
        np.linalg.eigvalsh(
            GaussianMixtureEM(2, init_params=collapsed, reg_covar=0.01).fit(FAITHFUL).covariances_
        )
        >= 0.01 - 1e-12
    )


def test_the_best_of_many_starts_is_kept():
    mixture = GaussianMixtureEM(4, n_init=8, init_params="random_from_data", random_state=0)
    mixture.fit(FAITHFUL)
    found = [restart.log_likelihood for restart in mixture.restarts_]
    assert len(found) == 8
    assert max(found) > min(found) + 1e-3
    assert_allclose(mixture.lower_bounds_[-1], max(found), rtol=1e-12)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_an_int_as_random_state_makes_the_fit_repeatable(init_params):
    def fit(seed):
        params = {"init_params": init_params, "random_state": seed, "max_iter": 0}
        return GaussianMixtureEM(3, **params).fit(FAITHFUL).means_

    assert_array_equal(fit(0), fit(0))
    assert any(not np.allclose(fit(0), fit(seed)) for seed in range(1, 9))


# Arithmetic.


@each_covariance_type
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_data_far_from_the_origin_give_the_same_clusters(covariance_type, dtype):
    # In float32 the offset leaves three decimals, in float64 about eight.
    offset = 1e8 if dtype is np.float64 else 1e4
    far = (rows(500) + offset).astype(dtype)
    near = far.astype(np.float64) - offset
    labels = KMeans(3, n_init=1, random_state=0).fit(near).labels_
    params = {"covariance_type": covariance_type, "init_params": labels, "tol": 1e-9}
    a, b = GaussianMixtureEM(3, **params).fit(near), GaussianMixtureEM(3, **params).fit(far)
    assert b.means_.dtype == b.covariances_.dtype == dtype
    assert_array_equal(a.labels_, b.labels_)
    assert_allclose(b.covariances_, a.covariances_, rtol=1e-4, atol=1e-6)
    variances = as_matrices(b.covariances_, covariance_type).diagonal(axis1=1, axis2=2)
    assert np.all(variances > 0.1)


@each_covariance_type
def test_float32_gives_the_clusters_of_float64(covariance_type):
    X = rows(500).astype(np.float32)
    params = {"n_components": 3, "covariance_type": covariance_type, "random_state": 0}
    single = GaussianMixtureEM(**params).fit(X)
    double = GaussianMixtureEM(**params).fit(X.astype(np.float64))
    assert adjusted_rand_score(single.labels_, double.labels_) > 0.99
    assert_allclose(single.lower_bound_, double.lower_bound_, rtol=1e-5)
    for name in ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]:
        assert getattr(single, name).dtype == np.float32
    assert single.predict_proba(X).dtype == single.score_samples(X).dtype == np.float32


@each_covariance_type
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_float32_is_not_copied_whole_to_float64(covariance_type):
    X = np.random.default_rng(0).normal(size=(300_000, 20)).astype(np.float32)
    labels = (X[:, 0] > 0).astype(np.int32)
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, init_params=labels, max_iter=2)
    tracemalloc.start()
    try:
        mixture.fit(X)
        mixture.score(X)
        mixture.predict(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.astype(np.float64).nbytes


def test_a_constant_column_has_the_variance_that_is_added():
    X = np.column_stack([FAITHFUL, np.full(len(FAITHFUL), 3.0)])
    mixture = GaussianMixtureEM(2, reg_covar=1e-4, random_state=0).fit(X)
    assert_allclose(mixture.covariances_[:, 2, 2], 1e-4)
    plain = GaussianMixtureEM(2, reg_covar=1e-4, random_state=0).fit(FAITHFUL)
    assert_array_equal(mixture.labels_, plain.labels_)


def test_verbose_prints_the_progress_at_the_interval(capsys):
    def printed(verbose):
        GaussianMixtureEM(
            3, init_params="random", random_state=0, verbose=verbose, verbose_interval=2
        ).fit(FAITHFUL)
        return capsys.readouterr().out

    assert printed(0) == ""
    lines = printed(1).splitlines()
    assert lines[0] == "Initialization 0"
    assert lines[1:3] == ["  Iteration 2", "  Iteration 4"]
    assert lines[-1] == "Initialization converged."
    assert "ll change" in printed(2)


def test_starts_in_threads_do_not_disturb_each_other_in_many_features():
    """The kernel for many features needs work space: each thread its own."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 40)) + 3 * rng.integers(0, 3, (300, 1))
    alone, together = (
        GaussianMixtureEM(
            3, n_init=6, init_params="random", max_iter=50, n_jobs=n_jobs, random_state=0
        ).fit(X)
        for n_jobs in (None, 3)
    )
    assert alone.restarts_ == together.restarts_
