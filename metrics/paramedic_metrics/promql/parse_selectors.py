"""Selectors: matchers in braces, ranges and subqueries in brackets, and the modifiers behind them."""

from __future__ import annotations

import math
from dataclasses import replace

from paramedic_metrics.promql import parse_durations as durations
from paramedic_metrics.promql import regex
from paramedic_metrics.promql.ast import (
    DurationExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Shift,
    Span,
    Subquery,
    VectorSelector,
)
from paramedic_metrics.promql.cursor import Cursor
from paramedic_metrics.promql.golang import unquote
from paramedic_metrics.series import Matcher

NAME = "__name__"
_OPS = ("=", "!=", "=~", "!~")


def selector(cursor: Cursor) -> VectorSelector:
    """A metric name, braces, or both."""
    start, name = cursor.token.start, ""
    matchers: list[Matcher] = []
    if cursor.token.kind != "{":
        name = cursor.advance().text
    if cursor.token.kind == "{":
        matchers = _braces(cursor)
    span = Span(start, cursor.closing)
    if name:
        for matcher in matchers:
            if matcher.name == NAME:
                cursor.mistake(span, f'metric name must not be set twice: "{name}" or "{matcher.value}"')
        matchers.append(Matcher(NAME, "=", name))
    return VectorSelector(name, tuple(matchers), span)


def check_not_empty(cursor: Cursor, node: VectorSelector) -> None:
    """Note the mistake of a selector that every series matches."""
    if not node.name and not any(not regex.matches_empty(matcher) for matcher in node.matchers):
        cursor.mistake(node.span, "vector selector must contain at least one non-empty matcher")


def _braces(cursor: Cursor) -> list[Matcher]:
    cursor.advance()
    matchers: list[Matcher] = []
    while not cursor.accept("}"):
        matchers.append(_matcher(cursor))
        if cursor.token.kind not in (",", "}"):
            raise cursor.unexpected("label matching", '"," or "}"')
        cursor.accept(",")
    return matchers


def _matcher(cursor: Cursor) -> Matcher:
    token = cursor.token
    if token.kind not in ("IDENT", "STRING"):
        raise cursor.unexpected("label matching", 'identifier or "}"')
    cursor.advance()
    name = unquote(token.text) if token.kind == "STRING" else token.text
    if token.kind == "STRING" and cursor.token.kind in (",", "}"):
        return Matcher(NAME, "=", name)
    op = cursor.token.kind
    if op not in _OPS:
        raise cursor.unexpected("label matching", "label matching operator")
    cursor.advance()
    if cursor.token.kind != "STRING":
        raise cursor.unexpected("label matching", "string")
    value = cursor.advance()
    matcher = Matcher(name, op, unquote(value.text))  # type: ignore[arg-type]  # one of _OPS, as was just seen
    if op in ("=~", "!~"):
        wrong = regex.problem(matcher.value)
        if wrong:
            raise cursor.error(Span(token.start, cursor.closing), f"error parsing regexp: {wrong}")
    return matcher


def bracketed(cursor: Cursor, expr: Expr) -> Expr:
    """A range or a subquery over `expr`, at whose bracket the cursor stands."""
    opened = cursor.advance()
    if cursor.token.kind in ("]", ":"):
        raise cursor.unexpected("subquery or range selector", "number, duration, step(), or range()")
    range_ms, range_expr = durations.milliseconds(durations.positive(cursor))
    if cursor.accept(":"):
        step_ms, step_expr = 0, None
        if cursor.token.kind != "]":
            step_ms, step_expr = durations.milliseconds(durations.positive(cursor))
        if not cursor.accept("]"):
            raise cursor.unexpected("subquery selector", '"]"')
        if expr.type != "vector":
            cursor.mistake(
                Span(expr.span.start, cursor.closing),
                f"subquery is only allowed on instant vector, got {expr.type} instead",
            )
        return Subquery(expr, range_ms, range_expr, step_ms, step_expr, Span(expr.span.start, cursor.closing))
    if not cursor.accept("]"):
        raise cursor.unexpected("subquery or range", '":" or "]"')
    where = Span(opened.start, cursor.closing)
    if not isinstance(expr, VectorSelector):
        raise cursor.error(where, "ranges only allowed for vector selectors")
    if expr.shift.offset or expr.shift.offset_expr is not None:
        raise cursor.error(where, "no offset modifiers allowed before range")
    if expr.shift.at is not None or expr.shift.edge:
        raise cursor.error(where, "no @ modifiers allowed before range")
    return MatrixSelector(expr, range_ms, range_expr, Span(expr.span.start, cursor.closing))


def modified(cursor: Cursor, expr: Expr) -> Expr:
    """`expr` with the modifier at which the cursor stands: offset, @, anchored or smoothed."""
    kind = cursor.advance().kind
    if kind == "offset":
        return _offset(cursor, expr)
    if kind == "@":
        return _at(cursor, expr)
    return _extended(cursor, expr, kind)


def _shift(cursor: Cursor, expr: Expr, name: str) -> Shift:
    if isinstance(expr, VectorSelector | Subquery):
        return expr.shift
    if isinstance(expr, MatrixSelector):
        return expr.vector.shift
    raise cursor.error(
        expr.span,
        f"{name} modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    )


def _shifted(cursor: Cursor, expr: Expr, shift: Shift) -> Expr:
    span = Span(expr.span.start, cursor.closing)
    if isinstance(expr, MatrixSelector):
        return replace(expr, vector=replace(expr.vector, shift=shift), span=span)
    assert isinstance(expr, VectorSelector | Subquery)
    return replace(expr, shift=shift, span=span)


def _offset(cursor: Cursor, expr: Expr) -> Expr:
    amount = durations.offset(cursor)
    shift = _shift(cursor, expr, "offset")
    if shift.offset or shift.offset_expr is not None:
        raise cursor.error(expr.span, "offset may not be set multiple times")
    if isinstance(amount, NumberLiteral):
        milliseconds, _ = durations.milliseconds(amount)
        return _shifted(cursor, expr, replace(shift, offset=milliseconds))
    assert isinstance(amount, DurationExpr)
    return _shifted(cursor, expr, replace(shift, offset_expr=amount))


def _at(cursor: Cursor, expr: Expr) -> Expr:
    kind = cursor.token.kind
    if kind in ("start", "end"):
        cursor.advance()
        if not (cursor.accept("(") and cursor.accept(")")):
            raise cursor.unexpected("@", "timestamp")
        shift = _free_of_at(cursor, expr)
        return _shifted(cursor, expr, replace(shift, edge="start" if kind == "start" else "end"))
    sign = cursor.advance().kind if kind in ("+", "-") else "+"
    if cursor.token.kind not in ("NUMBER", "DURATION"):
        raise cursor.unexpected("@", "timestamp")
    number = durations.literal(cursor).value
    seconds = -number if sign == "-" else number
    if not math.isfinite(seconds) or abs(seconds) >= 2**63:
        raise cursor.error(expr.span, f"timestamp out of bounds for @ modifier: {seconds:f}")
    shift = _free_of_at(cursor, expr)
    return _shifted(cursor, expr, replace(shift, at=_half_away(seconds * 1000)))


def _half_away(value: float) -> int:
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _free_of_at(cursor: Cursor, expr: Expr) -> Shift:
    shift = _shift(cursor, expr, "@")
    if shift.at is not None or shift.edge:
        raise cursor.error(expr.span, "@ <timestamp> may not be set multiple times")
    return shift


def _extended(cursor: Cursor, expr: Expr, kind: str) -> Expr:
    vector = expr.vector if isinstance(expr, MatrixSelector) else expr
    if isinstance(vector, Subquery):
        raise cursor.error(expr.span, f"{kind} modifier is not supported for subqueries")
    if not isinstance(vector, VectorSelector):
        raise cursor.error(expr.span, f"{kind} modifier not implemented")
    changed = replace(
        vector, anchored=vector.anchored or kind == "anchored", smoothed=vector.smoothed or kind == "smoothed"
    )
    if changed.anchored and changed.smoothed:
        raise cursor.error(expr.span, "anchored and smoothed modifiers cannot be used together")
    return replace(expr, vector=changed) if isinstance(expr, MatrixSelector) else changed
