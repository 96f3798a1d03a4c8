"""A fit holds a few blocks beside the data, never a number for each row and component."""

import tracemalloc

import numpy as np
import pytest

from skem.em.blocks import workers
from skem.em.driver import run
from skem.em.problem import Problem
from skem.em.rows import Rows
from skem.em.scoring import evaluate
from skem.families import Gaussian
from skem.families.covariance import STRUCTURES

N, D, K = 200_000, 5, 20


@pytest.mark.parametrize("structure", STRUCTURES)
def test_fit_and_prediction_are_within_a_fraction_of_rows_times_components(structure):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, K, N)
    X = rng.standard_normal((N, D)) + 3 * rng.standard_normal((K, D))[labels]
    rows = Rows(X)
    predicted = np.empty(N, dtype=np.int32)
    tracemalloc.start()
    try:
        family = Gaussian(STRUCTURES[structure], K, rows.summary.mean, np.ones(D), np.zeros(D))
        with workers(N * D * K) as crew:
            problem = Problem(family, rows, crew)
            result = run(problem, problem.start(labels), tol=0.0, max_iter=2)
        evaluate(family, result.params, X, labels=predicted)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (predicted == labels).mean() > 1 / K
    assert peak < N * K * 8 / 4
