"""Rows cut into lanes: each row has one column, and successors are a step apart."""

import numpy as np
import pytest

from skem.chains.lanes import Lanes, ends_of


@pytest.mark.parametrize("n_rows", [1, 2, 7, 30])
def test_columns_are_the_rows_in_another_order(n_rows):
    for most_steps in range(1, n_rows + 2):
        lanes = Lanes(ends_of([n_rows]), most_steps)
        assert sorted(lanes.order) == list(range(n_rows))
        np.testing.assert_array_equal(lanes.order[lanes.columns(np.arange(n_rows))], range(n_rows))
        assert 1 <= lanes.n_long <= lanes.n_lanes
        assert lanes.n_steps <= most_steps


def test_successor_is_a_step_apart():
    lanes = Lanes(ends_of([40, 1, 60]), 7)
    order, B = lanes.order, lanes.n_lanes
    np.testing.assert_array_equal(order[B:], order[:-B] + 1)


def test_starts_are_where_sequences_start():
    lengths = [1, 1, 12, 3, 1]
    lanes = Lanes(ends_of(lengths), 4)
    columns = [
        step * lanes.n_lanes + lane
        for step, starts in enumerate(lanes.starts)
        if starts is not None
        for lane in starts
    ]
    np.testing.assert_array_equal(sorted(lanes.order[columns]), [0, 1, 2, 14, 17])


def test_groups_have_all_columns_once():
    lanes = Lanes(ends_of([50, 53]), 9)
    groups = lanes.groups(3)
    columns = [c for g in groups for s in g.columns for c in range(s.start, s.stop)]
    assert sorted(columns) == list(range(103))


def test_sums_by_sequence():
    lanes = Lanes(ends_of([3, 1, 6]), 4)
    np.testing.assert_array_equal(lanes.by_sequence(lanes.order.astype(float)), [3.0, 3.0, 39.0])


def test_equal_short_sequences_are_the_lanes():
    assert Lanes(ends_of([25] * 40)).n_lanes == 40
