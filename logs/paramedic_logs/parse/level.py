"""A line's level, guessed when it comes in: a field that says so, else a word near its beginning."""

from __future__ import annotations

import re

_WORDS = {
    b"trace": 1,
    b"debug": 2, b"dbg": 2,
    b"info": 3, b"information": 3, b"notice": 3,
    b"warn": 4, b"warning": 4,
    b"error": 5, b"err": 5, b"severe": 5,
    b"fatal": 6, b"crit": 6, b"critical": 6, b"panic": 6, b"alert": 6, b"emerg": 6, b"emergency": 6,
}  # fmt: skip
_LOOK = 240
_NAMES = b"|".join(sorted(_WORDS, reverse=True))
# A field, as JSON and logfmt have it.
_FIELD = re.compile(rb"\b(?:level|lvl|severity|loglevel)\"?\s{0,3}[=:]\s{0,3}\"?(" + _NAMES + rb")\b", re.IGNORECASE)
# Capitals or a bracket mark a word as a level; in running prose "error" says nothing.
_WORD = re.compile(rb"(?:^|[\s\[<(|:])(?:\[?(" + _NAMES.upper() + rb")\b|[\[<]((?i:" + _NAMES + rb"))[\]>])")


def level_of(text: bytes) -> int:
    """The level's number in `LEVELS`; 0 when the line does not say."""
    head = text[:_LOOK]
    found = _FIELD.search(head) or _WORD.search(head)
    if found is None:
        return 0
    return _WORDS[(found[1] or found[2]).lower()]
