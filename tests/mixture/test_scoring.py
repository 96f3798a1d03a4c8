"""What a mixture says of rows is the same for one block and for many."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax

from skem.mixture.scoring import evaluate
from tests.families.cases import binomial_case, gaussian_case

pytestmark = pytest.mark.parametrize(
    "case", [gaussian_case("full", 3, 5), binomial_case(3, 2)], ids=str
)
TIMES = 60


def test_all_answers_are_those_of_the_reference(case):
    X, K = np.tile(case.X, (TIMES, 1)), len(case.params.labels.weights)
    log_density, posterior = np.empty(len(X)), np.empty((len(X), K))
    labels, log_certainty = np.empty(len(X), dtype=np.int32), np.empty(len(X))
    evaluate(
        case.family,
        case.params,
        X,
        log_density=log_density,
        posterior=posterior,
        labels=labels,
        log_certainty=log_certainty,
    )
    log_joint = np.tile(case.log_joint(case.params), (TIMES, 1))
    expected = softmax(log_joint, axis=1)
    assert_allclose(log_density, logsumexp(log_joint, axis=1), rtol=1e-12, atol=1e-12)
    assert_allclose(posterior, expected, rtol=1e-11, atol=1e-300)
    assert_array_equal(labels, expected.argmax(axis=1))
    assert_allclose(log_certainty, np.log(expected.max(axis=1)), rtol=1e-12, atol=1e-12)


def test_each_answer_alone_is_the_same_in_single_precision_to_its_rounding(case):
    log_density = np.empty(len(case.X))
    evaluate(case.family, case.params, case.X, log_density=log_density)
    single = np.empty(len(case.X), dtype=np.float32)
    evaluate(case.family, case.params, case.X.astype(np.float32), log_density=single)
    assert_array_equal(single, log_density.astype(np.float32))
