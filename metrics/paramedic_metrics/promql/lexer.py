"""Query text into tokens, one at a time, in linear time (prometheus/promql/parser/lex.go)."""

from __future__ import annotations

import re
from typing import NamedTuple

from paramedic_metrics.promql.ast import AGGREGATORS, Span
from paramedic_metrics.promql.errors import ParseError
from paramedic_metrics.promql.golang import quote, quote_rune

KEYWORDS = (
    frozenset(
        [
            "and",
            "or",
            "unless",
            "atan2",
            "offset",
            "smoothed",
            "anchored",
            "by",
            "without",
            "on",
            "ignoring",
            "group_left",
            "group_right",
            "fill",
            "fill_left",
            "fill_right",
            "bool",
            "start",
            "end",
            "step",
            "range",
            "max_of",
            "min_of",
        ]
    )
    | AGGREGATORS
)
_FILLS = frozenset({"fill", "fill_left", "fill_right"})
_DURATION_WORDS = frozenset({"step", "range", "max_of", "min_of"})
_OPERATORS = frozenset(
    [
        "@",
        "-",
        "+",
        "*",
        "%",
        "/",
        "==",
        "!=",
        "<=",
        "<",
        ">=",
        ">",
        "</",
        ">/",
        "=~",
        "!~",
        "^",
        "and",
        "or",
        "unless",
        "atan2",
    ]
)

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)+")
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(
    r"(?:0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*"
    r"|(?:[0-9]+(?:_[0-9]+)*\.?[0-9]*|\.[0-9]+)(?:_[0-9]+)*(?:[eE][+-]?[0-9]+)?)(?![0-9A-Za-z_.])"
)
_DURATION = re.compile(r"[0-9]+(?:[mshdwy]s?)(?:[0-9]+[mshdw]s?)*(?![0-9A-Za-z_])")
_RUN = re.compile(r"[0-9A-Za-z_.]+")
_SYMBOL = re.compile(r"==|!=|<=|>=|</|>/|[-+*/%^=<>()\[\]{},:@]")
_BRACE_SYMBOL = re.compile(r"=~|!~|!=|[=,}]")
_STRING_PART = {'"': re.compile(r'[^"\\\n]*'), "'": re.compile(r"[^'\\\n]*")}
_ESCAPE_DIGITS = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}
_OCTAL = "01234567"
_DIGITS = "0123456789abcdef"


class Token(NamedTuple):
    """A piece of the query. `kind` is the symbol or keyword itself, or one of IDENT METRIC STRING NUMBER DURATION EOF."""

    kind: str
    text: str
    start: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.start + len(self.text))

    def described(self) -> str:
        """The token as Prometheus' messages name it."""
        kind = self.kind
        if kind == "EOF":
            return "end of input"
        if kind in ("IDENT", "METRIC"):
            return f"{'identifier' if kind == 'IDENT' else 'metric identifier'} {quote(self.text)}"
        if kind in ("STRING", "NUMBER", "DURATION"):
            short = quote(self.text[:10]) + "..." if len(self.text) > 10 else quote(self.text)
            return f"{kind.lower()} {short}"
        if kind in _OPERATORS:
            return f"<op:{kind}>"
        if kind in AGGREGATORS:
            return f"<aggr:{kind}>"
        return f"<{kind}>" if kind in KEYWORDS else quote(self.text)


class Lexer:
    """Hands out the tokens of one query.

    Args:
        query: the whole text.
    """

    def __init__(self, query: str) -> None:
        self._query = query
        self._at = 0
        self._braces = False
        self._brackets = False
        self._colon = False
        self._bare = False
        """Between brackets, nothing has been there yet but signs and parentheses."""
        self._parens = 0

    def next(self) -> Token:
        """The next token; EOF again and again at the end.

        Raises:
            ParseError: what stands there is no token.
        """
        blank = _BLANK.match(self._query, self._at)
        if blank:
            self._at = blank.end()
        if self._at >= len(self._query):
            return self._end()
        if self._braces:
            return self._in_braces()
        return self._statement()

    def _end(self) -> Token:
        end = len(self._query)
        if self._braces:
            raise self._error(end, "unexpected end of input inside braces")
        if self._brackets:
            raise self._error(end, "unexpected end of input in duration expression")
        if self._parens:
            raise self._error(end, "unclosed left parenthesis")
        return Token("EOF", "", end)

    def _error(self, start: int, reason: str) -> ParseError:
        return ParseError(self._query, Span(start, len(self._query)), reason)

    def _emit(self, kind: str, end: int) -> Token:
        token = Token(kind, self._query[self._at : end], self._at)
        self._at = end
        return token

    def _statement(self) -> Token:
        query, at = self._query, self._at
        char = query[at]
        if char in "\"'`":
            return self._string(char)
        if char.isascii() and (char.isdigit() or (char == "." and query[at + 1 : at + 2].isdecimal())):
            return self._number()
        if self._brackets and (char == ":" or char.isalpha()):
            return self._in_brackets(char)
        word = _WORD.match(query, at)
        if word:
            return self._word(word)
        symbol = _SYMBOL.match(query, at)
        if not symbol:
            raise self._error(at, self._no_symbol(char))
        return self._symbol(symbol)

    def _no_symbol(self, char: str) -> str:
        if char == "!":
            after = self._query[self._at + 1 : self._at + 2]
            return f"unexpected character after '!': {quote_rune(after) if after else 'EOF'}"
        where = " in duration expression" if self._brackets and self._bare else ""
        return f"unexpected character{where}: {quote_rune(char)}"

    def _in_brackets(self, char: str) -> Token:
        if char == ":":
            if self._colon:
                raise self._error(self._at, "unexpected repeated colon in duration expression")
            self._colon = True
            return self._emit(":", self._at + 1)
        word = _LABEL.match(self._query, self._at)
        if word and word.group().lower() in _DURATION_WORDS:
            return self._emit(word.group().lower(), word.end())
        if self._bare:
            raise self._error(self._at, f"unexpected character in duration expression: {quote_rune(char)}")
        raise self._error(self._at, f"unexpected character: {quote_rune(char)}, expected ':'")

    def _word(self, word: re.Match[str]) -> Token:
        lowered = word.group().lower()
        if lowered in ("inf", "nan"):
            return self._emit("NUMBER", word.end())
        if lowered in KEYWORDS and (lowered not in _FILLS or self._paren_follows(word.end())):
            return self._emit(lowered, word.end())
        return self._emit("METRIC" if ":" in lowered else "IDENT", word.end())

    def _paren_follows(self, at: int) -> bool:
        while at < len(self._query) and self._query[at] in " \t\r\n":
            at += 1
        return self._query[at : at + 1] == "("

    def _symbol(self, symbol: re.Match[str]) -> Token:
        kind = symbol.group()
        if kind == "=" and self._query[symbol.end() : symbol.end() + 1] == "~":
            raise self._error(self._at, "unexpected character after '=': '~'")
        if kind == "(":
            self._parens += 1
        elif kind == ")":
            self._parens -= 1
            if self._parens < 0:
                raise self._error(self._at + 1, "unexpected right parenthesis ')'")
        elif kind == "{":
            self._braces = True
        elif kind == "}":
            raise self._error(self._at, "unexpected character: '}'")
        elif kind == "[":
            if self._brackets:
                raise self._error(self._at, "unexpected left bracket '['")
            self._brackets, self._colon, self._bare = True, False, True
        elif kind == "]":
            if not self._brackets:
                raise self._error(self._at, "unexpected right bracket ']'")
            self._brackets = False
        return self._emit(kind, symbol.end())

    def _number(self) -> Token:
        for kind, pattern in (("NUMBER", _NUMBER), ("DURATION", _DURATION)):
            found = pattern.match(self._query, self._at)
            if found:
                self._bare = False
                return self._emit(kind, found.end())
        run = _RUN.match(self._query, self._at)
        assert run is not None
        raise self._error(self._at, f"bad number or duration syntax: {quote(run.group())}")

    def _in_braces(self) -> Token:
        query, at = self._query, self._at
        char = query[at]
        if char in "\"'`":
            return self._string(char)
        label = _LABEL.match(query, at)
        if label:
            return self._emit("IDENT", label.end())
        symbol = _BRACE_SYMBOL.match(query, at)
        if symbol:
            self._braces = symbol.group() != "}"
            return self._emit(symbol.group(), symbol.end())
        if char == "{":
            raise self._error(at, "unexpected left brace '{'")
        if char == "!":
            after = query[at + 1 : at + 2]
            raise self._error(
                at, f"unexpected character after '!' inside braces: {quote_rune(after) if after else 'EOF'}"
            )
        raise self._error(at, f"unexpected character inside braces: {quote_rune(char)}")

    def _string(self, mark: str) -> Token:
        query, at = self._query, self._at + 1
        if mark == "`":
            end = query.find("`", at)
            if end < 0:
                raise self._error(self._at, "unterminated raw string")
            return self._emit("STRING", end + 1)
        part = _STRING_PART[mark]
        while True:
            found = part.match(query, at)
            assert found is not None
            at = found.end()
            if at >= len(query) or query[at] == "\n":
                raise self._error(self._at, "unterminated quoted string")
            if query[at] == mark:
                return self._emit("STRING", at + 1)
            at = self._escape(at + 1, mark)

    def _escape(self, at: int, mark: str) -> int:
        """The end of the escape sequence whose backslash stands just before `at`."""
        char = self._query[at : at + 1]
        if not char:
            raise self._error(self._at, "escape sequence not terminated")
        if char in "abfnrtv\\" or char == mark:
            return at + 1
        if char in _OCTAL:
            count, base, digits_at = 3, 8, at
        elif char in _ESCAPE_DIGITS:
            (count, base), digits_at = _ESCAPE_DIGITS[char], at + 1
        else:
            raise self._error(self._at, f"unknown escape sequence U+{ord(char):04X} '{char}'")
        digits = self._query[digits_at : digits_at + count]
        for digit in digits:
            if digit.lower() not in _DIGITS[:base]:
                raise self._error(self._at, f"illegal character U+{ord(digit):04X} '{digit}' in escape sequence")
        if len(digits) < count:
            raise self._error(self._at, "escape sequence not terminated")
        code = int(digits, base)
        if code > (255 if base == 8 else 0x10FFFF) or 0xD800 <= code < 0xE000:
            raise self._error(self._at, "escape sequence is an invalid Unicode code point")
        return digits_at + count
