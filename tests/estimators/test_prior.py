"""``prior``: the conjugate prior of Fraley & Raftery (2007), held against R's mclust."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skem import GaussianHMM, GaussianMixtureEM
from skem.datasets import load_old_faithful
from skem.families.covariance import STRUCTURES

X = load_old_faithful().data
N, D = X.shape
S = np.cov(X.T)  # unbiased
THREE = (X[:, 0] > 2.8).astype(int) + (X[:, 0] > 4.4)
TWO = (X[:, 0] > 2.8).astype(int)
structures = pytest.mark.parametrize("covariance_type", STRUCTURES)


def fitted(data=X, K=3, prior="conjugate", **options):
    options = {"init_params": THREE if K == 3 else "short-runs", "random_state": 0, **options}
    told = {
        name: options.pop(name) for name in ("known_labels", "sample_weight") if name in options
    }
    return GaussianMixtureEM(K, prior=prior, **options).fit(data, **told)


def matrices(mixture):
    """Return the covariances as full matrices."""
    structure = STRUCTURES[mixture.covariance_type]
    return structure.expand(mixture.covariances_, *mixture.means_.shape)


# mclust 6.0.0 in R 4.2: X <- as.matrix(faithful); z <- unmap(THREE + 1), or TWO for VVI;
#   me(modelName = model, data = X, z = z, prior = priorControl(),
#      control = emControl(tol = c(1e-15, 1e-15), itmax = c(1e5, 1e5)))
# and for the steps mstep(modelName = model, data = X, z = z, prior = priorControl(shrinkage = 5,
#   mean = c(3, 60), scale = matrix(c(2, .3, .3, 50), 2))), scale = 4 for VVI and VII.
# A matrix [[a, b], [b, c]] is given as a, b, c.
MCLUST = {
    "full": {
        "log_likelihood": -1122.51705689,
        "weights": [0.3536426568, 0.4508052774, 0.1955520658],
        "means": [
            [2.031215919, 54.436019090],
            [4.158812879, 80.489056864],
            [4.574907502, 78.553196563],
        ],
        "covariances": [
            [0.06442326287, 0.41648039273, 31.56476911090],
            [0.1715180483, 1.5805879386, 44.2808774636],
            [0.04961970628, 0.21977853580, 11.94739246140],
        ],
        "step": [
            [0.1156301693, 0.6006031068, 33.0073786408],
            [0.1646072455, 1.7809343915, 56.9615520282],
            [0.2019231565, 2.1502790531, 51.9691535151],
        ],
        "step without shrinkage": [0.05670409885, 0.3937046008, 31.9843899096],
    },
    "tied": {
        "log_likelihood": -1126.42717921,
        "weights": [0.3563970139, 0.1722878816, 0.4713151045],
        "means": [
            [2.037807763, 54.493366574],
            [3.802128204, 77.601577752],
            [4.469323214, 80.850294325],
        ],
        "covariances": [[0.0762185176, 0.4800870663, 32.8128984984]] * 3,
        "step": [[0.1519537527, 1.5474352972, 49.1808002405]] * 3,
        "step without shrinkage": [0.06899236277, 0.5765903624, 35.6267945981],
    },
    "diag": {
        "log_likelihood": -1229.21568993,
        "weights": [0.3650802844, 0.6349197156],
        "means": [[2.073952975, 54.741255957], [4.300773419, 80.187079876]],
        "covariances": [
            [0.5498982795, 0, 33.6251568362],
            [0.4172507608, 0, 32.1589003273],
        ],
        "step": [[0.1363716416, 0, 32.8800000000], [0.2454165269, 0, 49.2177496417]],
        "step without shrinkage": [0.5136741136, 0, 32.15179713],
    },
    "spherical": {
        "log_likelihood": -1637.50335793,
        "weights": [0.3711524888, 0.3079426711, 0.3209048401],
        "means": [
            [2.107496444, 54.881631650],
            [4.229802276, 75.872418929],
            [4.37212128, 84.64549714],
        ],
        "covariances": [
            [17.48890562, 0, 17.48890562],
            [4.731198204, 0, 4.731198204],
            [6.869308604, 0, 6.869308604],
        ],
        "step": [
            [16.98823186, 0, 16.98823186],
            [29.43089039, 0, 29.43089039],
            [27.07741677, 0, 27.07741677],
        ],
        "step without shrinkage": [16.51617644, 0, 16.51617644],
    },
}


def labels_of(covariance_type):
    return TWO if covariance_type == "diag" else THREE


def default_of_mclust(covariance_type):
    """Return the default prior of mclust: ours, but that all features of VVI have one scale."""
    if covariance_type != "diag":
        return "conjugate"
    return {"scale": np.full(D, np.trace(S) / D / 2 ** (2 / D))}


def assert_matrices(mixture, expected, rtol):
    upper = matrices(mixture)[:, [0, 0, 1], [0, 1, 1]]
    assert_allclose(upper, expected, rtol=rtol, atol=1e-12)


@structures
@pytest.mark.parametrize("acceleration", ["quasi-newton", None])
def test_fit_of_mclust(covariance_type, acceleration):
    theirs, labels = MCLUST[covariance_type], labels_of(covariance_type)
    mixture = GaussianMixtureEM(
        labels.max() + 1,
        covariance_type=covariance_type,
        prior=default_of_mclust(covariance_type),
        init_params=labels,
        acceleration=acceleration,
        tol=1e-15,
        max_iter=5000,
    ).fit(X)
    assert N * mixture.lower_bound_ == pytest.approx(theirs["log_likelihood"], abs=2e-5)
    assert_allclose(mixture.weights_, theirs["weights"], rtol=1e-5)
    assert_allclose(mixture.means_, theirs["means"], rtol=1e-6)
    assert_matrices(mixture, theirs["covariances"], rtol=1e-5)
    without = clone(mixture).set_params(prior=None).fit(X)
    assert np.abs(without.covariances_ - mixture.covariances_).max() > 0.1


@structures
def test_m_step_of_mclust(covariance_type):
    """With all hyperparameters given but the degrees of freedom, which mclust gives itself."""
    theirs, labels = MCLUST[covariance_type], labels_of(covariance_type)
    matrix = [[2, 0.3], [0.3, 50]]
    scale = {"full": matrix, "tied": matrix, "diag": [4, 4], "spherical": 4}[covariance_type]
    prior = {"shrinkage": 5, "mean": [3, 60], "scale": scale}
    mixture = GaussianMixtureEM(
        labels.max() + 1,
        covariance_type=covariance_type,
        prior=prior,
        init_params=labels,
        max_iter=0,
    ).fit(X)
    n = np.bincount(labels)[:, np.newaxis]
    sums = np.array([X[labels == k].sum(axis=0) for k in range(len(n))])
    assert_allclose(mixture.means_, (sums + 5 * np.array([3, 60])) / (n + 5), rtol=1e-12)
    assert_matrices(mixture, theirs["step"], rtol=1e-8)


@structures
def test_without_shrinkage_mclust_has_one_degree_of_freedom_less(covariance_type):
    """For each mean, which then has no prior; here it is the limit of small ones."""
    labels = labels_of(covariance_type)
    K = labels.max() + 1
    prior = default_of_mclust(covariance_type)
    prior = {**({} if isinstance(prior, str) else prior), "shrinkage": 0.0}
    options = {"covariance_type": covariance_type, "init_params": labels, "max_iter": 0}
    limit = GaussianMixtureEM(K, prior=prior, **options).fit(X)
    near = GaussianMixtureEM(K, prior={**prior, "shrinkage": 1e-9}, **options).fit(X)
    assert_allclose(limit.covariances_, near.covariances_, rtol=1e-7)
    less = D + 2 - {"tied": K, "spherical": D}.get(covariance_type, 1)
    theirs = GaussianMixtureEM(K, prior={**prior, "degrees_of_freedom": less}, **options).fit(X)
    upper = matrices(theirs)[0][[0, 0, 1], [0, 1, 1]]
    assert_allclose(upper, MCLUST[covariance_type]["step without shrinkage"], rtol=1e-8)


def hyperparameters(covariance_type, K, data=X):
    """Return the defaults of Fraley & Raftery (2007), section 2; diag has a scale by feature."""
    S = np.cov(data.T)
    S = S / K ** (2 / len(S))
    return {
        "mean": data.mean(axis=0),
        "shrinkage": 0.01,
        "degrees_of_freedom": len(S) + 2,
        "scale": {"diag": np.diag(S), "spherical": np.trace(S) / len(S)}.get(covariance_type, S),
    }


@structures
@pytest.mark.parametrize("K", [1, 3])
def test_defaults(covariance_type, K):
    """Each hyperparameter, and all of them."""
    options = {"K": K, "covariance_type": covariance_type, "max_iter": 0}
    default = fitted(**options)
    given = hyperparameters(covariance_type, K)
    for prior in (given, *({name: value} for name, value in given.items()), {}):
        mixture = fitted(prior=prior, **options)
        assert_allclose(mixture.means_, default.means_, rtol=1e-12)
        assert_allclose(mixture.covariances_, default.covariances_, rtol=1e-10)
    for name, value in given.items() if K > 1 else ():
        other = fitted(prior={name: 1.5 * np.asarray(value)}, **options)
        assert np.abs(other.covariances_ - default.covariances_).max() > 1e-5, name


@structures
def test_few_rows_have_the_variances_alone_for_a_scale(covariance_type):
    """Their covariance is singular; mclust does so too."""
    rng = np.random.default_rng(0)
    few = rng.standard_normal((8, 12)) @ np.diag(np.arange(1.0, 13.0))
    mixture = fitted(few, K=1, covariance_type=covariance_type)
    scale = np.diag(few.var(axis=0, ddof=1))
    scatter = (few - few.mean(axis=0)).T @ (few - few.mean(axis=0))
    n, d = few.shape
    expected = {
        "full": (scale + scatter) / (14 + d + n + 2),
        "tied": (scale + scatter) / (14 + d + n + 2),
        "diag": np.diag(np.diag(scale + scatter)) / (14 + n + 3),
        "spherical": np.eye(d) * np.trace(scale / d + scatter) / (14 + (n + 1) * d + 2),
    }[covariance_type]
    assert_allclose(matrices(mixture)[0], expected, rtol=1e-10, atol=1e-12)


# It is an objective, and it holds components open.


@structures
@pytest.mark.parametrize("assignment", ["soft", "hard"])
def test_log_posterior_never_falls_however_it_is_climbed(covariance_type, assignment):
    options = {"covariance_type": covariance_type, "tol": 1e-13, "max_iter": 5000}
    ends = []
    for acceleration in ("quasi-newton", None):
        mixture = fitted(acceleration=acceleration, assignment=assignment, **options)
        assert mixture.converged_
        assert np.diff(mixture.lower_bounds_).min() >= -1e-12
        assert mixture.lower_bounds_[-1] - mixture.lower_bounds_[0] > 1e-2
        ends.append(mixture.lower_bounds_[-1])
    assert ends[0] == pytest.approx(ends[1], abs=1e-9)


@structures
def test_lower_bound_is_without_the_prior(covariance_type):
    mixture = fitted(covariance_type=covariance_type)
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), rel=1e-12)
    assert abs(mixture.lower_bound_ - mixture.lower_bounds_[-1]) > 1e-3


def least(covariance_type, K, data):
    """Return a bound from below on any component's variance in units of the scale.

    ``C_k >= scale / divisor``, whatever rows it has.
    """
    n, d = data.shape
    divisor = {"full": 2 * d + 4 + n, "tied": 2 * d + 3 + n + K, "diag": d + 5 + n}
    return 1 / divisor.get(covariance_type, d + 4 + (n + 1) * d)


@pytest.mark.filterwarnings("ignore:The fit cannot be trusted")
@structures
@pytest.mark.parametrize("init_params", ["short-runs", "random_from_data", "kmeans"])
def test_repeated_rows_do_not_make_a_spike(covariance_type, init_params):
    data = np.vstack([X, np.repeat(X[:1], 40, axis=0)])
    options = {"K": 5, "covariance_type": covariance_type, "init_params": init_params}
    mixture = fitted(data, n_init=3, **options)
    assert all(restart.failure is None for restart in mixture.restarts_)
    assert mixture.converged_ and np.isfinite(mixture.covariances_).all()
    scale = STRUCTURES[covariance_type].expand(
        np.array([hyperparameters(covariance_type, 5, data)["scale"]])
        if covariance_type != "tied"
        else hyperparameters(covariance_type, 5, data)["scale"],
        1,
        D,
    )[0]
    bound = least(covariance_type, 5, data)
    for C in matrices(mixture):
        assert np.linalg.eigvalsh(C - bound * scale).min() > -1e-10


def test_without_a_prior_they_do():
    """Or else the test above would show nothing."""
    data = np.vstack([X, np.repeat(X[:1], 40, axis=0)])
    with pytest.warns(match="flat"):
        mixture = fitted(data, K=5, prior=None, init_params="kmeans", reg_covar=1e-6)
    assert np.linalg.eigvalsh(mixture.covariances_).min() < 1e-5


@pytest.mark.filterwarnings("ignore:The fit cannot be trusted")
@structures
@pytest.mark.parametrize("n, d", [(3, 2), (8, 12), (12, 12)])
def test_fewer_rows_than_features(covariance_type, n, d):
    few = np.random.default_rng(0).standard_normal((n, d))
    mixture = fitted(few, K=2, covariance_type=covariance_type)
    assert mixture.converged_
    assert np.linalg.eigvalsh(matrices(mixture)).min() > 1e-3


@structures
def test_scale_given_where_the_data_have_none(covariance_type):
    data = np.column_stack([X, np.full(N, 7.0), X[:, 0]])
    scale = {"full": np.eye(4), "tied": np.eye(4), "diag": np.ones(4), "spherical": 1.0}
    prior = {"scale": scale[covariance_type]}
    mixture = fitted(data, K=2, prior=prior, covariance_type=covariance_type)
    assert mixture.converged_ and np.linalg.eigvalsh(matrices(mixture)).min() > 1e-4
    assert_allclose(mixture.means_[:, 2], 7, rtol=1e-12)
    assert_allclose(mixture.means_[:, 3], mixture.means_[:, 0], rtol=1e-9)


def test_constant_feature_is_named():
    data = np.column_stack([X, np.full(N, 7.0)])
    needs = "prior needs a scale: column {} is constant. Leave it out, or give prior="
    with pytest.raises(ValueError, match=re.escape(needs.format(2))):
        fitted(data)
    frame = pytest.importorskip("pandas").DataFrame(data, columns=["a", "b", "c"])
    for estimator in (GaussianMixtureEM, GaussianHMM):
        with pytest.raises(ValueError, match=re.escape(needs.format("'c'"))):
            estimator(2, prior="conjugate").fit(frame)


# With all else that a fit can be told.


@structures
def test_ridge_is_not_added_too(covariance_type):
    one, other = (fitted(covariance_type=covariance_type, reg_covar=e) for e in (0.0, 5.0))
    assert_array_equal(one.covariances_, other.covariances_)


@structures
def test_units_do_not_matter(covariance_type):
    unit = np.array([1e-6, 1e6]) if covariance_type != "spherical" else np.full(2, 1e6)
    options = {"covariance_type": covariance_type, "init_params": "short-runs"}
    one, other = fitted(X, **options), fitted(X * unit, **options)
    assert_array_equal(other.labels_, one.labels_)
    assert other.lower_bound_ + np.log(unit).sum() == pytest.approx(one.lower_bound_, abs=1e-7)


@structures
def test_integer_weights_are_repeated_rows(covariance_type):
    """Also in the default hyperparameters."""
    times = np.random.default_rng(0).integers(0, 4, N)
    options = {"covariance_type": covariance_type, "tol": 1e-13}
    weighted = fitted(X, sample_weight=times, **options)
    repeated = fitted(
        np.repeat(X, times, axis=0),
        init_params=np.repeat(THREE, times),
        **{name: value for name, value in options.items()},
    )
    assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-5)
    assert weighted.lower_bounds_[0] == pytest.approx(repeated.lower_bounds_[0], rel=1e-12)


@structures
def test_fixed_means(covariance_type):
    """With all labels known, too, it is the closed form about those means."""
    given = hyperparameters(covariance_type, 3)
    means = np.array([[2.0, 55.0], [4.0, 78.0], [4.6, 80.0]])
    mixture = fitted(
        known_labels=THREE,
        covariance_type=covariance_type,
        means_init=means,
        fixed={"means": True},
    )
    assert_array_equal(mixture.means_, means)
    n, d, v = np.bincount(THREE), D, given["degrees_of_freedom"]
    totals = np.array(
        [(X[THREE == k] - means[k]).T @ (X[THREE == k] - means[k]) for k in range(3)]
    )
    gaps = means - given["mean"]
    totals += 0.01 * gaps[:, :, np.newaxis] * gaps[:, np.newaxis, :]
    if covariance_type == "full":
        expected = (given["scale"] + totals) / (v + d + n + 2)[:, np.newaxis, np.newaxis]
    elif covariance_type == "tied":
        expected = (given["scale"] + totals.sum(axis=0)) / (v + d + N + 3 + 1)
    elif covariance_type == "diag":
        variances = np.einsum("kii->ki", totals)
        expected = (given["scale"] + variances) / (v + n + 3)[:, np.newaxis]
    else:
        expected = (given["scale"] + np.einsum("kii->k", totals)) / (v + (n + 1) * d + 2)
    assert_allclose(mixture.covariances_, expected, rtol=1e-9)


@structures
@pytest.mark.parametrize("init_params", ["short-runs", "kmeans"])
def test_missing_cells(covariance_type, init_params):
    """The posterior of what is observed never falls, and acceleration comes to the same."""
    rng = np.random.default_rng(0)
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    options = {"covariance_type": covariance_type, "init_params": init_params, "tol": 1e-12}
    one, other = (fitted(holes, K=2, acceleration=a, **options) for a in ("quasi-newton", None))
    for mixture in (one, other):
        assert mixture.converged_ and np.isfinite(mixture.covariances_).all()
        assert np.diff(mixture.lower_bounds_).min() >= -1e-12
    assert one.lower_bounds_[-1] == pytest.approx(other.lower_bounds_[-1], abs=1e-8)
    assert_allclose(one.covariances_, other.covariances_, rtol=1e-3)


@structures
def test_hardly_anything_missing_is_hardly_different(covariance_type):
    """One cell of 544, by another kernel."""
    holes = X.copy()
    holes[0, 0] = np.nan
    whole, less = (fitted(data, covariance_type=covariance_type) for data in (X, holes))
    assert_allclose(less.means_, whole.means_, rtol=0.02)
    assert_allclose(less.covariances_, whole.covariances_, rtol=0.1, atol=0.1)


@pytest.mark.filterwarnings("ignore:The fit cannot be trusted")
@structures
def test_short_runs_climb_the_posterior(covariance_type):
    """What they come to is no lower than the best of ten other starts."""
    options = {"covariance_type": covariance_type, "K": 4}
    best = fitted(init_params="short-runs", **options).lower_bounds_[-1]
    others = fitted(init_params="random_from_data", n_init=10, **options)
    assert best > max(restart.log_likelihood for restart in others.restarts_) - 5e-3


@structures
def test_warm_start_goes_on(covariance_type):
    mixture = fitted(covariance_type=covariance_type, tol=1e-13)
    mixture.set_params(warm_start=True)
    end, means = mixture.lower_bounds_[-1], mixture.means_
    mixture.fit(X)
    assert mixture.lower_bounds_[0] == pytest.approx(end, abs=1e-10)
    assert_allclose(mixture.means_, means, rtol=1e-5)


def test_clone_and_repr():
    mixture = fitted(prior={"shrinkage": 1.0})
    assert clone(mixture).fit(X).means_ == pytest.approx(mixture.means_)
    assert "'shrinkage': 1.0" in repr(mixture)


@pytest.mark.parametrize(
    "prior, message",
    [
        ("flat", "'prior' parameter"),
        (1.0, "'prior' parameter"),
        ({"skrinkage": 1}, "no hyperparameter 'skrinkage'; it has mean, shrinkage"),
        ({"shrinkage": -1}, r"prior\['shrinkage'\] must be"),
        ({"shrinkage": "a"}, r"prior\['shrinkage'\] must be"),
        ({"degrees_of_freedom": np.nan}, r"prior\['degrees_of_freedom'\] must be"),
        ({"degrees_of_freedom": -0.5}, r"prior\['degrees_of_freedom'\] must be"),
        ({"mean": [1, 2, 3]}, r"prior\['mean'\]"),
        ({"mean": [1, np.nan]}, r"prior\['mean'\]"),
        ({"mean": "a"}, r"prior\['mean'\]"),
        ({"scale": [1, 1]}, r"prior\['scale'\]"),
        ({"scale": [[1, np.inf], [np.inf, 1]]}, r"prior\['scale'\]"),
        ({"scale": [[1, 2], [2, 1]]}, "should be symmetric, positive-definite"),
        ({"scale": [[1, 0.5], [0, 1]]}, "should be symmetric, positive-definite"),
    ],
)
def test_prior_that_is_none(prior, message):
    mixture = GaussianMixtureEM(2, prior=prior)
    with pytest.raises(ValueError, match=message):
        mixture.fit(X)
    assert not hasattr(mixture, "means_")


@pytest.mark.parametrize(
    "covariance_type, scale", [("diag", [1, 0]), ("diag", -np.ones(2)), ("spherical", 0.0)]
)
def test_scale_that_is_not_positive(covariance_type, scale):
    with pytest.raises(ValueError, match="should be positive"):
        fitted(prior={"scale": scale}, covariance_type=covariance_type)


@pytest.mark.parametrize("covariance_type", ["diag", "spherical", "tied"])
def test_scale_in_the_shape_of_another_structure(covariance_type):
    scale = np.eye(2) if covariance_type != "tied" else np.ones(2)
    with pytest.raises(ValueError, match=r"prior\['scale'\]"):
        fitted(prior={"scale": scale}, covariance_type=covariance_type)
