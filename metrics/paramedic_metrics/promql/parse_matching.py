"""What stands between an operator and its right operand: bool, on and ignoring, group_left and group_right, fill."""

from __future__ import annotations

from dataclasses import replace

from paramedic_metrics.promql import parse_durations as durations
from paramedic_metrics.promql.ast import Matching
from paramedic_metrics.promql.cursor import Cursor
from paramedic_metrics.promql.golang import quote, unquote
from paramedic_metrics.promql.lexer import KEYWORDS

_LABEL_WORDS = KEYWORDS - {"without"} | {"IDENT", "METRIC"}


def modifiers(cursor: Cursor) -> tuple[Matching, bool]:
    """The matching, and whether `bool` was there."""
    return_bool = cursor.accept("bool") is not None
    matching = Matching()
    if cursor.token.kind in ("on", "ignoring"):
        on = cursor.advance().kind == "on"
        matching = replace(matching, on=on, labels=grouping_labels(cursor))
        if cursor.token.kind in ("group_left", "group_right"):
            side = cursor.advance().kind
            include = grouping_labels(cursor) if cursor.token.kind == "(" else ()
            card = "many-to-one" if side == "group_left" else "one-to-many"
            matching = replace(matching, card=card, include=include)  # type: ignore[arg-type]  # one of Card
    return _fills(cursor, matching), return_bool


def _fills(cursor: Cursor, matching: Matching) -> Matching:
    start = cursor.token
    if start.kind == "fill":
        cursor.advance()
        value = _fill(cursor)
        matching = replace(matching, fill_left=value, fill_right=value)
    elif start.kind in ("fill_left", "fill_right"):
        for _ in range(2):
            kind = cursor.token.kind
            if kind == "fill_left" and matching.fill_left is None:
                cursor.advance()
                matching = replace(matching, fill_left=_fill(cursor))
            elif kind == "fill_right" and matching.fill_right is None:
                cursor.advance()
                matching = replace(matching, fill_right=_fill(cursor))
    else:
        return matching
    if not cursor.options.fill_modifiers:
        raise cursor.error(start.span, "binop fill modifiers are experimental in Prometheus, and not enabled here")
    return matching


def _fill(cursor: Cursor) -> float:
    if not cursor.accept("("):
        raise cursor.unexpected("fill", '"("')
    sign = cursor.advance().kind if cursor.token.kind in ("+", "-") else "+"
    if cursor.token.kind not in ("NUMBER", "DURATION"):
        raise cursor.unexpected("fill", "number")
    value = durations.literal(cursor).value
    if not cursor.accept(")"):
        raise cursor.unexpected("fill", '")"')
    return -value if sign == "-" else value


def grouping_labels(cursor: Cursor) -> tuple[str, ...]:
    """Label names in parentheses."""
    if not cursor.accept("("):
        raise cursor.unexpected("grouping opts", '"("')
    labels: list[str] = []
    while not cursor.accept(")"):
        token = cursor.token
        if token.kind == "STRING":
            name = unquote(token.text)
            if not name:
                raise cursor.error(token.span, f"invalid label name for grouping: {quote(name)}")
            labels.append(name)
        elif token.kind in _LABEL_WORDS:
            labels.append(token.text)
        else:
            raise cursor.unexpected("grouping opts", "label")
        cursor.advance()
        if cursor.token.kind not in (",", ")"):
            raise cursor.unexpected("grouping opts", '"," or ")"')
        cursor.accept(",")
    return tuple(labels)
