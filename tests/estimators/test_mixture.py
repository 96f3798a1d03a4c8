"""Mixture against the package's own families, scipy's densities and direct maximisation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

from skem import BinomialMixture, Density, GaussianMixtureEM, Mixture, PoissonMixture
from skem.datasets import load_old_faithful
from skem.em import POSITIVE, PROBABILITY, SIMPLEX
from skem.model_selection.soundness import doubt_of

FAITHFUL = np.asarray(load_old_faithful().data)
rng = np.random.default_rng(0)
COUNTS = np.concatenate([rng.poisson(3, (150, 2)), rng.poisson(12, (80, 2))]).astype(float)
TIMES = np.concatenate([rng.exponential(1, 200), rng.gamma(20, 0.5, 200)])[:, np.newaxis]
LABELS = (TIMES[:, 0] > 4).astype(int)


@pytest.mark.parametrize("closed", [True, False])
def test_normals_are_those_of_gaussian_mixture(closed):
    labels = (FAITHFUL[:, 0] > 3).astype(int)
    options = {"init_params": labels, "tol": 1e-10}
    # A distribution of another name has no closed form.
    normal = stats.norm if closed else type("Other", (type(stats.norm),), {})(name="other")
    found = Mixture(2, components=normal, **options).fit(FAITHFUL)
    expected = GaussianMixtureEM(2, covariance_type="diag", reg_covar=0.0, **options).fit(FAITHFUL)
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-8)
    for k in range(2):
        assert_allclose(found.components_[k]["loc"], expected.means_[k], rtol=1e-4)
        assert_allclose(found.components_[k]["scale"] ** 2, expected.covariances_[k], rtol=1e-3)
    assert found.n_parameters_ == expected.n_parameters_
    assert_allclose(found.bic(FAITHFUL), expected.bic(FAITHFUL), rtol=1e-8)


def test_poisson_and_binomial_are_those_of_their_classes():
    options = {"init_params": (COUNTS[:, 0] > 7).astype(int), "tol": 1e-10}
    found = Mixture(2, components=stats.poisson, **options).fit(COUNTS)
    expected = PoissonMixture(2, **options).fit(COUNTS)
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-8)
    few = COUNTS.clip(max=20)
    binomial = Density(stats.binom, fixed={"n": 20})
    found = Mixture(2, components=binomial, **options).fit(few)
    expected = BinomialMixture(2, n_trials=20, **options).fit(few)
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-7)
    assert found.n_parameters_ == 1 + 2 * 2


def test_different_components_are_those_of_direct_maximisation():
    mixture = Mixture(2, components=[stats.expon, stats.gamma], init_params=LABELS, tol=1e-10)
    mixture.fit(TIMES)

    def log_joint(theta):
        w = 1 / (1 + np.exp(-theta[0]))
        e, a, g = np.exp(theta[1:])
        x = TIMES[:, 0]
        return [
            np.log(w) + stats.expon.logpdf(x, scale=e),
            np.log1p(-w) + stats.gamma.logpdf(x, a, scale=g),
        ]

    direct = minimize(
        lambda theta: -logsumexp(log_joint(theta), axis=0).mean(),
        [0.0, 0.0, np.log(10), np.log(1.0)],
        options={"gtol": 1e-8},
    )
    assert mixture.converged_
    assert (np.diff(mixture.lower_bounds_) >= 0).all()
    assert_allclose(mixture.lower_bound_, -direct.fun, rtol=0, atol=1e-7)
    expon, gamma = mixture.components_
    e, a, g = np.exp(direct.x[1:])
    assert_allclose([expon["scale"][0], gamma["a"][0], gamma["scale"][0]], [e, a, g], rtol=1e-2)
    assert expon["loc"][0] == gamma["loc"][0] == 0
    assert mixture.n_parameters_ == 1 + 1 + 2
    assert_allclose(
        mixture.score_samples(TIMES[:5]),
        logsumexp(log_joint(np.append(np.log(mixture.weights_[0] / mixture.weights_[1]), np.log(
            [expon["scale"][0], gamma["a"][0], gamma["scale"][0]]
        ))), axis=0)[:5],
        rtol=1e-9,
    )  # fmt: skip


def laplace(X, centre, width):
    return -np.abs(X[:, 0] - centre) / width - np.log(2 * width)


def test_function_is_a_component():
    own = Density(laplace, start={"centre": 1.0, "width": 1.0}, ranges={"width": POSITIVE})
    options = {"init_params": LABELS, "tol": 1e-9}
    found = Mixture(2, components=own, **options).fit(TIMES)
    scipy = Mixture(2, components=stats.laplace, **options).fit(TIMES)
    # The median is a corner, which differences see as such to some digits.
    assert_allclose(found.lower_bound_, scipy.lower_bound_, rtol=0, atol=1e-3)
    with pytest.raises(NotImplementedError, match="laplace is a density alone"):
        found.sample(3)


def test_known_labels_and_weights():
    weights = np.random.default_rng(1).integers(1, 3, len(TIMES))
    model = Mixture(2, components=[stats.expon, stats.gamma], init_params=LABELS)
    weighted = model.fit(TIMES, sample_weight=weights).parameters_
    model.init_params = np.repeat(LABELS, weights)
    repeated = model.fit(np.repeat(TIMES, weights, axis=0)).parameters_
    assert_allclose(weighted, repeated, rtol=1e-4)
    complete = model.set_params(init_params="kmeans").fit(TIMES, known_labels=LABELS)
    assert_allclose(complete.components_[0]["scale"], TIMES[LABELS == 0].mean(), rtol=1e-8)
    a, _, scale = stats.gamma.fit(TIMES[LABELS == 1, 0], floc=0)
    assert_allclose(complete.components_[1]["a"], a, rtol=1e-4)
    assert_allclose(complete.components_[1]["scale"], scale, rtol=1e-4)


def test_draws_are_of_the_mixture():
    mixture = Mixture(2, components=[stats.expon, stats.gamma], init_params=LABELS).fit(TIMES)
    X, labels = mixture.sample(4000, random_state=0)
    assert_allclose(X[labels == 0].mean(), mixture.components_[0]["scale"][0], rtol=0.1)
    assert (
        stats.ks_1samp(
            X[labels == 1, 0],
            stats.gamma(**{n: v[0] for n, v in mixture.components_[1].items()}).cdf,
        ).pvalue
        > 1e-3
    )


def test_component_on_equal_rows_is_degenerate():
    X = np.append(np.zeros(10), np.arange(10.0))[:, np.newaxis]
    labels = np.repeat([0, 1], 10)
    with pytest.raises(ValueError, match="component 0: the scale of its norm is zero"):
        Mixture(2, init_params=labels).fit(X)


@pytest.mark.parametrize(
    ("components", "error", "message"),
    [
        (3, TypeError, "a component must be a distribution of scipy.stats, .* got 3"),
        ([stats.norm], ValueError, "components has 1 densities, but n_components is 2"),
        (laplace, ValueError, "start must name the parameters of laplace"),
    ],
)
def test_what_is_no_component(components, error, message):
    with pytest.raises(error, match=message):
        Mixture(2, components=components).fit(TIMES)


def test_parameter_that_a_distribution_does_not_have():
    with pytest.raises(ValueError, match="'n' is no parameter of gamma, which has a, loc, scale"):
        Density(stats.gamma, fixed={"n": 3})


def test_blocks_of_rows_stand_one_after_another():
    X = np.random.default_rng(0).standard_normal((100_000, 2))
    mixture = Mixture().fit(X)
    assert_allclose(mixture.components_[0]["loc"], X.mean(axis=0), rtol=0, atol=1e-14)
    assert_allclose(mixture.components_[0]["scale"], X.std(axis=0), rtol=1e-13)


def test_stream_is_no_use():
    assert not hasattr(Mixture(2, init_params=LABELS).fit(TIMES), "partial_fit")


# Acceleration and standard errors, by differences of the log-densities.

DEATHS = np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])  # Hasselblad (1969)
DAYS = np.arange(10.0)[:, np.newaxis]


def test_acceleration_is_that_of_a_family_with_slopes():
    options = {"init_params": (DAYS[:, 0] > 2).astype(int), "max_iter": 5000}
    found, plain = (
        Mixture(2, components=stats.poisson, acceleration=a, **options).fit(DAYS, None, DEATHS)
        for a in ("quasi-newton", None)
    )
    expected = PoissonMixture(2, **options).fit(DAYS, None, DEATHS)
    assert found.n_iter_ <= expected.n_iter_ + 5 < 40
    assert plain.n_iter_ > 1000
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-8)


@pytest.mark.parametrize("robust", [False, True])
def test_standard_errors_are_those_of_gaussian_mixture(robust):
    options = {"init_params": (FAITHFUL[:, 0] > 3).astype(int), "tol": 1e-11}
    mixture = Mixture(2, **options).fit(FAITHFUL)
    found = mixture.standard_errors(FAITHFUL, robust=robust)
    diag = GaussianMixtureEM(2, covariance_type="diag", reg_covar=0.0, **options).fit(FAITHFUL)
    expected = diag.standard_errors(FAITHFUL, robust=robust)
    assert_allclose(found.weights, expected.weights, rtol=1e-5)
    for k, each in enumerate(found.components):
        assert_allclose(each["loc"], expected.means[k], rtol=1e-5)
        by_variance = 2 * mixture.components_[k]["scale"] * each["scale"]
        assert_allclose(by_variance, expected.covariances[k], rtol=1e-5)


def test_standard_errors_are_from_the_curvature_of_the_log_likelihood():
    held = Density(stats.gamma, fixed={"loc": 0.5})
    mixture = Mixture(2, components=[stats.expon, held], init_params=LABELS, tol=1e-12).fit(TIMES)
    expon, gamma = mixture.components_
    at = np.array([mixture.weights_[0], expon["scale"][0], gamma["a"][0], gamma["scale"][0]])

    def total(theta):
        w, e, a, g = theta
        x = TIMES[:, 0]
        density = w * stats.expon.pdf(x, scale=e) + (1 - w) * stats.gamma.pdf(x, a, 0.5, g)
        return np.log(density).sum()

    steps = np.diag(1e-3 * at)
    hessian = [
        [
            (total(at + s + t) - total(at + s - t) - total(at - s + t) + total(at - s - t))
            / (4 * s.max() * t.max())
            for t in steps
        ]
        for s in steps
    ]
    expected = np.sqrt(np.diag(np.linalg.inv(-np.array(hessian))))
    errors = mixture.standard_errors(TIMES)
    expon, gamma = errors.components
    found = [errors.weights[0], expon["scale"][0], gamma["a"][0], gamma["scale"][0]]
    assert_allclose(found, expected, rtol=1e-3)
    assert gamma["loc"][0] == 0  # fixed
    assert np.isnan(errors.parameters[0, 0, 2])  # beyond the parameters of expon


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (stats.laplace, "loc"),
        (Density(laplace, start={"centre": 1.0, "width": 1.0}, ranges={"width": POSITIVE}), None),
        (stats.uniform, "scale"),
    ],
    ids=["laplace", "function", "uniform"],
)
def test_corner_or_bound_has_no_standard_error(component, name):
    mixture = Mixture(2, components=[component, stats.norm], init_params=1 - LABELS).fit(TIMES)
    kind = mixture._densities(2)[0].name
    with pytest.raises(
        ValueError, match=f"slope: that of component 0, {kind}, has a .* in '{name or 'centre'}'"
    ):
        mixture.standard_errors(TIMES)


def triangle(X, centre, width):
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(1 - np.abs(X[:, 0] - centre) / width, 0)) - np.log(width)


@pytest.mark.parametrize("n", [50, 200])
def test_a_corner_between_rows_has_no_standard_error(n):
    """No row is within a hundredth of the steps of differences from the peak."""
    X = np.random.default_rng(0).triangular(-1, 0, 1, (n, 1))
    own = Density(triangle, start={"centre": 0.1, "width": 1.5}, ranges={"width": POSITIVE})
    mixture = Mixture(1, components=own).fit(X)
    assert np.abs(X - mixture.components_[0]["centre"]).min() > 2e-4
    with pytest.raises(ValueError, match="that of component 0, triangle, has a corner"):
        mixture.standard_errors(X)


@pytest.mark.parametrize("name", ["logistic", "gamma", "t", "cauchy", "gumbel_r", "nbinom"])
@pytest.mark.parametrize("n", [10, 500])
def test_smooth_densities_have_standard_errors(name, n):
    shapes = {"gamma": (2.5,), "t": (3,), "nbinom": (3, 0.4)}.get(name, ())
    distribution = getattr(stats, name)
    X = distribution.rvs(*shapes, size=(n, 1), random_state=1).astype(float)
    held = dict(zip(Density(distribution).shapes, shapes, strict=True)) if n == 10 else {}
    mixture = Mixture(1, components=Density(distribution, fixed=held)).fit(X)
    assert (mixture.standard_errors(X).parameters >= 0).all()


def test_standard_errors_of_chunks_are_those_of_the_rows():
    dask = pytest.importorskip("dask.array")
    mixture = Mixture(2, components=[stats.expon, stats.gamma], init_params=LABELS).fit(TIMES)
    expected = mixture.standard_errors(TIMES)
    found = mixture.standard_errors(dask.from_array(TIMES, chunks=(150, 1)))
    assert_allclose(found.parameters, expected.parameters, rtol=1e-6)


def test_bounds_that_are_fixed_do_not_matter():
    background = Density(stats.uniform, fixed={"scale": 40.0})
    mixture = Mixture(2, components=[stats.norm, background], init_params=LABELS).fit(TIMES)
    errors = mixture.standard_errors(TIMES)
    assert (errors.parameters[0] > 0).all() and not errors.parameters[1].any()


# Missing cells.

GAPS = np.where(np.random.default_rng(2).random(COUNTS.shape) < 0.2, np.nan, COUNTS)


def test_missing_cells_are_left_out():
    options = {"init_params": "kmeans", "tol": 1e-11, "random_state": 0}
    found = Mixture(2, components=stats.poisson, **options).fit(GAPS)
    expected = PoissonMixture(2, **options).fit(GAPS)
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-9)
    assert_allclose(found.impute(GAPS), expected.impute(GAPS), rtol=1e-4)
    assert_allclose(
        found.standard_errors(GAPS).parameters[..., 0],
        expected.standard_errors(GAPS).rates,
        rtol=1e-4,
    )
    assert found.lower_bound_ == pytest.approx(found.score(GAPS), abs=1e-12)
    drawn = found.impute(GAPS, random_state=0)
    assert_array_equal(drawn[~np.isnan(GAPS)], GAPS[~np.isnan(GAPS)])
    assert (drawn == drawn.round()).all() and (drawn != found.impute(GAPS)).any()


def test_missing_cells_of_numerical_estimates_are_left_out():
    X = np.column_stack([TIMES[:, 0], TIMES[::-1, 0]])
    X[::3, 1] = np.nan
    mixture = Mixture(1, components=stats.gamma).fit(X)
    for j in range(2):
        alone = Mixture(1, components=stats.gamma).fit(X[~np.isnan(X[:, j])][:, [j]])
        assert_allclose(mixture.parameters_[0, j], alone.parameters_[0, 0], rtol=1e-6)


def test_column_that_a_component_has_not_seen():
    X, weights = COUNTS[:23].copy(), np.repeat([0.0, 1.0], [20, 3])
    X[20:] = [[90, np.nan], [91, np.nan], [92, np.nan]]
    poisson = Density(stats.poisson)
    # As in all rows together, at a start; then as it was.
    assert_allclose(poisson.maximize(X, weights, None)[:, 0], [91, COUNTS[:20, 1].mean()])
    previous = np.array([[5.0, 0.0], [7.0, 0.0]])
    assert_array_equal(poisson.maximize(X, weights, previous)[:, 0], [91, 7])


def test_a_column_out_of_reach_leaves_the_other_columns_to_their_own_rows():
    X = np.array([[-1.0, 1.0], [-2.0, 3.0], [5.0, 100.0]])
    exponential = Density(stats.expon)
    found = exponential.maximize(X, np.array([1.0, 1.0, 0.0]), None)
    assert_allclose(found[:, exponential.names.index("scale")], [5, 2])


def test_function_cannot_do_without_a_cell():
    own = Density(laplace, start={"centre": 1.0, "width": 1.0}, ranges={"width": POSITIVE})
    X = np.where(TIMES > 9, np.nan, TIMES)
    with pytest.raises(ValueError, match=r"missing cells \(NaN\), but laplace takes whole rows"):
        Mixture(2, components=own).fit(X)
    with pytest.raises(ValueError, match="laplace takes whole rows"):
        Mixture(2, components=own, init_params=LABELS).fit(TIMES).predict(X)


def test_what_has_no_expectation_is_not_filled_in():
    X = np.where(TIMES > 9, np.nan, TIMES)
    mixture = Mixture(1, components=stats.cauchy).fit(X)
    with pytest.raises(ValueError, match="component 0, cauchy, has no expectation"):
        mixture.impute(X)
    assert not np.isnan(mixture.impute(X, random_state=0)).any()


# What a person sees.


def test_summary_and_order_know_parameters_by_name():
    mixture = Mixture(2, components=[stats.expon, stats.gamma], init_params=LABELS).fit(TIMES)
    text = repr(mixture.summary(TIMES, standard_errors=True))
    assert "shown: scale (a), each ± its standard error" in text
    turned = mixture.reordered([1, 0])
    assert turned.components == [stats.gamma, stats.expon]
    assert turned.components_ == mixture.components_[::-1]
    assert_array_equal(turned.score_samples(TIMES), mixture.score_samples(TIMES))


@pytest.mark.parametrize(
    ("kind", "fixed", "draw"),
    [
        (stats.lognorm, {}, lambda rng: rng.lognormal(1, 0.5, (60, 1))),
        (stats.laplace, {}, lambda rng: rng.laplace(3, 2, (61, 1))),
        (stats.binom, {"n": 9}, lambda rng: rng.binomial(9, 0.3, (60, 1))),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_closed_forms_are_the_numerical_estimates(kind, fixed, draw):
    X = draw(np.random.default_rng(3)).astype(float)
    weights = np.random.default_rng(4).integers(1, 4, len(X)).astype(float)
    density = Density(kind, fixed=fixed)
    found = density.maximize(X, weights, None)
    best = weights @ density.log_density(X, found)
    for i, name in enumerate(density.names):
        for factor in (0.99, 1.01):
            other = found.copy()
            other[0, i] *= factor
            if name in density.free:
                assert weights @ density.log_density(X, other) < best


def test_estimator_passes_the_checks_of_scikit_learn():
    check_estimator(Mixture())


@pytest.mark.parametrize("distribution", [stats.norm, stats.laplace, stats.logistic])
def test_a_scale_is_found_about_a_location_that_is_fixed(distribution):
    X = np.random.default_rng(0).normal(5, 1, (200, 1))
    found = Mixture(1, components=Density(distribution, fixed={"loc": 3.0})).fit(X)
    _, scale = distribution.fit(X, floc=3.0)
    assert found.components_[0]["scale"] == pytest.approx(scale, rel=1e-4)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"fixed": {"scale": -1}}, ValueError, r"fixed\['scale'\] of norm must be positive"),
        ({"fixed": {"scale": np.nan}}, ValueError, r"fixed\['scale'\] of norm must be finite"),
        ({"start": {"loc": "x"}}, TypeError, r"start\['loc'\] of norm must be a number, got 'x'"),
        ({"fixed": {"loc": 1}, "start": {"loc": 2}}, ValueError, "'loc' is in start and in fixed"),
        ({"start": [1]}, TypeError, r"start of norm must be a dict .* got \[1\]"),
        ({"ranges": {"loc": 3}}, TypeError, r"ranges\['loc'\] of norm must be REAL, .* got 3"),
        ({"ranges": {"loc": SIMPLEX}}, TypeError, "as parameters are numbers"),
        (
            {"start": {"loc": 2.0}, "ranges": {"loc": PROBABILITY}},
            ValueError,
            r"start\['loc'\] of norm must be between 0 and 1, got 2.0",
        ),
    ],
)
def test_values_that_a_parameter_cannot_have_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        Density(stats.norm, **given)


def test_shapes_and_arguments_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match=r"there is no gamma with {'a': -1}"):
        Density(stats.gamma, start={"a": -1})
    with pytest.raises(ValueError, match=r"start must name .* laplace, or fixed: .*'width'"):
        Density(laplace, start={"centre": 1.0})
    with pytest.raises(ValueError, match=r"start must name .*unexpected keyword argument 'z'"):
        Density(laplace, start={"centre": 1.0, "width": 1.0, "z": 1.0})


@pytest.mark.parametrize("shape", [(), (3,), (200, 1)])
def test_a_function_must_return_a_number_for_each_row(shape):
    def density(X, centre):
        return np.zeros(shape)

    with pytest.raises(ValueError, match=r"density must return .* one for each row"):
        Mixture(1, components=Density(density, start={"centre": 0.0})).fit(np.zeros((200, 1)))


def test_a_function_that_is_noisy_or_no_number_is_told_so():
    rng = np.random.default_rng(0)

    def noisy(X, centre):
        return stats.norm.logpdf(X[:, 0], centre, 1) + 0.1 * rng.normal()

    with pytest.raises(ValueError, match=r"fell by .* other values for the same rows") as failure:
        Mixture(2, components=Density(noisy, start={"centre": 0.0}), random_state=0).fit(TIMES)
    assert "E-step" not in str(failure.value)
    nothing = Density(lambda X, centre: np.full(len(X), np.nan), start={"centre": 0.0})
    with pytest.raises(ValueError, match=r"component 0: its <lambda> is no number with centre=0"):
        Mixture(1, components=nothing).fit(TIMES)


def test_a_function_cannot_change_the_rows():
    def density(X, centre):
        X -= centre
        return -(X[:, 0] ** 2)

    X = np.random.default_rng(0).normal(size=(20, 1))
    before = X.copy()
    with pytest.raises(ValueError, match="read-only"):
        Mixture(1, components=Density(density, start={"centre": 1.0})).fit(X)
    assert_array_equal(X, before)


ONE_ROW = r"X has a row that no component can have produced, \["


@pytest.mark.parametrize(
    ("components", "X", "message"),
    [
        (stats.poisson, -np.ones((20, 1)), "no row that poisson can have .* from 0 to inf with"),
        (stats.poisson, np.r_[np.arange(20.0), 1.5][:, np.newaxis], ONE_ROW),
        (Density(stats.binom, fixed={"n": 3}), np.arange(10.0)[:, np.newaxis], ONE_ROW),
        (stats.lognorm, np.arange(9.0)[:, np.newaxis], ONE_ROW + "0.0"),
        (stats.beta, np.linspace(0.1, 1.2, 9)[:, np.newaxis], ONE_ROW),
        (stats.pareto, TIMES[:5] / 100, r"from 1 to inf with loc=0, scale=1, X from .* to "),
    ],
)
def test_rows_beyond_any_support_are_named(components, X, message):
    with pytest.raises(ValueError, match=message):
        Mixture(1, components=components).fit(X)


# The commonest distributions of scipy.stats, with parameters to draw from.
CONTINUOUS = {
    "beta": (2, 3), "burr12": (3, 1.5), "cauchy": (), "chi2": (4,), "expon": (),
    "exponnorm": (1.5,), "f": (5, 9), "fisk": (3,), "gamma": (2.5,), "genextreme": (0.1,),
    "genhyperbolic": (0.5, 1.5, 0.5), "genpareto": (0.2,), "gumbel_r": (), "halfnorm": (),
    "invgamma": (4,), "invgauss": (0.7,), "johnsonsu": (1, 2), "laplace": (), "levy": (),
    "logistic": (), "lognorm": (0.5,), "lomax": (3,), "maxwell": (), "nakagami": (1.3,),
    "norm": (), "pareto": (2.5,), "powerlaw": (2,), "rayleigh": (), "rice": (1.2,),
    "skewnorm": (3,), "t": (5,), "uniform": (), "vonmises": (2,), "weibull_max": (1.7,),
    "weibull_min": (1.7,),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTINUOUS)
def test_one_component_is_what_scipy_fits(name):
    distribution, shapes = getattr(stats, name), CONTINUOUS[name]
    X = distribution.rvs(*shapes, size=200, random_state=1)[:, np.newaxis]
    mixture = Mixture(1, components=distribution).fit(X)
    assert not mixture.doubts_
    density = Density(distribution)
    held = [n for n in ("loc", "scale") if n not in density.free]
    fixed = {f"f{n}": mixture.components_[0][n][0] for n in held}
    found = distribution.fit(X[:, 0], *shapes, **fixed)
    best = distribution.logpdf(X[:, 0], *found).mean()
    assert_allclose(mixture.lower_bound_, best, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("geom", (0.3,)), ("logser", (0.6,)), ("nbinom", (3, 0.4)), ("poisson", (4,)),
        ("skellam", (4, 2)), ("yulesimon", (3,)), ("zipf", (2.5,)),
    ],
)  # fmt: skip
def test_one_discrete_component_is_at_the_maximum(name, shapes):
    distribution = getattr(stats, name)
    x = distribution.rvs(*shapes, size=200, random_state=1)
    mixture = Mixture(1, components=distribution).fit(x[:, np.newaxis].astype(float))
    direct = minimize(
        lambda theta: -np.nan_to_num(distribution.logpmf(x, *theta).mean(), nan=-99),
        shapes,
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-10},
    )
    assert_allclose(mixture.lower_bound_, -direct.fun, rtol=0, atol=1e-7)
    assert not mixture.doubts_


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("truncnorm", "a, b"), ("loguniform", "a, b"), ("truncexpon", "b"), ("binom", "n"),
        ("betabinom", "n"), ("hypergeom", "M, n, N"), ("randint", "low, high"),
        ("nchypergeom_fisher", "M, n, N"),
    ],
)  # fmt: skip
def test_shapes_that_em_cannot_estimate_are_to_be_fixed(name, shapes):
    with pytest.raises(ValueError, match=rf"{name} has bounds, or whole .*: fix {shapes}, in"):
        Mixture(1, components=getattr(stats, name)).fit(TIMES)


def test_bounds_stand_where_they_are_fixed():
    """A truncated normal between bounds that do not move, and a Pareto tail beyond 3."""
    body = stats.truncnorm(-1, 2)
    rows = [body.rvs(300, random_state=1), stats.pareto(2.5, scale=3).rvs(100, random_state=2)]
    X = np.concatenate(rows)[:, np.newaxis]
    held = Density(stats.truncnorm, fixed={"a": -1, "b": 2, "scale": 1})
    tail = Density(stats.pareto, fixed={"scale": 3})
    # (Clusters mix the rows up: each density takes those that it can reach.)
    mixture = Mixture(2, components=[held, tail], init_params="kmeans", random_state=0).fit(X)
    assert_allclose(mixture.weights_, [0.75, 0.25], rtol=1e-6)
    assert_allclose(mixture.components_[1]["b"], 1 / np.log(rows[1] / 3).mean(), rtol=1e-4)


@pytest.mark.parametrize("kind", ["gamma", "weibull_min"])
def test_a_component_on_equal_rows_is_doubted_and_not_chosen(kind):
    rng = np.random.default_rng(0)
    X = np.r_[np.full(10, 2.0), rng.gamma(3, 1, 100)][:, np.newaxis]
    options = {"components": getattr(stats, kind)}
    labels = np.repeat([0, 1], [10, 100])
    with pytest.warns(ConvergenceWarning, match=f"cannot be trusted: .*component 0.* {kind}"):
        mixture = Mixture(2, init_params=labels, **options).fit(X)
    (word,) = mixture.doubts_
    assert word in ("few rows", "no maximum")
    assert mixture.restarts_[0].spurious in mixture.doubts_[word]
    assert doubt_of(mixture) == word
    assert not Mixture(1, **options).fit(X).doubts_


def test_of_several_starts_one_on_equal_rows_is_not_chosen():
    rng = np.random.default_rng(0)
    X = np.r_[np.full(40, 2.0), rng.gamma(3, 1, 100)][:, np.newaxis]
    starts = iter([np.repeat([0, 1], [40, 100]), (X[:, 0] > 3).astype(int)])
    mixture = Mixture(
        2,
        components=stats.gamma,
        n_init=2,
        init_params=lambda X, n_components, random_state: next(starts),
    ).fit(X)
    spike, sound = mixture.restarts_
    assert spike.log_likelihood > sound.log_likelihood
    assert spike.spurious and not sound.spurious and not mixture.doubts_


def test_an_estimate_at_a_bound_that_moves_is_doubted():
    with pytest.warns(ConvergenceWarning, match="still rises in 'scale' of its pareto"):
        Mixture(1, components=Density(stats.pareto, start={"scale": 0.001})).fit(TIMES)


def test_a_scale_of_zero_by_another_name():
    X = np.append(np.full(10, 2.0), np.arange(1, 11.0))[:, np.newaxis]
    with pytest.raises(ValueError, match="component 0: its lognorm is no number with s=0, loc=0"):
        Mixture(2, components=stats.lognorm, init_params=np.repeat([0, 1], 10)).fit(X)


@pytest.mark.parametrize(
    ("distribution", "message"),
    [
        (stats.norm(0, 1), r"got a frozen norm: what is fixed goes into Density\(norm, fixed="),
        (stats.multivariate_normal, "a distribution of one variable that scipy.stats has by name"),
    ],
)
def test_distributions_that_are_none_of_scipys_by_name_are_refused(distribution, message):
    with pytest.raises(TypeError, match=message):
        Mixture(1, components=distribution).fit(TIMES)
