"""What hidden Markov models say of bad input: by their own names, and at once."""

import warnings
from unittest import mock

import numpy as np
import pytest

from skem import (
    BinomialHMM,
    BinomialMixture,
    CategoricalHMM,
    CategoricalMixture,
    GaussianHMM,
    LinearGaussianSSM,
    PoissonHMM,
    PoissonMixture,
)
from skem.chains.markov import first_contradiction
from skem.mixture.hidden_chain import HiddenChain

HALF = {"startprob": [0.5, 0.5], "transmat": [[0.5, 0.5], [0.5, 0.5]]}
COUNTS = np.array([[1.0], [4.0], [2.0], [9.0], [8.0], [3.0]])


def left_right():
    return PoissonHMM.from_parameters(
        startprob=[1, 0, 0],
        transmat=[[0.9, 0.1, 0], [0, 0.9, 0.1], [0, 0, 1]],
        rates=[[1.0], [5.0], [9.0]],
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PoissonHMM().fit(-COUNTS), r"passed to PoissonHMM: counts .* X\[0, 0\] is -1"),
        (lambda: BinomialHMM(n_trials=5).fit(COUNTS), "BinomialHMM got more successes than"),
        (lambda: BinomialHMM(n_trials=[1, 2]).fit(COUNTS), "n_trials has the shape"),
        (lambda: BinomialHMM(n_trials=-1).fit(COUNTS), "'n_trials' parameter of BinomialHMM"),
        (lambda: GaussianHMM(reg_covar=-1).fit(COUNTS), "'reg_covar' parameter of GaussianHMM"),
        (lambda: PoissonHMM(2, fixed={"a": True}).fit(COUNTS), "'startprob', 'transmat', 'rates'"),
        (
            lambda: PoissonHMM.from_parameters(**HALF, means=[[1], [2]]),
            "no 'means'; .*rates",
        ),
        (lambda: PoissonHMM.from_parameters(**HALF), "PoissonHMM.from_parameters needs rates"),
        (lambda: CategoricalHMM().fit([[0], [-1]]), r"holds -1, .* CategoricalHMM\(categories="),
        (lambda: CategoricalMixture().fit([[0], [-1]]), r"holds -1, .* CategoricalMixture\("),
    ],
)
def test_messages_name_what_the_user_knows(call, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert "Mixture" not in str(caught.value) or "Mixture" in message


def test_categories_that_are_listed_may_be_anything():
    X = [[-1], [0.5], [-1], [-1], [0.5]]
    for estimator in (CategoricalMixture, CategoricalHMM):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fitted = estimator(categories=[[-1, 0.5]]).fit(X)
        np.testing.assert_allclose(fitted.probabilities_, [[[0.6, 0.4]]])


@pytest.mark.parametrize("estimator", [CategoricalHMM, CategoricalMixture])
def test_fractions_in_place_of_categories_draw_a_warning(estimator):
    with pytest.warns(UserWarning, match=r"Column 0 of X holds fractions \(the first is 0.5\)"):
        estimator().fit(COUNTS / 2)


@pytest.mark.parametrize("estimator", [PoissonHMM, PoissonMixture])
def test_fractions_in_place_of_counts_draw_a_warning(estimator):
    with pytest.warns(UserWarning, match=r"Column 0 of X holds fractions \(the first is 0.5\)"):
        estimator().fit(COUNTS / 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator().fit(np.where(COUNTS == 4, np.nan, COUNTS))


def test_one_trial_is_enough_for_states():
    """Components of a mixture cannot be told apart by single trials; states of a chain can."""
    X = np.repeat([0.0, 1.0, 0.0, 1.0], 30)[:, np.newaxis]
    X[::7] = 1 - X[::7]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BinomialHMM(2, n_trials=1, random_state=0).fit(X)
    assert np.ptp(model.probabilities_) > 0.5


class TestContradictions:
    """Known states that no path goes through."""

    @pytest.mark.parametrize(
        ("known", "sequence", "state", "row"),
        [
            ([1, -1, -1, -1, -1, -1], 0, 1, 0),
            ([-1, 2, -1, -1, -1, -1], 0, 2, 1),
            ([0, 1, -1, 0, -1, -1], 1, None, None),
            ([0, 1, 1, 1, -1, -1], 1, 1, 3),
            ([-1, -1, 2, 0, -1, 2], 1, None, None),
            ([-1, -1, 2, 0, 2, -1], 1, 2, 4),
        ],
    )
    def test_row_and_sequence_are_named(self, known, sequence, state, row):
        model, lengths = left_right(), [3, 3]
        fit = PoissonHMM(
            3,
            startprob_init=model.startprob_,
            transmat_init=model.transmat_,
            rates_init=model.rates_,
            max_iter=1,
            tol=1,
        )
        calls = [
            lambda: model.predict(COUNTS, lengths=lengths, known_labels=known),
            lambda: model.predict_proba(COUNTS, lengths=lengths, known_labels=known),
            lambda: fit.fit(COUNTS, lengths=lengths, known_labels=known),
        ]
        for call in calls:
            if row is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    call()
                continue
            with pytest.raises(
                ValueError,
                match=rf"sequence {sequence} \(rows .*\) cannot be in state {state} at row {row},",
            ):
                call()

    def test_a_row_that_its_state_cannot_make(self, tmp_path):
        model = CategoricalHMM.from_parameters(**HALF, probabilities=[[[1.0, 0.0]], [[0.5, 0.5]]])
        X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float64, (4, 1))
        X[:] = [[0], [1], [1], [0]]
        known = [0, -1, 0, 1]
        for rows in (np.array(X), X):
            with pytest.raises(ValueError, match=r"known_labels\[2\] is 0, but row 2 of X is imp"):
                model.predict(rows, lengths=[1, 3], known_labels=known)
        known[2] = 1
        assert model.predict(X, known_labels=known)[2] == 1

    def test_they_are_those_of_enumeration(self):
        """Random zeros and labels: refused where no path is possible, and only there."""
        rng, refused = np.random.default_rng(0), 0
        for _ in range(300):
            start, S = rng.random(3) < 0.6, rng.random((3, 3)) < 0.4
            labels = np.where(rng.random(8) < 0.4, rng.integers(3, size=8), -1)
            states, row = start.copy(), None
            for t, label in enumerate(labels):
                states = start.copy() if t in (0, 5) else states @ S
                if label >= 0:
                    if not states[label] and row is None:
                        row = t
                    states = np.arange(3) == label
            found = first_contradiction(labels, np.array([5, 8]), start, S)
            assert found == row
            refused += row is not None
        assert 50 < refused < 290


class TestWeights:
    """A weight of a sequence is so many of it."""

    lengths = (2, 4)
    weights = (3.0, 3.0, 1.0, 1.0, 1.0, 1.0)

    def test_criteria_and_summary(self):
        model = PoissonHMM.from_parameters(**HALF, rates=[[2.0], [8.0]])
        model.transmat_ = np.array([[0.8, 0.2], [0.3, 0.7]])
        rows = np.concatenate([COUNTS[:2], COUNTS[:2], COUNTS])
        repeated = {"lengths": [2, 2, 2, 4]}
        once = {"lengths": self.lengths, "sample_weight": self.weights}
        for name in ("aic", "bic", "icl", "score"):
            method = getattr(model, name)
            np.testing.assert_allclose(method(COUNTS, **once), method(rows, **repeated))
        assert model.icl(COUNTS, **once) != model.icl(COUNTS, lengths=self.lengths)
        mine, theirs = model.summary(COUNTS, **once), model.summary(rows, **repeated)
        assert repr(mine) == repr(theirs)
        np.testing.assert_allclose(mine.weights.values, theirs.weights.values)


class TestDraws:
    """How many rows ``sample`` draws."""

    models = (
        PoissonHMM.from_parameters(**HALF, rates=[[2.0], [8.0]]),
        BinomialHMM.from_parameters(**HALF, probabilities=[[0.2], [0.8]]),
        LinearGaussianSSM.from_parameters(
            transition_matrix=[[0.5]],
            observation_matrix=[[1]],
            transition_covariance=[[1]],
            observation_covariance=[[1]],
            initial_state_mean=[0],
            initial_state_covariance=[[1]],
        ),
    )

    @pytest.mark.parametrize("model", models, ids=lambda each: type(each).__name__)
    def test_n_samples_and_lengths_agree_or_are_refused(self, model):
        trials = {"n_trials": 3} if isinstance(model, BinomialHMM) else {}
        drawn = [
            model.sample(*n, random_state=0, **lengths, **trials)[0]
            for n, lengths in [((), {}), ((7,), {}), ((7,), {"lengths": [3, 4]})]
        ]
        assert [len(rows) for rows in drawn] == [1, 7, 7]
        of_lengths, _ = model.sample(lengths=[3, 4], random_state=0, **trials)
        np.testing.assert_array_equal(of_lengths, drawn[2])
        with pytest.raises(ValueError, match="n_samples is 5, but lengths sum to 7"):
            model.sample(5, lengths=[3, 4], **trials)
        for n_samples in (0, 2.5, True):
            with pytest.raises(ValueError, match="n_samples must be an int in"):
                model.sample(n_samples, **trials)


@pytest.mark.parametrize("estimator", [BinomialHMM, BinomialMixture])
@pytest.mark.parametrize("n_trials", [20.5, [20.5], -1, [np.inf]])
def test_trials_are_whole_numbers(estimator, n_trials):
    with pytest.raises(ValueError, match=r"'n_trials' parameter of Binomial.* (an int|whole)"):
        estimator(n_trials=n_trials).fit(COUNTS)
    assert estimator(n_trials=20.0).fit(COUNTS).probabilities_[0, 0] == pytest.approx(27 / 120)


GIVEN = {**HALF, "means": [[0.0], [1.0]], "covariances": [[[1.0]], [[1.0]]]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"startprob": [0.5, 0.6]}, r"^startprob must sum to one .*startprob sums to 1\.1"),
        ({"startprob": [0.5, 0.3, 0.2]}, r"^startprob must have the shape \(2,\), got \(3,\)"),
        ({"startprob": [0.5, "a"]}, "^startprob must be an array of numbers"),
        ({"startprob": None}, "^startprob and transmat must be given as a whole"),
        ({"startprob": [-1, 2]}, "^startprob must hold probabilities"),
        ({"transmat": [[0.5, 0.5], [0.5, 0.6]]}, r"^transmat must sum .*transmat\[1\] sums"),
        ({"transmat": [0.5, 0.5]}, r"^transmat must have the shape .* got \(2,\)"),
        ({"transmat": "ab"}, r"^transmat must have the shape .* got \(\)"),
        ({"means": [[0.0], [1.0], [2.0]]}, "^means are of 3 states, but transmat is of 2"),
        ({"covariances": [[[1.0]]]}, "^covariances are of 1 states, but transmat is of 2"),
        ({"stationary_start": True}, "says what startprob is: leave out startprob$"),
    ],
)
def test_from_parameters_names_what_it_was_given(wrong, message):
    assert GaussianHMM.from_parameters(**GIVEN).n_parameters_ == 7
    with pytest.raises(ValueError, match=message):
        GaussianHMM.from_parameters(**{**GIVEN, **wrong})


def test_from_parameters_keeps_starting_values():
    """They are those of a later fit, and no part of the chain."""
    model = GaussianHMM.from_parameters(**GIVEN, transmat_init=[[0.9, 0.1], [0.2, 0.8]])
    assert model.transmat_init == [[0.9, 0.1], [0.2, 0.8]]
    np.testing.assert_array_equal(model.transmat_, HALF["transmat"])


def test_tied_covariances_are_of_no_state():
    tied = {**GIVEN, "covariances": np.eye(3), "means": np.zeros((2, 3))}
    model = GaussianHMM.from_parameters(**tied, covariance_type="tied")
    assert model.covariances_.shape == (3, 3)


class TestImpossibleRows:
    """Rows that no state can have made count as missing, and no path is an error."""

    left_right = CategoricalHMM.from_parameters(
        startprob=[1, 0],
        transmat=[[0.9, 0.1], [0, 1]],
        probabilities=[[[0.8, 0.2, 0]], [[0, 0.2, 0.8]]],
    )

    @staticmethod
    def _speaks_of_states(model, X, **sequences):
        return [
            lambda: model.predict(X, **sequences),
            lambda: model.predict(X, decoding="posterior", **sequences),
            lambda: model.predict_proba(X, **sequences),
            lambda: model.filter_proba(X, **sequences),
        ]

    @pytest.mark.parametrize(
        ("X", "row"),
        [([0, 1, 2, 0], 3), ([0, 2, 0, 1], 2), ([2, 2, 2, 2], 0), ([7, 2, 0, 7], 2)],
    )
    @pytest.mark.filterwarnings("ignore:row . of X .*is impossible in every state")
    def test_a_row_that_no_path_leads_to_is_named(self, X, row):
        X = np.array(X, dtype=float)[:, np.newaxis]
        found = self.left_right.score_samples(X)
        assert found[row] == -np.inf
        assert self.left_right.score(X) == -np.inf
        assert self.left_right.bic(X) == self.left_right.icl(X) == np.inf
        missing = np.where(np.arange(4)[:, np.newaxis] == 3, np.nan, X)
        calls = [
            *self._speaks_of_states(self.left_right, X),
            lambda: self.left_right.forecast(2, X),
            lambda: self.left_right.summary(X),
        ]
        if row < 3:
            calls.append(lambda: self.left_right.impute(missing))
        for call in calls:
            with pytest.raises(ValueError, match=f"row {row} of X.* impossible after those"):
                call()

    def test_a_row_that_no_state_can_make_counts_as_missing(self):
        X, missing = np.array([[0.0], [7], [7], [2]]), np.array([[0], [np.nan], [np.nan], [2]])
        assert self.left_right.score_samples(X)[1] == -np.inf
        for call, expected in zip(
            self._speaks_of_states(self.left_right, X),
            self._speaks_of_states(self.left_right, missing),
            strict=True,
        ):
            with pytest.warns(UserWarning, match=r"row 1 of X \(and 1 others\) is impossible in"):
                found = call()
            np.testing.assert_array_equal(found, expected())

    def test_other_sequences_do_not_save_one(self, tmp_path):
        X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float64, (6, 1))
        X[:] = [[0], [2], [0], [1], [2], [1]]
        for rows in (np.array(X), X):
            for call in self._speaks_of_states(self.left_right, rows, lengths=[2, 4]):
                call()
            for call in self._speaks_of_states(self.left_right, rows, lengths=[3, 3]):
                with pytest.raises(ValueError, match=r"row 2 of X, \[0.0\], is impossible after"):
                    call()

    def test_what_is_far_out_is_not_impossible(self):
        model = PoissonHMM.from_parameters(**HALF, rates=[[2.0], [8.0]])
        X = [[0], [5000], [3]]
        assert np.isfinite(model.score(X))
        assert model.predict(X)[1] == 1

    @pytest.mark.parametrize("more", [{}, {"transmat_init": HALF["transmat"]}])
    def test_held_zeros_that_contradict_the_data_are_refused_at_once(self, more):
        """Neither starts are tried nor runs made: 24 s for 20,000 rows, formerly."""
        X = np.tile([[0.0], [1], [2]], (20, 1))
        no_two = [[[0.5, 0.5, 0]], [[0.4, 0.6, 0]]]
        evaluations = []
        model = CategoricalHMM(
            2, fixed={"probabilities": True}, probabilities_init=no_two, random_state=0, **more
        )
        with mock.patch.object(HiddenChain, "evaluate", _counting(evaluations)):
            with pytest.raises(ValueError, match=r"X is impossible .* held \(fixed\)"):
                model.fit(X)
            assert len(evaluations) <= 2
            free = model.set_params(fixed=None).fit(X)  # what is free moves to where rows are
        assert len(evaluations) > 2
        assert np.isfinite(free.lower_bound_)


def _counting(calls):
    """Return HiddenChain.evaluate, which adds to a list of calls."""
    evaluate = HiddenChain.evaluate

    def counted(self, params):
        calls.append(params)
        return evaluate(self, params)

    return counted
