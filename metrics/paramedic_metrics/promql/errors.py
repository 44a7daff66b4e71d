"""What can go wrong with a query, in Prometheus' words."""

from __future__ import annotations

from paramedic_core.errors import BadInput, LimitExceeded, Temporary
from paramedic_metrics.promql.ast import Span


class ParseError(BadInput):
    """The query is no PromQL; the text begins with line and column (`1:5: parse error: …`).

    Args:
        query: the whole text.
        span: where in it.
        reason: what is wrong.
    """

    def __init__(self, query: str, span: Span, reason: str) -> None:
        super().__init__(f"{place(query, span.start)}: parse error: {reason}")
        self.query = query
        self.span = span
        self.reason = reason


class EvaluationError(BadInput):
    """The query is PromQL, and cannot be answered on this data: ambiguous matching, a wrong parameter."""


class QueryTimeout(LimitExceeded):
    """The query took longer than it may."""


class QueryCanceled(Temporary):
    """Whoever asked has gone, or the process ends."""


def place(query: str, offset: int) -> str:
    """Line and column of a character, both from 1, columns counted in bytes of UTF-8 as Prometheus does."""
    if not query:
        return "unknown position"
    before = query[:offset]
    line_start = before.rfind("\n") + 1
    return f"{before.count(chr(10)) + 1}:{len(before[line_start:].encode(errors='surrogatepass')) + 1}"
