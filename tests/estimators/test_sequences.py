"""Where sequences begin: ids by row, or lengths."""

import numpy as np
import pytest

from skem import GaussianHMM, LinearGaussianSSM
from skem.estimators.sequences import outer_index, sequence_ends, sequence_weights


def test_ids_and_lengths_say_the_same():
    ids = ["a", "a", "b", "a", "a", "a"]  # an id that comes back is another sequence
    assert sequence_ends(6, groups=ids).tolist() == [2, 3, 6]
    assert sequence_ends(6, lengths=[2, 1, 3]).tolist() == [2, 3, 6]
    assert sequence_ends(6, groups=ids, lengths=[2, 1, 3]).tolist() == [2, 3, 6]


def test_all_rows_are_one_sequence_where_nothing_is_said():
    assert sequence_ends(6).tolist() == [6]


def test_outer_index_of_a_frame_supplies_ids():
    pandas = pytest.importorskip("pandas")
    index = pandas.MultiIndex.from_product([["a", "b"], range(3)])
    frame = pandas.DataFrame({"x": range(6)}, index=index)
    assert sequence_ends(6, index=outer_index(frame)).tolist() == [3, 6]
    assert sequence_ends(4, index=outer_index(frame.iloc[1:5])).tolist() == [2, 4]
    assert outer_index(frame.reset_index(drop=True)) is None
    assert outer_index(np.zeros((6, 1))) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": [1, 2]}, r"groups.shape == \(2,\), expected \(3,\)"),
        (
            {"groups": [1.0, np.nan, 2.0]},
            "groups contains missing ids; .* row 1",
        ),
        ({"lengths": [1, 1]}, "lengths sum to 2, but X has 3 rows"),
        ({"lengths": [3, 0]}, r"lengths\[1\] is 0"),
        ({"lengths": [1.5, 1.5]}, "must be integers"),
        (
            {"groups": [1, 1, 2], "lengths": [1, 2]},
            "sequence 0 ends before row 2, or before row 1",
        ),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sequence_ends(3, **arguments)


def test_weights_are_those_of_sequences():
    ends = np.array([2, 3])
    assert sequence_weights(None, ends) is None
    assert sequence_weights([2, 2, 0.5], ends).tolist() == [2, 0.5]
    with pytest.raises(ValueError, match=r"of rows 0 to 1 it is 2, and sample_weight\[1\] is 1"):
        sequence_weights([2, 1, 1], ends)


@pytest.mark.parametrize("kind", [GaussianHMM, LinearGaussianSSM])
def test_lengths_in_the_place_of_y_are_refused(kind):
    X = np.random.default_rng(0).normal(size=(30, 1))
    model = kind()
    with pytest.raises(ValueError, match=r"y, .* 2 entries where X has 30 rows.*lengths="):
        model.fit(X, [10, 20])
    assert not hasattr(model, "n_iter_")
    model.fit(X, np.zeros(30))  # targets are ignored
    with pytest.raises(ValueError, match="lengths="):
        model.score(X, [10, 20])


@pytest.mark.parametrize(
    "groups",
    [
        np.array(["a", float("nan"), "b"], dtype=object),
        ["a", None, "b"],
        np.array(["2020", "NaT", "2021"], dtype="M8[Y]"),
    ],
)
def test_missing_ids_of_any_kind_are_refused(groups):
    with pytest.raises(
        ValueError, match="groups contains missing ids; the first is that of row 1"
    ):
        sequence_ends(3, groups=groups)
    with pytest.raises(ValueError, match="outer level of the index of X contains missing ids"):
        sequence_ends(3, index=groups)


def test_missing_ids_of_pandas_are_refused():
    pandas = pytest.importorskip("pandas")
    for kind in (object, "string", "Int64"):
        groups = pandas.Series([1, pandas.NA, 2]).astype(kind)
        with pytest.raises(ValueError, match="missing ids; the first is that of row 1"):
            sequence_ends(3, groups=groups)


def test_a_number_and_its_name_are_two_ids():
    assert sequence_ends(4, groups=[1, 1, "1", "1"]).tolist() == [2, 4]


@pytest.mark.parametrize("model", [GaussianHMM(1), LinearGaussianSSM(max_iter=50)])
def test_forecasts_after_the_fit_take_no_ids(model):
    model.fit(np.random.default_rng(0).normal(size=(30, 1)))
    with pytest.raises(ValueError, match="groups and lengths belong to X, which is not given"):
        model.forecast(2, lengths=[30])
