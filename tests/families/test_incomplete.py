"""Families are the same whatever the rows: missing cells are the affair of their kernels."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from skem import GaussianMixtureEM
from skem.data.rows import Rows
from skem.families import Gaussian
from skem.families.cells import CentredCellKernel
from skem.families.covariance import STRUCTURES
from skem.families.exponential import ExponentialFamily, IncompleteKernel, LinearKernel
from skem.families.gaussian_density import GaussianParameters
from skem.families.partly_complete import PartlyCompleteKernel
from skem.families.patterns import PatternKernel
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from tests.families.cases import (
    BINOMIALS,
    CATEGORICALS,
    GAUSSIANS,
    POISSONS,
    gaussian_case,
    poisson_case,
    with_holes,
)

COMPLETE = [
    case for case in GAUSSIANS + BINOMIALS + CATEGORICALS + POISSONS if not np.isnan(case.X).any()
]


def passed(case, kernel):
    """Return log-densities of the rows of a case, and statistics of their responsibilities."""
    block = kernel.load(case.X, np.empty((kernel.width, len(case.X))))
    log_density = np.empty((len(case.params.labels.weights), len(case.X)))
    constant = kernel.log_density(block, log_density)
    return log_density + constant, kernel.statistics(block, case.responsibilities(0).T)


@pytest.mark.parametrize("case", COMPLETE, ids=str)
def test_kernel_of_incomplete_rows_comes_to_the_same_on_complete_ones(case):
    family, bias = case.family, np.log(case.params.labels.weights)
    kernels = [family.kernel(case.params.components, bias, each) for each in (False, True)]
    (densities, statistics), (again, of_cells) = (passed(case, kernel) for kernel in kernels)
    assert_allclose(again, densities, rtol=1e-10, atol=1e-10)
    a, b = (
        family.about_origin(each, kernel)
        for each, kernel in zip((statistics, of_cells), kernels, strict=True)
    )
    assert_allclose(a, b, rtol=1e-10, atol=1e-10 * np.abs(b).max())
    before = case.params.components
    for each, other in zip(
        family.maximize(statistics, kernels[0], before),
        family.maximize(of_cells, kernels[1], before),
        strict=True,
    ):
        assert_allclose(each, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())


@pytest.mark.parametrize(
    ("structure", "kinds"),
    [
        ("full", (PatternKernel, PartlyCompleteKernel)),
        ("tied", (PatternKernel, PartlyCompleteKernel)),
        ("diag", (LinearKernel, LinearKernel)),
        ("spherical", (LinearKernel, LinearKernel)),
    ],
)
def test_gaussian_is_a_gaussian_whatever_the_rows(structure, kinds):
    case = gaussian_case(structure, 3, 2)
    family = case.family.bound(Rows(with_holes(case.X, 0.2)))
    assert type(family) is Gaussian
    kernels = [family.kernel(params, np.zeros(3), True) for params in (None, case.params[1])]
    assert tuple(map(type, kernels)) == kinds
    assert type(family.kernel(case.params[1], np.zeros(3))) is LinearKernel  # of complete rows


@pytest.mark.parametrize("structure", ["diag", "spherical"])
def test_tight_components_among_incomplete_rows_have_their_cells_centred(structure):
    case = gaussian_case(structure, 3, 2)
    far = case.params[1]._replace(means=case.params[1].means + 1e6)
    assert type(case.family.kernel(far, np.zeros(3), True)) is CentredCellKernel


def test_only_cells_with_a_constant_are_counted():
    poisson, binomial = poisson_case(2, 3).family, BINOMIALS[0].family
    for family, n_cells in ((poisson, 3), (binomial, 0)):
        kernel = family.kernel(None, np.zeros(2), True)
        assert type(kernel) is IncompleteKernel
        assert kernel.width == family.n_statistics + n_cells


class OfWholeRows(ExponentialFamily):
    """A family that says nothing of missing cells."""

    n_statistics = 2
    sufficient_statistics = natural_parameters = maximize = None


def test_family_that_lacks_missing_cells_says_what_to_add():
    family = OfWholeRows(2, 1)
    rows = Rows(np.array([[1.0], [2.0]]))
    assert family.bound(rows) is family
    with pytest.raises(NotImplementedError, match="missing cells: it must have n_cell_constants"):
        family.bound(Rows(with_holes(rows.X, 0.5)))


@pytest.mark.parametrize("structure", ["full", "tied"])
def test_a_narrow_direction_costs_no_digits_of_what_is_known_of_incomplete_rows(structure):
    """The second feature is 0.7 times the first, and hardly any noise; the third stands alone."""
    a, s, X = 0.7, 1e-6 * np.pi, np.random.default_rng(0).standard_normal((50, 3))
    X[:, 1] = a * X[:, 0] + s * X[:, 1]
    X[10:20, 0] = X[20:30, 1] = X[30:, :2] = X[40:, 2] = np.nan
    U = np.array([[[1, -a / s, 0], [0, 1 / s, 0], [0, 0, 1]]])
    family = Gaussian(STRUCTURES[structure], 1, np.zeros(3), np.ones(3), np.zeros(3))
    C = np.array([[[1, a, 0], [a, a**2 + s**2, 0], [0, 0, 1]]])
    as_given = (lambda a: a[0]) if structure == "tied" else (lambda a: a)
    params = GaussianParameters(np.zeros((1, 3)), as_given(C), as_given(U))
    kernel = family.kernel(params, np.zeros(1), True)
    assert kernel.narrow
    expected = norm.logpdf(X[:, 0]) + norm.logpdf(X[:, 1], a * X[:, 0], s)
    expected[10:20] = norm.logpdf(X[10:20, 1], 0, np.sqrt(a**2 + s**2))
    expected[20:30] = norm.logpdf(X[20:30, 0])
    expected[30:] = 0.0
    expected += np.nan_to_num(norm.logpdf(X[:, 2]))

    def error(kernel):
        out = np.empty((1, 50))
        kernel.log_density(kernel.load(X, X), out)
        return np.abs(out[0] - expected).max()

    assert error(kernel) < 1e-9
    assert error(replace(kernel, narrow=False)) > 1e-7
    filled = family.impute(params, X, np.ones((50, 1)))
    assert_allclose(filled[10:20, 0], X[10:20, 1] / a, rtol=1e-9)
    assert_allclose(filled[20:30, 1], X[20:30, 0] * a, rtol=1e-9)


def test_objective_of_rows_in_a_plane_does_not_fall():
    """By factors of ``P_mm`` it falls by 5e-8."""
    rng = np.random.default_rng(53)
    X = rng.standard_normal((200, 4)) @ rng.standard_normal((4, 4))
    X[:100, 3] = X[:100, :3] @ rng.standard_normal(3)
    X[:100, 2] = 2 * X[:100, 0]
    X[rng.random(X.shape) < 0.3] = np.nan
    keep = ~np.isnan(X).all(axis=1)
    rows = Rows(X[keep])
    family = GaussianMixtureEM(2)._training_family(rows).bound(rows)
    model = MixtureModel(Independent(), family, rows)
    params, trace = model.start((np.arange(200) // 100)[keep]), []
    for _ in range(100):
        params, objective, _ = model.evaluate(params)
        trace.append(objective)
    assert np.diff(trace).min() > -1e-10
    assert trace[-1] > trace[0] + 0.01
