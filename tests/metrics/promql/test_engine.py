"""Queries from text to answer: kinds of results, bounds, errors."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.errors import BadInput, LimitExceeded
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.errors import EvaluationError, ParseError, QueryCanceled, QueryTimeout
from paramedic_metrics.promql.results import MatrixResult, ScalarResult, StringResult, VectorResult
from paramedic_metrics.promql.run import Limits
from support_series import MemorySeries, labels

COUNTERS = MemorySeries.of(
    {labels("x_total", a=str(n)): [(t * 15_000, float(t * (n + 1))) for t in range(100)] for n in range(3)}
)


def test_each_kind_of_result() -> None:
    engine = Engine(COUNTERS)
    assert engine.instant("1 + 2 * 3", 5_000).data == ScalarResult(5_000, 7.0)
    assert engine.instant('"text"', 5_000).data == StringResult(5_000, "text")
    vector = engine.instant("sum by (a) (rate(x_total[5m]))", 600_000)
    assert vector.kind == "vector"
    assert isinstance(vector.data, VectorResult)
    assert vector.data.labels == [(("a", str(n)),) for n in range(3)]
    np.testing.assert_allclose(vector.data.values, [(n + 1) / 15 for n in range(3)])
    matrix = engine.instant("x_total[1m]", 600_000).data
    assert isinstance(matrix, MatrixResult)
    assert matrix.times.tolist() == [555_000, 570_000, 585_000, 600_000]
    assert matrix.values[1].tolist() == [74.0, 76.0, 78.0, 80.0]


def test_series_come_in_order_of_their_labels_however_they_lie() -> None:
    backwards = MemorySeries.of({labels("x", a=str(n)): [(0, float(n)), (1_000, n + 0.5)] for n in (2, 0, 1)})
    data = Engine(backwards).range("-x > -2.2", 0, 1_000, 1_000).data
    assert isinstance(data, MatrixResult)
    assert data.labels == [(("a", str(n)),) for n in range(3)]
    assert data.mask is not None
    assert data.mask.tolist() == [[True, True], [True, True], [True, False]]
    assert data.values[data.mask].tolist() == [0.0, -0.5, -1.0, -1.5, -2.0]


def test_a_range_query_has_a_value_at_every_step_and_says_where_there_is_none() -> None:
    data = Engine(COUNTERS).range("x_total > 100", 0, 600_000, 300_000).data
    assert isinstance(data, MatrixResult)
    assert data.times.tolist() == [0, 300_000, 600_000]
    assert data.labels == [labels("x_total", a="2")]
    assert data.mask is not None
    assert data.mask.tolist() == [[False, False, True]]
    assert data.values[0, 2] == 120.0


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "rate(x_total)",
            '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
        ),
        ("sum(", "1:5: parse error: unclosed left parenthesis"),
        ("x_total\n  + * 2", "2:5: parse error: unexpected <op:*>"),
        ("", "unknown position: parse error: no expression found in input"),
        ('x{a=~"("}', "1:3: parse error: error parsing regexp: missing ): ("),
    ],
)
def test_a_wrong_query_is_told_with_its_place(query: str, text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Engine(COUNTERS).instant(query, 0)
    assert str(caught.value) == text


def test_the_same_labels_twice_are_an_error() -> None:
    twins = MemorySeries.of({labels("one", a="1"): [(0, 1.0)], labels("two", a="1"): [(0, 2.0)]})
    with pytest.raises(EvaluationError, match="vector cannot contain metrics with the same labelset"):
        Engine(twins).instant('abs({a="1"})', 0)


def test_bounds_of_a_range() -> None:
    engine = Engine(COUNTERS)
    with pytest.raises(BadInput, match="zero or negative"):
        engine.range("x_total", 0, 10, 0)
    with pytest.raises(BadInput, match="end timestamp"):
        engine.range("x_total", 10, 0, 1)
    with pytest.raises(BadInput, match="maximum resolution of 11,000 points"):
        engine.range("x_total", 0, 11_001, 1)
    with pytest.raises(BadInput, match="range vector"):
        engine.range("x_total[5m]", 0, 10, 1)


def test_too_many_samples_are_refused_before_they_are_computed() -> None:
    with pytest.raises(LimitExceeded, match="the limit is 1000"):
        Engine(COUNTERS, Limits(max_samples=1_000)).range("x_total", 0, 1_000_000, 1_000)


def test_a_query_ends_at_its_deadline() -> None:
    class Late(FakeClock):
        def monotonic(self) -> float:
            self._elapsed += 1.0
            return super().monotonic()

    with pytest.raises(QueryTimeout, match="the limit is 3 s"):
        Engine(COUNTERS, Limits(timeout=3.0), clock=Late()).instant("+".join(["x_total"] * 50), 600_000)


def test_a_query_ends_when_nobody_waits() -> None:
    gone = threading.Event()
    gone.set()
    with pytest.raises(QueryCanceled):
        Engine(COUNTERS).instant("x_total", 0, canceled=gone)
