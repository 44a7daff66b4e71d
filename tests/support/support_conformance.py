"""Runs Prometheus' language tests against our engine: every instant case also as a range query and with `@` everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from paramedic_core.errors import ParamedicError
from paramedic_metrics.promql import regex
from paramedic_metrics.promql.ast import (
    TRIMS,
    Aggregate,
    Binary,
    Call,
    DurationExpr,
    Expr,
    MatrixSelector,
    Paren,
    Shift,
    Subquery,
    Unary,
    VectorSelector,
)
from paramedic_metrics.promql.cursor import Options
from paramedic_metrics.promql.engine import Engine
from paramedic_metrics.promql.labels import METADATA, described, value_of
from paramedic_metrics.promql.parser import parse
from paramedic_metrics.promql.prepare import UNSAFE
from paramedic_metrics.promql.printer import printed
from paramedic_metrics.promql.results import Answer, MatrixResult, ScalarResult, StringResult, VectorResult
from paramedic_metrics.promql.run import Limits
from paramedic_metrics.series import Labels, Matcher
from support_promqltest import Case, Load, Point, almost_equal, commands
from support_series import MemorySeries

EVERYTHING = Options(experimental_functions=True, fill_modifiers=True)
OTHER_MODES = frozenset({"type_and_unit", "name_label_dropping", "start_timestamps"})
"""Files that test modes which are off by default: they are run, and counted, apart."""
_NATIVE = ("histogram_avg", "histogram_count", "histogram_sum", "histogram_stddev", "histogram_stdvar")


class Failed(AssertionError):
    """The answer is not what the case says."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went. `group` is default, experimental, mode or native."""

    case: Case
    group: str
    problem: str | None


class Store:
    """The series loaded so far."""

    def __init__(self) -> None:
        self._samples: dict[Labels, dict[int, float]] = {}
        self.native: list[Labels] = []
        """Series with native histograms."""

    def add(self, load: Load) -> None:
        for labels, points in load.series:
            samples = self._samples.setdefault(labels, {})
            for place, point in enumerate(points):
                if isinstance(point, float):
                    samples[place * load.step] = point
            if "histogram" in points:
                self.native.append(labels)
            if load.native and any(name == "__name__" and value.endswith("_bucket") for name, value in labels):
                bare = {name: value for name, value in labels if name != "le"}
                bare["__name__"] = bare["__name__"].removesuffix("_bucket")
                self.native.append(tuple(sorted(bare.items())))

    def queryable(self) -> MemorySeries:
        return MemorySeries.of({labels: sorted(each.items()) for labels, each in self._samples.items() if each})


def run(path: Path) -> Iterator[Outcome]:
    """The outcome of every case of one file."""
    store, queryable = Store(), MemorySeries()
    for command in commands(path):
        if command == "clear":
            store, queryable = Store(), MemorySeries()
        elif isinstance(command, Load):
            store.add(command)
            queryable = store.queryable()
        else:
            yield _outcome(command, store, queryable)


def _outcome(case: Case, store: Store, queryable: MemorySeries) -> Outcome:
    group = _group(case, store)
    engine = Engine(
        queryable,
        Limits(max_samples=10_000_000),
        options=EVERYTHING,
        delayed_names=case.file in OTHER_MODES,
    )
    try:
        _check(case, engine)
    except Failed as failed:
        return Outcome(case, group, str(failed))
    except Exception as error:
        return Outcome(case, group, f"{type(error).__name__}: {error}")
    return Outcome(case, group, None)


def _group(case: Case, store: Store) -> str:
    try:
        expr = parse(case.query, EVERYTHING)
    except ParamedicError:
        return "mode" if case.file in OTHER_MODES else "default"
    nodes = list(walk(expr))
    if any("histogram" in points for _, points in case.series) or _native(nodes, store):
        return "native"
    if case.file in OTHER_MODES:
        return "mode"
    try:
        parse(case.query)
    except ParamedicError:
        return "experimental"
    return "experimental" if any(_experimental(node) for node in nodes) else "default"


def _native(nodes: list[Expr], store: Store) -> bool:
    for node in nodes:
        if isinstance(node, Call) and node.function.name in _NATIVE:
            return True
        if isinstance(node, Binary) and node.op in TRIMS:
            return True
        if isinstance(node, VectorSelector) and any(_fits(labels, node.matchers) for labels in store.native):
            return True
    return False


def _fits(labels: Labels, matchers: tuple[Matcher, ...]) -> bool:
    return all(regex.matches(matcher, value_of(labels, matcher.name)) for matcher in matchers)


def _experimental(node: Expr) -> bool:
    if isinstance(node, VectorSelector):
        return node.anchored or node.smoothed or node.shift.offset_expr is not None
    if isinstance(node, MatrixSelector):
        return node.range_expr is not None
    if isinstance(node, Subquery):
        return any(isinstance(each, DurationExpr) for each in (node.range_expr, node.step_expr, node.shift.offset_expr))
    return False


def walk(expr: Expr) -> Iterator[Expr]:
    """Every node of an expression."""
    yield expr
    children: tuple[Expr | None, ...] = ()
    match expr:
        case MatrixSelector():
            children = (expr.vector,)
        case Subquery() | Unary() | Paren():
            children = (expr.expr,)
        case Aggregate():
            children = (expr.param, expr.expr)
        case Binary():
            children = (expr.left, expr.right)
        case Call():
            children = expr.args
    for child in children:
        if child is not None:
            yield from walk(child)


def _check(case: Case, engine: Engine) -> None:
    if not case.instant:
        _one(case, lambda: engine.range(case.query, case.start, case.end, case.step))
        return
    _one(case, lambda: engine.instant(case.query, case.start))
    if case.of("fail"):
        return
    _as_range(case, engine, case.query, case.start)
    for query, time in _at_cases(case):
        moved = replace(case, expects=[each for each in case.expects if each.kind == "ordered"], query=query)
        _one(moved, lambda query=query, time=time: engine.instant(query, time))
        _as_range(moved, engine, query, time)


def _one(case: Case, ask: Any) -> None:
    fails = case.of("fail")
    try:
        answer = ask()
    except ParamedicError as error:
        if not fails:
            raise
        if not all(each.fits(str(error)) for each in fails):
            raise Failed(f"failed with {str(error)!r}, not as expected: {fails}") from error
        return
    if fails:
        raise Failed(f"did not fail: {answer.data}")
    _annotations(case, answer)
    _compare(case, answer)


def _annotations(case: Case, answer: Answer) -> None:
    for kind, said in (("warn", answer.warnings), ("info", answer.infos)):
        wanted = case.of(kind)
        if case.of(f"no_{kind}") and said:
            raise Failed(f"unexpected {kind}: {said}")
        missing = [each for each in wanted if not any(each.fits(text) for text in said)]
        extra = [text for text in said if not any(each.fits(text) for each in wanted)]
        if wanted and (missing or extra):
            raise Failed(f"{kind}: missing {missing}, not expected {extra}")


def _compare(case: Case, answer: Answer) -> None:
    data = answer.data
    if isinstance(data, StringResult):
        if data.value != case.string:
            raise Failed(f"string {data.value!r}, not {case.string!r}")
    elif isinstance(data, ScalarResult):
        if case.scalar is None or not almost_equal(data.value, case.scalar):
            raise Failed(f"scalar {data.value}, not {case.scalar}")
    elif isinstance(data, VectorResult):
        expected = {labels: points[0] for labels, points in case.series}
        ordered = [labels for labels, _ in case.series] if case.of("ordered") else None
        _vector(expected, list(zip(data.labels, data.values.tolist(), strict=True)), ordered)
    else:
        _matrix(case, data)


def _vector(expected: dict[Labels, Point], got: list[tuple[Labels, float]], ordered: list[Labels] | None) -> None:
    if ordered is not None and [labels for labels, _ in got] != ordered:
        raise Failed(f"order {[described(labels) for labels, _ in got]}")
    found = dict(got)
    if found.keys() != expected.keys():
        more, less = found.keys() - expected.keys(), expected.keys() - found.keys()
        raise Failed(f"series too many: {sorted(map(described, more))}, missing: {sorted(map(described, less))}")
    for labels, value in got:
        wanted = expected[labels]
        if not isinstance(wanted, float) or not almost_equal(value, wanted):
            raise Failed(f"{described(labels)} is {value}, not {wanted}")


def _matrix(case: Case, data: MatrixResult) -> None:
    begin, step = (case.times[0], case.times[2]) if case.times else (case.start, case.step)
    expected = {
        labels: {begin + place * step: point for place, point in enumerate(points) if point is not None}
        for labels, points in case.series
    }
    if list(data.labels) != sorted(data.labels):
        raise Failed("the series are not in the order of their labels")
    if set(data.labels) != set(expected):
        more, less = set(data.labels) - set(expected), set(expected) - set(data.labels)
        raise Failed(f"series too many: {sorted(map(described, more))}, missing: {sorted(map(described, less))}")
    for row, labels in enumerate(data.labels):
        here = np.ones(len(data.times), dtype=bool) if data.mask is None else data.mask[row]
        got = dict(zip(data.times[here].tolist(), data.values[row][here].tolist(), strict=True))
        wanted = expected[labels]
        if got.keys() != wanted.keys():
            raise Failed(f"{described(labels)} has samples at {sorted(got)}, not at {sorted(wanted)}: {got}")
        for time, value in got.items():
            point = wanted[time]
            if not isinstance(point, float) or not almost_equal(value, point):
                raise Failed(f"{described(labels)} is {value} at {time}, not {point}")


def _as_range(case: Case, engine: Engine, query: str, time: int) -> None:
    """The same query over three steps, of which the middle one must give the same."""
    if any(word in query for word in ("start()", "end()", "range()", "step()")):
        return
    if case.times is not None or case.string is not None or case.of("ordered"):
        return
    data = engine.range(query, time - 60_000, time + 60_000, 60_000).data
    assert isinstance(data, MatrixResult)
    if case.scalar is not None:
        if not almost_equal(float(data.values[0, 1]), case.scalar):
            raise Failed(f"as a range query {data.values[0, 1]}, not {case.scalar}")
        return
    got = [
        (labels, float(data.values[row, 1]))
        for row, labels in enumerate(data.labels)
        if data.mask is None or data.mask[row, 1]
    ]
    try:
        _vector({labels: points[0] for labels, points in case.series}, got, None)
    except Failed as failed:
        raise Failed(f"as a range query of {query}: {failed}") from None


def _at_cases(case: Case) -> Iterator[tuple[str, int]]:
    """The query with `@` at its own time in every selector: the same at whatever time it is asked."""
    if case.string is not None or case.times is not None:
        return
    expr = parse(case.query, EVERYTHING)
    if any(isinstance(node, Call) and node.function.name in UNSAFE for node in walk(expr)):
        return
    if not any(isinstance(node, VectorSelector) for node in walk(expr)):
        return
    query, time = printed(pinned(expr, case.start)), case.start
    for moment in (-1000, 0, 1000) if time == 0 else (-10 * time, 0, time // 5, time, 10 * time):
        yield query, moment


def pinned(expr: Expr, time: int) -> Expr:
    """The expression with `@ time` wherever a selector has none."""

    def at(shift: Shift) -> Shift:
        return shift if shift.at is not None or shift.edge else replace(shift, at=time)

    match expr:
        case VectorSelector():
            return replace(expr, shift=at(expr.shift))
        case MatrixSelector():
            return replace(expr, vector=replace(expr.vector, shift=at(expr.vector.shift)))
        case Subquery():
            return replace(expr, shift=at(expr.shift))
        case Unary() | Paren():
            return replace(expr, expr=pinned(expr.expr, time))
        case Aggregate():
            param = None if expr.param is None else pinned(expr.param, time)
            return replace(expr, expr=pinned(expr.expr, time), param=param)
        case Binary():
            return replace(expr, left=pinned(expr.left, time), right=pinned(expr.right, time))
        case Call():
            return replace(expr, args=tuple(pinned(arg, time) for arg in expr.args))
        case _:
            return expr


def without_metadata(labels: Labels) -> Labels:
    """The labels of a result that has lost its name."""
    return tuple(pair for pair in labels if pair[0] not in METADATA)
