"""YAML text to a tree that remembers line and column.

Only the parser's events are read, nothing is ever constructed, so no tag can make an object. Aliases are refused (a few
lines of them stand for gigabytes), and so are deep nesting, keys given twice, tags, and a second document. Words are read
as YAML 1.2's core schema does (https://yaml.org/spec/1.2.2/#103-core-schema): `off` and `no` are words, not false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paramedic_core.config.mistakes import Mistake, Place
from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded

MOST_BYTES = 1 << 20
_INT = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,18}|[0-9]{1,18}(?:\.[0-9]{0,18})?)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_WORDS: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(slots=True)
class Node:
    """One value of the text."""

    place: Place
    value: Any
    """A scalar, a list of Nodes, or a dict of Nodes by key."""
    key_place: Place | None = None
    """Where its key stands, when it has one."""
    written: str = ""
    """A scalar as it stands there: `1.10` is the number 1.1 to one reader, and a text to another."""

    @property
    def named_at(self) -> Place:
        return self.key_place or self.place


class Unreadable(Exception):
    """The text is no configuration; carries the mistake."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(str(mistake))
        self.mistake = mistake


@dataclass(slots=True)
class Parsed:
    """One text, read as far as it goes."""

    root: Node | None = None
    """None when it is empty, or cannot be read."""
    mistakes: list[Mistake] = field(default_factory=list)


def read_file(path: Path) -> Parsed:
    """Read a file; what is wrong with it is in the answer's mistakes."""
    place = Place(str(path))
    try:
        data = read_bounded(path, MOST_BYTES)
    except BadInput:
        return Parsed(mistakes=[Mistake(place, "", "larger than 1 MiB: this is no configuration")])
    except OSError as error:
        return Parsed(mistakes=[Mistake(place, "", f"cannot be read: {error.strerror}")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        return Parsed(mistakes=[Mistake(Place(str(path), line, column), "", "not UTF-8: save the file as UTF-8")])
    return parse(text, str(path))


def parse(text: str, source: str) -> Parsed:
    """Read a text; `source` names it in places."""
    from paramedic_core.config.events import document  # noqa: PLC0415  YAML's reader is 1 MB, and few texts are read

    parsed = Parsed()
    try:
        parsed.root = document(text, source, parsed.mistakes)
    except Unreadable as error:
        parsed.mistakes.append(error.mistake)
    return parsed


def scalar(text: str) -> object:
    """A plain word as YAML 1.2's core schema reads it."""
    word = text.lower() if text.lower() in _WORDS else text
    if word in _WORDS:
        return _WORDS[word]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
