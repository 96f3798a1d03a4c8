"""Laws that every family of distributions keeps.

Describe a family as a :class:`Case` and ask every law of :func:`laws_of` of it. A law is a
function of the case that raises AssertionError where the family breaks it. What it holds the
family against is computed from ``Case.log_densities``, which knows nothing of skem.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax, xlogy
from scipy.stats import chi2

from skem.data.blocks import Workers
from skem.data.rows import Rows
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from skem.mixture.scoring import evaluate
from skem.mixture.sweep import EStep, sweep

__all__ = ["Case", "laws_of"]


@dataclass(frozen=True)
class Case:
    """A family, parameters, rows that they may have produced, and what is known of them.

    Parameters
    ----------
    name : str
        For the reports.
    family : Family
        The components, as they are fitted.
    params : MixtureParameters
        Parameters, no two components alike.
    X : ndarray of shape (n, n_features)
        Rows, values of single precision.
    n_parameters : int
        Number of free parameters, by the formula.
    log_densities : callable
        ``f(components, X)``, the log-density of each row under each component, (n, K).
    penalties : callable
        ``f(components)``, what is taken off the log-density of each component, (K,).
    trained : callable
        ``f(family, rows)``, the family with what it needs to know of the rows.
    scorer : Family or None
        The family without penalty and knowledge of rows, if that is another one.
    shared : tuple of str
        Parameters that all components share.
    samples : bool
        Whether the family can draw rows.
    closed_form : bool
        Whether an M-step maximises the expected log-likelihood of rows as they are. Where it is
        that of rows completed first, it only raises it.
    labels : Independent
        How labels hang together.
    """

    name: str
    family: Any
    params: Any
    X: np.ndarray
    n_parameters: int
    log_densities: Callable[[Any, np.ndarray], np.ndarray]
    penalties: Callable[[Any], Any] = lambda params: 0.0
    trained: Callable[[Any, Rows], Any] = lambda family, rows: family
    scorer: Any = None
    shared: tuple[str, ...] = ()
    samples: bool = True
    closed_form: bool = True
    labels: Independent = field(default_factory=Independent)

    def __str__(self) -> str:
        return self.name

    def model(
        self, X: np.ndarray | None = None, weights: np.ndarray | None = None
    ) -> MixtureModel:
        """Return the mixture with rows to fit to: those of the case, if not told."""
        rows = Rows(self.X if X is None else X, weights)
        return MixtureModel(self.labels, self.trained(self.family, rows), rows)

    def log_joint(self, params: Any) -> np.ndarray:
        """Return the penalised log-joint of the rows, from the reference, (n, K)."""
        with np.errstate(divide="ignore"):
            log_weights = np.log(params.labels.weights)
        of_rows = self.log_densities(params.components, self.X)
        return log_weights + of_rows - self.penalties(params.components)

    def responsibilities(self, seed: int) -> np.ndarray:
        """Return random responsibilities (n, K), far from even."""
        K = len(self.params.labels.weights)
        return np.random.default_rng(seed).dirichlet(np.full(K, 0.5), size=len(self.X))

    def start(self, seed: int) -> Any:
        """Return parameters to start from: not the answer, nor on the plateau of even shares."""
        hint = softmax(self.log_joint(self.params), axis=1)
        return self.model().start((hint + 2 * self.responsibilities(seed)) / 3)

    def permuted(self, params: Any, order: np.ndarray) -> Any:
        """Return the parameters with their components in another order."""
        return params.with_arrays(
            **{
                name: values if name in self.shared else values[order]
                for name, values in params.by_name().items()
            }
        )


def assert_same(actual: Any, expected: Any, rtol: float = 1e-10) -> None:
    """Compare parameters, each to a share of its largest value."""
    for name, b in expected.by_name().items():
        a = actual.by_name()[name]
        assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max(), err_msg=name)


def log_density_is_that_of_the_reference(case: Case) -> None:
    """To 1e-12, relative to the larger of the log-density and one nat."""
    log_density, posterior = np.empty(len(case.X)), np.empty(case.responsibilities(0).shape)
    scorer = case.family if case.scorer is None else case.scorer
    evaluate(scorer, case.params, case.X, log_density=log_density, posterior=posterior)
    of_rows = case.log_densities(case.params.components, case.X)
    log_joint = np.log(case.params.labels.weights) + of_rows
    assert_allclose(log_density, logsumexp(log_joint, axis=1), rtol=1e-12, atol=1e-12)
    assert_allclose(posterior, softmax(log_joint, axis=1), rtol=1e-11, atol=1e-300)


def objective_is_the_mean_penalised_log_likelihood(case: Case) -> None:
    """It belongs to the parameters that the step starts from, not to those it returns."""
    expected = logsumexp(case.log_joint(case.params), axis=1).mean()
    assert_allclose(case.model().evaluate(case.params).objective, expected, rtol=1e-12, atol=1e-12)


def statistics_add_up_over_any_split(case: Case) -> None:
    """Objective and statistics of A and B make those of A and B together."""
    kernel = case.model().kernel(case.params)

    def swept(X: np.ndarray) -> tuple[float, np.ndarray]:
        return sweep(kernel, Rows(X), EStep(case.params.labels.weights), Workers())

    objective, statistics = swept(case.X)

    @settings(max_examples=20, deadline=None, database=None, phases=[Phase.generate])
    @given(st.integers(1, len(case.X) - 1), st.integers(0, 2**32 - 1))
    def check(cut: int, seed: int) -> None:
        X = np.random.default_rng(seed).permutation(case.X)
        (objective_a, statistics_a), (objective_b, statistics_b) = swept(X[:cut]), swept(X[cut:])
        assert_allclose(objective_a + objective_b, objective, rtol=1e-12, atol=1e-10)
        atol = 1e-12 * np.abs(statistics).max()
        assert_allclose(statistics_a + statistics_b, statistics, rtol=1e-12, atol=atol)

    check()


def passes_leave_loaded_rows_as_they_are(case: Case) -> None:
    """Runs in several threads share them: what a pass writes to is its own."""
    kernel = case.model().kernel(case.params)
    block = kernel.load(case.X, np.empty((kernel.width, len(case.X))))
    before = [each.copy() for each in _arrays(block)]
    r = np.ones((case.family.n_components, len(case.X)))
    kernel.log_density(block, np.empty_like(r))
    kernel.statistics(block, r)
    for now, then in zip(_arrays(block), before, strict=True):
        assert_array_equal(now, then)


def _arrays(block: Any) -> list[np.ndarray]:
    """Return the arrays that loaded rows are made of."""
    if isinstance(block, np.ndarray):
        return [block]
    if is_dataclass(block):
        block = tuple(getattr(block, each.name) for each in fields(block))
    return [a for part in block for a in _arrays(part)] if isinstance(block, tuple) else []


def nothing_near_beats_the_m_step(case: Case) -> None:
    """The M-step maximises the expected complete-data log-likelihood of any responsibilities."""
    r = case.responsibilities(seed=1)
    model = case.model()
    answer = model.start(r)
    best = np.sum(r * case.log_joint(answer))
    vector = model.to_vector(answer)
    rng = np.random.default_rng(2)
    for distance in (1e-3, 1e-2, 1e-1):
        for direction in rng.standard_normal((8, vector.size)):
            for step in (distance * direction, -distance * direction):
                rival = model.from_vector(vector + step, answer)
                assert np.sum(r * case.log_joint(rival)) < best


def bound_touches_the_log_likelihood_and_lifts_it(case: Case) -> None:
    """Q + entropy is the log-likelihood at the old parameters, and below it at the new ones."""
    model, old = case.model(), case.start(seed=3)
    r = softmax(case.log_joint(old), axis=1)

    def bound(params: Any) -> float:
        return (np.sum(r * case.log_joint(params)) - xlogy(r, r).sum()) / len(r)

    step = model.evaluate(old)
    assert_allclose(bound(old), step.objective, rtol=1e-12)
    assert step.objective < bound(step.params) < model.evaluate(step.params).objective


def integer_weights_are_repeated_rows(case: Case) -> None:
    """In the objective and in the M-step."""
    weights = np.random.default_rng(4).integers(1, 5, len(case.X))
    start = case.start(seed=4)
    weighted = case.model(weights=weights.astype(float)).evaluate(start)
    repeated = case.model(np.repeat(case.X, weights, axis=0)).evaluate(start)
    assert_allclose(weighted.objective, repeated.objective, rtol=1e-12)
    assert_same(weighted.params, repeated.params)


def permuting_components_permutes_the_answer(case: Case) -> None:
    """No component is special."""
    model, start = case.model(), case.start(seed=5)
    order = np.roll(np.arange(len(start.labels.weights)), 1)
    straight, permuted = model.evaluate(start), model.evaluate(case.permuted(start, order))
    assert_allclose(permuted.objective, straight.objective, rtol=1e-12)
    assert_same(permuted.params, case.permuted(straight.params, order))


def parameters_are_counted(case: Case) -> None:
    """As the formula has it."""
    assert case.model().n_parameters(case.params) == case.n_parameters


def coordinates_round_trip(case: Case) -> None:
    """There are as many as parameters, and any are those of some parameters."""
    model = case.model()
    assert model.to_vector(case.params).size == case.n_parameters
    assert_same(model.from_vector(model.to_vector(case.params), case.params), case.params)
    vector = np.random.default_rng(6).standard_normal(case.n_parameters)
    back = model.to_vector(model.from_vector(vector, case.params))
    assert_allclose(back, vector, rtol=1e-10, atol=1e-10)


def empty_component_keeps_its_shape(case: Case) -> None:
    """And none of it is NaN."""
    weights = case.params.labels.weights.copy()
    weights[0] = 0.0
    old = case.params.with_arrays(weights=weights / weights.sum())
    step = case.model().evaluate(old)
    assert np.isfinite(step.objective)
    after_step = step.params.by_name()
    for name, before in old.by_name().items():
        after = after_step[name]
        assert np.isfinite(after).all(), name
        if name not in case.shared:
            assert_array_equal(after[0], before[0], err_msg=name)


def single_precision_and_memory_order_change_nothing(case: Case) -> None:
    """Rows of float32, by columns or with gaps between them, count for what they hold."""
    start = case.start(seed=7)
    expected = case.model().evaluate(start)
    single = case.X.astype(np.float32)
    assert_array_equal(single, case.X, err_msg="the case is not of single precision")
    for X in (single, np.asfortranarray(case.X), np.repeat(case.X, 2, axis=0)[::2]):
        step = case.model(X).evaluate(start)
        assert_allclose(step.objective, expected.objective, rtol=1e-13)
        assert_same(step.params, expected.params, rtol=1e-12)


def gradient_is_the_slope_of_the_objective(case: Case) -> None:
    """In unconstrained coordinates, from the statistics of one E-step."""
    model, params = case.model(), case.start(seed=9)
    step, vector = model.evaluate(params), model.to_vector(params)
    gradient = len(case.X) * model.gradient(params, step)

    def log_likelihood(vector: np.ndarray) -> float:
        return logsumexp(case.log_joint(model.from_vector(vector, params)), axis=1).sum()

    h = 1e-5  # an error of h^2 from the third derivative, of 1e-13 / h from rounding
    slopes = [
        (log_likelihood(vector + h * e) - log_likelihood(vector - h * e)) / (2 * h)
        for e in np.eye(vector.size)
    ]
    assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-6 * len(case.X))


def trace_never_falls(case: Case) -> None:
    """And rises at first: the start is not the answer."""
    for seed in range(3):
        model, params, trace = case.model(), case.start(seed), []
        for _ in range(40):
            step = model.evaluate(params)
            params = step.params
            trace.append(step.objective)
        gains = np.diff(trace)
        assert (gains[:3] > 1e-8).all()
        assert (gains > -1e-12 * np.abs(trace[-1])).all()


def samples_follow_the_parameters(case: Case) -> None:
    """By Wilks' theorem: twice the log of the likelihood ratio to the best fit is chi squared."""
    rng = np.random.RandomState(8)
    counts = rng.multinomial(5000, case.params.labels.weights)
    scorer = case.family if case.scorer is None else case.scorer
    X = scorer.sample(case.params.components, counts, rng)
    drawn = replace(case, X=X, penalties=lambda params: 0.0)
    labels = np.repeat(np.arange(len(counts)), counts)
    best = MixtureModel(case.labels, scorer, Rows(drawn.X)).start(labels)

    def log_likelihood(params: Any) -> float:
        return drawn.log_joint(params)[np.arange(len(labels)), labels].sum()

    ratio = 2 * (log_likelihood(best) - log_likelihood(case.params))
    assert chi2.ppf(1e-4, case.n_parameters) < ratio < chi2.ppf(1 - 1e-4, case.n_parameters)


#: Laws of unconstrained coordinates, for families that can be accelerated.
OF_COORDINATES = (
    nothing_near_beats_the_m_step,
    coordinates_round_trip,
    gradient_is_the_slope_of_the_objective,
)

LAWS: tuple[Callable[[Case], None], ...] = (
    log_density_is_that_of_the_reference,
    objective_is_the_mean_penalised_log_likelihood,
    statistics_add_up_over_any_split,
    passes_leave_loaded_rows_as_they_are,
    nothing_near_beats_the_m_step,
    bound_touches_the_log_likelihood_and_lifts_it,
    integer_weights_are_repeated_rows,
    permuting_components_permutes_the_answer,
    parameters_are_counted,
    coordinates_round_trip,
    gradient_is_the_slope_of_the_objective,
    empty_component_keeps_its_shape,
    single_precision_and_memory_order_change_nothing,
    trace_never_falls,
    samples_follow_the_parameters,
)


def laws_of(case: Case) -> list[Callable[[Case], None]]:
    """Return the laws that the family of a case is to keep."""
    left_out: set[Any] = set() if case.samples else {samples_follow_the_parameters}
    if not case.closed_form:
        left_out.add(nothing_near_beats_the_m_step)
    if not case.family.accelerable:
        left_out.update(OF_COORDINATES)
    return [law for law in LAWS if law not in left_out]
