"""Coordinates of parameters: there and back, as many as there are free numbers, and no more."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import xlogy

from skem.coordinates import Coordinates
from skem.mixture.labels import Independent, Weights
from skem.ranges import (
    COVARIANCE,
    POSITIVE,
    PROBABILITY,
    REAL,
    SIMPLEX,
    Covariance,
    Real,
)

rng = np.random.default_rng(0)
COVARIANCES = np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.9], [-0.9, 4.0]]])

#: A range, values in it, the number of its coordinates, what is held of it, and how many remain.
CASES = {
    "real": (REAL, rng.standard_normal((2, 3)), 6, rng.random((2, 3)) < 0.5, None),
    "scaled": (Real(np.array([1.0, 50.0])), rng.standard_normal((3, 2)), 6, None, None),
    "scalar": (REAL, np.float64(3.0), 1, None, None),
    "positive": (POSITIVE, rng.random((2, 3)), 6, rng.random((2, 3)) < 0.5, None),
    "probability": (PROBABILITY, rng.random(4), 4, np.array([True, False, True, False]), 2),
    "simplex": (SIMPLEX, np.array([0.2, 0.3, 0.5]), 2, np.array([True, False, False]), 1),
    "transitions": (
        SIMPLEX,
        rng.dirichlet(np.ones(3), 3),
        6,
        np.array([[True, False, False], [True, True, True], [False, False, False]]),
        3,
    ),
    "covariance": (COVARIANCE, COVARIANCES[0], 3, None, None),
    "covariances": (Covariance(np.array([1.0, 9.0])), COVARIANCES, 6, np.array([True, False]), 3),
}
named = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@named
def test_there_and_back(case):
    range_, values, n, *_ = case
    range_.check("theta", values)
    vector = range_.to_vector(values)
    assert vector.shape == (n,) and range_.n_coordinates(np.shape(values)) == n
    found = range_.from_vector(vector, np.full_like(values, np.nan))
    assert_allclose(found, values, rtol=1e-12)
    assert np.shape(found) == np.shape(values)


@named
def test_any_vector_is_within_the_range(case):
    range_, values, n, *_ = case
    for scale in (0.1, 5.0):
        vector = scale * np.random.default_rng(1).standard_normal(n)
        found = range_.from_vector(vector, values)
        range_.check("theta", found)
        assert_allclose(range_.to_vector(found), vector, rtol=1e-6)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in CASES.items() if case[3] is not None]
)
def test_what_is_held_has_no_coordinates_and_stays(case):
    range_, values, _, held, n = case
    n = int((~held).sum()) if n is None else n
    vector = range_.to_vector(values, held)
    assert vector.shape == (n,) and range_.n_coordinates(values.shape, held) == n
    assert_allclose(range_.from_vector(vector, values, held), values, rtol=1e-12)
    moved = range_.from_vector(vector + 0.3, values, held)
    range_.check("theta", moved)
    assert_array_equal(moved[held], values[held])
    changed = ~(moved == values)
    assert changed.reshape(len(changed), -1).any(axis=1).sum() >= 1
    assert_allclose(range_.to_vector(moved, held), vector + 0.3, rtol=1e-9)


def test_unit_of_coordinates():
    assert_allclose(Real(10.0).to_vector(np.array([5.0])), 0.5)
    scaled = COVARIANCES * np.outer([2.0, 3.0], [2.0, 3.0])
    assert_allclose(
        Covariance(np.array([2.0, 3.0])).to_vector(scaled), COVARIANCE.to_vector(COVARIANCES)
    )


def test_simplex_has_the_coordinates_of_mixing_weights():
    weights = CASES["simplex"][1]
    labels = Independent()
    assert_array_equal(SIMPLEX.to_vector(weights), labels.to_vector(Weights(weights)))
    assert_allclose(SIMPLEX.from_vector(np.array([1.0, -800.0]), weights)[2], 1 / (1 + np.e))
    vector = np.array([1.0, 2.0])
    expected = labels.from_vector(vector, Weights(weights)).weights
    assert_allclose(SIMPLEX.from_vector(vector, weights), expected)


@pytest.mark.parametrize("held", [None, [False, True, False, False]])
def test_simplex_whose_last_entry_is_zero_has_coordinates(held):
    """A zero has none that is finite, and stays; the others have those that they had without."""
    values = np.array([[0.2, 0.3, 0.5, 0.0], [0.0, 0.4, 0.6, 0.0], [0.1, 0.2, 0.3, 0.4]])
    mask = None if held is None else np.broadcast_to(held, values.shape)
    vector = SIMPLEX.to_vector(values, mask)
    assert vector.size == SIMPLEX.n_coordinates(values.shape, mask)
    assert np.isneginf(vector).sum() == 3 and np.isfinite(vector).sum() == vector.size - 3
    assert_allclose(SIMPLEX.from_vector(vector, values, mask), values, rtol=1e-12)
    moved = SIMPLEX.from_vector(vector + 0.3, values, mask)
    SIMPLEX.check("theta", moved)
    assert_array_equal(moved == 0, values == 0)
    assert_allclose(SIMPLEX.to_vector(moved, mask), vector + 0.3)
    # What is selected of slopes is in the order of the coordinates.
    counts = np.arange(12.0).reshape(3, 4) * (values > 0)
    free = True if mask is None else ~mask
    n, total = (np.sum(a, axis=1, where=free, keepdims=True) for a in (counts, values))
    slopes = SIMPLEX.select(counts - n / total * values, values, mask)
    for i in np.flatnonzero(np.isfinite(vector)):
        ahead, behind = (
            xlogy(counts, SIMPLEX.from_vector(vector + step, values, mask)).sum(where=free)
            for step in 1e-6 * np.outer([1, -1], np.arange(vector.size) == i)
        )
        assert_allclose(slopes[i], (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("range_", "values", "message"),
    [
        (REAL, [1.0, np.nan], r"theta must be finite numbers, got nan at index 1"),
        (REAL, "one", "theta must be finite numbers, got 'one'"),
        (POSITIVE, [[1.0, -2.0]], r"finite and not negative, got -2.0 at index \(0, 1\)"),
        (POSITIVE, np.inf, "not negative, got inf$"),
        (PROBABILITY, [0.5, 1.1], "between 0 and 1, got 1.1 at index 1"),
        (
            SIMPLEX,
            [[0.5, 0.5], [0.5, 0.6]],
            r"a sum of 1 .* got \[0.5 0.6\], with a sum of 1.1 at index 1",
        ),
        (SIMPLEX, [1.5, -0.5], "not negative"),
        (SIMPLEX, 1.0, "got 1.0, which has 0 axes, not 1 or more"),
        (COVARIANCE, [[1.0, 2.0], [2.0, 1.0]], "symmetric and positive definite"),
        (COVARIANCE, [[1.0, 0.5], [0.2, 1.0]], "symmetric and positive definite"),
        (COVARIANCE, [[1.0, np.nan], [np.nan, 1.0]], "symmetric and positive definite"),
        (COVARIANCE, [[1.0, 0.5]], "symmetric and positive definite"),
    ],
)
def test_what_is_outside_is_named(range_, values, message):
    with pytest.raises((ValueError, TypeError), match=message):
        range_.check("theta", values)


class Params(NamedTuple):
    weights: np.ndarray
    means: np.ndarray
    n_trials: int


def test_several_parameters_one_after_another():
    like = Params(np.array([0.25, 0.75]), np.array([1.0, 2.0]), 7)
    coordinates = Coordinates(
        {"weights": SIMPLEX, "means": REAL}, {"means": np.array([True, False])}
    )
    vector = coordinates.to_vector(like)
    assert_allclose(vector, [-np.log(3), 2.0])
    assert coordinates.n_coordinates(like) == 2
    moved = coordinates.from_vector(np.array([0.0, 5.0]), like)
    assert_allclose(moved.weights, 0.5)
    assert (moved.means.tolist(), moved.n_trials) == ([1.0, 5.0], 7)
    as_dict = coordinates.from_vector(np.array([0.0, 5.0]), like._asdict())
    assert as_dict["means"].tolist() == [1.0, 5.0]
    with pytest.raises(ValueError, match="weights must be"):
        coordinates.check(like._replace(weights=np.array([1.0, 1.0])))
    with pytest.raises(TypeError, match="named tuple or a dict"):
        coordinates.check(np.ones(3))


def test_held_rows_come_back_whatever_the_memory_order():
    like = np.asfortranarray([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    held = np.array([[True, False, False], [False, False, False]])
    vector = SIMPLEX.to_vector(like, held)
    moved = SIMPLEX.from_vector(vector + 1.0, like, held)
    np.testing.assert_allclose(SIMPLEX.to_vector(moved, held), vector + 1.0)
