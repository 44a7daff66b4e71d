"""Which types go together (checkAST of prometheus/promql/parser/parse.go)."""

from __future__ import annotations

from dataclasses import replace

from paramedic_metrics.promql.ast import (
    COMPARISONS,
    DOCUMENTED,
    SETS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Matching,
    Span,
    VectorSelector,
)
from paramedic_metrics.promql.cursor import Cursor
from paramedic_metrics.promql.golang import quote


def _documented(kind: str) -> str:
    return DOCUMENTED.get(kind, kind)


def unary(cursor: Cursor, span: Span, inner: Expr) -> None:
    """Note that a sign stands before what has none."""
    cursor.mistake(
        span,
        f"unary expression only allowed on expressions of type scalar or instant vector, got {quote(_documented(inner.type))}",
    )


def binary(cursor: Cursor, op_span: Span, left: Expr, right: Expr, matching: Matching, *, return_bool: bool) -> Binary:
    """The checked operation."""
    op = cursor.query[op_span.start : op_span.end].lower()
    span = Span(left.span.start, right.span.end)
    if return_bool and op not in COMPARISONS:
        cursor.mistake(op_span, "bool modifier can only be used on comparison operators")
    if op in COMPARISONS and not return_bool and left.type == right.type == "scalar":
        cursor.mistake(op_span, "comparisons between scalars must use BOOL modifier")
    if op in SETS and matching.card == "one-to-one":
        matching = replace(matching, card="many-to-many")
    if matching.on:
        for label in matching.labels:
            if label in matching.include:
                cursor.mistake(op_span, f"label {quote(label)} must not occur in ON and GROUP clause at once")
    for side in (left, right):
        if side.type not in ("scalar", "vector"):
            cursor.mistake(side.span, "binary expression must contain only scalar and instant vector types")
    both = left.type == right.type == "vector"
    _matching(cursor, span, op, matching, both=both)
    if op in SETS and "scalar" in (left.type, right.type):
        cursor.mistake(span, f"set operator {quote(op)} not allowed in binary scalar expression")
    kind = "scalar" if left.type == right.type == "scalar" else "vector"
    return Binary(op, left, right, matching if both else None, return_bool, kind, span)  # type: ignore[arg-type]


def _matching(cursor: Cursor, span: Span, op: str, matching: Matching, *, both: bool) -> None:
    fills = matching.fill_left is not None or matching.fill_right is not None
    if not both:
        if matching.labels:
            cursor.mistake(span, "vector matching only allowed between instant vectors")
        if fills:
            cursor.mistake(span, "filling in missing series only allowed between instant vectors")
    elif op in SETS:
        if matching.card != "many-to-many":
            cursor.mistake(span, f"no grouping allowed for {quote(op)} operation")
        if fills:
            cursor.mistake(span, "filling in missing series not allowed for set operators")


def call(cursor: Cursor, node: Call) -> None:
    """Note wrong numbers and types of arguments."""
    function, got = node.function, len(node.args)
    wanted = len(function.args)
    name = quote(function.name)
    if function.variadic == 0:
        if wanted != got:
            cursor.mistake(node.span, f"expected {wanted} argument(s) in call to {name}, got {got}")
    elif got < wanted - 1:
        cursor.mistake(node.span, f"expected at least {wanted - 1} argument(s) in call to {name}, got {got}")
    elif 0 < function.variadic < got - (wanted - 1):
        most = wanted - 1 + function.variadic
        cursor.mistake(node.span, f"expected at most {most} argument(s) in call to {name}, got {got}")
    if function.name == "info" and got > 1:
        _info(cursor, node.args[1])
    for place, arg in enumerate(node.args):
        if place >= wanted and function.variadic == 0:
            break
        kind = function.args[min(place, wanted - 1)]
        if arg.type != kind:
            cursor.mistake(
                arg.span,
                f"expected type {_documented(kind)} in call to function {name}, got {_documented(arg.type)}",
            )


def _info(cursor: Cursor, data: Expr) -> None:
    if data.type != "vector":
        cursor.mistake(
            data.span, f'expected type instant vector in call to function "info", got {_documented(data.type)}'
        )
    elif not isinstance(data, VectorSelector):
        cursor.mistake(data.span, "expected label selectors only")
    elif data.name:
        cursor.mistake(data.span, "expected label selectors only, got vector selector instead")


def aggregate(cursor: Cursor, node: Aggregate) -> None:
    """Note a wrong operand or parameter."""
    if node.expr.type != "vector":
        cursor.mistake(
            node.expr.span,
            f"expected type instant vector in aggregation expression, got {_documented(node.expr.type)}",
        )
    if node.param is not None:
        kind = "string" if node.op == "count_values" else "scalar"
        if node.param.type != kind:
            cursor.mistake(
                node.param.span,
                f"expected type {kind} in aggregation parameter, got {_documented(node.param.type)}",
            )
