"""The accelerator is a quasi-Newton method where it can be one, and EM where it cannot."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans

from skem.data.rows import Rows
from skem.datasets import load_old_faithful, load_saxony
from skem.em.acceleration import GAIN_OF_PLAIN_EM, LONGEST, QuasiNewton
from skem.em.driver import run
from skem.families import Binomial, Gaussian
from skem.families.covariance import STRUCTURES
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from tests.families.cases import binomials


class Quadratic:
    """A concave quadratic with its maximum, zero, at ``top``.

    EM's matrix is the inverse of more information than there is, so that EM is slow.
    """

    def __init__(self, n, missing=0.98):
        rng = np.random.default_rng(n)
        Q, _ = np.linalg.qr(rng.standard_normal((n, n)))
        L = np.tril(rng.standard_normal((n, n)), -1) + np.diag(rng.uniform(1, 3, n))
        self.information = L @ (Q * np.linspace(1 - missing, 1, n)) @ Q.T @ L.T
        self.H = np.linalg.inv(L @ L.T)
        self.top, self.start = rng.standard_normal((2, n))

    def value(self, x):
        return -(x - self.top) @ self.information @ (x - self.top) / 2

    def at(self, x):
        """Return point, gradient and EM step."""
        gradient = self.information @ (self.top - x)
        return x, gradient, self.H @ gradient


def visit(accelerator, f, x, gain=0.0):
    accelerator.accept(*f.at(x), gain)
    return accelerator.propose()


def n_steps(f, tol, next_point, most=5000):
    x, n = f.start, 0
    while f.value(x) < -tol and n < most:
        x, n = next_point(x), n + 1
    return n


dimensions = pytest.mark.parametrize("n", [1, 2, 5, 9])


@dimensions
def test_quadratic_is_climbed_in_as_many_exact_searches_as_it_has_dimensions(n):
    """A property of BFGS from any matrix (Nocedal & Wright 2006, theorem 6.4)."""
    f, accelerator = Quadratic(n), QuasiNewton()

    def search(x):
        climb = visit(accelerator, f, x)
        _, gradient, em_step = f.at(x)
        direction = em_step if climb is None else climb.point - x
        return x + gradient @ direction / (direction @ f.information @ direction) * direction

    assert n_steps(f, -1e-12 * f.value(f.start), search) <= n


@dimensions
def test_quadratic_needs_far_fewer_steps_than_em_without_any_search(n):
    f, accelerator = Quadratic(n), QuasiNewton()

    def climb(x):
        there = visit(accelerator, f, x)
        return x + f.at(x)[2] if there is None else there.point

    tol = -1e-10 * f.value(f.start)
    plain = n_steps(f, tol, lambda x: x + f.at(x)[2])
    assert n_steps(f, tol, climb) <= min(plain / 4, 4 * n + 4)


def test_model_that_is_exact_finds_the_top_and_its_height():
    f = Quadratic(4)
    f.H = np.linalg.inv(f.information)
    accelerator = QuasiNewton()
    visit(accelerator, f, f.start)
    somewhere = -2 * f.start
    climb = visit(accelerator, f, somewhere)
    assert_allclose(climb.point, f.top, rtol=1e-9)
    assert_allclose(climb.gain, -f.value(somewhere), rtol=1e-9)


def test_first_step_is_em():
    f = Quadratic(3)
    assert QuasiNewton().propose() is None
    assert visit(QuasiNewton(), f, f.start) is None


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_em_is_left_to_itself_while_it_gains_much(factor):
    f, accelerator = Quadratic(3), QuasiNewton()
    visit(accelerator, f, f.start)
    climb = visit(accelerator, f, f.start + 1, gain=factor * GAIN_OF_PLAIN_EM)
    assert (climb is None) == (factor > 1)


def test_rejected_point_is_learned_from_but_not_gone_to():
    f, accelerator = Quadratic(1), QuasiNewton()
    visit(accelerator, f, f.start)
    accelerator.reject(*f.at(f.start + 7))
    climb = accelerator.propose()
    assert_allclose(climb.point, f.top, rtol=1e-9)
    assert_allclose(climb.gain, -f.value(f.start), rtol=1e-9)


def test_rejections_where_nothing_is_learned_lead_back_to_em():
    f, accelerator = Quadratic(5), QuasiNewton()
    for x in np.random.default_rng(0).standard_normal((8, 5)):
        climb = visit(accelerator, f, x)
    assert climb is not None
    x, gradient, em_step = f.at(x)
    for _ in range(4):  # 7, 3, 1, 0 pairs
        accelerator.reject(x + em_step, 2 * gradient, 2 * em_step)  # steeper uphill
    assert accelerator.propose() is None


def test_forgetting_makes_it_new():
    f, points = Quadratic(4), np.random.default_rng(0).standard_normal((6, 4))
    used, new = QuasiNewton(), QuasiNewton()
    for x in points[:3]:
        visit(used, f, x)
    used.forget()
    assert used.propose() is None
    assert visit(used, f, points[3]) is None
    visit(new, f, points[3])
    for x in points[4:]:
        assert_array_equal(visit(used, f, x).point, visit(new, f, x).point)


def test_em_steps_are_lengthened_where_the_objective_is_not_concave():
    f, accelerator = Quadratic(3), QuasiNewton()
    f.information = -f.information
    visit(accelerator, f, f.start)
    for i in range(1, 13):
        x = f.start * 1.5**i
        climb = visit(accelerator, f, x)
        assert_allclose(climb.point, x + min(2.0**i, LONGEST) * f.at(x)[2], rtol=1e-12)
    accelerator.reject(*f.at(climb.point))
    assert accelerator.propose() is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(5))
def test_proposals_are_finite_and_uphill_whatever_it_is_told(seed):
    rng, accelerator, n_climbs = np.random.default_rng(seed), QuasiNewton(), 0
    for _ in range(300):
        told = rng.standard_normal((3, 4)) * 10.0 ** rng.uniform(-30, 30, (3, 1))
        if rng.random() < 0.1:
            told[rng.integers(3)] = 0.0
        if rng.random() < 0.05:
            told[1, 0] = np.nan
        if rng.random() < 0.2:
            accelerator.reject(*told)
        else:
            accelerator.accept(*told, rng.choice([0.0, 1e-5]))
        climb = accelerator.propose()
        if climb is not None:
            n_climbs += 1
            assert np.isfinite(climb.point).all()
            assert climb.gain > 0
    assert n_climbs > 20


# On mixtures.


def saxony(weights, probabilities):
    """Return the model, a start, and the number of rows."""
    data = load_saxony()
    rows = Rows(data.data.astype(float), data.sample_weight.astype(float))
    start = binomials(np.array(weights), np.array(probabilities)[:, np.newaxis])
    return MixtureModel(Independent(), Binomial(len(weights), 1), rows), start, rows.total_weight


SAXONY = [
    ((0.5, 0.5), (0.4, 0.6), -12492.406220, 60),
    ((0.3, 0.4, 0.3), (0.3, 0.5, 0.7), -12490.800116, 400),
]


@pytest.mark.parametrize("weights, probabilities, top, most", SAXONY, ids=["2", "3"])
def test_saxony_is_climbed_where_plain_em_crawls(weights, probabilities, top, most):
    model, start, n = saxony(weights, probabilities)
    fast = run(model, start, tol=1e-8, max_iter=most, accelerate=True)
    assert fast.converged
    assert_allclose(n * model.objective(fast.params), top, rtol=0, atol=1e-4)
    plain = run(model, start, tol=1e-8, max_iter=1000)
    assert not plain.converged
    assert n * model.objective(plain.params) < top - 1e-4


def test_old_faithful_takes_a_third_of_the_evaluations():
    X = load_old_faithful().data
    family = Gaussian(STRUCTURES["full"], 3, X.mean(axis=0), X.std(axis=0), np.zeros(2), 1e-6)
    model = MixtureModel(Independent(), family, Rows(X))
    start = model.start(KMeans(3, n_init=1, random_state=0).fit(X).labels_)
    fast, plain = (
        run(model, start, tol=1e-8, max_iter=1000, accelerate=accelerate)
        for accelerate in (True, False)
    )
    assert fast.converged
    assert plain.converged
    assert 3 * fast.n_evaluations <= plain.n_evaluations
    assert_allclose(model.objective(fast.params), model.objective(plain.params), atol=1e-7)
