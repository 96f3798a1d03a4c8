"""Standard errors: exact formulas, scipy's densities, R's flexmix, and the bootstrap."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_beta_blockers, load_old_faithful, load_saxony
from skem.families.covariance import STRUCTURES

structures = pytest.mark.parametrize("covariance_type", STRUCTURES)
FAITHFUL = load_old_faithful().data
TRIPLE = {"tol": 1e-13, "max_iter": 20000, "random_state": 0}  # to the very maximum


def two_clouds(n=150):
    """Return two clouds that overlap, and their labels."""
    rng = np.random.default_rng(0)
    sizes = 3 * n // 5, n - 3 * n // 5
    first = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 2]], sizes[0])
    second = rng.multivariate_normal([3, 1], [[1, -0.3], [-0.3, 0.5]], sizes[1])
    return np.concatenate([first, second]), np.repeat([0, 1], sizes)


def values_of(errors):
    """Return all the errors, ravelled."""
    return np.concatenate([errors[name].ravel() for name in errors])


def assert_errors(found, expected, rtol):
    for name, values in expected.items():
        assert found[name].shape == np.shape(values), name
        assert_allclose(found[name], values, rtol=rtol, atol=0, err_msg=name)


# Exact formulas.


@structures
def test_one_gaussian_is_the_textbook(covariance_type):
    X = two_clouds()[0]
    n, d = X.shape
    mixture = GaussianMixtureEM(covariance_type=covariance_type, reg_covar=0.0).fit(X)
    errors = mixture.standard_errors(X)
    C = np.cov(X.T, bias=True)
    variances = np.diag(C)
    of_covariances = {
        # Of a Wishart matrix: var(S_ij) = (C_ii C_jj + C_ij^2) / n.
        "full": np.sqrt((np.outer(variances, variances) + C**2) / n)[np.newaxis],
        "tied": np.sqrt((np.outer(variances, variances) + C**2) / n),
        "diag": variances[np.newaxis] * np.sqrt(2 / n),
        "spherical": variances.mean(keepdims=True) * np.sqrt(2 / (n * d)),
    }[covariance_type]
    if covariance_type == "spherical":
        variances = np.full(d, variances.mean())
    expected = {
        "weights": [0.0],
        "means": np.sqrt(variances / n)[np.newaxis],
        "covariances": of_covariances,
    }
    assert_errors(errors, expected, rtol=1e-6)


def test_one_binomial_is_the_textbook():
    X = load_beta_blockers().data
    mixture = BinomialMixture().fit(X)
    p = mixture.probabilities_
    expected = {"weights": [0.0], "probabilities": np.sqrt(p * (1 - p) / X.sum())}
    assert_errors(mixture.standard_errors(X), expected, rtol=1e-7)
    # By the sandwich: the variance of a ratio of sums.
    residuals = X[:, 0] - p[0, 0] * X.sum(axis=1)
    expected["probabilities"] = np.sqrt((residuals**2).sum(keepdims=True))[:, np.newaxis] / X.sum()
    robust = mixture.standard_errors(X, robust=True)
    assert_errors(robust, expected, rtol=1e-7)
    assert robust.probabilities > 2 * mixture.standard_errors(X).probabilities  # it does not hold


@structures
def test_all_labels_known(covariance_type):
    """Weights are those of a multinomial; each mean is that of its own rows."""
    X, labels = two_clouds()
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, reg_covar=0.0)
    errors = mixture.fit(X, known_labels=labels).standard_errors(X, known_labels=labels)
    w = mixture.weights_
    full = STRUCTURES[covariance_type].expand(mixture.covariances_, 2, 2)
    variances = np.einsum("kii->ki", full) / np.bincount(labels)[:, np.newaxis]
    expected = {"weights": np.sqrt(w * (1 - w) / len(X)), "means": np.sqrt(variances)}
    assert_errors(errors, expected, rtol=1e-6)


# Differences of the log-likelihood by scipy, in the parameters as they are published.


class Reference:
    """Log-likelihood of a two-component mixture, as a function of a vector of its parameters."""

    def __init__(self, mixture, X, weights=None, labels=None):
        self.structure = STRUCTURES[mixture.covariance_type]
        self.mixture, self.X, self.labels = mixture, X, labels
        self.weights = np.ones(len(X)) if weights is None else weights
        self.upper = np.triu_indices(X.shape[1])
        C = mixture.covariances_
        packed = C[..., *self.upper] if self.structure.correlated else C
        self.at = np.concatenate([mixture.weights_[:-1], mixture.means_.ravel(), packed.ravel()])

    def unpacked(self, vector):
        """Return weights, means and covariances; ``vector`` may hold standard errors too."""
        C, d = np.empty(self.mixture.covariances_.shape), self.X.shape[1]
        w, means, rest = vector[:1], vector[1 : 1 + 2 * d], vector[1 + 2 * d :]
        if self.structure.correlated:
            packed = rest.reshape(*C.shape[:-2], -1)
            i, j = self.upper
            C[..., i, j] = C[..., j, i] = packed
        else:
            C = rest.reshape(C.shape)
        return w, means.reshape(2, d), C

    def rows(self, vector):
        """Return the log-likelihood of each row: of its observed cells, and label if known."""
        w, means, C = self.unpacked(vector)
        C = self.structure.expand(C, 2, means.shape[1])
        log_joint = np.log(np.broadcast_to([w[0], 1 - w[0]], (len(self.X), 2))).copy()
        for seen in np.unique(~np.isnan(self.X), axis=0):
            these = (~np.isnan(self.X) == seen).all(axis=1)
            for k in range(2) if seen.any() else ():
                normal = multivariate_normal(means[k][seen], C[k][np.ix_(seen, seen)])
                log_joint[these, k] += normal.logpdf(self.X[np.ix_(these, seen)])
        if self.labels is None:
            return logsumexp(log_joint, axis=1)
        own = np.take_along_axis(log_joint, np.maximum(self.labels, 0)[:, np.newaxis], 1)[:, 0]
        return np.where(self.labels >= 0, own, logsumexp(log_joint, axis=1))

    def derivatives(self, step):
        """Return the weighted scores of the rows, and the Hessian, by central differences."""
        moves = step * np.eye(self.at.size)
        scores = [self.rows(self.at + e) - self.rows(self.at - e) for e in moves]
        H = np.empty((self.at.size, self.at.size))
        for i, a in enumerate(moves):
            for j, b in enumerate(moves[: i + 1]):
                signs = [(x, y) for x in (1, -1) for y in (1, -1)]
                corners = [self.weights @ self.rows(self.at + x * a + y * b) for x, y in signs]
                H[i, j] = H[j, i] = np.dot(corners, np.prod(signs, axis=1)) / (4 * step**2)
        return np.array(scores).T * self.weights[:, np.newaxis] / (2 * step), H

    def errors(self):
        """Return standard errors in the shapes of the parameters: plain, and robust."""
        scores, H = self.derivatives(1e-3)
        assert np.abs(scores.sum(axis=0)).max() < 1e-2  # it is a maximum of this function
        V = np.linalg.inv(-H)
        for variances in (V, V @ scores.T @ scores @ V):
            w, means, C = self.unpacked(np.sqrt(np.diag(variances)))
            yield {"weights": np.repeat(w, 2), "means": means, "covariances": C}


def situation(name):
    """Return X and what else is told of it."""
    X, labels = two_clouds(100)
    rng = np.random.default_rng(1)
    if name == "weights":
        return X, {"sample_weight": rng.integers(0, 4, len(X)) / 2}
    if name == "known labels":
        return X, {"known_labels": np.where(rng.random(len(X)) < 0.3, labels, -1)}
    if name == "missing cells":
        X = np.where(rng.random(X.shape) < 0.2, np.nan, X)
        X[3] = np.nan
    return X, {}


@pytest.mark.parametrize("name", ["plain", "weights", "known labels", "missing cells"])
@structures
def test_by_differences_of_the_reference(covariance_type, name):
    X, told = situation(name)
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, reg_covar=0.0, **TRIPLE)
    mixture.fit(X, **told)
    reference = Reference(mixture, X, told.get("sample_weight"), told.get("known_labels"))
    for robust, expected in enumerate(reference.errors()):
        found = mixture.standard_errors(X, **told, robust=bool(robust))
        assert_errors(found, expected, rtol=1e-4)


# flexmix 2.3-18 in R 4.2, on the same rows; b is flexmix's betablocker, r its deaths / patients:
#
#   cluster <- if (k == 2) 1 + (r > 0.12) else 1 + (r > 0.08) + (r > 0.13)
#   m <- flexmix(cbind(Deaths, Total - Deaths) ~ 1, data = b, k = k, cluster = cluster,
#                model = FLXMRglm(family = "binomial"),
#                control = list(iter = 1e5, tolerance = 1e-15))
#   v <- refit(m)@vcov; sqrt(diag(v))
#   a <- c(0, refit(m)@coef[grep("alpha", rownames(v))]); w <- exp(a) / sum(exp(a))
#   J <- (diag(w) - outer(w, w))[, -1, drop = FALSE]; i <- grep("alpha", rownames(v))
#   sqrt(diag(J %*% v[i, i] %*% t(J)))
FLEXMIX = {
    2: {
        "logits": [-2.503835865, -1.663492852],
        "errors": [0.030789656, 0.055925876],
        "weights": [0.7190689421, 0.2809310579],
        "errors of weights": [0.076401289, 0.076401289],
    },
    3: {
        "logits": [-2.724258529, -2.251431704, -1.624138715],
        "errors": [0.047745553, 0.046213878, 0.056801028],
        "weights": [0.4218240870, 0.3346494928, 0.2435264202],
        "errors of weights": [0.091655642, 0.093733450, 0.072639746],
    },
}


@pytest.mark.parametrize("K", FLEXMIX)
def test_flexmix_says_the_same(K):
    X, theirs = load_beta_blockers().data, FLEXMIX[K]
    mixture = BinomialMixture(K, **{**TRIPLE, "tol": 1e-16}).fit(X)
    errors = mixture.standard_errors(X)
    order = mixture.probabilities_[:, 0].argsort()
    p = mixture.probabilities_[order, 0]
    assert_allclose(p, expit(theirs["logits"]), rtol=1e-7)
    assert_allclose(mixture.weights_[order], theirs["weights"], rtol=1e-7)
    # The standard error of log(p / (1 - p)), by the delta method. Theirs is from differences.
    assert_allclose(errors.probabilities[order, 0] / (p * (1 - p)), theirs["errors"], rtol=1e-5)
    assert_allclose(errors.weights[order], theirs["errors of weights"], rtol=1e-5)


# The parametric bootstrap: B samples from the fit, each fitted from its parameters.

B = 150


def ratio_to_bootstrap(mixture, X, samples):
    """Return the standard errors, in standard deviations of the estimates over samples."""
    errors = mixture.standard_errors(X)
    init = {f"{name}_init": getattr(mixture, f"{name}_") for name in errors}
    again, estimates = type(mixture)(**{**mixture.get_params(), "tol": 1e-7, **init}), []
    for sample in samples:
        again.fit(sample)
        estimates.append(np.concatenate([getattr(again, f"{name}_").ravel() for name in errors]))
    return values_of(errors) / np.std(estimates, axis=0)


@structures
def test_bootstrap_of_old_faithful(covariance_type):
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(FAITHFUL)
    samples = (mixture.sample(len(FAITHFUL), random_state=b)[0] for b in range(B))
    # A standard deviation of 150 numbers is known to about 6 %.
    assert_allclose(ratio_to_bootstrap(mixture, FAITHFUL, samples), 1, atol=0.25)


def beta_blockers(mixture, trials, seed):
    """Draw deaths from a mixture, for so many patients in each row."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(mixture.weights_), size=len(trials), p=mixture.weights_)
    deaths = rng.binomial(trials, mixture.probabilities_[labels, 0])
    return np.column_stack([deaths, trials - deaths])


@pytest.mark.parametrize("K", [2, 3])
def test_bootstrap_of_beta_blockers(K):
    """As many rows as there are are few for an asymptotic theory; twenty times as many are not."""
    X = load_beta_blockers().data
    mixture = BinomialMixture(K, random_state=0).fit(X)
    trials = X.sum(axis=1).astype(int)
    samples = (beta_blockers(mixture, trials, seed) for seed in range(B))
    assert_allclose(ratio_to_bootstrap(mixture, X, samples), 1, atol=0.5)

    trials = np.tile(trials, 20)
    X = beta_blockers(mixture, trials, B)
    mixture.fit(X)
    samples = (beta_blockers(mixture, trials, seed) for seed in range(B))
    assert_allclose(ratio_to_bootstrap(mixture, X, samples), 1, atol=0.25)


# What must not matter, or in a known way.


@pytest.mark.parametrize("robust", [False, True])
def test_integer_weights_are_repeated_rows(robust):
    """But for the sandwich, to which a row that counts twice is one row."""
    X, _ = two_clouds()
    times = np.random.default_rng(0).integers(0, 3, len(X))
    mixture = GaussianMixtureEM(2, **TRIPLE).fit(X, sample_weight=times)
    weighted = mixture.standard_errors(X, sample_weight=times, robust=robust)
    repeated = mixture.standard_errors(np.repeat(X, times, axis=0), robust=robust)
    if robust:
        assert (values_of(weighted) > 1.02 * values_of(repeated)).all()
    else:
        assert_allclose(values_of(weighted), values_of(repeated), rtol=1e-6)
    alone = mixture.standard_errors(X[times > 0], sample_weight=times[times > 0], robust=robust)
    assert_allclose(values_of(weighted), values_of(alone), rtol=1e-9)


def test_scale_of_weights():
    """A sandwich does not change; the information is that of so many rows."""
    X, _ = two_clouds()
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    mixture = GaussianMixtureEM(2, **TRIPLE).fit(X, sample_weight=weights)
    one, four = (mixture.standard_errors(X, sample_weight=c * weights) for c in (1, 4))
    assert_allclose(values_of(four), values_of(one) / 2, rtol=1e-6)
    one, four = (
        mixture.standard_errors(X, sample_weight=c * weights, robust=True) for c in (1, 4)
    )
    assert_allclose(values_of(four), values_of(one), rtol=1e-6)


@structures
@pytest.mark.parametrize("robust", [False, True])
def test_units_and_origin(covariance_type, robust):
    X = FAITHFUL
    unit = np.array([1e-3, 1e3]) if covariance_type != "spherical" else np.full(2, 1e3)
    shift = np.array([1.0, -1e6])
    options = {"covariance_type": covariance_type, "reg_covar": "scale", **TRIPLE}
    one = GaussianMixtureEM(2, **options).fit(X).standard_errors(X, robust=robust)
    Y = X * unit + shift
    other = GaussianMixtureEM(2, **options).fit(Y).standard_errors(Y, robust=robust)
    squares = {"diag": unit**2, "spherical": unit[0] ** 2}.get(
        covariance_type, np.outer(unit, unit)
    )
    expected = {
        "weights": one.weights,
        "means": one.means * unit,
        "covariances": one.covariances * squares,
    }
    assert_errors(other, expected, rtol=1e-4)


@pytest.mark.parametrize("robust", [False, True])
def test_order_of_components_and_rows(robust):
    X, weights = load_saxony().data, load_saxony().sample_weight
    mixture = BinomialMixture(3, **TRIPLE).fit(X, sample_weight=weights)
    order, rows = np.array([2, 0, 1]), np.random.default_rng(0).permutation(len(X))
    other = BinomialMixture.from_parameters(
        weights=mixture.weights_[order], probabilities=mixture.probabilities_[order]
    )
    one = mixture.standard_errors(X, weights, robust=robust)
    two = other.standard_errors(X[rows], weights[rows], robust=robust)
    expected = {name: values[order] for name, values in one.items()}
    assert_errors(two, expected, rtol=1e-4)
    assert len(set(one.weights)) == 3


def test_float32_and_the_layout_of_counts():
    X = load_beta_blockers().data
    mixture = BinomialMixture(2, **TRIPLE).fit(X)
    single = BinomialMixture(2, **TRIPLE).fit(X.astype(np.float32))
    expected = mixture.standard_errors(X)
    assert_errors(single.standard_errors(X.astype(np.float32)), expected, rtol=1e-4)
    flips = np.random.default_rng(0).binomial(10, np.repeat([0.2, 0.7], 50))[:, np.newaxis]
    one = BinomialMixture(2, n_trials=10, **TRIPLE).fit(flips)
    both = np.hstack([flips, 10 - flips])
    two = BinomialMixture(2, **TRIPLE).fit(both)
    assert_errors(one.standard_errors(flips), two.standard_errors(both), rtol=1e-6)


# What is held, and what is at an edge.


def test_what_is_fixed_has_no_error_and_the_others_less():
    X, _ = two_clouds()
    free = GaussianMixtureEM(2, **TRIPLE).fit(X)
    init = {
        "weights_init": free.weights_,
        "means_init": free.means_,
        "covariances_init": free.covariances_,
    }
    loose = free.standard_errors(X)
    for fixed in (
        {"weights": True},
        {"means": [True, False]},
        {"covariances": True},
        {"weights": True, "means": True},
    ):
        held = GaussianMixtureEM(2, fixed=fixed, **init, **TRIPLE).fit(X)
        errors = held.standard_errors(X)
        assert_allclose(held.means_, free.means_, rtol=1e-4)
        for name, values in errors.items():
            mask = np.broadcast_to(fixed.get(name, False), 2)
            assert_array_equal(values[mask], 0)
            assert (values[~mask] <= loose[name][~mask] * (1 + 1e-4)).all()
        assert values_of(errors).sum() < 0.99 * values_of(loose).sum()


@pytest.mark.parametrize("robust", [False, True])
def test_everything_fixed(robust):
    init = {"weights_init": [0.5, 0.5], "probabilities_init": [[0.05], [0.15]]}
    fixed = {"weights": True, "probabilities": True}
    mixture = BinomialMixture(2, fixed=fixed, **init).fit(X := load_beta_blockers().data)
    assert not values_of(mixture.standard_errors(X, robust=robust)).any()


def test_one_weight_of_three_fixed():
    """The others share what it leaves: as uncertain, one way or the other."""
    X = load_beta_blockers().data
    options = {"weights_init": [0.4, np.nan, np.nan], "fixed": {"weights": [True, False, False]}}
    errors = BinomialMixture(3, **options, **TRIPLE).fit(X).standard_errors(X)
    assert errors.weights[0] == 0
    assert errors.weights[1] == pytest.approx(errors.weights[2], rel=1e-9)
    assert 0.01 < errors.weights[1] < 0.2


@pytest.mark.parametrize("robust", [False, True])
def test_probability_at_its_edge(robust):
    X = np.repeat([[0], [7], [8]], [10, 10, 5], axis=0)
    mixture = BinomialMixture(2, n_trials=10, **TRIPLE).fit(X)
    at_zero = mixture.probabilities_[:, 0].argmin()
    assert mixture.probabilities_[at_zero] == 0
    with pytest.warns(ConvergenceWarning, match="at the edge of their range") as told:
        errors = mixture.standard_errors(X, robust=robust)
    assert len(told) == 1 and told[0].filename == __file__
    assert np.isnan(errors.probabilities[at_zero, 0])
    # A 0 is certain to be of the one, another number of the other: 15 rows of 10 trials each.
    p = mixture.probabilities_[1 - at_zero, 0]
    assert p == pytest.approx(110 / 150, abs=1e-4)
    assert_allclose(errors.weights, np.sqrt(0.4 * 0.6 / 25), rtol=1e-3)
    spread = X[10:, 0].var() * 15 / 150**2 if robust else p * (1 - p) / 150
    assert errors.probabilities[1 - at_zero, 0] == pytest.approx(np.sqrt(spread), rel=1e-3)


def test_all_probabilities_at_their_edges():
    X = np.repeat([[0], [3]], 5, axis=0)
    mixture = BinomialMixture(2, n_trials=3, **TRIPLE).fit(X)
    with pytest.warns(ConvergenceWarning, match="at the edge of their range"):
        errors = mixture.standard_errors(X)
    assert np.isnan(errors.probabilities).all()
    assert_allclose(errors.weights, np.sqrt(0.25 / 10))
    one = BinomialMixture(n_trials=3).fit(X[:5])
    with pytest.warns(ConvergenceWarning, match="at the edge of their range"):
        assert np.isnan(one.standard_errors(X[:5]).probabilities).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("empty", [0, 1, 2])
@pytest.mark.parametrize("family", ["binomial", "gaussian"])
def test_empty_component(family, empty):
    if family == "binomial":
        X, kind, name = load_beta_blockers().data, BinomialMixture, "probabilities"
        options = {}
    else:
        X, kind, name = FAITHFUL, GaussianMixtureEM, "means"
        options = {"covariances": np.array([np.eye(2)] * 3)}
    two = kind(2, random_state=0).fit(X)  # a maximum, in which the third has no part
    arrays = {name: getattr(two, f"{name}_") for name in ("weights", name, *options)}
    arrays = {name: np.insert(each, empty, each[0], axis=0) for name, each in arrays.items()}
    arrays["weights"][empty] = 0.0
    mixture = kind.from_parameters(**arrays)
    with pytest.warns(ConvergenceWarning, match="decrease n_components") as told:
        errors = mixture.standard_errors(X)
    assert len(told) == 1
    assert np.isnan(errors.weights).all()


@pytest.mark.filterwarnings("ignore:.*cannot be identified")
@pytest.mark.parametrize("n_trials", [1, 2])
def test_coins_that_cannot_be_told_apart(n_trials):
    flips = np.repeat(np.arange(n_trials + 1), 20)[:, np.newaxis]
    init = {"weights_init": [0.5, 0.5], "probabilities_init": [[0.25], [0.8]]}
    mixture = BinomialMixture(2, n_trials=n_trials, **init).fit(flips)
    assert np.ptp(mixture.probabilities_) > 0.3  # it is not that they are alike
    with pytest.warns(ConvergenceWarning, match="does not determine them all"):
        errors = mixture.standard_errors(flips)
    assert np.isnan(values_of(errors)).all()


def test_components_that_are_alike():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture = GaussianMixtureEM(
            2,
            weights_init=[0.3, 0.7],
            means_init=FAITHFUL[[0, 0]],
            covariances_init=[np.eye(2)] * 2,
        ).fit(FAITHFUL)
    with pytest.warns(ConvergenceWarning, match="decrease n_components"):
        errors = mixture.standard_errors(FAITHFUL, robust=True)
    assert np.isnan(values_of(errors)).all()
    assert {name: values.shape for name, values in errors.items()} == {
        "weights": (2,),
        "means": (2, 2),
        "covariances": (2, 2, 2),
    }


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_parameters_that_fit_other_data():
    mixture = GaussianMixtureEM.from_parameters(
        weights=[0.5, 0.5], means=[[0, 0], [9, 9]], covariances=[np.eye(2)] * 2
    )
    with pytest.warns(ConvergenceWarning, match="at no maximum of the likelihood of these data"):
        errors = mixture.standard_errors(FAITHFUL)
    assert np.isnan(values_of(errors)).all()


# With a prior or a ridge it is the curvature of what was maximised.


@structures
def test_prior_makes_for_smaller_errors(covariance_type):
    """As small as so many more rows would: with one component, those of the prior's mean."""
    X, _ = two_clouds()
    n, prior = len(X), {"shrinkage": 50.0, "mean": X.mean(axis=0)}
    mixture = GaussianMixtureEM(covariance_type=covariance_type, prior=prior).fit(X)
    full = STRUCTURES[covariance_type].expand(mixture.covariances_, 1, 2)[0]
    expected = np.sqrt(np.diag(full) / (n + 50))[np.newaxis]
    assert_allclose(mixture.standard_errors(X).means, expected, rtol=1e-6)


def test_ridge_is_part_of_what_is_maximised():
    """One feature: the information of n rows about a variance v at its maximum is n / (2 v^2)."""
    X = two_clouds()[0][:, :1]
    mixture = GaussianMixtureEM(reg_covar=0.5).fit(X)
    v = mixture.covariances_[0, 0, 0]
    assert v == pytest.approx(X.var() + 0.5)
    errors = mixture.standard_errors(X)
    assert errors.covariances[0, 0, 0] == pytest.approx(v * np.sqrt(2 / len(X)), rel=1e-6)


# Bad input.


def test_before_fit():
    with pytest.raises(NotFittedError):
        GaussianMixtureEM().standard_errors(FAITHFUL)


def test_hard_assignment_is_refused():
    mixture = GaussianMixtureEM(2, assignment="hard", random_state=0).fit(FAITHFUL)
    with pytest.raises(ValueError, match=r"assignment='soft'"):
        mixture.standard_errors(FAITHFUL)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"X": FAITHFUL[:, :1]}, "1 features, but GaussianMixtureEM is expecting 2"),
        ({"X": FAITHFUL, "sample_weight": [1.0]}, "sample_weight.shape"),
        ({"X": FAITHFUL, "sample_weight": -np.ones(272)}, "non-negative"),
        ({"X": FAITHFUL, "known_labels": np.full(272, 2)}, "known_labels must lie between"),
        ({"X": np.full((3, 2), np.inf)}, "infinity"),
        ({"X": FAITHFUL, "robust": "no"}, "robust must be a bool, got 'no'"),
    ],
)
def test_bad_input(arguments, message):
    mixture = GaussianMixtureEM(2, random_state=0).fit(FAITHFUL)
    before = {name: np.copy(value) for name, value in vars(mixture).items()}
    with pytest.raises(ValueError, match=message):
        mixture.standard_errors(**arguments)
    for name, value in before.items():
        assert_array_equal(value, getattr(mixture, name))
