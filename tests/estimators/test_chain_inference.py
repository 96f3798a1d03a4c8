"""Standard errors of hidden Markov models, and doubts about them."""

import warnings
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialHMM, CategoricalHMM, CategoricalMixture, GaussianHMM, PoissonHMM

CHAIN = {"startprob": [0.6, 0.4], "transmat": [[0.85, 0.15], [0.3, 0.7]]}
LENGTHS = [40] * 30
TRUTHS = {
    "full": GaussianHMM.from_parameters(
        **CHAIN, means=[[0, 0], [2, 1]], covariances=[[[1, 0.4], [0.4, 1]], [[2, 0], [0, 1]]]
    ),
    "tied": GaussianHMM.from_parameters(
        **CHAIN, means=[[0, 0], [2, 1]], covariances=[[1, 0.4], [0.4, 1]], covariance_type="tied"
    ),
    "diag": GaussianHMM.from_parameters(
        **CHAIN, means=[[0, 0], [2, 1]], covariances=[[1, 2], [2, 1]], covariance_type="diag"
    ),
    "spherical": GaussianHMM.from_parameters(
        **CHAIN, means=[[0, 0], [2, 1]], covariances=[1, 2], covariance_type="spherical"
    ),
    "poisson": PoissonHMM.from_parameters(**CHAIN, rates=[[3.0], [7.0]]),
    "binomial": BinomialHMM.from_parameters(**CHAIN, probabilities=[[0.3], [0.6]], n_trials=10),
    "categorical": CategoricalHMM.from_parameters(
        **CHAIN, probabilities=[[[0.6, 0.3, 0.1]], [[0.1, 0.3, 0.6]]]
    ),
}


@cache
def fitted(name, **params):
    """Return a sample and a fit to it that is at its maximum to many digits."""
    truth = TRUTHS[name]
    rows, _ = truth.sample(lengths=LENGTHS, random_state=0)
    model = type(truth)(**truth.get_params()).set_params(random_state=0, tol=1e-13, n_init=1)
    if isinstance(truth, GaussianHMM):
        model.set_params(reg_covar=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return rows, model.set_params(**params).fit(rows, lengths=LENGTHS)


#: A parameter of each family whose curvature is asked for, and one of its entries.
ENTRIES = [
    ("full", "means", (0, 1)),
    ("full", "transmat", (0, 1)),
    ("tied", "means", (1, 0)),
    ("diag", "covariances", (1, 0)),
    ("spherical", "covariances", (0,)),
    ("poisson", "rates", (1, 0)),
    ("poisson", "startprob", (0,)),
    ("binomial", "probabilities", (0, 0)),
    ("categorical", "transmat", (1, 0)),
]


@pytest.mark.parametrize(("name", "parameter", "entry"), ENTRIES)
def test_a_standard_error_is_that_of_the_profile_likelihood(name, parameter, entry):
    """Hold one number near its estimate, refit the others: the loss has the error's curvature."""
    rows, model = fitted(name)
    error = model.standard_errors(rows, lengths=LENGTHS)[parameter][entry]
    best = model.score(rows, lengths=LENGTHS) * len(rows)

    moved = [_highest(model, rows, parameter, entry, step * error) for step in (0.2, -0.2)]
    np.testing.assert_allclose(best - np.mean(moved), 0.02, rtol=0.03)


def _highest(model, rows, parameter, entry, step):
    """Return the highest log-likelihood where an entry is moved by a step."""
    _, sequences = model._training_sequences(rows, None, LENGTHS, None, None, reset=False)
    chain, params, _ = model._prepare(sequences, continuing=True)
    at = chain.to_vector(params)
    wanted = float(params.by_name()[parameter][entry]) + step

    def moved(vector):
        return float(chain.from_vector(vector, params).by_name()[parameter][entry]) - wanted

    def negative(vector):
        here = chain.from_vector(vector, params)
        evaluation = chain.evaluate(here)
        return -evaluation.objective, -chain.gradient(here, evaluation)

    found = minimize(
        negative,
        at,
        jac=True,
        method="SLSQP",
        constraints={"type": "eq", "fun": moved},
        options={"ftol": 1e-14, "maxiter": 200},
    )
    return -found.fun * len(rows)


def test_robust_errors_are_near_the_others_where_the_model_is_true():
    rows, model = fitted("poisson")
    plain = model.standard_errors(rows, lengths=LENGTHS)
    robust = model.standard_errors(rows, lengths=LENGTHS, robust=True)
    for name in ("rates", "transmat"):
        np.testing.assert_allclose(robust[name], plain[name], rtol=0.5)
        assert not np.allclose(robust[name], plain[name], rtol=1e-3)


def test_a_robust_error_is_the_sandwich_of_scores_by_sequence():
    """For one state: the rate is a mean of rows, its sandwich that of the sequences' sums."""
    rows, _ = TRUTHS["poisson"].sample(lengths=LENGTHS, random_state=0)
    model = PoissonHMM(1).fit(rows, lengths=LENGTHS)
    errors = model.standard_errors(rows, lengths=LENGTHS, robust=True)
    residuals = (rows - rows.mean()).reshape(30, 40).sum(axis=1)
    np.testing.assert_allclose(errors.rates[0, 0], np.sqrt((residuals**2).sum()) / 1200, rtol=1e-5)
    plain = model.standard_errors(rows, lengths=LENGTHS).rates[0, 0]
    np.testing.assert_allclose(plain, np.sqrt(rows.mean() / 1200), rtol=1e-5)
    assert errors.rates[0, 0] > 1.5 * plain  # rows of a sequence hang together


class TestDoubts:
    """What is wrong with a fit is kept with it."""

    def test_a_sound_fit_has_none(self):
        _, model = fitted("poisson", tol=1e-8)
        assert model.doubts_ == {}

    def test_states_alike_are_named(self):
        rows, _ = TRUTHS["poisson"].sample(lengths=LENGTHS, random_state=0)
        half = np.full((2, 2), 0.5)
        model = PoissonHMM(
            2, startprob_init=[0.5, 0.5], transmat_init=half, rates_init=[[4.0], [4.0]]
        )
        with pytest.warns(ConvergenceWarning, match="nothing tells states 0 and 1 apart"):
            model.fit(rows, lengths=LENGTHS)
        assert list(model.doubts_) == ["alike"]
        assert "not to be trusted: nothing tells" in repr(model.summary(rows))

    def test_states_of_the_same_rows_that_lead_elsewhere_are_two(self):
        rows = np.tile([[3.0], [3.0], [30.0]], (40, 1))
        model = PoissonHMM(
            3,
            startprob_init=[1, 0, 0],
            transmat_init=[[0, 1, 0], [0, 0, 1], [1, 0, 0]],
            rates_init=[[3.0], [3.0], [29.0]],
        ).fit(rows)
        assert model.doubts_ == {}

    def test_more_parameters_than_numbers(self):
        with pytest.warns(ConvergenceWarning, match="19 parameters are more than the 12 numbers"):
            model = PoissonHMM(4, random_state=0).fit(np.arange(12)[:, None] % 5)
        assert "parameters" in model.doubts_


class TestAtTheEdge:
    """A probability or rate that tends to an edge of its range has no error; others have theirs.

    No run of EM gets to the edge: what is published is a small number.
    """

    CATEGORIES = ([[[0.7, 0.3, 0.0]], [[0.0, 0.4, 0.6]]], [[[0.5, 0.5, 0.0]], [[0.0, 0.5, 0.5]]])

    @staticmethod
    def _sample(truth, n=1500):
        return truth.sample(n, random_state=4)[0]

    def test_categories_of_a_chain(self):
        truth = CategoricalHMM.from_parameters(**CHAIN, probabilities=self.CATEGORIES[0])
        rows = self._sample(truth)
        model = CategoricalHMM(2, random_state=0, tol=1e-12).fit(rows).reordered([0, 1])
        zeros = CategoricalHMM(2, probabilities_init=self.CATEGORIES[1], tol=1e-12).fit(rows)
        p = model.probabilities_[:, 0]
        model = model if p[0, 0] > p[1, 0] else model.reordered([1, 0])
        tiny = model.probabilities_[[0, 1], 0, [2, 0]]
        assert ((tiny > 0) & (tiny < 1e-6)).any()  # on the way to the edge, not at it
        with pytest.warns(ConvergenceWarning, match="at the edge of their range"):
            errors = model.standard_errors(rows)
        with pytest.warns(ConvergenceWarning, match="at the edge of their range"):
            expected = zeros.standard_errors(rows)
        assert np.isnan(errors.probabilities[[0, 1], 0, [2, 0]]).all()
        for name in ("transmat", "probabilities"):
            np.testing.assert_allclose(errors[name], expected[name], rtol=1e-3)
        computed = [*errors.transmat[:, 0], *errors.probabilities[:, 0, 1]]
        np.testing.assert_allclose(computed, self._by_differences(zeros, rows), rtol=2e-3)

    @staticmethod
    def _by_differences(model, rows):
        """Return errors of two transitions and two probabilities by differences of the score."""

        def total(x):
            a, b, p, q = at + x
            return len(rows) * CategoricalHMM.from_parameters(
                startprob=model.startprob_.round(),
                transmat=[[1 - a, a], [b, 1 - b]],
                probabilities=[[[1 - p, p, 0]], [[0, q, 1 - q]]],
            ).score(rows)

        at = np.array([*model.transmat_[[0, 1], [1, 0]], *model.probabilities_[:, 0, 1]])
        h, axes = 1e-3, np.eye(4) * 1e-3
        hessian = [
            [total(i + j) - total(i - j) - total(j - i) + total(-i - j) for j in axes]
            for i in axes
        ]
        return np.sqrt(np.diag(np.linalg.inv(-np.array(hessian) / (4 * h**2))))

    def test_categories_of_a_mixture(self):
        rng, p = np.random.default_rng(0), np.squeeze(self.CATEGORIES[0])
        hidden = rng.integers(2, size=600)
        u = rng.random((600, 3, 1))
        rows = (u > p.cumsum(axis=1)[hidden][:, np.newaxis]).sum(axis=2)
        start = [[[0.6, 0.38, 0.02]] * 3, [[0.02, 0.38, 0.6]] * 3]
        model = CategoricalMixture(2, weights_init=[0.5, 0.5], probabilities_init=start).fit(rows)
        zeros = CategoricalMixture(
            2,
            weights_init=model.weights_,
            probabilities_init=np.where(model.probabilities_ < 1e-3, 0, model.probabilities_),
        )
        zeros.probabilities_init /= zeros.probabilities_init.sum(axis=2, keepdims=True)
        assert ((model.probabilities_ > 0) & (model.probabilities_ < 1e-6)).any()
        with pytest.warns(ConvergenceWarning, match="at the edge of their range"):
            errors, expected = model.standard_errors(rows), zeros.fit(rows).standard_errors(rows)
        assert np.isnan(expected.probabilities).sum() == 6
        for name, values in errors.items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-3)

    def test_rates_and_successes(self):
        """Events that one of the states never has."""
        events = [[0.0], [15.0]]
        poisson = PoissonHMM.from_parameters(**CHAIN, rates=events)
        binomial = BinomialHMM.from_parameters(**CHAIN, probabilities=[[0], [0.8]], n_trials=9)
        for truth, name in ((poisson, "rates"), (binomial, "probabilities")):
            rows = self._sample(truth)
            model = type(truth)(**truth.get_params()).set_params(random_state=0).fit(rows)
            model = model.reordered(0)
            assert getattr(model, f"{name}_")[0, 0] < 1e-6
            with pytest.warns(ConvergenceWarning, match="at the edge of their range"):
                errors = model.standard_errors(rows)
            assert np.isnan(errors[name][0, 0])
            assert np.isfinite(errors[name][1, 0]) and np.isfinite(errors.transmat).all()

    def test_a_rate_of_few_events_is_not_at_the_edge(self):
        """Five successes of 1e8 trials: the error is that of the binomial."""
        rows = np.zeros((50, 1))
        rows[:5] = 1
        model = BinomialHMM(1, n_trials=2_000_000).fit(rows)
        assert model.probabilities_[0, 0] < 1e-6
        errors = model.standard_errors(rows)
        np.testing.assert_allclose(errors.probabilities, [[np.sqrt(5) / 1e8]], rtol=1e-4)


class TestTransitionsThatNothingIsKnownOf:
    """No row follows a state: whatever is published of its transitions was in the start."""

    def test_sequences_of_one_row(self):
        rows, _ = TRUTHS["poisson"].sample(200, random_state=0)
        model = PoissonHMM(2, random_state=0)
        with pytest.warns(ConvergenceWarning, match="no row follows those of states 0, 1"):
            model.fit(rows, lengths=[1] * 200)
        assert list(model.doubts_) == ["never followed"]

    def test_a_state_at_the_end(self):
        """Sequences end as they come to the second state."""
        rows = np.tile([2.0, 3, 2, 1, 40], 20)[:, np.newaxis]
        model = PoissonHMM(2, rates_init=[[2.0], [40.0]])
        with pytest.warns(ConvergenceWarning, match="no row follows those of state 1, so"):
            model.fit(rows, lengths=[5] * 20)
        assert list(model.doubts_) == ["never followed"]
        told = [
            {"transmat_prior": 1.5},
            {"transmat_init": [[0.8, 0.2], [0, 1]]},
            {
                "transmat_init": [[0.8, 0.2], [0.5, 0.5]],
                "fixed": {"transmat": np.array([[False, False], [True, True]])},
            },
        ]
        for params in told:
            assert (
                PoissonHMM(2, rates_init=[[2.0], [40.0]], **params)
                .fit(rows, lengths=[5] * 20)
                .doubts_
                == {}
            )
        known = PoissonHMM(2, rates_init=[[2.0], [40.0]]).fit(np.vstack([rows, rows[:2]]))
        assert known.doubts_ == {}  # one sequence: something follows
