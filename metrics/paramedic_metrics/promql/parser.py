"""A Pratt parser of PromQL (grammar: prometheus/promql/parser/generated_parser.y, 3.16).

Linear in the length of the query: an operator chain is a loop, nesting is bounded, every token is looked at once.
"""

from __future__ import annotations

from paramedic_metrics.promql import parse_durations as durations
from paramedic_metrics.promql import typecheck
from paramedic_metrics.promql.ast import (
    AGGREGATORS,
    EXPERIMENTAL_AGGREGATORS,
    WITH_PARAM,
    Aggregate,
    Call,
    Expr,
    NumberLiteral,
    Paren,
    Span,
    StringLiteral,
    Unary,
    VectorSelector,
)
from paramedic_metrics.promql.cursor import MAX_DEPTH, Cursor, Options
from paramedic_metrics.promql.errors import ParseError
from paramedic_metrics.promql.golang import quote, unquote
from paramedic_metrics.promql.parse_matching import grouping_labels, modifiers
from paramedic_metrics.promql.parse_selectors import bracketed, check_not_empty, modified, selector
from paramedic_metrics.promql.signatures import FUNCTIONS
from paramedic_metrics.series import Matcher

_POWERS = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "</", ">/"), 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
    "atan2": 5,
    "^": 6,
}
_UNARY_POWER = 5
_POSTFIX = frozenset({"offset", "@", "anchored", "smoothed"})
_CALL_WORDS = frozenset({"IDENT", "start", "end", "step", "range", "max_of", "min_of"})
_NAME_WORDS = (
    _CALL_WORDS
    | AGGREGATORS
    | frozenset(
        [
            "METRIC",
            "by",
            "fill",
            "fill_left",
            "fill_right",
            "and",
            "or",
            "unless",
            "offset",
            "without",
            "anchored",
            "smoothed",
        ]
    )
)


def parse(query: str, options: Options = Options()) -> Expr:  # noqa: B008  frozen
    """The expression that a query is.

    Args:
        query: the text, at most 64 KiB, nested at most 200 deep.
        options: what beyond the stable language is allowed.

    Raises:
        ParseError: with line and column, in Prometheus' words.
    """
    cursor = Cursor(query, options)
    if cursor.token.kind == "EOF":
        raise ParseError(query, Span(0, 0), "no expression found in input")
    expr = _expression(cursor, 0)
    if cursor.token.kind != "EOF":
        raise cursor.unexpected()
    if cursor.mistakes:
        raise cursor.mistakes[0]
    return expr


def parse_selector(query: str) -> tuple[Matcher, ...]:
    """The matchers of a bare selector, as the series API's `match[]` takes them.

    Raises:
        ParseError: it is something else.
    """
    expr = parse(query)
    if not isinstance(expr, VectorSelector) or expr.shift != VectorSelector("", (), expr.span).shift:
        raise ParseError(query, expr.span, "a bare selector is expected here")
    return expr.matchers


def _expression(cursor: Cursor, power: int) -> Expr:
    """An expression whose operators bind stronger than `power`."""
    cursor.enter()
    left = _prefixed(cursor)
    while True:
        op = cursor.token.kind
        bind = _POWERS.get(op, 0)
        if bind <= power:
            break
        sign = cursor.advance()
        matching, return_bool = modifiers(cursor)
        right = _expression(cursor, bind - 1 if op == "^" else bind)
        left = typecheck.binary(cursor, sign.span, left, right, matching, return_bool=return_bool)
    cursor.leave()
    return left


def _prefixed(cursor: Cursor) -> Expr:
    token = cursor.token
    if token.kind not in ("+", "-"):
        return _postfixed(cursor, _primary(cursor))
    cursor.advance()
    inner = _expression(cursor, _UNARY_POWER)
    if isinstance(inner, NumberLiteral):
        return durations.negated(inner, token.kind, token.start)
    span = Span(token.start, inner.span.end)
    if inner.type not in ("scalar", "vector"):
        typecheck.unary(cursor, span, inner)
    return Unary(token.kind, inner, span)


def _postfixed(cursor: Cursor, expr: Expr) -> Expr:
    levels = 0
    while True:
        kind = cursor.token.kind
        if kind == "[":
            levels += 1
            if cursor.depth + levels > MAX_DEPTH:
                raise cursor.error(cursor.token.span, f"nested deeper than {MAX_DEPTH} levels")
            expr = bracketed(cursor, expr)
        elif kind in _POSTFIX:
            expr = modified(cursor, expr)
        else:
            if isinstance(expr, VectorSelector):
                check_not_empty(cursor, expr)
            return expr


def _primary(cursor: Cursor) -> Expr:
    token = cursor.token
    kind = token.kind
    if kind in ("NUMBER", "DURATION"):
        return durations.literal(cursor)
    if kind == "STRING":
        cursor.advance()
        return StringLiteral(unquote(token.text), token.span)
    if kind == "(":
        return _parenthesised(cursor)
    if kind == "{":
        return selector(cursor)
    if kind in AGGREGATORS:
        return _aggregate_or_name(cursor)
    if kind in _CALL_WORDS:
        return _call_or_name(cursor)
    if kind in _NAME_WORDS:
        return selector(cursor)
    raise cursor.unexpected()


def _parenthesised(cursor: Cursor) -> Expr:
    opened = cursor.advance()
    inner = _expression(cursor, 0)
    if not cursor.accept(")"):
        raise cursor.unexpected()
    return Paren(inner, Span(opened.start, cursor.closing))


def _arguments(cursor: Cursor) -> tuple[Expr, ...]:
    cursor.advance()
    args: list[Expr] = []
    if cursor.accept(")"):
        return ()
    while True:
        args.append(_expression(cursor, 0))
        if cursor.accept(")"):
            return tuple(args)
        comma = cursor.token
        if not cursor.accept(","):
            raise cursor.unexpected()
        if cursor.token.kind == ")":
            raise cursor.error(comma.span, "trailing commas not allowed in function call args")


def _call_or_name(cursor: Cursor) -> Expr:
    name = cursor.token
    node = selector(cursor)
    if cursor.token.kind != "(" or node.span.end != name.span.end:
        return node
    function = FUNCTIONS.get(name.text.lower() if name.kind != "IDENT" else name.text)
    if function is None:
        _arguments(cursor)
        raise cursor.error(name.span, f"unknown function with name {quote(name.text)}")
    if function.experimental and not cursor.options.experimental_functions:
        raise cursor.error(name.span, f"function {quote(name.text)} is not enabled: it is experimental in Prometheus")
    # info() takes a selector that may match everything: only it knows, so the mistake is noted after the arguments.
    before = list(cursor.mistakes)
    args = _arguments(cursor)
    call = Call(function, args, Span(name.start, cursor.closing))
    if function.name == "info":
        cursor.mistakes[:] = before
    typecheck.call(cursor, call)
    return call


def _aggregate_or_name(cursor: Cursor) -> Expr:
    op = cursor.token
    node = selector(cursor)
    if node.span.end != op.span.end or cursor.token.kind not in ("(", "by", "without"):
        return node
    grouping, without = _grouping(cursor)
    grouped_before = grouping is not None
    if cursor.token.kind != "(":
        raise cursor.unexpected("aggregation")
    cursor.aggregations += 1
    args = _arguments(cursor)
    cursor.aggregations -= 1
    if not grouped_before:
        grouping, without = _grouping(cursor)
    span = Span(op.start, cursor.closing)
    if not args:
        raise cursor.error(span, "no arguments for aggregate expression provided")
    if op.kind in EXPERIMENTAL_AGGREGATORS and not cursor.options.experimental_functions:
        raise cursor.error(
            span,
            f"{op.kind}() is experimental in Prometheus, and not enabled here",
        )
    wanted = 2 if op.kind in WITH_PARAM else 1
    if len(args) != wanted:
        raise cursor.error(
            span,
            f"wrong number of arguments for aggregate expression provided, expected {wanted}, got {len(args)}",
        )
    param = args[0] if wanted == 2 else None
    result = Aggregate(op.kind, args[-1], param, grouping or (), without, span)
    typecheck.aggregate(cursor, result)
    return result


def _grouping(cursor: Cursor) -> tuple[tuple[str, ...] | None, bool]:
    if cursor.token.kind not in ("by", "without"):
        return None, False
    without = cursor.advance().kind == "without"
    return grouping_labels(cursor), without
