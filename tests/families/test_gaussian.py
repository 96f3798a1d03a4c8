"""Gaussians far from the origin, very tight, very thin, degenerate; their reductions."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from skem.data.blocks import Workers
from skem.data.rows import Rows
from skem.families import Gaussian, GaussianParameters, LinearKernel
from skem.families.base import DegenerateComponentError
from skem.families.centred import CentredKernel
from skem.families.covariance import STRUCTURES
from skem.families.partly_centred import PartlyCentredKernel
from skem.families.partly_complete import PartlyCompleteKernel
from skem.families.patterns import PatternKernel
from skem.families.wide import WideKernel
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from skem.mixture.scoring import evaluate
from skem.mixture.sweep import sweep
from tests.families.cases import GAUSSIANS, POOLED, gaussian_case

structures = pytest.mark.parametrize("structure", STRUCTURES)


def rounded(values, bits=20):
    """Round to multiples of 2^-bits, so that sums and differences are exact."""
    return np.round(np.ldexp(values, bits)) * 2.0**-bits


def family_for(X, structure, K, ridge=0.0):
    """Return a family about the mean of the rows."""
    d, origin = X.shape[1], rounded(X.mean(axis=0))
    return Gaussian(STRUCTURES[structure], K, origin, np.ones(d), np.zeros(d), ridge)


def exact_log_densities(family, params, X):
    """Return log-densities (n, K) of given parameters: exact squares, then one rounding."""
    K, d = params.means.shape
    log_densities = np.empty((len(X), K))
    for k in range(K):
        U = params.precisions_cholesky
        if family.structure.name != "tied":
            U = U[k]
        if np.ndim(U) < 2:
            U = np.diag(np.broadcast_to(U, d))
        constant = np.log(np.diag(U)).sum() - d / 2 * np.log(2 * np.pi)
        columns = [[Fraction(u) for u in column] for column in U.T]
        centre = [
            Fraction(m) + Fraction(o) for m, o in zip(params.means[k], family.origin, strict=True)
        ]
        for i, x in enumerate(X):
            z = [Fraction(float(v)) - c for v, c in zip(x, centre, strict=True)]
            whitened = [sum(u * v for u, v in zip(c, z, strict=True)) for c in columns]
            log_densities[i, k] = constant - float(sum(w * w for w in whitened)) / 2
    return log_densities


def kernel_log_densities(kernel, X, n_components):
    """Return what a kernel says are the log-densities (n, K)."""
    block = kernel.load(X, np.empty((kernel.width, len(X))))
    out = np.empty((n_components, len(X)))
    constant = kernel.log_density(block, out=out)
    return (out + constant).T


def clusters(distance, d=2, n=40):
    """Return rows of two clusters, a distance from their mean, and their labels."""
    labels = np.repeat([0, 1], n)
    noise = np.random.default_rng(0).standard_normal((2 * n, d)) @ (np.eye(d) + np.eye(d, k=1) / 2)
    return rounded(noise) + distance * (2 * labels[:, np.newaxis] - 1), labels


@pytest.mark.parametrize("case", GAUSSIANS, ids=str)
def test_kernels_agree(case):
    rng = np.random.default_rng(0)
    r = rng.dirichlet(np.ones(len(case.params.labels.weights)), size=len(case.X)).T.copy()
    log_densities, answers, params = [], [], case.params.components
    bias = np.zeros(len(params.means))
    kernels = [
        case.family.expanded_kernel(params, bias),
        case.family.centred_kernel(params, bias, params.means),
    ]
    if case.family.structure.name == "full":
        kernels.append(case.family.wide_kernel(params, bias))
    for kernel in kernels:
        log_densities.append(kernel_log_densities(kernel, case.X, case.family.n_components))
        block = kernel.load(case.X, np.empty((kernel.width, len(case.X))))
        statistics = kernel.statistics(block, r)
        answers.append(case.family.maximize(statistics, kernel, params))
    for log_density, answer in zip(log_densities[1:], answers[1:], strict=True):
        assert_allclose(log_density, log_densities[0], rtol=1e-12, atol=1e-12)
        for expanded, other in zip(answers[0], answer, strict=True):
            assert_allclose(expanded, other, rtol=1e-11, atol=1e-12)


def test_the_kernel_is_chosen_by_number_of_features_and_by_accuracy():
    """Full covariances of many features go through the wide kernel, unless it is inaccurate."""
    rng = np.random.default_rng(0)
    for d, shift, kind in [(34, 0, LinearKernel), (35, 0, WideKernel), (35, 1e6, CentredKernel)]:
        X = rng.standard_normal((200, d)) + shift * (np.arange(200) % 2)[:, np.newaxis]
        family = family_for(X, "full", 2)
        model = MixtureModel(Independent(), family, Rows(X))
        assert type(model.kernel(model.start(np.arange(200) % 2))) is kind


@structures
@pytest.mark.parametrize("distance", [1e1, 1e2, 1e4, 1e6])
def test_log_density_is_exact_however_much_tighter_than_far_a_component_is(structure, distance):
    """To 1e-10 nats, the expanded form included where it is still in use."""
    X, labels = clusters(distance)
    family = family_for(X, structure, 2)
    params = MixtureModel(Independent(), family, Rows(X)).start(labels)
    of_rows = exact_log_densities(family, params.components, X)
    exact = logsumexp(np.log(params.labels.weights) + of_rows, axis=1)
    log_density = np.empty(len(X))
    evaluate(family, params, X, log_density=log_density)
    assert_allclose(log_density, exact, rtol=0, atol=1e-10)


@structures
def test_centred_kernel_takes_over_where_the_expanded_one_is_wrong(structure):
    X, labels = clusters(1e6)
    family = family_for(X, structure, 2)
    params = MixtureModel(Independent(), family, Rows(X)).start(labels).components
    assert isinstance(family.kernel(params, np.zeros(2)), CentredKernel)
    exact = exact_log_densities(family, params, X)[np.arange(len(X)), labels]
    wrong = kernel_log_densities(family.expanded_kernel(params, np.zeros(2)), X, 2)
    assert np.abs(wrong[np.arange(len(X)), labels] - exact).max() > 1e-6


@pytest.mark.parametrize("structure", ["full", "diag", "spherical"])
def test_few_narrow_components_are_centred_alone(structure):
    """The others keep the two matrix products; both ways are as exact as one for all."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 50)
    X = rng.standard_normal((150, 3)) * np.array([1.0, 2.0, 1e-6])[labels][:, np.newaxis]
    X[labels > 0] += 2.0
    family = family_for(X, structure, 3)
    model = MixtureModel(Independent(), family, Rows(X))
    params = model.start(labels)
    kernel = model.kernel(params)
    assert isinstance(kernel, PartlyCentredKernel)
    assert kernel.exact.tolist() == [False, False, True]
    exact = exact_log_densities(family, params.components, X) + np.log(params.labels.weights)
    near = np.abs(exact) < 1e3
    assert near.any(axis=0).all()
    log_density = kernel_log_densities(kernel, X, 3)
    assert_allclose(log_density[near], exact[near], rtol=0, atol=1e-10)
    expanded = kernel_log_densities(family.expanded_kernel(params.components, np.zeros(3)), X, 3)
    assert np.abs(expanded - np.log(params.labels.weights) - exact)[near].max() > 1e-6
    for k in range(3):
        rows = X[labels == k]
        assert_allclose(params.components.means[k] + family.origin, rows.mean(axis=0), rtol=1e-12)
        whole = family.structure.expand(params.components.covariances, 3, 3)[k]
        variance = rows.var(axis=0)
        expected = np.full(3, variance.mean()) if structure == "spherical" else variance
        assert_allclose(np.diag(whole), expected, rtol=1e-9)


@structures
def test_expanded_kernel_is_used_where_it_is_right(structure):
    X, labels = clusters(10)
    family = family_for(X, structure, 2)
    model = MixtureModel(Independent(), family, Rows(X))
    assert isinstance(model.kernel(model.start(labels)), LinearKernel)


def test_log_density_is_exact_for_a_needle_across_the_axes():
    """A component 2^20 times longer than it is thick."""
    U = np.array([[[1.0, -(2.0**20)], [0.0, 2.0**20]]])
    family = Gaussian(STRUCTURES["full"], 1, np.zeros(2), np.ones(2), np.zeros(2))
    covariances = family.structure.covariances(U)
    params = GaussianParameters(np.zeros((1, 2)), covariances, U)
    along, across = np.random.default_rng(0).standard_normal((2, 30))
    X = np.column_stack([along, along + 2.0**-20 * across])
    exact = exact_log_densities(family, params, X)
    right, wrong = (
        kernel_log_densities(kernel(params, np.zeros(1)), X, 1)
        for kernel in (family.kernel, family.expanded_kernel)
    )
    assert_allclose(right, exact, rtol=0, atol=1e-12)
    assert np.abs(wrong - exact).max() > 1e-6


@structures
@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize("distance", [1.0, 1e6])
def test_m_step_of_labels_is_what_numpy_computes(structure, ridge, distance):
    X, labels = clusters(distance, d=3)
    family = family_for(X, structure, 2, ridge)
    params = MixtureModel(Independent(), family, Rows(X)).start(labels).components
    parts = [X[labels == k] for k in range(2)]
    # Exact differences: numpy's own deviations from a mean of 1e6 lose ten digits.
    full = np.array([np.cov((part - part[0]).T, bias=True) for part in parts])
    expected = {
        "full": full,
        "tied": full.mean(axis=0),
        "diag": np.einsum("kii->ki", full),
        "spherical": np.einsum("kii->k", full) / 3,
    }[structure] + ridge * (np.eye(3) if structure in ("full", "tied") else 1.0)
    means = np.array([part.mean(axis=0) for part in parts])
    assert_allclose(params.means + family.origin, means, rtol=1e-13, atol=1e-13)
    assert_allclose(params.covariances, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", [*GAUSSIANS, *POOLED], ids=str)
def test_shift_by_a_hundred_million_changes_nothing(case):
    """To the last bit, where the shifted rows and origin can be represented exactly."""
    X, origin = rounded(case.X), rounded(case.family.origin)
    here, there = (
        replace(case, X=X + shift, family=replace(case.family, origin=origin + shift))
        for shift in (0.0, 1e8)
    )
    start = here.model().start(case.responsibilities(seed=0))
    near, far = here.model().evaluate(start), there.model().evaluate(start)
    assert near.objective == far.objective
    for name, values in near.params.by_name().items():
        assert_array_equal(values, far.params.by_name()[name])


def mirrored(n=60):
    """Return rows with mirror images in all features but the first."""
    x, y, z = np.random.default_rng(0).standard_normal((3, n)) * [[3], [1], [2]]
    y += 0.5 * x  # that only the mirror images undo
    return np.vstack([np.column_stack([x, i * y, j * z]) for i in (-1, 1) for j in (-1, 1)])


def run(X, structure, r, steps=10):
    """Return parameters and objective after some steps from responsibilities."""
    model = MixtureModel(Independent(), family_for(X, structure, r.shape[1]), Rows(X))
    params = model.start(r)
    for _ in range(steps):
        step = model.evaluate(params)
        params = step.params
    return params, step.objective


@pytest.mark.parametrize(
    ("special", "general", "d", "K"),
    [
        ("diag", "full", 3, 2),
        ("tied", "full", 3, 1),
        ("diag", "full", 1, 2),
        ("spherical", "diag", 1, 2),
        ("spherical", "full", 1, 3),
    ],
)
def test_structure_reduces_to_a_simpler_one_where_the_data_do(special, general, d, K):
    X = mirrored()[:, :d]
    r = np.exp(-0.5 * np.subtract.outer(X[:, 0], np.linspace(-2, 2, K)) ** 2)
    r /= r.sum(axis=1, keepdims=True)
    (a, objective_a), (b, objective_b) = run(X, special, r), run(X, general, r)
    assert_allclose(objective_a, objective_b, rtol=1e-12)
    assert_allclose(a.labels.weights, b.labels.weights, rtol=1e-10)
    a, b = a.components, b.components
    assert_allclose(a.means, b.means, rtol=1e-10, atol=1e-10)
    expanded = [
        STRUCTURES[name].expand(params.covariances, K, d)
        for name, params in ((special, a), (general, b))
    ]
    assert_allclose(*expanded, rtol=1e-10, atol=1e-10)


def test_full_is_not_diagonal_where_the_data_are_not():
    X, labels = clusters(1.0)
    r = np.eye(2)[labels]
    assert run(X, "full", r)[1] > run(X, "diag", r)[1] + 1e-3


@structures
def test_repeated_rows_without_a_ridge_are_degenerate(structure):
    X = np.repeat([[1.0, 2.0], [5.0, 7.0]], 10, axis=0)
    labels = np.repeat([0, 1], 10)
    with pytest.raises(DegenerateComponentError, match="zero to rounding") as error:
        MixtureModel(Independent(), family_for(X, structure, 2), Rows(X)).start(labels)
    assert error.value.component == (None if structure == "tied" else 0)
    family = family_for(X, structure, 2, ridge=0.1)
    ridged = MixtureModel(Independent(), family, Rows(X)).start(labels).components
    covariances = family.structure.expand(ridged.covariances, 2, 2)
    assert_allclose(covariances, 0.1 * np.stack([np.eye(2)] * 2), atol=1e-15)


@pytest.mark.parametrize("structure", ["full", "tied"])
def test_collinear_features_are_degenerate(structure):
    x = np.random.default_rng(0).standard_normal(50)
    X = np.column_stack([x, 2 * x])
    with pytest.raises(DegenerateComponentError, match="collinear"):
        MixtureModel(Independent(), family_for(X, structure, 1), Rows(X)).start(
            np.zeros(50, dtype=int)
        )


@pytest.mark.parametrize("structure", ["full", "tied"])
def test_complete_rows_among_others_come_to_the_same_by_their_own_kernel(structure):
    case = gaussian_case(structure, 3, 4, ridge=0.2)
    X = case.X.copy()
    X[::20, 1] = X[5::40, 3] = np.nan
    rows = Rows(X)
    family = case.family.bound(rows)
    model = MixtureModel(Independent(), family, rows)
    mixed = model.kernel(case.params)
    assert isinstance(mixed, PartlyCompleteKernel)
    patterns = mixed.patterns
    (a, statistics), (b, expected) = (
        sweep(kernel, rows, model.e_step(case.params), Workers()) for kernel in (mixed, patterns)
    )
    assert_allclose(a, b, rtol=1e-12)
    expected = family.about_origin(expected, patterns)
    assert_allclose(statistics, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_tight_components_among_incomplete_rows_are_left_to_the_patterns():
    X, labels = clusters(1e6)
    X[::7, 1] = np.nan
    rows = Rows(X)
    family = family_for(np.nan_to_num(X, nan=1e6), "full", 2).bound(rows)
    model = MixtureModel(Independent(), family, rows)
    assert isinstance(model.kernel(model.start(labels)), PatternKernel)
