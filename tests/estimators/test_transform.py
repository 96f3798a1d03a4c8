"""A mixture inside a pipeline: its posterior is what comes out."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful

GEYSER = load_old_faithful(as_frame=True).data


def test_posterior_feeds_the_next_step():
    X, y = GEYSER[["waiting"]], GEYSER["eruptions"] > 3
    pipe = make_pipeline(
        StandardScaler(), GaussianMixtureEM(2, random_state=0), LogisticRegression()
    )
    assert pipe.fit(X, y).score(X, y) > 0.9
    names = pipe[:-1].get_feature_names_out()
    assert list(names) == ["gaussianmixtureem0", "gaussianmixtureem1"]


def test_output_is_a_table_on_demand():
    mixture = GaussianMixtureEM(2, random_state=0).set_output(transform="pandas")
    table = mixture.fit_transform(GEYSER[::-1])
    assert list(table.columns) == list(mixture.get_feature_names_out())
    assert table.index.equals(GEYSER[::-1].index)
    np.testing.assert_array_equal(table, mixture.predict_proba(GEYSER[::-1]))


def missing(frame):
    holes = frame.copy()
    holes.iloc[3, 0] = holes.iloc[7, 1] = np.nan
    return holes


@pytest.mark.parametrize("random_state", [None, 0])
def test_frame_is_filled_in_as_a_frame(random_state):
    X = missing(GEYSER).set_index(GEYSER.index[::-1])
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    filled = mixture.impute(X, random_state)
    assert isinstance(filled, pd.DataFrame)
    assert filled.index.equals(X.index) and list(filled.columns) == list(X.columns)
    np.testing.assert_array_equal(filled, mixture.impute(X.to_numpy(), random_state))
    assert filled.notna().all(axis=None)
    polar = mixture.impute(pl.DataFrame(X.to_dict("list")), random_state)
    assert isinstance(polar, pl.DataFrame) and polar.columns == list(X.columns)
    np.testing.assert_array_equal(polar.to_numpy(), filled)
    assert isinstance(mixture.impute(X.to_numpy()), np.ndarray)


def test_counts_are_filled_in_as_a_frame():
    X = pd.DataFrame({"a": [5.0, np.nan, 8, 4], "b": [1.0, 2, 0, 4]})
    mixture = BinomialMixture(1, n_trials=10).fit(X)
    filled = mixture.impute(X)
    assert filled.loc[1, "a"] == pytest.approx(10 * mixture.probabilities_[0, 0])
