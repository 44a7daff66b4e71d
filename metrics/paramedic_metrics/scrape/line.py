"""One line of an exposition taken apart: the slow way, for lines that were not seen before. Pure.

Text format 0.0.4 and 1.0.0 (https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0
(https://prometheus.io/docs/specs/om/open_metrics_spec/), as Prometheus' own parsers read them (model/textparse).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from paramedic_core.errors import BadInput

MOST_LINE = 256 << 10
"""Bytes of a line; a longer one fails the scrape."""
MOST_LABELS = 256
"""Labels of a series, whatever `label_limit` says."""
Pairs = list[tuple[str, str]]

_NAME = re.compile(rb"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)?[ \t]*")
_PAIR = re.compile(
    rb'[ \t]*(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\\n]|\\.)*+)")[ \t]*(=[ \t]*"((?:[^"\\\n]|\\.)*+)")?[ \t]*(,?)'
)
_END = re.compile(rb"[ \t]*\}[ \t]*")
_ESCAPE = re.compile(r'\\([\\"n])')
_HEADER = re.compile(
    rb'#[ \t]+(HELP|TYPE|UNIT)[ \t]+(?:"((?:[^"\\\n]|\\.)*+)"|([a-zA-Z_:][a-zA-Z0-9_:]*))(?:[ \t]+(.*))?'
)
_TEXT_STAMP = re.compile(rb"-?[0-9]{1,18}")
_OPEN_STAMP = re.compile(rb"[+-]?[0-9][0-9.eE+\-]{0,30}")
_FAR = 1 << 62


@dataclass(frozen=True, slots=True)
class Line:
    """A sample's line."""

    series: bytes
    """`name{labels}` as it stands there."""
    value: bytes
    stamp: int | None
    """Unix milliseconds, where the line has a timestamp."""


@dataclass(frozen=True, slots=True)
class Header:
    """A `# HELP`, `# TYPE` or `# UNIT` line."""

    kind: str
    name: str
    text: str


def split(line: bytes, *, openmetrics: bool) -> Line:
    """A sample's line in series, value and timestamp; the series is not looked into beyond where it ends.

    Raises:
        BadInput: it is none.
    """
    if len(line) > MOST_LINE:
        raise BadInput(f"a line of {len(line)} bytes (at most {MOST_LINE})")
    end = _end_of_series(line)
    rest = line[end:]
    if openmetrics:
        # An exemplar: `# {labels} value [timestamp]`. It is not stored.
        rest = rest.partition(b" # ")[0]
    words = [word for word in rest.replace(b"\t", b" ").split(b" ") if word]
    if not words:
        raise BadInput(f"expected a value after the series, found the end of the line: {_shown(line)}")
    if len(words) > 2:
        raise BadInput(f"more than a value and a timestamp after the series: {_shown(line)}")
    stamp = _stamp(words[1], line, openmetrics=openmetrics) if len(words) == 2 else None
    return Line(line[:end].strip(b" \t"), words[0], stamp)


def labels(series: bytes) -> Pairs:
    """The labels of a series as it stands in an exposition, its name among them as `__name__`, unsorted.

    A name that is quoted (`{"my.name", a="b"}`) may have any characters (Prometheus 3).

    Raises:
        BadInput: it cannot be read, has no name, a label twice, or too many of them.
    """
    match = _NAME.match(series)
    name = match[1] if match else None
    at = match.end() if match else 0
    pairs: Pairs = [("__name__", name.decode())] if name else []
    if at < len(series):
        if series[at : at + 1] != b"{":
            raise BadInput(f"a series begins with a name or with a brace: {_shown(series)}")
        _pairs(series, at + 1, pairs)
    found = {n for n, _ in pairs}
    if "__name__" not in found:
        raise BadInput(f"a series has no name: {_shown(series)}")
    if len(found) != len(pairs):
        twice = next(n for n, _ in pairs if sum(n == m for m, _ in pairs) > 1)
        raise BadInput(f"the label {twice[:100]!r} stands twice in {_shown(series)}")
    return pairs


def header(line: bytes) -> Header | None:
    """What a comment says of a family; None for any other comment."""
    match = _HEADER.match(line)
    if match is None:
        return None
    name = _text(match[2]) if match[2] is not None else match[3].decode()
    text = (match[4] or b"").decode("utf-8", "replace")
    if match[1] == b"HELP":
        text = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text)
    return Header(match[1].decode().lower(), name, text.strip() if match[1] != b"HELP" else text)


def number(text: bytes) -> float:
    """A value as Go's `strconv.ParseFloat` reads it, without `_` and hexadecimal floats, as Prometheus refuses those.

    Raises:
        BadInput: it is none.
    """
    try:
        if b"_" in text or text != text.strip():
            raise ValueError
        return float(text)
    except ValueError:
        raise BadInput(f"{_shown(text)} is no number") from None


def _pairs(series: bytes, at: int, pairs: Pairs) -> None:
    comma = True
    while (end := _END.match(series, at)) is None:
        match = _PAIR.match(series, at)
        if match is None or not comma:
            raise BadInput(f"the labels cannot be read at byte {at + 1} of {_shown(series)}")
        if match[3] is None:
            # `{"name", …}`: a quoted text without `=` is the metric's name.
            if match[2] is None:
                raise BadInput(f"a label without a value at byte {at + 1} of {_shown(series)}")
            pairs.append(("__name__", _text(match[2])))
        else:
            name = match[1].decode() if match[1] is not None else _text(match[2])
            pairs.append((name, _text(match[4])))
        if len(pairs) > MOST_LABELS:
            raise BadInput(f"more than {MOST_LABELS} labels in {_shown(series)}")
        comma, at = match[5] == b",", match.end()
    if end.end() != len(series):
        raise BadInput(f"something stands after the closing brace: {_shown(series)}")


def _end_of_series(line: bytes) -> int:
    match = _NAME.match(line)
    at = match.end() if match else 0
    if line[at : at + 1] != b"{":
        if match is None or not match[1]:
            raise BadInput(f"a line begins with a name or with a brace: {_shown(line)}")
        return match.end(1)
    at += 1
    if line[at:].lstrip().startswith(b"count:"):  # as OpenMetrics 2 writes it
        raise BadInput(f"the value is a native histogram, and paramedic keeps none: {_shown(line)}")
    while (end := _END.match(line, at)) is None:
        pair = _PAIR.match(line, at)
        if pair is None:
            raise BadInput(f"the labels cannot be read at byte {at + 1} of {_shown(line)}")
        at = pair.end()
    return end.end()


def _stamp(text: bytes, line: bytes, *, openmetrics: bool) -> int:
    """Milliseconds: OpenMetrics writes seconds, the text format milliseconds."""
    try:
        if openmetrics and _OPEN_STAMP.fullmatch(text):
            stamp = round(float(text) * 1000)
        elif not openmetrics and _TEXT_STAMP.fullmatch(text):
            stamp = int(text)
        else:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadInput(f"{_shown(text)} is no timestamp: {_shown(line)}") from None
    if not -_FAR < stamp < _FAR:
        raise BadInput(f"the timestamp {_shown(text)} is out of range")
    return stamp


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadInput(f"a label is not UTF-8: {_shown(raw)}") from None
    return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text) if "\\" in text else text


def _shown(raw: bytes) -> str:
    text = raw[:120].decode("utf-8", "replace")
    return repr(text if len(raw) <= 120 else text + "…")
