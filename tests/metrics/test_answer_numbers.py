"""Numbers and matrices as Go writes them, one by one and in bulk alike."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_metrics.answer.json import matrix, scalar, success, vector
from paramedic_metrics.answer.numbers import time_text, value_text, value_texts
from paramedic_metrics.series import STALE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "-0"), (1.0, "1"), (1.5, "1.5"), (1e6, "1000000"), (1e16, "10000000000000000"),
        (123456789012345678.0, "123456789012345680"), (9.999e20, "999900000000000000000"), (1e21, "1e+21"), (-1e22, "-1e+22"),
        (1e-5, "0.00001"), (1.25e-6, "0.00000125"), (9.9e-7, "9.9e-07"), (1e-7, "1e-07"), (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (math.nan, "NaN"), (STALE, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"),
    ],
)  # fmt: skip
def test_as_go_writes_it(value: float, text: str) -> None:
    assert value_text(value) == text
    assert value_texts(np.array([value, 2.0])) == [text, "2"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats() | st.integers(-(10**6), 10**6).map(float)))
def test_in_bulk_as_one_by_one_and_back(values: list[float]) -> None:
    texts = value_texts(np.array(values, dtype=np.float64))
    assert texts == [value_text(v) for v in values]
    for text, value in zip(texts, values, strict=True):
        assert float(text) == value or math.isnan(value)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0"), (1500, "1.500"), (-1, "-0.001"), (-1500, "-1.500"), (1_700_000_000_007, "1700000000.007")],
)
def test_moments(ms: int, text: str) -> None:
    assert time_text(ms) == text


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4), st.integers(0, 5), st.data())
def test_a_matrix_has_exactly_the_samples_that_there_are(rows: int, columns: int, data: st.DataObject) -> None:
    values = np.array(
        data.draw(
            st.lists(
                st.lists(st.floats() | st.floats(-1e9, 1e9), min_size=columns, max_size=columns),
                min_size=rows,
                max_size=rows,
            )
        ),
        dtype=np.float64,
    ).reshape(rows, columns)
    mask = np.array(
        data.draw(st.lists(st.lists(st.booleans(), min_size=columns, max_size=columns), min_size=rows, max_size=rows)),
        dtype=np.bool_,
    ).reshape(rows, columns)
    times = 500 * np.arange(columns, dtype=np.int64) + 500
    labels = [(("__name__", 'a"\\'), ("row", str(n))) for n in range(rows)]
    for given_mask in (mask, None):
        found = json.loads(b"".join(matrix(labels, times, values, given_mask)))["result"]
        wanted = []
        for row in range(rows):
            there = [n for n in range(columns) if given_mask is None or mask[row, n]]
            if there:
                wanted.append(
                    {"metric": dict(labels[row]), "values": [[n / 2 + 0.5, value_text(values[row, n])] for n in there]}
                )
        assert found == wanted


def test_a_matrix_is_the_same_however_many_rows_are_written_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=(40, 30)) * 10.0 ** np.arange(-15, 15)
    mask = np.random.default_rng(2).random(values.shape) < np.linspace(0, 1.2, 40)[:, None]
    times = 1_700_000_000_000 + 250 * np.arange(30, dtype=np.int64)
    labels = [(("row", str(n)),) for n in range(40)]
    for given_mask in (mask, None):
        at_once = b"".join(matrix(labels, times, values, given_mask))
        assert len(json.loads(at_once)["result"]) == (mask.any(axis=1).sum() if given_mask is mask else 40)
        for cells in (1, 100, 299):
            monkeypatch.setattr("paramedic_metrics.answer.json._CELLS", cells)
            assert b"".join(matrix(labels, times, values, given_mask)) == at_once
            # Rows that lie in another order are written in that of the series; and no more than there are labels.
            lying, some = np.random.default_rng(cells).permutation(40), None if given_mask is None else mask.copy()
            if some is not None:
                some[lying] = mask
            mixed = np.empty_like(values)
            mixed[lying] = values
            assert b"".join(matrix(labels, times, mixed, some, lying)) == at_once
            few = b"".join(matrix(labels[:33], times, values[:33], None if given_mask is None else mask[:33]))
            assert b"".join(matrix(labels[:33], times, mixed, some, lying)) == few


def test_small_answers() -> None:
    assert json.loads(b"".join(vector(1500, [()], np.array([2.0]))))["result"] == [{"metric": {}, "value": [1.5, "2"]}]
    assert scalar(4000, 2.0) == b'{"resultType":"scalar","result":[4,"2"]}'
    assert success(["a"], warnings=["w"]) == b'{"status":"success","data":["a"],"warnings":["w"]}'
