"""Queries laid out over lines, as Prometheus' format_query does it (prometheus/promql/parser/prettier.go)."""

from __future__ import annotations

from paramedic_core.errors import LimitExceeded
from paramedic_metrics.promql.ast import Aggregate, Binary, Call, Expr, Paren, Subquery, Unary
from paramedic_metrics.promql.cursor import Options
from paramedic_metrics.promql.parser import parse
from paramedic_metrics.promql.printer import aggregate_head, binary_head, printed, subquery_suffix

_WIDTH = 100
_INDENT = "  "
_LARGEST = 4 << 20
"""Characters of a formatted query: indenting a long chain deeper term by term makes it grow with the square."""


def format_query(query: str, options: Options = Options()) -> str:  # noqa: B008  frozen
    """The query in Prometheus' own layout.

    Raises:
        ParseError: it is no PromQL.
        LimitExceeded: the result would be larger than 4 MiB.
    """
    layout = _Layout()
    layout.write(parse(query, options), 0)
    return "".join(layout.out)


class _Layout:
    def __init__(self) -> None:
        self.out: list[str] = []
        self._size = 0
        self._widths: dict[int, int] = {}

    def put(self, text: str) -> None:
        self._size += len(text)
        if self._size > _LARGEST:
            raise LimitExceeded(f"the formatted query would be longer than {_LARGEST} characters")
        self.out.append(text)

    def write(self, expr: Expr, level: int) -> None:
        if isinstance(expr, Subquery) and self.width(expr) <= _WIDTH:
            self.put(printed(expr))  # Prometheus indents these not at all
            return
        if isinstance(expr, Binary):
            self._chain(expr, level)
            return
        if isinstance(expr, Unary):
            self.put(_INDENT * level + expr.op)
            start = len(self.out)
            self.write(expr.expr, level)
            self.out[start] = self.out[start].lstrip()
            return
        if isinstance(expr, Subquery):
            self.write(expr.expr, level)
            self.put(subquery_suffix(expr))
            return
        self.put(_INDENT * level)
        if not isinstance(expr, Aggregate | Call | Paren) or self.width(expr) <= _WIDTH:
            self.put(printed(expr))
            return
        self._parenthesised(expr, level)

    def _parenthesised(self, expr: Aggregate | Call | Paren, level: int) -> None:
        head, inside = "", (expr.expr,) if not isinstance(expr, Call) else expr.args
        if isinstance(expr, Call):
            head = expr.function.name
        elif isinstance(expr, Aggregate):
            head = aggregate_head(expr)
            if expr.param is not None:
                inside = (expr.param, expr.expr)
        self.put(head + "(\n")
        for place, each in enumerate(inside):
            if place:
                self.put(",\n")
            self.write(each, level + 1)
        self.put("\n" + _INDENT * level + ")")

    def _chain(self, expr: Binary, level: int) -> None:
        """A chain of operators leans to the left, however long: a loop, no recursion."""
        split: list[Binary] = []
        node: Expr = expr
        while isinstance(node, Binary) and self.width(node) > _WIDTH:
            split.append(node)
            node = node.left
        depth = level + len(split)
        if isinstance(node, Binary):
            self.put(_INDENT * depth + printed(node))
        else:
            self.write(node, depth)
        for part in reversed(split):
            depth -= 1
            self.put(f"\n{_INDENT * depth}{binary_head(part)}\n")
            self.write(part.right, depth + 1)

    def width(self, expr: Expr) -> int:
        """The length of the expression on one line, worked out once for each."""
        known = self._widths.get(id(expr))
        if known is not None:
            return known
        if isinstance(expr, Binary):
            chain: list[Binary] = []
            node: Expr = expr
            while isinstance(node, Binary) and id(node) not in self._widths:
                chain.append(node)
                node = node.left
            size = self.width(node)
            for part in reversed(chain):
                size += len(binary_head(part)) + 2 + self.width(part.right)
                self._widths[id(part)] = size
            return size
        size = self._width(expr)
        self._widths[id(expr)] = size
        return size

    def _width(self, expr: Expr) -> int:
        if isinstance(expr, Aggregate):
            inside = self.width(expr.expr) + (0 if expr.param is None else self.width(expr.param) + 2)
            return len(aggregate_head(expr)) + 2 + inside
        if isinstance(expr, Call):
            gaps = 2 * max(len(expr.args) - 1, 0)
            return len(expr.function.name) + 2 + gaps + sum(self.width(arg) for arg in expr.args)
        if isinstance(expr, Paren):
            return 2 + self.width(expr.expr)
        if isinstance(expr, Unary):
            return 1 + self.width(expr.expr)
        if isinstance(expr, Subquery):
            return self.width(expr.expr) + len(subquery_suffix(expr))
        return len(printed(expr))
