"""What hmmlearn's own tests ask of behaviour, of our estimators; and both side by side.

Its tests set attributes by hand and call private methods, so that they cannot be run as they are.
These ask the same of the public face: under the names of hmmlearn 0.3.3's tests where there is
one. What differs is in docs/guide/coming_from.md.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skem import CategoricalHMM, GaussianHMM, PoissonHMM

STARTPROB = np.array([0.6, 0.3, 0.1])
TRANSMAT = np.array([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.3, 0.3, 0.4]])
CHAIN = {"startprob": STARTPROB, "transmat": TRANSMAT}
LENGTHS = [30, 1, 50, 7]


class TestCategoricalAgainstWikipedia:
    """https://en.wikipedia.org/wiki/Viterbi_algorithm, as of 2012: two kinds of weather."""

    weather = CategoricalHMM.from_parameters(
        startprob=[0.6, 0.4],
        transmat=[[0.7, 0.3], [0.4, 0.6]],
        probabilities=[[[0.1, 0.4, 0.5]], [[0.6, 0.3, 0.1]]],
    )

    @pytest.mark.parametrize("decoding", ["viterbi", "posterior"])
    def test_decode(self, decoding):
        assert_array_equal(self.weather.predict([[0], [1], [2]], decoding=decoding), [1, 0, 0])

    def test_predict(self):
        posterior = [[0.23170303, 0.76829697], [0.62406281, 0.37593719], [0.86397706, 0.13602294]]
        assert_allclose(self.weather.predict_proba([[0], [1], [2]]), posterior, atol=1e-6)

    def test_log_probability_of_the_path(self):
        """0.01344 is the probability of rows and path together, which icl has."""
        model, X = self.weather, [[0], [1], [2]]
        log_joint = (model.n_parameters_ * np.log(3) - model.icl(X)) / 2
        assert round(np.exp(log_joint), 5) == 0.01344


def gaussian(covariance_type):
    """Return parameters of three states that are far from each other."""
    means = np.array([[-20.0, -20, -20], [0, 0, 0], [20, 20, 20]])
    roots = np.random.default_rng(0).uniform(-1, 1, (3, 3, 3))
    full = roots @ roots.transpose(0, 2, 1) + np.eye(3)
    covariances = {
        "full": full,
        "tied": full[0],
        "diag": np.einsum("kii->ki", full),
        "spherical": np.array([1.0, 2, 3]),
    }[covariance_type]
    return GaussianHMM.from_parameters(
        **CHAIN, means=means, covariances=covariances, covariance_type=covariance_type
    )


each_type = pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])


class TestGaussian:
    """GaussianHMMTestMixin there."""

    @each_type
    def test_score_samples_and_decode(self, covariance_type):
        model = gaussian(covariance_type)
        index = np.repeat(np.arange(3), 5)
        rng = np.random.default_rng(0)
        X = rng.normal(size=(15, 3)) + model.means_[index]
        posterior = model.predict_proba(X)
        assert_allclose(posterior.sum(axis=1), 1)
        assert_array_equal(model.predict(X), index)

    @each_type
    def test_fit(self, covariance_type):
        truth = gaussian(covariance_type)
        X, states = truth.sample(lengths=[10] * 10, random_state=0)
        model = GaussianHMM(3, covariance_type=covariance_type, random_state=0, n_init=1)
        model = model.fit(X, lengths=[10] * 10).reordered(0)
        assert np.all(np.diff(model.lower_bounds_) >= 0)
        assert model.score(X, lengths=[10] * 10) > truth.score(X, lengths=[10] * 10)
        assert_array_equal(model.predict(X, lengths=[10] * 10), states)

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_fit_left_right(self):
        transmat = [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]]
        X = np.random.default_rng(0).random((19, 3))
        model = GaussianHMM(
            3,
            covariance_type="diag",
            startprob_init=[1, 0, 0],
            transmat_init=transmat,
            random_state=0,
        ).fit(X, lengths=[10, 8, 1])
        assert_array_equal(model.transmat_[np.equal(transmat, 0)], 0)
        assert_array_equal(model.startprob_, [1, 0, 0])
        assert_allclose(model.predict_proba(X).sum(axis=1), 1)

    def test_fit_sequences_of_different_length(self):
        X = np.random.default_rng(0).random((15, 2))
        model = GaussianHMM(2, covariance_type="diag", random_state=0, n_init=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            assert np.isfinite(model.fit(X, lengths=[3, 4, 8]).lower_bound_)

    def test_fit_too_little_data(self):
        """There the log says so; here it is a warning, and in doubts_."""
        X = np.random.default_rng(0).normal(size=(20, 5))
        with pytest.warns(ConvergenceWarning, match="parameters are more than the 100 numbers"):
            model = GaussianHMM(8, random_state=0, n_init=1).fit(X)
        assert model.doubts_

    def test_underflow_from_scaling(self):
        """There the fast implementation raises; here there is one, and it goes on in logs."""
        rng = np.random.default_rng(0)
        X = np.concatenate([rng.normal(m, 1, 100) for m in (0, 5, 0, 5)])[:, np.newaxis]
        X[40] = 10000
        model = GaussianHMM.from_parameters(
            startprob=[0, 1],
            transmat=[[0.4, 0.6], [0.6, 0.4]],
            means=[[0], [5]],
            covariances=[1, 1],
            covariance_type="spherical",
        )
        assert np.isfinite(model.score(X))
        assert_allclose(model.predict_proba(X).sum(axis=1), 1)


class TestSideBySide:
    """The same parameters, both packages."""

    @pytest.fixture(autouse=True)
    def peer(self):
        """Need hmmlearn for these tests alone."""
        self.hmm = pytest.importorskip("hmmlearn.hmm")

    def theirs(self, kind, options=None, **attributes):
        """Return hmmlearn's model of this chain."""
        model = getattr(self.hmm, kind)(3, **(options or {}))
        model.n_features = attributes.pop("n_features")
        model.startprob_, model.transmat_ = STARTPROB, TRANSMAT
        for name, values in attributes.items():
            setattr(model, name, values)
        return model

    def compare(self, mine, theirs, X):
        """Compare all that both say of rows."""
        given = {"lengths": LENGTHS}
        assert_allclose(mine.score(X, **given) * len(X), theirs.score(X, LENGTHS), rtol=1e-9)
        assert_allclose(
            mine.predict_proba(X, **given), theirs.predict_proba(X, LENGTHS), atol=1e-8
        )
        assert_array_equal(mine.predict(X, **given), theirs.predict(X, LENGTHS))
        for name in ("aic", "bic"):
            found, there = getattr(mine, name)(X, **given), getattr(theirs, name)(X, LENGTHS)
            assert_allclose(found, there, rtol=1e-9)
        assert_allclose(mine.stationary_distribution_, theirs.get_stationary_distribution())

    @each_type
    def test_gaussian(self, covariance_type):
        mine = gaussian(covariance_type)
        mine.means_ = mine.means_ / 15  # so that states overlap
        X, _ = mine.sample(lengths=LENGTHS, random_state=0)
        theirs = self.theirs(
            "GaussianHMM",
            n_features=3,
            options={"covariance_type": covariance_type},
            means_=mine.means_,
            covars_=mine.covariances_,
        )
        self.compare(mine, theirs, X)

    def test_poisson(self):
        mine = PoissonHMM.from_parameters(**CHAIN, rates=[[1.0, 4], [3, 1], [6, 9]])
        X, _ = mine.sample(lengths=LENGTHS, random_state=0)
        theirs = self.theirs("PoissonHMM", n_features=2, lambdas_=mine.rates_)
        self.compare(mine, theirs, X.astype(int))

    def test_categorical(self):
        p = np.random.default_rng(0).dirichlet(np.ones(4), (3, 1))
        mine = CategoricalHMM.from_parameters(**CHAIN, probabilities=p)
        X, _ = mine.sample(lengths=LENGTHS, random_state=0)
        theirs = self.theirs("CategoricalHMM", n_features=4, emissionprob_=p[:, 0])
        self.compare(mine, theirs, X.astype(int))

    def test_a_step_of_em(self):
        """From the same parameters; of Gaussians it differs by hmmlearn's prior."""
        rates = np.array([[1.0, 4], [3, 1], [6, 9]])
        mine = PoissonHMM.from_parameters(**CHAIN, rates=rates)
        X, _ = mine.sample(lengths=LENGTHS, random_state=0)
        theirs = self.theirs("PoissonHMM", n_features=2, lambdas_=rates)
        theirs.n_iter, theirs.init_params = 1, ""
        theirs.fit(X.astype(int), LENGTHS)
        mine.set_params(warm_start=True, max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mine.fit(X, lengths=LENGTHS)
        assert_allclose(mine.rates_, theirs.lambdas_, rtol=1e-8)
        assert_allclose(mine.transmat_, theirs.transmat_, rtol=1e-8)
        assert_allclose(mine.startprob_, theirs.startprob_, rtol=1e-7)
