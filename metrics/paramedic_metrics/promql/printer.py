"""Expressions back into text on one line, as Prometheus prints them (prometheus/promql/parser/printer.go)."""

from __future__ import annotations

import re

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
from paramedic_metrics.promql.golang import format_duration, format_float, format_general, quote
from paramedic_metrics.series import Matcher

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def printed(expr: Expr) -> str:
    """The expression as text."""
    parts: list[str] = []
    _write(expr, parts)
    return "".join(parts)


def _write(expr: Expr, out: list[str]) -> None:
    match expr:
        case NumberLiteral():
            out.append(number(expr))
        case StringLiteral():
            out.append(quote(expr.value))
        case DurationExpr():
            out.append(duration(expr))
        case VectorSelector():
            out.append(selector(expr) + _at(expr.shift) + _extended(expr) + _offset(expr.shift))
        case MatrixSelector():
            inner = expr.vector
            out.append(f"{selector(inner)}[{_span(expr.range, expr.range_expr)}]{_extended(inner)}")
            out.append(_at(inner.shift) + _offset(inner.shift))
        case Subquery():
            _write(expr.expr, out)
            out.append(subquery_suffix(expr))
        case Call():
            out.append(expr.function.name + "(")
            _write_all(expr.args, out)
            out.append(")")
        case Aggregate():
            out.append(aggregate_head(expr) + "(")
            _write_all(expr.expr if expr.param is None else (expr.param, expr.expr), out)
            out.append(")")
        case Binary():
            _write_chain(expr, out)
        case Unary():
            out.append(expr.op)
            _write(expr.expr, out)
        case Paren():
            out.append("(")
            _write(expr.expr, out)
            out.append(")")


def _write_all(exprs: Expr | tuple[Expr, ...], out: list[str]) -> None:
    for place, expr in enumerate(exprs if isinstance(exprs, tuple) else (exprs,)):
        if place:
            out.append(", ")
        _write(expr, out)


def _write_chain(expr: Binary, out: list[str]) -> None:
    """A chain of operators leans to the left, however long: a loop, no recursion."""
    chain: list[Binary] = []
    node: Expr = expr
    while isinstance(node, Binary):
        chain.append(node)
        node = node.left
    _write(node, out)
    for part in reversed(chain):
        out.append(f" {binary_head(part)} ")
        _write(part.right, out)


def number(expr: NumberLiteral) -> str:
    """A number, as a duration where it was written as one."""
    return format_duration(int(expr.value * 1000)) if expr.duration else format_float(expr.value)


def label_name(name: str) -> str:
    """A label's name, in quotes where it must be."""
    return name if _PLAIN.fullmatch(name) else quote(name)


def label_names(names: tuple[str, ...]) -> str:
    """Label names as between parentheses."""
    return ", ".join(map(label_name, names))


def aggregate_head(expr: Aggregate) -> str:
    """What stands before the parentheses."""
    if not expr.grouping and not expr.without:
        return expr.op
    return f"{expr.op} {'without' if expr.without else 'by'} ({label_names(expr.grouping)}) "


def binary_head(expr: Binary) -> str:
    """The operator with its modifiers."""
    out = expr.op + (" bool" if expr.return_bool else "")
    matching = expr.matching
    if matching is None:
        return out
    grouped = matching.card in ("many-to-one", "one-to-many")
    if matching.labels or matching.on or grouped:
        out += f" {'on' if matching.on else 'ignoring'} ({label_names(matching.labels)})"
    if grouped:
        side = "left" if matching.card == "many-to-one" else "right"
        out += f" group_{side} ({label_names(matching.include)})"
    left, right = matching.fill_left, matching.fill_right
    if left is not None and left == right:
        return out + f" fill ({format_general(left)})"
    if left is not None:
        out += f" fill_left ({format_general(left)})"
    if right is not None:
        out += f" fill_right ({format_general(right)})"
    return out


def _matcher(matcher: Matcher) -> str:
    return f"{label_name(matcher.name)}{matcher.op}{quote(matcher.value)}"


def selector(expr: VectorSelector) -> str:
    """Name and matchers, without modifiers."""
    shown = sorted(
        _matcher(each)
        for each in expr.matchers
        if not (each.name == "__name__" and each.op == "=" and each.value == expr.name and each.value)
    )
    return expr.name + ("{" + ",".join(shown) + "}" if shown else "")


def _at(shift: Shift) -> str:
    if shift.at is not None:
        return f" @ {shift.at / 1000:.3f}"
    return f" @ {shift.edge}()" if shift.edge else ""


def _offset(shift: Shift) -> str:
    if shift.offset_expr is not None:
        return f" offset {duration(shift.offset_expr)}"
    return f" offset {format_duration(shift.offset)}" if shift.offset else ""


def _extended(expr: VectorSelector) -> str:
    return " anchored" if expr.anchored else " smoothed" if expr.smoothed else ""


def _span(milliseconds: int, expr: DurationExpr | None) -> str:
    return format_duration(milliseconds) if expr is None else duration(expr)


def subquery_suffix(expr: Subquery) -> str:
    """The brackets and modifiers of a subquery."""
    step = _span(expr.step, expr.step_expr) if expr.step or expr.step_expr is not None else ""
    return f"[{_span(expr.range, expr.range_expr)}:{step}]{_at(expr.shift)}{_offset(expr.shift)}"


def duration(expr: Expr) -> str:
    """A duration's arithmetic."""
    if not isinstance(expr, DurationExpr):
        assert isinstance(expr, NumberLiteral)
        return number(expr)
    text = _bare_duration(expr)
    return f"({text})" if expr.wrapped else text


def _bare_duration(expr: DurationExpr) -> str:
    if expr.right is None:
        return f"{expr.op}()"
    right = duration(expr.right)
    if expr.op in ("min_of", "max_of"):
        assert expr.left is not None
        return f"{expr.op}({duration(expr.left)}, {right})"
    if expr.left is None:
        return f"-{right}" if expr.op == "-" else right
    return f"{duration(expr.left)} {expr.op} {right}"
