"""Expressions as the JSON of Prometheus' parse_query (prometheus/web/api/v1/translate_ast.go)."""

from __future__ import annotations

from typing import Any

from paramedic_metrics.promql.ast import (
    Aggregate,
    Binary,
    Call,
    DurationExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    Shift,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
)
from paramedic_metrics.promql.golang import format_float
from paramedic_metrics.series import Matcher

Tree = dict[str, Any]


def tree(expr: Expr) -> Tree:
    """The expression in dictionaries, lists, strings and numbers; as deep as the longest operator chain."""
    match expr:
        case NumberLiteral():
            return {"type": "numberLiteral", "val": format_float(expr.value)}
        case StringLiteral():
            return {"type": "stringLiteral", "val": expr.value}
        case DurationExpr():
            return _duration(expr) or {}
        case VectorSelector():
            return {"type": "vectorSelector", **_selector(expr)}
        case MatrixSelector():
            span = {"range": expr.range, "rangeExpr": _duration(expr.range_expr)}
            return {"type": "matrixSelector", **_selector(expr.vector), **span}
        case Subquery():
            return _subquery(expr)
        case Call():
            return _call(expr)
        case Aggregate():
            return {
                "type": "aggregation",
                "op": expr.op,
                "expr": tree(expr.expr),
                "param": None if expr.param is None else tree(expr.param),
                "grouping": list(expr.grouping),
                "without": expr.without,
            }
        case Binary():
            return _chain(expr)
        case Unary():
            return {"type": "unaryExpr", "op": expr.op, "expr": tree(expr.expr)}
        case Paren():
            return {"type": "parenExpr", "expr": tree(expr.expr)}


def _chain(expr: Binary) -> Tree:
    """A chain of operators leans to the left, however long: a loop, no recursion."""
    chain: list[Binary] = []
    node: Expr = expr
    while isinstance(node, Binary):
        chain.append(node)
        node = node.left
    left = tree(node)
    for part in reversed(chain):
        left = {
            "type": "binaryExpr",
            "op": part.op,
            "lhs": left,
            "rhs": tree(part.right),
            "matching": _matching(part),
            "bool": part.return_bool,
        }
    return left


def _matching(expr: Binary) -> Tree | None:
    matching = expr.matching
    if matching is None:
        return None
    return {
        "card": matching.card,
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
        "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
    }


def _call(expr: Call) -> Tree:
    function = expr.function
    return {
        "type": "call",
        "func": {
            "name": function.name,
            "argTypes": list(function.args),
            "variadic": function.variadic,
            "returnType": function.returns,
        },
        "args": [tree(arg) for arg in expr.args],
    }


def _selector(expr: VectorSelector) -> Tree:
    return {
        "name": expr.name,
        **_shift(expr.shift),
        "matchers": [_matcher(each) for each in expr.matchers],
        "anchored": expr.anchored,
        "smoothed": expr.smoothed,
    }


def _subquery(expr: Subquery) -> Tree:
    return {
        "type": "subquery",
        "expr": tree(expr.expr),
        "range": expr.range,
        "rangeExpr": _duration(expr.range_expr),
        "step": expr.step,
        "stepExpr": _duration(expr.step_expr),
        **_shift(expr.shift),
    }


def _shift(shift: Shift) -> Tree:
    return {
        "offset": shift.offset,
        "offsetExpr": _duration(shift.offset_expr),
        "timestamp": shift.at,
        "startOrEnd": shift.edge,
    }


def _matcher(matcher: Matcher) -> Tree:
    return {"name": matcher.name, "value": matcher.value, "type": matcher.op}


def _duration(expr: Expr | None) -> Tree | None:
    if expr is None:
        return None
    if isinstance(expr, NumberLiteral):
        return {"type": "numberLiteral", "val": format_float(expr.value), "duration": expr.duration}
    assert isinstance(expr, DurationExpr)
    return {
        "type": "durationExpr",
        "op": expr.op,
        "lhs": _duration(expr.left),
        "rhs": _duration(expr.right),
        "wrapped": expr.wrapped,
    }
