"""X that holds no numbers: dates, spans of time and text are refused by name, everywhere."""

import datetime

import numpy as np
import pytest

import skem

COUNTS = {"n_trials": 40_000}
ESTIMATORS = [
    skem.GaussianMixtureEM(2),
    skem.BinomialMixture(2, **COUNTS),
    skem.PoissonMixture(2),
    skem.CategoricalMixture(2),
    skem.Mixture(2),
    skem.GaussianHMM(2),
    skem.BinomialHMM(2, **COUNTS),
    skem.PoissonHMM(2),
    skem.CategoricalHMM(2),
    skem.LinearGaussianSSM(1),
]
CATEGORICAL = [skem.CategoricalMixture(2), skem.CategoricalHMM(2)]
DAYS = np.arange("2020-01-01", "2020-01-31", dtype="datetime64[D]")[:, np.newaxis]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_every_estimator_refuses_dates(estimator):
    assert np.isfinite(np.asarray(DAYS, dtype=float)).all()  # numpy would take them for numbers
    with pytest.raises(TypeError, match=r"X holds dates, not numbers.*dates.min\(\)"):
        estimator.fit(DAYS)
    with pytest.raises(TypeError, match=r"X holds spans of time.*spans / np.timedelta64"):
        estimator.fit(DAYS - DAYS[0])
    assert "n_features_in_" not in vars(estimator)


def test_dates_are_found_in_any_table():
    pd = pytest.importorskip("pandas")
    days, numbers = DAYS.ravel(), np.arange(30.0)
    frames = [
        pd.DataFrame({"x": numbers, "day": days}),
        pd.DataFrame({"x": numbers, "day": pd.to_datetime(days).tz_localize("UTC")}),
        pd.DataFrame({"x": numbers, "day": pd.period_range("2020-01-01", periods=30)}),
        pd.DataFrame({"x": numbers, "day": pd.to_datetime(days)}, dtype=object),
    ]
    for frame in frames:
        with pytest.raises(TypeError, match="Column 'day' of X holds dates"):
            skem.GaussianMixtureEM().fit(frame)
    with pytest.raises(TypeError, match="Column 'day' of X holds spans"):
        skem.GaussianMixtureEM().fit(pd.DataFrame({"day": days - days[0]}))
    pl = pytest.importorskip("polars")
    with pytest.raises(TypeError, match="Column 'day' of X holds dates"):
        skem.GaussianMixtureEM().fit(pl.DataFrame({"x": numbers, "day": days}))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D"):
        skem.GaussianMixtureEM().fit(pl.Series(numbers))
    with pytest.raises(TypeError, match=r"LazyFrame, .*X.collect\(\)"):
        skem.GaussianMixtureEM().fit(pl.DataFrame({"x": numbers}).lazy())


@pytest.mark.parametrize("date", [datetime.date(2020, 1, 1), np.datetime64("2020-01-01", "ns")])
def test_dates_are_found_in_lists(date):
    with pytest.raises(TypeError, match="Column 1 of X holds dates"):
        skem.GaussianMixtureEM().fit([[1.0, date], [2.0, date]])


def test_what_the_message_advises_works():
    dates = DAYS
    days = (dates - dates.min()) / np.timedelta64(1, "D")
    mixture = skem.GaussianMixtureEM().fit(days)
    np.testing.assert_allclose(mixture.means_, [[14.5]])
    with pytest.raises(TypeError, match="holds dates"):
        mixture.predict(dates)


@pytest.mark.parametrize("estimator", CATEGORICAL, ids=lambda each: type(each).__name__)
def test_text_is_refused_with_what_makes_numbers_of_it(estimator):
    words = [["yes"], ["no"], ["yes"], ["no"]]
    with pytest.raises(ValueError, match=r"Column 0 of X holds text, .*'yes' in row 0.*Ordinal"):
        estimator.fit(words)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"n": [0, 1, 0, 1], "answer": ["1", "no", "yes", "no"]})
    with pytest.raises(ValueError, match=r"Column 'answer' of X holds text, .*'no' in row 1"):
        estimator.fit(frame)
    for column in (frame["answer"], frame["answer"].astype("category")):
        with pytest.raises(ValueError, match=r"Column 'answer'.*cat\.codes"):
            estimator.fit(column.to_frame())


def test_other_estimators_say_where_text_is():
    for estimator in (skem.GaussianMixtureEM(), skem.PoissonHMM(), skem.LinearGaussianSSM()):
        with pytest.raises(ValueError, match=r"Column 1 of X holds text, .*'a' in row 2"):
            estimator.fit([[1, 2], [3, "4"], [5, "a"]])
