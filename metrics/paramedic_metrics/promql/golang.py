"""How Go writes and reads strings, numbers and durations: PromQL's texts are Go's (spec "String literals", strconv, model.Duration)."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
_RANK = {"y": 1, "w": 2, "d": 3, "h": 4, "m": 5, "s": 6, "ms": 7}
_DURATION = re.compile(r"([0-9]+)([a-z]+)")
_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_ESCAPED = {7: r"\a", 8: r"\b", 12: r"\f", 10: r"\n", 13: r"\r", 9: r"\t", 11: r"\v", 92: r"\\", 34: r"\""}
_ESCAPE = re.compile(r"\\([0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
MAX_DURATION_MS = 2**63 // 1_000_000


def unquote(text: str) -> str:
    """The string that a quoted literal, already found well formed by the lexer, stands for.

    Bytes written as escapes that make no UTF-8 become U+FFFD, as in Prometheus' JSON.
    """
    body = text[1:-1]
    if text[0] == "`" or "\\" not in body:
        return body
    out, last = bytearray(), 0
    for found in _ESCAPE.finditer(body):
        out += body[last : found.start()].encode(errors="surrogatepass")
        out += _unescaped(found.group(1))
        last = found.end()
    out += body[last:].encode(errors="surrogatepass")
    return out.decode(errors="replace")


def _unescaped(escape: str) -> bytes:
    first = escape[0]
    if first in "uU":
        return chr(int(escape[1:], 16)).encode(errors="replace")
    if first == "x":
        return bytes([int(escape[1:], 16)])
    if first.isdigit():
        return bytes([int(escape, 8) & 0xFF])
    return bytes([_SIMPLE[first]])


def quote(text: str) -> str:
    """The text as Go's strconv.Quote writes it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted(char) for char in text) + '"'


def _quoted(char: str) -> str:
    code = ord(char)
    if code in _ESCAPED:
        return _ESCAPED[code]
    if char.isprintable():
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x1_0000 else f"\\U{code:08x}"


def quote_rune(char: str) -> str:
    """One character as Go's %q writes it."""
    return "'\\''" if char == "'" else f"'{quote(char)[1:-1]}'" if char != '"' else "'\"'"


def parse_number(text: str) -> float:
    """A number literal: integers with Go's prefixes and underscores first, then floats.

    Raises:
        ValueError: it is neither.
    """
    lowered = text.lower()
    if lowered in ("inf", "+inf"):
        return math.inf
    if lowered == "-inf":
        return -math.inf
    if lowered == "nan":
        return math.nan
    whole = _integer(lowered)
    if whole is not None and -(2**63) <= whole < 2**63:
        return float(whole)
    if "_" in text:
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    value = float(whole) if whole is not None and lowered.startswith("0x") else float(text)
    if math.isinf(value):
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return value


def _integer(text: str) -> int | None:
    try:
        if re.fullmatch(r"0_?[0-7][0-7_]*", text):
            return int(text.lstrip("0").replace("_", "") or "0", 8)
        return int(text, 0)
    except ValueError:
        return None


def parse_duration(text: str) -> int:
    """A duration (`1h30m`) in milliseconds.

    Raises:
        ValueError: wrong units, wrong order of units, or too long for 64 bits of nanoseconds.
    """
    if text == "0":
        return 0
    total, rank, place = 0, 0, 0
    for found in _DURATION.finditer(text):
        if found.start() != place:
            break
        place = found.end()
        unit = found.group(2)
        if unit not in _UNITS:
            raise ValueError(f"unknown unit {quote(unit)} in duration {quote(text)}")
        if _RANK[unit] <= rank:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        rank = _RANK[unit]
        if len(found.group(1)) > 20:
            raise ValueError("duration out of range")
        total += int(found.group(1)) * _UNITS[unit]
    if place != len(text) or not text:
        raise ValueError(f"not a valid duration string: {quote(text)}")
    if total > MAX_DURATION_MS:
        raise ValueError("duration out of range")
    return total


def format_duration(milliseconds: int) -> str:
    """A duration as Prometheus writes it: `1h30m`; years and weeks only where nothing is left over."""
    if milliseconds == 0:
        return "0s"
    sign, rest, out = ("-" if milliseconds < 0 else ""), abs(milliseconds), ""
    for unit in ("y", "w", "d", "h", "m", "s", "ms"):
        size = _UNITS[unit]
        if unit in "yw" and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            out += f"{count}{unit}"
    return sign + out


def format_float(value: float) -> str:
    """The shortest text that reads back as this value, without an exponent (strconv.FormatFloat 'f', -1)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def format_general(value: float) -> str:
    """The value as Go's %v and %g write it: an exponent from 21 digits on, or below 0.0001."""
    if math.isnan(value) or math.isinf(value):
        return format_float(value)
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits, exponent = _scientific(value)
    if -4 <= exponent < 21:
        return format_float(value)
    return f"{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _scientific(value: float) -> tuple[str, int]:
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    return ("-" if sign else "") + mantissa, exponent + len(text) - 1
