"""The one log-sum-exp of the package, against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax

from skem.families.base import LOG_ZERO
from skem.mixture.posterior import normalise

pytestmark = pytest.mark.filterwarnings("error")

WEIGHTS = np.array([0.5, 0.3, 0.2])


def normalised(log_joint, weights=WEIGHTS):
    """Return log evidence and responsibilities, leaving the log-joint as it is."""
    responsibilities = np.full(log_joint.shape, np.nan)
    return normalise(log_joint.copy(), weights, responsibilities), responsibilities


@pytest.mark.parametrize("level", [0.0, -1e5, -745.0, -460.0, 300.0, 460.0, 709.0, 1e5])
@pytest.mark.parametrize("spread", [0.0, 1.0, 100.0, 1e4])
def test_agrees_with_scipy_at_any_level(level, spread):
    log_joint = level + spread * np.random.default_rng(0).standard_normal((3, 200))
    log_evidence, responsibilities = normalised(log_joint)
    assert_allclose(log_evidence, logsumexp(log_joint, axis=0), rtol=1e-14, atol=1e-14)
    assert_allclose(responsibilities, softmax(log_joint, axis=0), rtol=1e-11, atol=1e-99)


@pytest.mark.parametrize("level", [0.0, -460.0, -1e5])
def test_no_number_is_so_small_that_it_is_slow(level):
    """Numbers below the smallest normal one make products take up to twenty times as long."""
    log_joint = level + np.linspace(-800, 0, 1000) * np.array([[0.0], [1.0], [0.9]])
    assert (softmax(log_joint, axis=0)[1:] < np.finfo(float).tiny).any()  # it is about something
    log_evidence, responsibilities = normalised(log_joint)
    subnormal = (responsibilities > 0) & (responsibilities < np.finfo(float).tiny)
    assert not subnormal.any()
    assert_allclose(log_evidence, logsumexp(log_joint, axis=0), rtol=1e-14, atol=1e-14)
    assert_allclose(responsibilities, softmax(log_joint, axis=0), rtol=1e-11, atol=1e-99)


@given(arrays(float, (3, 4), elements=st.floats(-1e6, 1e6)))
def test_agrees_with_scipy_on_anything(log_joint):
    log_evidence, responsibilities = normalised(log_joint)
    assert_allclose(log_evidence, logsumexp(log_joint, axis=0), rtol=1e-13, atol=1e-13)
    assert_allclose(responsibilities, softmax(log_joint, axis=0), rtol=1e-9, atol=1e-99)
    assert_allclose(responsibilities.sum(axis=0), 1.0, rtol=1e-14)


def test_one_row_at_an_extreme_does_not_disturb_the_others():
    log_joint = np.random.default_rng(0).standard_normal((3, 5))
    alone = normalised(log_joint)
    for extreme in (-1e200, -1e4, 1e4, LOG_ZERO, -np.inf):
        log_joint[:, 2] = extreme
        for before, after in zip(alone, normalised(log_joint), strict=True):
            others = [0, 1, 3, 4]
            assert_allclose(after[..., others], before[..., others], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("zero", [LOG_ZERO, 7 * LOG_ZERO, 1e9 * LOG_ZERO, -np.inf])
def test_impossible_row_has_the_weights_and_minus_infinity(zero):
    log_joint = np.zeros((3, 4))
    log_joint[:, 1] = zero
    log_joint[1, 1] *= 2
    log_evidence, responsibilities = normalised(log_joint)
    assert_allclose(log_evidence, [np.log(3), -np.inf, np.log(3), np.log(3)], rtol=1e-15)
    assert_array_equal(responsibilities[:, 1], WEIGHTS)
    assert_allclose(responsibilities[:, [0, 2, 3]], 1 / 3)


def test_component_that_is_impossible_for_a_row_has_exactly_none_of_it():
    log_joint = np.array([[LOG_ZERO, -1e5, 1.0], [0.0, 2 * LOG_ZERO, 1.0], [0.0, -1e5, LOG_ZERO]])
    log_evidence, responsibilities = normalised(log_joint)
    assert_array_equal(responsibilities, [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    assert_allclose(log_evidence, np.log(2) + np.array([0, -1e5, 1]), rtol=1e-15)


def test_single_component_has_all_of_every_row():
    log_joint = np.array([[0.0, -1e4, 1e4, 3.0]])
    log_evidence, responsibilities = normalised(log_joint, np.ones(1))
    assert_array_equal(responsibilities, np.ones((1, 4)))
    assert_array_equal(log_evidence, log_joint[0])
