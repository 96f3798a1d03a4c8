"""Families are the same whatever the rows: missing cells are the affair of their kernels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skem.data.rows import Rows
from skem.families import Gaussian
from skem.families.cells import CentredCellKernel
from skem.families.exponential import ExponentialFamily, IncompleteKernel, LinearKernel
from skem.families.partly_complete import PartlyCompleteKernel
from skem.families.patterns import PatternKernel
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
