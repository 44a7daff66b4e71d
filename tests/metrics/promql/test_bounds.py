"""What one query may take: time wherever it goes, samples that it makes itself, text, and what it lists."""

from __future__ import annotations

import pytest

from paramedic_core.clock import FakeClock
from paramedic_core.errors import LimitExceeded
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.errors import EvaluationError, ParseError, QueryTimeout
from paramedic_metrics.promql.results import MatrixResult
from paramedic_metrics.promql.run import Limits
from support_series import MemorySeries, labels

NOW = 1_700_000_000_000
MANY = MemorySeries.of({labels("up", job="app", n=str(n)): [(NOW - 1_000, float(n))] for n in range(2_000)})


class Looks(FakeClock):
    """A clock on which each look takes a second: what looks ten times within itself is over."""

    def monotonic(self) -> float:
        self._elapsed += 1.0
        return super().monotonic()


@pytest.mark.parametrize(
    "query",
    [
        "stddev_over_time(vector(time())[2000s:1s])",
        "deriv(vector(time())[2000s:1s])",
        "predict_linear(vector(time())[2000s:1s], 1)",
        "quantile_over_time(1, vector(time())[2000s:1s])[20s:1s]",
        "sum_over_time((1 / (vector(time()) % 2))[2000s:1s])",
        "avg_over_time((vector(time()) * 1e298)[2000s:1s])",
        "rate((vector(time()) % 2)[20000s:1s])[100s:1s]",
        "quantile_over_time(0.5, vector(time())[4000s:1s])[4000s:1s]",
        'label_replace(up, "x", "$1", "n", "(.*)") + 1 + 1 + 1',
        'label_join(up, "x", "-", "n", "job") + 1 + 1 + 1',
        "sum(up * Inf) by (n) + 1 + 1 + 1",
        "sum by (n) (up)[3000s:1s]",
    ],
)
def test_no_function_outlasts_the_deadline(query: str) -> None:
    with pytest.raises(QueryTimeout):
        Engine(MANY, Limits(timeout=17.0), clock=Looks()).instant(query, NOW)


def test_what_takes_little_work_looks_seldom() -> None:
    engine = Engine(MANY, Limits(timeout=17.0), clock=Looks())
    assert engine.instant("sum(rate(up[5m])) + count(up)", NOW).kind == "vector"


def test_labels_do_not_grow_tenfold_with_each_join() -> None:
    query = 'label_replace(up{n="1"}, "x", "aaaaaaaaaa", "job", ".*")'
    sources = ", ".join(['"x"'] * 10)
    for _ in range(10):
        query = f'label_join({query}, "x", "", {sources})'
    with pytest.raises(EvaluationError, match="label x would have more than 65536 characters"):
        Engine(MANY).instant(query, NOW)


def test_a_replacement_is_measured_before_it_is_made() -> None:
    long = MemorySeries.of({labels("up", a="v" * 60_000): [(NOW, 1.0)]})
    query = f'label_replace(up, "x", "{"$1" * 20_000}", "a", "(.*)")'
    with pytest.raises(EvaluationError, match="more than 65536 characters"):
        Engine(long).instant(query, NOW)
    assert Engine(long).instant('label_replace(up, "x", "$1", "a", "(.*)")', NOW).kind == "vector"


def test_all_labels_that_a_query_makes_are_bounded_together() -> None:
    query = f'label_replace(up, "x", "{"v" * 60_000}", "n", ".*")'
    with pytest.raises(LimitExceeded, match="the query's labels"):
        Engine(MANY).instant(query, NOW)


def test_a_subquery_has_so_many_steps_and_no_more() -> None:
    engine = Engine(MANY, Limits(max_subquery=1_000))
    assert engine.instant("count_over_time(vector(1)[1000s:1s])", NOW).kind == "vector"
    with pytest.raises(LimitExceeded, match="the subquery has 1001 steps"):
        engine.instant("count_over_time(vector(1)[1001s:1s])", NOW)


def test_what_a_subquery_makes_counts_with_its_rows_before_it_is_made() -> None:
    with pytest.raises(LimitExceeded, match="too many samples"):
        Engine(MANY, Limits(max_samples=1_000_000)).instant("max_over_time(up[1000s:1s])", NOW)


def test_what_a_subquery_makes_is_weighed() -> None:
    weighed: list[int] = []
    engine = Engine(MANY, weigh=weighed.append)
    engine.instant("count_over_time(vector(1)[1000s:1s])", NOW)
    assert sum(weighed) == 1_000
    weighed.clear()
    engine.instant('max_over_time(up{n=~"1.?"}[1000s:1s])', NOW)
    assert sum(weighed) == pytest.approx(12_000, rel=0.1)
    weighed.clear()
    engine.instant("sum(up)", NOW)
    assert not weighed


def test_a_listing_is_bounded() -> None:
    engine = Engine(MANY, Limits(max_listed=1_000))
    with pytest.raises(LimitExceeded, match="more than 1000 samples"):
        engine.instant("up[5m]", NOW)
    with pytest.raises(LimitExceeded, match="more than 1000 samples"):
        engine.instant("vector(1)[1001s:1s]", NOW)
    with pytest.raises(LimitExceeded, match="1000000 moments"):
        Engine(MANY).instant("vector(1)[1000001s:1s]", NOW)
    listed = engine.instant("vector(1)[1000s:1s]", NOW).data
    assert isinstance(listed, MatrixResult)
    assert listed.values.shape == (1, 1_000)


def test_all_pairs_of_many_series_are_refused_before_they_are_made() -> None:
    with pytest.raises(LimitExceeded, match="too many samples"):
        Engine(MANY, Limits(max_samples=1_000_000)).instant("up * on() group_left() up", NOW)


def test_pairs_come_in_the_order_of_their_series() -> None:
    doubled = MemorySeries.of(
        {
            labels("a", n="2"): [(NOW - 60_000, 1.0), (NOW, 1.0)],
            labels("a", n="1"): [(NOW - 60_000, 2.0), (NOW, 2.0)],
            labels("b", n="1", was="0"): [(NOW - 60_000, 3.0)],
            labels("b", n="1", was="1"): [(NOW, 4.0)],
        }
    )
    data = Engine(doubled, Limits(lookback=1_000)).range("a * on (n) b", NOW - 60_000, NOW, 60_000).data
    assert isinstance(data, MatrixResult)
    assert data.labels == [(("n", "1"),)]
    assert data.values.tolist() == [[6.0, 8.0]]


def test_a_regular_expression_takes_so_much_and_no_more() -> None:
    with pytest.raises(ParseError, match="too large"):
        Engine(MANY).instant('{n=~"[\\\\p{L}]{500}"}', NOW)
    hosts = "|".join(f"host-{number}.example.org:9100" for number in range(600))
    assert Engine(MANY).instant(f'count({{n=~"{hosts}|7"}})', NOW).kind == "vector"
    assert Engine(MANY).instant('count({job=~"[\\\\p{L}]{3,100}"})', NOW).kind == "vector"
