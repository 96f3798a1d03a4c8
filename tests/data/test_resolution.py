"""What the values of a column tell of how they were recorded."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skem.data.resolution import resolution_of
from skem.data.rows import Rows


def step_of(values, weights=None):
    return resolution_of(Rows(np.reshape(values, (-1, 1)).astype(float), weights)).steps[0]


def draws(n, decimals):
    return np.random.default_rng(0).normal(size=n).round(decimals)


@pytest.mark.parametrize("unit, shift", [(1, 0), (1e-8, 0), (0.3, 37.1), (-1e8, 1e9)])
@pytest.mark.parametrize(
    "values, step",
    [
        (draws(100, 1), 0.1),
        (draws(1000, 2), 0.01),
        (np.clip(draws(250, 0) + 3, 1, 5), 1),
        (np.repeat([0, 1], [60, 40]), 1),
        (np.repeat([1, 2, 3, 101, 102, 103], [9, 30, 11, 8, 40, 7]), 1),
        (np.r_[np.repeat(0, 200), np.arange(50, 90), np.arange(60, 80)], 1),
        (np.repeat([1, 2, 3, 3.17, 4, 5], [20, 50, 90, 120, 50, 20]), 1),  # a mean filled in
        (np.r_[draws(400, 0), draws(20, 15)], 1),
    ],
    ids=[
        "tenths",
        "hundredths",
        "answers",
        "yes or no",
        "two groups",
        "zeros",
        "a filled-in mean",
        "others beside it",
    ],
)
def test_values_on_a_grid_have_its_step(values, step, unit, shift):
    assert_allclose(step_of(unit * values + shift), abs(unit) * step, rtol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        draws(100, 15),
        np.repeat(draws(30, 15), 3),
        np.repeat([5, 50, 500], 60),
        np.repeat([1, 10, 100], [60, 60, 10]),
        np.repeat([1, 2, 4], 5),
        np.repeat([23, 31, 38, 44, 52, 67], 5),
        np.repeat([5, 50, 437], [60, 60, 10]),
        np.repeat([37.1, 41.3, 52.9, 88.8], [40, 40, 5, 5]),
        np.repeat([37.1, 41.3, 52.9, 88.8], 40),
        np.full(9, 7.0),
    ],
    ids=[
        "draws",
        "repeated draws",
        "doses",
        "unequal doses",
        "powers",
        "ages",
        "two of three",
        "two of four",
        "four",
        "constant",
    ],
)
def test_values_that_only_repeat_have_none(values):
    assert step_of(values) == 0


@pytest.mark.parametrize("decimals", [0, 1, 2, 15])
def test_weights_are_repetitions_and_their_scale_does_not_matter(decimals):
    values, times = draws(60, decimals), np.random.default_rng(1).integers(1, 4, 60)
    expected = step_of(np.repeat(values, times))
    assert (expected > 0) == (decimals < 2)
    for scale in (1, 10, 0.1, np.pi):
        assert step_of(values, scale * times) == expected
        assert step_of(values, np.full(60, scale)) == step_of(values)
