"""The parser under whatever comes: no crash, no hang, no growth; beside promql-parser within that one's safe limits."""

from __future__ import annotations

import random
import tracemalloc

import hypothesis.strategies as st
import promql_parser
import pytest
from hypothesis import given, settings

from paramedic_core.errors import LimitExceeded
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.errors import ParseError
from paramedic_metrics.promql.parser import parse
from paramedic_metrics.promql.pretty import format_query
from paramedic_metrics.promql.printer import printed
from paramedic_metrics.promql.tree import tree
from support_conformance import EVERYTHING
from support_queries import Queries
from support_series import MemorySeries, labels

SERIES = [
    labels(name, job=job, le=le, instance=instance)
    for name in ("a_total", "b_bucket", "c", "sum", "by")
    for job in ("x", "y")
    for le in ("1", "+Inf")
    for instance in ("h:1",)
]
PIECES = [
    *["(", ")", "{", "}", "[", "]", ",", "=", "==", "!=", "=~", "!~", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "^", "@", ":", "!", "~", "'", '"', "`", "\\", "#", "_", ".", "x", "1", "0x1f", "1e3", "5m", "1h30m", "5x", "Inf", "NaN"],
    *["a_total", "sum", "avg", "topk", "quantile", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "and", "or", "unless", "atan2"],
    *["rate(", "sum(", "start()", "end()", "step()", "range()", "max_of(", "fill(", "anchored", "smoothed", "le", "job", '"x"', "'y'", "`z`", '"\\n"', "é", "😀"],
    " ",
    "\n",
]  # fmt: skip
pieces = st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join)
glued = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
anything = st.text(max_size=200)


@given(query=st.one_of(pieces, glued, anything))
@settings(max_examples=1_000, deadline=None)
def test_any_text_is_a_query_or_an_error_with_its_place(query: str) -> None:
    refused: ParseError | None = None
    try:
        expr = parse(query, EVERYTHING)
    except ParseError as error:
        refused = error
    if refused is not None:
        assert ": parse error: " in str(refused)
        assert 0 <= refused.span.start <= len(query) + 1
        return
    again = printed(expr)
    assert printed(parse(again, EVERYTHING)) == again
    assert tree(parse(again, EVERYTHING))["type"] == tree(expr)["type"]
    assert "".join(format_query(query, EVERYTHING).split()) == "".join(again.split())


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_made_up_queries_are_read_as_promql_parser_reads_them(seed: int) -> None:
    queries = Queries(seed, SERIES, stable=True)
    query = queries.next()
    if len(query) > 400:
        return
    theirs, ours = promql_parser.parse(query), parse(query)
    kinds = {"vector": "vector", "scalar": "scalar", "matrix": "matrix", "string": "string"}
    assert str(type(theirs).__name__) in _NAMES[type(ours).__name__]
    assert kinds[ours.type] == ours.type


_NAMES = {
    "Aggregate": {"AggregateExpr"},
    "Binary": {"BinaryExpr"},
    "Call": {"Call"},
    "MatrixSelector": {"MatrixSelector"},
    "NumberLiteral": {"NumberLiteral"},
    "Paren": {"ParenExpr"},
    "StringLiteral": {"StringLiteral"},
    "Subquery": {"SubqueryExpr"},
    "Unary": {"UnaryExpr", "NumberLiteral"},
    "VectorSelector": {"VectorSelector"},
}


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_broken_queries_are_refused_where_promql_parser_refuses_them(seed: int) -> None:
    rng = random.Random(seed)
    query = Queries(seed, SERIES, stable=True).next()
    place = rng.randrange(len(query))
    # No digits, signs or letters: what those make of a duration or a name has changed since promql-parser's 2.45.
    broken = query[:place] + rng.choice(("(", ")", "{", "}", "[", "]", ",", "==", "!")) + query[place:]
    if len(broken) > 400:
        return
    assert _accepts_theirs(broken) == _accepts_ours(broken), broken


def _accepts_theirs(query: str) -> bool:
    try:
        promql_parser.parse(query)
    except ValueError:
        return False
    return True


def _accepts_ours(query: str) -> bool:
    try:
        parse(query)
    except ParseError:
        return False
    return True


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "query",
    [
        "(" * 30_000,
        "(" * 199 + "a" + ")" * 199,
        "-" * 60_000 + "a",
        "a^" * 30_000 + "a",
        "sum(" * 15_000,
        "a" + "[1m:1m]" * 9_000,
        "a[" + "(" * 60_000,
        "+".join(["a"] * 32_000),
        "or ".join(["a "] * 15_000),
        "{" + ",".join(['a="b"'] * 9_000) + "}",
        "f(" + ",".join(["1"] * 30_000) + ")",
        '"' + "\\n" * 30_000 + '"',
        "'" + "\\" * 60_001,
        "#" * 60_000,
        "sum by (" + "a," * 30_000 + ") (a)",
        "a @ 1 " * 9_000,
        "1" * 60_000,
        "1h" * 30_000,
        'a{b=~"' + "(" * 16_000 + '"}',
        "x" * 70_000,
    ],
    ids=range(20),
)
def test_long_and_deep_queries_end_soon_in_little_memory(query: str) -> None:
    tracemalloc.start()
    try:
        expr = parse(query)
        printed(expr)
        tree(expr)
        format_query(query)
    except (ParseError, LimitExceeded):
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 200 << 20


def test_deep_and_long_queries_are_evaluated() -> None:
    engine = Engine(MemorySeries.of({labels("a"): [(0, 1.0)]}))
    assert engine.instant("abs(" * 198 + "a" + ")" * 198, 0).data.values.tolist() == [1.0]  # type: ignore[union-attr]
    assert engine.instant("+".join(["a"] * 3_000), 0).data.values.tolist() == [3_000.0]  # type: ignore[union-attr]
    assert engine.range("-(" * 99 + "a" + ")" * 99, 0, 1_000, 500).data.values.shape == (1, 3)  # type: ignore[union-attr]
