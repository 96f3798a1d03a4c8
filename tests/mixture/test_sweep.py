"""One pass over the rows is what a loop over them would be."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax

from skem.data.blocks import Workers, block_rows
from skem.data.rows import Rows
from skem.mixture.sweep import EStep, GivenResponsibilities, sweep
from tests.families.cases import CENTRED, binomial_case, gaussian_case

CASES = [gaussian_case("full", 3, 5), gaussian_case("diag", 2, 2), binomial_case(3, 2), CENTRED[0]]


def repeated(case, times=500):
    """Return rows enough for several blocks, with weights."""
    X = np.tile(case.X, (times, 1))
    return Rows(X, np.random.default_rng(0).uniform(0.5, 2, len(X)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pass_over_many_blocks_is_the_pass_over_one(case):
    rows, kernel = repeated(case), case.model().kernel(case.params)
    n, K = rows.n_rows, case.family.n_components
    assert n > 2 * block_rows(kernel.width, K, n)
    objective, statistics = sweep(kernel, rows, EStep(case.params.labels.weights), Workers())

    block = kernel.load(rows.X, np.empty((kernel.width, n)))
    log_joint = np.empty((K, n))
    constant = kernel.log_density(block, out=log_joint)
    r = softmax(log_joint, axis=0) * rows.weights
    evidence = logsumexp(log_joint, axis=0) + constant
    expected = kernel.statistics(block, r)
    assert_allclose(objective, rows.weights @ evidence, rtol=1e-12)
    assert_allclose(statistics, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_labels_are_responsibilities_of_zero_and_one(case):
    rows, kernel = repeated(case), case.model().kernel(None)
    K = case.family.n_components
    labels = np.random.default_rng(1).integers(0, K, rows.n_rows)
    responsibilities = np.eye(K)[labels]
    (_, a), (_, b) = (
        sweep(kernel, rows, GivenResponsibilities(given, K), Workers())
        for given in (labels, responsibilities)
    )
    assert_array_equal(a, b)
    assert_allclose(a[:, 0], rows.weights @ responsibilities, rtol=1e-12)


class Hard:
    """Every row goes to its likeliest component: the seam at which soft EM becomes hard EM."""

    def __init__(self, n_components):
        self.n_components = n_components

    def assign(self, kernel, block, rows, work):
        kernel.log_density(block, out=work[0])
        largest = work[0].max(axis=0)
        np.equal(work[0], largest, out=work[1])
        return largest, work[1]


def test_another_assignment_needs_nothing_else_changed():
    case = CASES[0]
    rows, kernel = repeated(case), case.model().kernel(case.params)
    labels = case.log_joint(case.params).argmax(axis=1)
    K = case.family.n_components
    labels = np.tile(labels, rows.n_rows // len(labels))
    _, hard = sweep(kernel, rows, Hard(K), Workers())
    _, given = sweep(kernel, rows, GivenResponsibilities(labels, K), Workers())
    _, soft = sweep(kernel, rows, EStep(case.params.labels.weights), Workers())
    assert_array_equal(hard, given)
    assert np.abs(hard - soft).max() > 1.0
