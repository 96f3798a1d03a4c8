"""``prior`` of Poisson counts and of categories: pseudo-counts, by closed forms and SciPy."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import dirichlet, gamma
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold

from skem import (
    BinomialHMM,
    BinomialMixture,
    CategoricalHMM,
    CategoricalMixture,
    PoissonHMM,
    PoissonMixture,
)
from skem.model_selection import held_out_score, one_standard_error

RNG = np.random.default_rng(0)
Y = RNG.integers(2, size=120)
COUNTS = RNG.poisson(np.array([[1.0, 8], [4, 0.1]])[Y]).astype(float)
LEVELS = np.column_stack([RNG.integers(2, size=120) + Y, RNG.integers(2, size=120)]).astype(float)
MEANS = (COUNTS.sum(axis=0) + 0.5) / len(COUNTS)  # with half a count more
CHAIN = {"startprob_init": [0.5, 0.5], "transmat_init": [[0.7, 0.3], [0.3, 0.7]]}


@pytest.mark.parametrize("estimator", [PoissonMixture, PoissonHMM])
@pytest.mark.parametrize(
    ("prior", "counts", "rows"),
    [
        ("conjugate", 0.5 * MEANS, 0.5),
        ({"counts": 3.0, "rows": 2}, 3.0, 2.0),
        ({"rows": [1.0, 4.0]}, MEANS * [1, 4], np.array([1.0, 4.0])),
    ],
)
def test_rates_of_complete_data_are_the_mode_of_the_gamma_posterior(
    estimator, prior, counts, rows
):
    fitted = estimator(2, prior=prior).fit(COUNTS, known_labels=Y)
    for k in range(2):
        total, n = COUNTS[Y == k].sum(axis=0), (Y == k).sum()
        shape, rate = np.broadcast_arrays(counts + 1 + total, rows + n)
        assert_allclose(fitted.rates_[k], (shape - 1) / rate, rtol=1e-10)
        density = gamma.logpdf(fitted.rates_[k], shape, scale=1 / rate)
        assert (density > gamma.logpdf(fitted.rates_[k] * 1.01, shape, scale=1 / rate)).all()
    plain = estimator(2).fit(COUNTS, known_labels=Y)
    assert np.abs(plain.rates_ - fitted.rates_).max() > 1e-3


@pytest.mark.parametrize("estimator", [CategoricalMixture, CategoricalHMM])
@pytest.mark.parametrize(
    ("prior", "counts"),
    [("conjugate", [0.5, 0.5]), ({"counts": 2}, [2.0, 2.0]), ({"counts": [1, 3]}, [1.0, 3.0])],
)
def test_probabilities_of_complete_data_are_the_mode_of_the_dirichlet_posterior(
    estimator, prior, counts
):
    fitted = estimator(2, prior=prior).fit(LEVELS, known_labels=Y)
    for k in range(2):
        for j, n_levels in enumerate((3, 2)):
            seen = np.bincount(LEVELS[Y == k, j].astype(int), minlength=n_levels)
            concentration = seen + counts[j] + 1
            mode = (concentration - 1) / (concentration - 1).sum()
            found = fitted.probabilities_[k, j, :n_levels]
            assert_allclose(found, mode, rtol=1e-10)
            assert dirichlet.logpdf(found, concentration) > dirichlet.logpdf(
                (found + 0.01) / (found + 0.01).sum(), concentration
            )
    assert fitted.probabilities_[:, 1, 2].max() == 0  # beyond the levels of the column
    assert fitted.probabilities_[:, 0].min() > 0  # a level that a component has not seen


@pytest.mark.parametrize(
    ("estimator", "rows"),
    [
        (PoissonMixture(2, prior="conjugate", init_params="random", random_state=0), COUNTS),
        (PoissonHMM(2, prior="conjugate", random_state=0, **CHAIN), COUNTS),
        (
            CategoricalMixture(2, prior={"counts": 1.0}, init_params="random", random_state=0),
            LEVELS,
        ),
        (CategoricalHMM(2, prior={"counts": 1.0}, random_state=0, **CHAIN), LEVELS),
    ],
    ids=["poisson", "poisson chain", "categories", "chain of categories"],
)
def test_the_posterior_is_what_rises(estimator, rows):
    """Accelerated as well, to where plain EM leads; it is the likelihood with the prior's log."""
    fitted = estimator.set_params(tol=1e-12).fit(rows)
    assert fitted.converged_ and len(fitted.lower_bounds_) > 3
    assert np.all(np.diff(fitted.lower_bounds_) >= 0)
    assert fitted.lower_bound_ == pytest.approx(fitted.score(rows), rel=1e-12)
    counts, p = 1.0, getattr(fitted, "probabilities_", None)
    if p is None:
        of_prior = (0.5 * MEANS * np.log(fitted.rates_) - 0.5 * fitted.rates_).sum()
    else:
        of_prior = counts * np.log(p[p > 0]).sum()
    assert fitted.lower_bounds_[-1] == pytest.approx(
        fitted.score(rows) + of_prior / len(rows), abs=1e-8
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of the start of a chain
        errors = fitted.standard_errors(rows)
        assert np.isfinite(errors["rates" if p is None else "probabilities"]).all()
        again = type(fitted)(**{**fitted.get_params(), "warm_start": True}).fit(rows)
    assert again.lower_bound_ == pytest.approx(fitted.lower_bound_, abs=1e-6)


@pytest.mark.parametrize(
    ("estimator", "rows", "prior", "message"),
    [
        (PoissonMixture, COUNTS, {"shape": 2}, "prior has no hyperparameter 'shape'"),
        (PoissonHMM, COUNTS, {"rows": -1}, r"prior\['rows'\] must hold pseudo-counts"),
        (CategoricalMixture, LEVELS, {"counts": [1, 2, 3]}, "shape"),
        (CategoricalHMM, LEVELS, "flat", "'prior' parameter of CategoricalHMM must be"),
    ],
)
def test_a_prior_that_is_none(estimator, rows, prior, message):
    with pytest.raises(ValueError, match=message):
        estimator(2, prior=prior).fit(rows)


ONCE = np.r_[1.0, np.zeros(119)]
LISTED = {"categories": [[0, 1, 2], [0, 1]]}
UNSEEN = {
    "rate of zeros": (PoissonMixture, {}, np.c_[COUNTS[:, 1], ONCE]),
    "zeros alone": (PoissonMixture, {}, ONCE[:, np.newaxis]),
    "chain of zeros": (PoissonHMM, {}, np.c_[COUNTS[:, 1], ONCE]),
    "no success": (BinomialMixture, {"n_trials": 1}, np.c_[LEVELS[:, 1], ONCE]),
    "no failure": (BinomialMixture, {"n_trials": 1}, np.c_[LEVELS[:, 1], 1 - ONCE]),
    "failures as zeros": (BinomialMixture, {}, np.c_[ONCE, 1 - ONCE]),
    "chain without success": (BinomialHMM, {"n_trials": 1}, np.c_[LEVELS[:, 1], ONCE]),
    "category": (CategoricalMixture, LISTED, np.c_[LEVELS[:, 0], ONCE]),
    "category of a chain": (CategoricalHMM, LISTED, np.c_[LEVELS[:, 0], ONCE]),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_with_a_prior_no_new_row_is_impossible(name):
    """What only the first row has, all others say nothing of."""
    estimator, given, rows = UNSEEN[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # components of one column are alike
        plain = estimator(2, random_state=0, **given).fit(rows[1:])
        fitted = estimator(2, random_state=0, prior="conjugate", **given).fit(rows[1:])
    assert plain.score(rows[:1]) == -np.inf
    assert -30 < fitted.score(rows[:1]) < fitted.score(rows[1:]) - 2


@pytest.mark.filterwarnings("ignore")  # of scores that are not finite
@pytest.mark.parametrize(
    ("estimator", "given", "rows", "advised"),
    [
        (PoissonMixture, {}, np.c_[COUNTS[:, 1], ONCE], {"prior": "conjugate"}),
        (BinomialMixture, {"n_trials": 1}, np.c_[LEVELS[:, 1], ONCE], {"prior": "conjugate"}),
        (CategoricalMixture, {}, np.c_[LEVELS[:, 0], ONCE], {"prior": "conjugate", **LISTED}),
    ],
)
def test_a_search_helps_as_it_says(estimator, given, rows, advised):
    grid = {"n_components": [1, 2]}
    how = {"scoring": held_out_score, "refit": one_standard_error, "cv": KFold(3)}
    with pytest.raises(
        ValueError, match=r"Set prior='conjugate', .* for categories list them too"
    ):
        GridSearchCV(estimator(random_state=0, **given), grid, **how).fit(rows)
    search = GridSearchCV(estimator(random_state=0, **given, **advised), grid, **how).fit(rows)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
