"""The tokens of one query with a place in them: what the parts of the parser share."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from paramedic_metrics.promql.ast import Span
from paramedic_metrics.promql.errors import ParseError
from paramedic_metrics.promql.lexer import Lexer, Token

MAX_LENGTH = 65_536
"""Bytes of a query."""
MAX_DEPTH = 200
"""Levels of nesting."""
_FRAMES = 4_000
"""Room on Python's stack for MAX_DEPTH levels of parsing, printing or evaluating, each a handful of frames."""


@dataclass(frozen=True, slots=True)
class Options:
    """What beyond the stable language is allowed; Prometheus' feature flags, all off by default."""

    experimental_functions: bool = False
    fill_modifiers: bool = False


# Python's own bound of 1,000 frames is lower than ours, and whoever calls stands on the same stack. Once, when imported:
# Python's frames take no room on the C stack, so that nothing else is at risk.
if sys.getrecursionlimit() < _FRAMES:
    sys.setrecursionlimit(_FRAMES)


class Cursor:
    """A query's tokens, the current one in `token`.

    Args:
        query: the text.
        options: what is allowed.

    Raises:
        ParseError: the query is longer than 64 KiB, or does not begin with a token.
    """

    def __init__(self, query: str, options: Options) -> None:
        self.query = query
        self.options = options
        if len(query) > MAX_LENGTH or len(query.encode(errors="surrogatepass")) > MAX_LENGTH:
            raise ParseError(query, Span(0, 0), f"query is longer than {MAX_LENGTH} bytes")
        self._lexer = Lexer(query)
        self.closing = 0
        """Where the last token ended that can end an expression."""
        self.depth = 0
        self.aggregations = 0
        """How many aggregations' arguments the place is in: Prometheus names them where it has nothing nearer to name."""
        self.mistakes: list[ParseError] = []
        """Wrong types: told only where the syntax is right, so collected first."""
        self.token = self._lexer.next()

    def advance(self) -> Token:
        """Step over the current token and return it."""
        passed = self.token
        self.closing = passed.start + len(passed.text)
        self.token = self._lexer.next()
        return passed

    def accept(self, kind: str) -> Token | None:
        """Step over the current token if it is of this kind."""
        return self.advance() if self.token.kind == kind else None

    def error(self, span: Span, reason: str) -> ParseError:
        """The error for that place."""
        return ParseError(self.query, span, reason)

    def unexpected(self, context: str = "", expected: str = "") -> ParseError:
        """The error about the current token."""
        reason = f"unexpected {self.token.described()}"
        context = context or ("aggregation" if self.aggregations else "")
        if context:
            reason += f" in {context}"
        if expected:
            reason += f", expected {expected}"
        return self.error(self.token.span, reason)

    def mistake(self, span: Span, reason: str) -> None:
        """Note a wrong type."""
        if not self.mistakes:
            self.mistakes.append(ParseError(self.query, span, reason))

    def enter(self) -> None:
        """One level deeper.

        Raises:
            ParseError: deeper than MAX_DEPTH.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(self.token.span, f"nested deeper than {MAX_DEPTH} levels")

    def leave(self) -> None:
        """One level up again."""
        self.depth -= 1
