"""The conjugate prior: its density by scipy, its M-step by hand, and its slope."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import invgamma, invwishart, multivariate_normal

from skem.data.rows import Rows
from skem.families.covariance import STRUCTURES
from skem.families.held import Held
from skem.families.prior import ConjugatePrior
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from tests.families.cases import Centred, gaussian_case

K, D = 3, 3
SHRINKAGE, DEGREES = 4.0, 7.0
MEAN = np.array([0.5, -1.0, 2.0])
SCATTER = np.array([[3.0, 0.4, -0.2], [0.4, 2.0, 0.3], [-0.2, 0.3, 4.0]])

#: As the structure's own covariance would have it.
SCALES = {
    "full": SCATTER,
    "tied": SCATTER,
    "diag": np.diag(SCATTER),
    "spherical": np.array(2.5),
}
structures = pytest.mark.parametrize("structure", STRUCTURES)


def with_prior(structure, case=None):
    """Return a case whose family has a prior; the mean is about the family's origin."""
    case = case or gaussian_case(structure, K, D)
    scale = SCALES[structure]
    packed = scale[np.triu_indices(D)] if scale.ndim == 2 else np.atleast_1d(scale)
    prior = ConjugatePrior(MEAN, SHRINKAGE, DEGREES, packed)
    return replace(case, family=replace(case.family, prior=prior))


def log_prior(structure, params):
    """Return the log of the prior density, by scipy: of each covariance, of each mean given it."""
    means, C, scale = params.components.means, params.components.covariances, SCALES[structure]
    total = 0.0
    if structure in ("full", "tied"):
        for each in C if structure == "full" else [C]:
            total += invwishart(DEGREES, scale).logpdf(each)
    else:
        # Half of the degrees of freedom and of the scale, in this parametrisation.
        total += invgamma(DEGREES / 2, scale=scale / 2).logpdf(C).sum()
    full = STRUCTURES[structure].expand(C, K, D)
    for mean, each in zip(means, full, strict=True):
        total += multivariate_normal(MEAN, each / SHRINKAGE).logpdf(mean)
    return total


def kinds(structure):
    """Return cases of every kernel that a prior has to reach."""
    yield with_prior(structure)
    yield with_prior(structure, gaussian_case(structure, K, D, kind=Centred))
    yield with_prior(structure, gaussian_case(structure, K, D, missing=0.3))
    if structure == "tied":
        yield with_prior(structure, gaussian_case(structure, K, D, pooled=True))


KINDS = [(structure, case) for structure in STRUCTURES for case in kinds(structure)]
every_kind = pytest.mark.parametrize(
    "structure, case", KINDS, ids=[str(case) for _, case in KINDS]
)


def log_posterior(structure, case, params):
    """Return the log-likelihood and the log prior, by scipy."""
    return logsumexp(case.log_joint(params), axis=1).sum() + log_prior(structure, params)


@every_kind
def test_objective_is_the_log_posterior(structure, case):
    """By row, and up to one constant."""
    model = case.model()
    constants = [
        len(case.X) * model.objective(params) - log_posterior(structure, case, params)
        for params in (case.params, case.start(1), case.start(2))
    ]
    assert_allclose(constants, constants[0], rtol=1e-10)
    assert abs(log_prior(structure, case.params) - log_prior(structure, case.start(1))) > 0.1


@every_kind
def test_gradient_is_the_slope_of_the_log_posterior(structure, case):
    model, params = case.model(), case.start(seed=9)
    step, vector = model.evaluate(params), model.to_vector(params)
    h = 1e-5

    def at(moved):
        return log_posterior(structure, case, model.from_vector(moved, params))

    slopes = [(at(vector + h * e) - at(vector - h * e)) / (2 * h) for e in np.eye(vector.size)]
    gradient = model.n_units * model.gradient(params, step)
    assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-6 * len(case.X))
    without = replace(model, components=replace(model.components, prior=None))
    flat = without.n_units * without.gradient(params, step)
    assert np.abs(gradient - flat).max() > 1e-3 * np.abs(gradient).max()


def by_hand(structure, X, r):
    """Return the maximum a posteriori of complete data (Fraley & Raftery 2007, sections 2, 3)."""
    n = r.sum(axis=0)
    averages = r.T @ X / n[:, np.newaxis]
    means = (r.T @ X + SHRINKAGE * MEAN) / (n + SHRINKAGE)[:, np.newaxis]
    scatters = []
    for k in range(K):
        Z, gap = X - averages[k], averages[k] - MEAN
        between = SHRINKAGE * n[k] / (SHRINKAGE + n[k]) * np.outer(gap, gap)
        scatters.append((Z.T * r[:, k]) @ Z + between)
    S, scale = np.array(scatters), SCALES[structure]
    if structure == "full":
        return means, (scale + S) / (DEGREES + D + n + 2)[:, np.newaxis, np.newaxis]
    if structure == "tied":
        return means, (scale + S.sum(axis=0)) / (DEGREES + D + len(X) + K + 1)
    S = np.einsum("kii->ki", S)
    if structure == "diag":
        return means, (scale + S) / (DEGREES + n + 3)[:, np.newaxis]
    return means, (scale + S.sum(axis=1)) / (DEGREES + (n + 1) * D + 2)


@structures
def test_m_step_by_hand(structure):
    case = with_prior(structure)
    r = case.responsibilities(seed=1)
    start = case.model().start(r)
    means, covariances = by_hand(structure, case.X - case.family.origin, r)
    components = start.components
    assert_allclose(components.means, means, rtol=1e-10, atol=1e-12)
    assert_allclose(components.covariances, covariances, rtol=1e-10, atol=1e-12)
    assert_allclose(start.labels.weights, r.mean(axis=0), rtol=1e-12)


@structures
@pytest.mark.parametrize("held", [(), ("means",), ("covariances",)])
def test_nothing_near_beats_the_m_step(structure, held):
    """Of what is free; what is held stays where it was."""
    case = with_prior(structure)
    masks = {name: np.full(K, True) for name in held}
    family = replace(case.family, held=Held(masks, case.params.components))
    model = MixtureModel(Independent(), family, Rows(case.X))
    r = case.responsibilities(seed=1)
    answer = model.start(r)
    for name in held:
        assert_array_equal(answer.by_name()[name], case.params.by_name()[name])

    def expected(params):
        return np.sum(r * case.log_joint(params)) + log_prior(structure, params)

    best, vector, rng = expected(answer), model.to_vector(answer), np.random.default_rng(2)
    for distance in (1e-3, 1e-2, 1e-1):
        for direction in rng.standard_normal((4, vector.size)):
            for step in (distance * direction, -distance * direction):
                assert expected(model.from_vector(vector + step, answer)) < best


@every_kind
def test_log_posterior_never_falls(structure, case):
    model, params, trace = case.model(), case.start(0), []
    for _ in range(30):
        trace.append(model.objective(params))
        params = model.evaluate(params).params
    gains = np.diff(trace)
    assert gains[0] > 1e-6
    assert gains.min() > -1e-12 * abs(trace[-1])


@structures
def test_empty_component_goes_to_the_mode_of_the_prior(structure):
    case = with_prior(structure)
    weights = np.array([0.0, 0.4, 0.6])
    params = case.model().evaluate(case.params.with_arrays(weights=weights)).params.components
    assert_allclose(params.means[0], MEAN, rtol=1e-12)
    mode = {
        "full": SCATTER / (DEGREES + D + 2),
        "diag": np.diag(SCATTER) / (DEGREES + 3),
        "spherical": SCALES["spherical"] / (DEGREES + D + 2),
    }
    if structure != "tied":
        assert_allclose(params.covariances[0], mode[structure], rtol=1e-12)


def test_no_prior_is_a_prior_that_weighs_nothing():
    """No shrinkage, no scale, and as many degrees as leave the divisor alone."""
    case = gaussian_case("full", K, D)
    nothing = ConjugatePrior(MEAN, 0.0, -D - 2.0, np.zeros(D * (D + 1) // 2))
    family = replace(case.family, prior=nothing)
    plain, with_nothing = case.model(), MixtureModel(Independent(), family, Rows(case.X))
    r = case.responsibilities(seed=1)
    answer = with_nothing.start(r).by_name()
    for name, values in plain.start(r).by_name().items():
        assert_allclose(answer[name], values, rtol=1e-12, err_msg=name)
    assert_allclose(with_nothing.objective(case.params), plain.objective(case.params))
