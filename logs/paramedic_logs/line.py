"""One log line as it is kept, and the byte that says what kind of line it is."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

LEVELS = ("", "trace", "debug", "info", "warn", "error", "fatal")
"""By number; empty: the line does not say."""
LEVEL_BITS = 0b0000_0111
STDERR = 0b0000_1000
GAP = 0b0001_0000
"""Not a line: lines were lost here, and the text is what is known of them."""
CUT = 0b0010_0000
"""The line was longer than is kept."""


_TOKEN = re.compile(rb"paramedic_[A-Za-z0-9_-]{43}")


class Line(NamedTuple):
    """One line."""

    ns: int
    """When it was written, in Unix nanoseconds, as its writer said."""
    meta: int
    """Level and flags, as above: one byte."""
    text: bytes
    """UTF-8, without its newline."""


def gap_line(ns: int, reason: str, lost: int = -1) -> Line:
    """The visible record of lines that were lost.

    Args:
        ns: the last moment from which lines are known.
        reason: why, in words.
        lost: how many bytes of the source are gone; −1 when nobody can know.
    """
    known = {"reason": reason, "bytes": lost} if lost >= 0 else {"reason": reason}
    return Line(ns, GAP, json.dumps(known, separators=(",", ":")).encode())


def without_tokens(text: bytes) -> bytes:
    """A line without paramedic's own tokens: whoever may search logs must not find the right to act in them."""
    return _TOKEN.sub(b"paramedic_(hidden)", text) if b"paramedic_" in text else text
