"""What is settled before evaluating: durations, edges of the query, and what has one value for all steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

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
    unwrapped,
)
from paramedic_metrics.promql.errors import EvaluationError
from paramedic_metrics.promql.native import reads_native, refusal

UNSAFE = frozenset(
    [
        "days_in_month",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "end",
        "hour",
        "minute",
        "month",
        "year",
        "predict_linear",
        "range",
        "start",
        "step",
        "time",
        "timestamp",
    ]
)
_LIMIT = 2**63 / 1e9


@dataclass(frozen=True, slots=True)
class Settled:
    """An expression ready to be evaluated, and the identities of its parts that have one value for all steps."""

    expr: Expr
    invariant: set[int]


def settled(query: str, expr: Expr, start: int, end: int, step: int) -> Settled:
    """The expression for a query of these bounds (Unix milliseconds; step in milliseconds, 0 for an instant query).

    Raises:
        EvaluationError: a duration is not above zero, or no number; or what it asks for is only in native histograms.
    """
    settling = _Settling(query, start, end, step)
    result, always = settling.walk(expr)
    if always:
        settling.once(result)
    return Settled(result, settling.invariant)


class _Settling:
    def __init__(self, query: str, start: int, end: int, step: int) -> None:
        self.query = query
        self.start, self.end, self.step = start, end, step
        self.invariant: set[int] = set()

    def once(self, expr: Expr) -> None:
        """Evaluate this part once, unless it is a literal or only ever read by a function."""
        if not isinstance(expr, MatrixSelector | Subquery | NumberLiteral | StringLiteral):
            self.invariant.add(id(expr))

    def walk(self, expr: Expr) -> tuple[Expr, bool]:
        """The settled expression, and whether it is the same at every step."""
        match expr:
            case NumberLiteral() | StringLiteral():
                return expr, True
            case VectorSelector():
                vector = replace(expr, shift=self._shift(expr.shift))
                return vector, vector.shift.at is not None
            case MatrixSelector():
                selector = replace(expr.vector, shift=self._shift(expr.vector.shift))
                matrix = replace(expr, vector=selector, range=self._duration(expr.range, expr.range_expr))
                return matrix, selector.shift.at is not None
            case Subquery():
                return self._subquery(expr)
            case Paren() | Unary():
                inner, always = self.walk(expr.expr)
                return replace(expr, expr=inner), always
            case Aggregate():
                return self._aggregate(expr)
            case Call():
                return self._call(expr)
            case Binary():
                return self._binary(expr)
            case DurationExpr():
                raise AssertionError("a duration stands in selectors only")

    def _subquery(self, expr: Subquery) -> tuple[Expr, bool]:
        inner, always = self.walk(expr.expr)
        if always:
            self.once(inner)
        shift = self._shift(expr.shift)
        span, step = self._duration(expr.range, expr.range_expr), self._duration(expr.step, expr.step_expr)
        return replace(expr, expr=inner, shift=shift, range=span, step=step), shift.at is not None

    def _aggregate(self, expr: Aggregate) -> tuple[Expr, bool]:
        inner, always = self.walk(unwrapped(expr.expr))
        param = None if expr.param is None else self.walk(unwrapped(expr.param))[0]
        return replace(expr, expr=inner, param=param), always

    def _binary(self, expr: Binary) -> tuple[Expr, bool]:
        """A chain of operators leans to the left, however long: a loop, no recursion."""
        chain: list[Binary] = []
        node: Expr = expr
        while isinstance(node, Binary):
            if reads_native(node):
                raise refusal(self.query, node)
            chain.append(node)
            node = node.left
        left, left_always = self.walk(node)
        for part in reversed(chain):
            right, right_always = self.walk(part.right)
            if left_always != right_always:
                self.once(left if left_always else right)
            left = replace(part, left=left, right=right)
            left_always = left_always and right_always
        return left, left_always

    def _call(self, expr: Call) -> tuple[Expr, bool]:
        name = expr.function.name
        if reads_native(expr):
            raise refusal(self.query, expr)
        if name in ("start", "end", "step", "range"):
            return NumberLiteral(self._edge(name), expr.span), True
        walked = [self.walk(unwrapped(arg)) for arg in expr.args]
        args = tuple(arg for arg, _ in walked)
        result = replace(expr, args=args)
        fixed = all(always for _, always in walked)
        of_selector = name == "timestamp" and isinstance(args[0], VectorSelector)
        if fixed and (name not in UNSAFE or of_selector) and name != "info":
            return result, True
        for place, (arg, always) in enumerate(walked):
            if always and not (name == "info" and place == 1) and not of_selector:
                self.once(arg)
        return result, False

    def _edge(self, name: str) -> float:
        values: dict[str, float] = {
            "start": self.start / 1000,
            "end": self.end / 1000,
            "range": (self.end - self.start) / 1000,
            "step": 0.0 if self.start == self.end else self.step / 1000,
        }
        return values[name]

    def _shift(self, shift: Shift) -> Shift:
        offset = self._duration(shift.offset, shift.offset_expr, signed=True)
        at = shift.at
        if shift.edge is not None:
            at = self.start if shift.edge == "start" else self.end
        return Shift(offset, None, at, None)

    def _duration(self, milliseconds: int, expr: DurationExpr | None, *, signed: bool = False) -> int:
        if expr is None:
            return milliseconds
        seconds = self._seconds(expr)
        where = f"{expr.span.start}:{expr.span.end}"
        if not math.isfinite(seconds):
            raise EvaluationError(f"{where}: duration is NaN or infinite")
        if seconds <= 0 and not signed:
            raise EvaluationError(f"{where}: duration must be greater than 0")
        if abs(seconds) > _LIMIT:
            raise EvaluationError(f"{where}: duration is out of range")
        return int(seconds * 1000)

    def _seconds(self, expr: Expr) -> float:
        if isinstance(expr, NumberLiteral):
            return expr.value
        assert isinstance(expr, DurationExpr)
        if expr.op == "step":
            return self.step / 1000
        if expr.op == "range":
            return (self.end - self.start) / 1000
        left = 0.0 if expr.left is None else self._seconds(expr.left)
        right = 0.0 if expr.right is None else self._seconds(expr.right)
        if expr.op in "/%" and right == 0:
            kind = "division" if expr.op == "/" else "modulo"
            raise EvaluationError(f"{expr.span.start}:{expr.span.end}: {kind} by zero")
        return _DURATIONS[expr.op](left, right)


def _power(base: float, exponent: float) -> float:
    try:
        result = math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan
    return result


_DURATIONS: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "%": math.fmod,
    "^": _power,
    "min_of": min,
    "max_of": max,
}
