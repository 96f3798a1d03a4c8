"""What a summary says is what the estimator knows, under the names of the columns."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from skem import BinomialMixture, CategoricalMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony
from skem.estimators.text import spell

GEYSER = load_old_faithful(as_frame=True).data
TYPES = ["full", "tied", "diag", "spherical"]


@pytest.fixture(scope="module", params=TYPES)
def mixture(request):
    return GaussianMixtureEM(2, covariance_type=request.param, random_state=0).fit(GEYSER)


def estimates(summary, parameter):
    """Return the values and errors of one kind of parameter, (n_components, n_columns)."""
    rows = summary.table.query("parameter == @parameter")
    return [
        rows.pivot(index="component", columns="column", values=name)
        for name in ("value", "standard_error")
        if name in rows
    ]


def test_table_holds_means_and_deviations_by_name(mixture):
    (means,) = estimates(mixture.summary(), "mean")
    assert list(means.columns) == ["eruptions", "waiting"]
    np.testing.assert_array_equal(means, mixture.means_)
    # Within a component, of so many draws, by the estimator's own sampler.
    X, labels = mixture.sample(40_000, random_state=0)
    (deviations,) = estimates(mixture.summary(), "sd")
    for k in range(2):
        np.testing.assert_allclose(deviations.loc[k], X[labels == k].std(axis=0), rtol=0.03)


def test_standard_errors_are_those_of_the_estimator(mixture):
    summary = mixture.summary(GEYSER, standard_errors=True)
    errors = mixture.standard_errors(GEYSER)
    weights = summary.table.query("parameter == 'weight'")
    np.testing.assert_array_equal(weights["value"], mixture.weights_)
    np.testing.assert_array_equal(weights["standard_error"], errors.weights)
    np.testing.assert_array_equal(estimates(summary, "mean")[1], errors.means)
    assert "±" in repr(summary)


def test_error_of_a_deviation_is_that_of_theory():
    """Of one Gaussian it is sd / sqrt(2 n)."""
    one = GaussianMixtureEM(1, reg_covar=0.0).fit(GEYSER)
    deviations, errors = estimates(one.summary(GEYSER, standard_errors=True), "sd")
    np.testing.assert_allclose(errors, deviations / np.sqrt(2 * len(GEYSER)), rtol=1e-5)


def test_rows_and_criteria(mixture):
    of_fit, of_rows = mixture.summary(), mixture.summary(GEYSER)
    for summary in (of_fit, of_rows):
        assert summary.n_rows == 272
        assert summary.bic == pytest.approx(mixture.bic(GEYSER))
        assert summary.log_likelihood == pytest.approx(mixture.score(GEYSER) * 272)
    uncertainty = 1 - mixture.predict_proba(GEYSER).max(axis=1)
    np.testing.assert_array_equal(mixture.uncertainty(GEYSER), uncertainty)
    assert of_rows.uncertainty == pytest.approx(uncertainty.mean())
    assert of_rows.n_uncertain == (uncertainty > 0.1).sum()
    assert of_fit.uncertainty is None


def test_weights_of_rows_count():
    saxony = load_saxony()
    X, families = saxony.data, saxony.sample_weight.astype(int)
    mixture = BinomialMixture(2, random_state=0).fit(X, sample_weight=families)
    weighted = mixture.summary(X, families, standard_errors=True)
    repeated = mixture.summary(np.repeat(X, families, axis=0), standard_errors=True)
    assert weighted.n_rows == 6115
    assert weighted.n_uncertain == repeated.n_uncertain
    assert weighted.uncertainty == pytest.approx(repeated.uncertainty)
    assert repr(weighted) == repr(repeated)
    values, errors = estimates(weighted, "probability")
    np.testing.assert_array_equal(values, mixture.probabilities_)
    assert (errors > 0).all(axis=None)


def test_columns_of_counts_are_the_successes():
    X = pd.DataFrame({"a": [5, 9, 8, 4], "b": [1, 2, 0, 4], "not a": [5, 1, 2, 6], "not b": 9})
    mixture = BinomialMixture(1).fit(X)
    assert mixture.summary().columns == ["a", "b"]


def test_doubts_are_told():
    with pytest.warns(Warning, match="did not converge"):
        mixture = GaussianMixtureEM(3, max_iter=2, random_state=0).fit(GEYSER)
    told = repr(mixture.summary())
    assert told.count("did not converge") == told.count("not to be trusted") == 1
    assert "not to be trusted" not in repr(GaussianMixtureEM(1).fit(GEYSER).summary())


def test_known_parameters_have_a_summary():
    mixture = GaussianMixtureEM.from_parameters(
        weights=[0.5, 0.5],
        means=[[-1.0], [1.0]],
        covariances=[1.0, 4.0],
        covariance_type="spherical",
    )
    summary = mixture.summary()
    assert summary.n_rows is None
    assert repr(summary).splitlines()[-2:] == [
        "          0   0.500  -1.0 (1.0)",
        "          1   0.500   1.0 (2.0)",
    ]


def test_numbers_of_any_size_can_be_read():
    X = np.random.default_rng(0).normal([1e-9, 5e9], [1e-10, 1e8], (50, 2))
    text = repr(GaussianMixtureEM(1, reg_covar=0.0).fit(X).summary(X))
    assert "e-10 (" in text and "e+09 (" in text
    assert max(map(len, text.splitlines())) <= 80


def test_dates_in_seconds_keep_the_digits_that_tell_them_apart():
    """Two days, a day apart: the spread within them is an hour."""
    rng = np.random.default_rng(0)
    X = 1.7e9 + np.r_[rng.normal(0, 3600, 100), rng.normal(86400, 3600, 100)][:, np.newaxis]
    mixture = GaussianMixtureEM(2, random_state=0).fit(X).reordered(0)
    shown = [line.split()[-2] for line in str(mixture.summary()).splitlines()[-2:]]
    assert_allclose(np.array(shown, float), mixture.means_[:, 0], atol=0.5)
    assert shown[1] == f"{mixture.means_[1, 0]:.0f}"


@pytest.mark.parametrize(
    ("value", "scale", "shown"),
    [
        (3.5, 0.2, "3.50"),
        (5.0123e9, 1e8, "5.012e+09"),
        (1_700_000_012.3, 3400.0, "1700000012"),
        (1.000000023, 1e-8, "1.000000023"),
        (1.7e18, 1e13, "1.7e+18"),
        (0.0, 1e-3, "0.0000"),
        (np.nan, np.nan, "nan"),
    ],
)
def test_numbers_have_the_digits_that_their_scale_needs(value, scale, shown):
    assert spell(np.array([value]), np.array([scale])) == [shown]


def test_weights_that_are_no_whole_numbers_are_rounded():
    weights = np.full(len(GEYSER), 1.26214970)
    mixture = GaussianMixtureEM(2, random_state=0).fit(GEYSER, sample_weight=weights)
    assert ", 343.3 rows" in str(mixture.summary(GEYSER, weights))
    assert ", 544 rows" in str(mixture.summary(GEYSER, np.full(len(GEYSER), 2.0)))


def test_errors():
    with pytest.raises(NotFittedError):
        GaussianMixtureEM().summary()
    with pytest.raises(ValueError, match="needs X"):
        GaussianMixtureEM().fit(GEYSER).summary(standard_errors=True)


def test_categories_are_summarised_level_by_level():
    rng = np.random.default_rng(0)
    X = np.where(np.arange(200)[:, np.newaxis] < 120, rng.integers(0, 2, (200, 3)), 2)
    mixture = CategoricalMixture(2, random_state=0).fit(X)
    summary = mixture.summary(X)
    assert list(summary.estimates) == ["level 0", "level 1", "level 2"]
    total = sum(estimate.values for estimate in summary.estimates.values())
    assert_allclose(total, np.ones((2, 3)), rtol=1e-12)
    assert "level 2" in str(summary)
    assert_allclose(mixture.reordered("weights").weights_, np.sort(mixture.weights_)[::-1])
