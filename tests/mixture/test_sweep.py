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
    n, K = rows.n_rows, kernel.n_components
    assert n > 2 * block_rows(kernel.width, K, n)
    objective, totals = sweep(kernel, rows, EStep(case.params.labels.weights), Workers())

    block = kernel.load(rows.X, np.empty((kernel.width, n)))
    log_joint = kernel.log_joint(block, out=np.empty((K, n)))
    r = softmax(log_joint, axis=0) * rows.weights
    evidence = logsumexp(log_joint, axis=0) + kernel.offset
    expected = kernel.totals(block, r)
    assert_allclose(objective, rows.weights @ evidence + kernel.constant, rtol=1e-12)
    assert_allclose(totals, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_labels_are_responsibilities_of_zero_and_one(case):
    rows, kernel = repeated(case), case.model().kernel(None)
    labels = np.random.default_rng(1).integers(0, kernel.n_components, rows.n_rows)
    responsibilities = np.eye(kernel.n_components)[labels]
    (_, a), (_, b) = (
        sweep(kernel, rows, GivenResponsibilities(given), Workers())
        for given in (labels, responsibilities)
    )
    assert_array_equal(a, b)
    assert_allclose(a[:, 0], rows.weights @ responsibilities, rtol=1e-12)


class Hard:
    """Every row goes to its likeliest component: the seam at which soft EM becomes hard EM."""

    def assign(self, kernel, block, rows, work):
        log_joint = kernel.log_joint(block, out=work[0])
        np.equal(log_joint, log_joint.max(axis=0), out=work[1])
        return log_joint.max(axis=0), work[1]


def test_another_assignment_needs_nothing_else_changed():
    case = CASES[0]
    rows, kernel = repeated(case), case.model().kernel(case.params)
    labels = case.log_joint(case.params).argmax(axis=1)
    _, hard = sweep(kernel, rows, Hard(), Workers())
    _, given = sweep(
        kernel, rows, GivenResponsibilities(np.tile(labels, rows.n_rows // len(labels))), Workers()
    )
    _, soft = sweep(kernel, rows, EStep(case.params.labels.weights), Workers())
    assert_array_equal(hard, given)
    assert np.abs(hard - soft).max() > 1.0
