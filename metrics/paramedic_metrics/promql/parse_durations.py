"""Durations: literals, and the arithmetic allowed in ranges, steps and offsets."""

from __future__ import annotations

from paramedic_metrics.promql.ast import DurationExpr, Expr, NumberLiteral, Span
from paramedic_metrics.promql.cursor import Cursor
from paramedic_metrics.promql.golang import parse_duration, parse_number

_POWERS = {"+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 6}
_UNARY_POWER = 5
_LIMIT = 2**63 / 1e9
"""Seconds that 64 bits of nanoseconds hold."""


def literal(cursor: Cursor) -> NumberLiteral:
    """A number or a duration, at whose token the cursor stands."""
    token = cursor.advance()
    try:
        if token.kind == "DURATION":
            return NumberLiteral(parse_duration(token.text) / 1000, token.span, duration=True)
        return NumberLiteral(parse_number(token.text), token.span)
    except ValueError as error:
        reason = str(error) if token.kind == "DURATION" else f"error parsing number: {error}"
        raise cursor.error(token.span, reason) from None


def negated(number: NumberLiteral, op: str, start: int) -> NumberLiteral:
    """The literal with a sign before it."""
    value = -number.value if op == "-" else number.value
    return NumberLiteral(value, Span(start, number.span.end), number.duration)


def milliseconds(expr: Expr) -> tuple[int, DurationExpr | None]:
    """A duration as milliseconds where it is a literal, else 0 and the expression."""
    if isinstance(expr, NumberLiteral):
        return int(round(expr.value * 1e9) / 1_000_000), None
    assert isinstance(expr, DurationExpr)
    return 0, expr


def duration(cursor: Cursor, power: int = 0) -> Expr:
    """A duration expression whose operators bind stronger than `power`."""
    cursor.enter()
    left = _operand(cursor)
    while True:
        op = cursor.token.kind
        bind = _POWERS.get(op, 0)
        if bind <= power:
            break
        sign = cursor.advance()
        right = duration(cursor, bind - 1 if op == "^" else bind)
        if op in "/%" and isinstance(right, NumberLiteral) and right.value == 0:
            raise cursor.error(sign.span, "division by zero" if op == "/" else "modulo by zero")
        left = DurationExpr(op, left, right, Span(left.span.start, right.span.end))
    cursor.leave()
    return left


def positive(cursor: Cursor) -> Expr:
    """A duration expression that, where it is a literal, must be above zero."""
    expr = duration(cursor)
    if isinstance(expr, NumberLiteral) and expr.value <= 0:
        raise cursor.error(expr.span, "duration must be greater than 0")
    return expr


def offset(cursor: Cursor) -> Expr:
    """What follows `offset`: one operand with its sign, never a bare operator behind it (`x offset 1m + y` is a sum)."""
    kind = cursor.token.kind
    if kind not in ("NUMBER", "DURATION", "+", "-", "step", "range", "max_of", "min_of", "("):
        raise cursor.unexpected("offset", "number, duration, step(), or range()")
    return _operand(cursor, powers=False)


def _operand(cursor: Cursor, *, powers: bool = True) -> Expr:
    """One operand; `powers` says whether a sign takes a following `^` with it (after `offset` it does not)."""
    token = cursor.token
    kind = token.kind
    if kind in ("NUMBER", "DURATION"):
        return _bounded(cursor, literal(cursor))
    if kind in ("+", "-"):
        cursor.advance()
        return _signed(cursor, kind, token.start, powers=powers)
    if kind in ("step", "range"):
        cursor.advance()
        _expect(cursor, "(")
        _expect(cursor, ")")
        return DurationExpr(kind, None, None, Span(token.start, cursor.closing))
    if kind in ("max_of", "min_of"):
        cursor.advance()
        _expect(cursor, "(")
        left = duration(cursor)
        _expect(cursor, ",")
        right = duration(cursor)
        _expect(cursor, ")")
        return DurationExpr(kind, left, right, Span(token.start, cursor.closing))
    if kind == "(":
        cursor.advance()
        inner = duration(cursor)
        _expect(cursor, ")")
        if isinstance(inner, DurationExpr):
            return DurationExpr(inner.op, inner.left, inner.right, inner.span, wrapped=True)
        return DurationExpr("+", None, inner, Span(token.start, cursor.closing), wrapped=True)
    raise cursor.unexpected("subquery or range selector", "number, duration, step(), or range()")


def _signed(cursor: Cursor, op: str, start: int, *, powers: bool) -> Expr:
    inner = duration(cursor, _UNARY_POWER) if powers else _operand(cursor)
    if isinstance(inner, NumberLiteral):
        return _bounded(cursor, negated(inner, op, start))
    return DurationExpr("-", None, inner, Span(start, inner.span.end)) if op == "-" else inner


def _bounded(cursor: Cursor, number: NumberLiteral) -> NumberLiteral:
    if not -_LIMIT <= number.value <= _LIMIT:
        raise cursor.error(number.span, "duration out of range")
    return number


def _expect(cursor: Cursor, kind: str) -> None:
    if not cursor.accept(kind):
        raise cursor.unexpected("duration expression", f'"{kind}"')
