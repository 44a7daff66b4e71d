"""Differences and back: any columns of any rows, whatever the size of the numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_metrics.tsdb import scaling


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(0, 2), st.integers(1, 40), st.sampled_from([3, 100, 20_000, 2**31, 2**50]))
def test_some_columns_of_rows_that_were_lowered(data: st.DataObject, order: int, width: int, most: int) -> None:
    numbers = data.draw(st.lists(st.integers(-most, most), min_size=2 * width, max_size=2 * width))
    rows = np.array(numbers, np.int64).reshape(2, width)
    begin = data.draw(st.integers(0, width - 1))
    end = data.draw(st.integers(begin + 1, width))
    low, firsts = scaling.lower(rows, order)
    assert np.array_equal(scaling.raise_again(scaling.smallest(low), firsts, order, (begin, end)), rows[:, begin:end])
    assert np.array_equal(scaling.raise_again(low, firsts, order, (begin, end)), rows[:, begin:end])


def test_a_long_row_of_short_differences_is_exact() -> None:
    low = np.random.default_rng(1).integers(-(2**15), 2**15, (3, 4096)).astype(np.int16)
    low[:, :2] = 0
    firsts = np.array([[2**52, 2**40], [-(2**52), 7], [0, -1]], np.int64)
    whole = scaling.raise_again(low, firsts, 2, (0, 4096))
    for begin in (1, 2, 3, 1000, 4095):
        assert np.array_equal(scaling.raise_again(low, firsts, 2, (begin, 4096)), whole[:, begin:])
