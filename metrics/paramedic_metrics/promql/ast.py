"""The expressions of PromQL as frozen trees (prometheus/promql/parser/ast.go)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from paramedic_metrics.series import Matcher

ValueType = Literal["scalar", "vector", "matrix", "string"]
Edge = Literal["start", "end"]
Card = Literal["one-to-one", "many-to-one", "one-to-many", "many-to-many"]

DOCUMENTED: dict[str, str] = {"vector": "instant vector", "matrix": "range vector"}
"""What people call a type, where it is not its name."""


class Span(NamedTuple):
    """Where an expression stands in the query: offsets of characters, `end` exclusive."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Signature:
    """A function: what it takes and gives.

    `variadic` is 0 for exactly these arguments, n > 0 for up to n beyond all but the last, -1 for any number of the last.
    """

    name: str
    args: tuple[ValueType, ...]
    returns: ValueType = "vector"
    variadic: int = 0
    experimental: bool = False


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number; `duration` says that it was written as one (`5m`), its value is seconds."""

    value: float
    span: Span
    duration: bool = False
    type: ValueType = "scalar"


@dataclass(frozen=True, slots=True)
class StringLiteral:
    """A string."""

    value: str
    span: Span
    type: ValueType = "string"


@dataclass(frozen=True, slots=True)
class DurationExpr:
    """Arithmetic in a duration: an operator, `step`, `range`, `min_of` or `max_of`. Evaluates to seconds."""

    op: str
    left: Expr | None
    right: Expr | None
    span: Span
    wrapped: bool = False
    type: ValueType = "scalar"


@dataclass(frozen=True, slots=True)
class Shift:
    """The modifiers `offset` (milliseconds) and `@` (Unix milliseconds, or an edge of the query)."""

    offset: int = 0
    offset_expr: DurationExpr | None = None
    at: int | None = None
    edge: Edge | None = None


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """Series by matchers; the matcher of a name outside the braces is the last one."""

    name: str
    matchers: tuple[Matcher, ...]
    span: Span
    shift: Shift = Shift()
    anchored: bool = False
    smoothed: bool = False
    type: ValueType = "vector"


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """A selector with a range (milliseconds)."""

    vector: VectorSelector
    range: int
    range_expr: DurationExpr | None
    span: Span
    type: ValueType = "matrix"


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression over a range (milliseconds), in steps (milliseconds; 0 is the engine's default)."""

    expr: Expr
    range: int
    range_expr: DurationExpr | None
    step: int
    step_expr: DurationExpr | None
    span: Span
    shift: Shift = Shift()
    type: ValueType = "matrix"


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied."""

    function: Signature
    args: tuple[Expr, ...]
    span: Span

    @property
    def type(self) -> ValueType:
        return self.function.returns


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation over the series of a vector."""

    op: str
    expr: Expr
    param: Expr | None
    grouping: tuple[str, ...]
    without: bool
    span: Span
    type: ValueType = "vector"


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of two vectors find one another."""

    card: Card = "one-to-one"
    labels: tuple[str, ...] = ()
    on: bool = False
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands; `matching` is None unless both are vectors."""

    op: str
    left: Expr
    right: Expr
    matching: Matching | None
    return_bool: bool
    type: ValueType
    span: Span
    """Stored rather than worked out from the operands: a long chain leans far to the left."""


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before what is no number literal."""

    op: str
    expr: Expr
    span: Span

    @property
    def type(self) -> ValueType:
        return self.expr.type


@dataclass(frozen=True, slots=True)
class Paren:
    """Parentheses, kept for printing."""

    expr: Expr
    span: Span

    @property
    def type(self) -> ValueType:
        return self.expr.type


Expr = (
    NumberLiteral
    | StringLiteral
    | DurationExpr
    | VectorSelector
    | MatrixSelector
    | Subquery
    | Call
    | Aggregate
    | Binary
    | Unary
    | Paren
)

COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})
SETS = frozenset({"and", "or", "unless"})
TRIMS = frozenset({"</", ">/"})
AGGREGATORS = frozenset(
    [
        "sum",
        "avg",
        "count",
        "min",
        "max",
        "group",
        "stddev",
        "stdvar",
        "topk",
        "bottomk",
        "count_values",
        "quantile",
        "limitk",
        "limit_ratio",
    ]
)
WITH_PARAM = frozenset({"topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"})
EXPERIMENTAL_AGGREGATORS = frozenset({"limitk", "limit_ratio"})


def unwrapped(expr: Expr) -> Expr:
    """What stands inside any parentheses."""
    while isinstance(expr, Paren):
        expr = expr.expr
    return expr
