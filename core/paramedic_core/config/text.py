"""YAML text to a tree that remembers line and column.

Only the parser's events are read, nothing is ever constructed, so no tag can make an object. Aliases are refused (a few
lines of them stand for gigabytes), and so are deep nesting, keys given twice, tags, and a second document. Words are read
as YAML 1.2's core schema does (https://yaml.org/spec/1.2.2/#103-core-schema): `off` and `no` are words, not false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from paramedic_core.config.mistakes import Mistake, Place
from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded

MOST_BYTES = 1 << 20
_MOST_DEPTH = 16
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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
    parsed = Parsed()
    try:
        parsed.root = _document(_Events(text, source), parsed.mistakes)
    except Unreadable as error:
        parsed.mistakes.append(error.mistake)
    return parsed


class _Events:
    """The parser's events, with places."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))

    def next(self) -> Any:
        try:
            return next(self._events)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            what = getattr(error, "problem", None) or str(error).splitlines()[0]
            place = Place(self.source, mark.line + 1, mark.column + 1) if mark else Place(self.source)
            raise Unreadable(Mistake(place, "", f"not YAML: {what}{_tab_hint(what)}")) from None

    def place(self, event: Any) -> Place:
        return Place(self.source, event.start_mark.line + 1, event.start_mark.column + 1)


def _tab_hint(what: str) -> str:
    return "; indent with spaces, never with tabs" if "cannot start any token" in what else ""


def _document(events: _Events, mistakes: list[Mistake]) -> Node | None:
    events.next()  # the stream's start
    event = events.next()
    if isinstance(event, yaml.StreamEndEvent):
        return None
    root = _node(events, events.next(), mistakes, 1)
    events.next()  # the document's end
    event = events.next()
    if not isinstance(event, yaml.StreamEndEvent):
        raise Unreadable(Mistake(events.place(event), "", "a second document begins here: one file holds one"))
    return root if root.value is not None else None


def _node(events: _Events, event: Any, mistakes: list[Mistake], depth: int) -> Node:
    place = events.place(event)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise Unreadable(Mistake(place, "", "anchors and aliases (& and *) are not taken: write the value out"))
    if depth > _MOST_DEPTH:
        raise Unreadable(Mistake(place, "", f"nested deeper than {_MOST_DEPTH} levels: this is no configuration"))
    if event.tag is not None and event.tag != "!":
        raise Unreadable(Mistake(place, "", f"tags such as {str(event.tag)[:40]!r} are not taken"))
    if isinstance(event, yaml.ScalarEvent):
        plain = event.implicit[0] and not event.style
        return Node(place, scalar(event.value) if plain else event.value, written=event.value)
    if isinstance(event, yaml.SequenceStartEvent):
        return Node(place, _items(events, mistakes, depth))
    return Node(place, _entries(events, mistakes, depth))


def _items(events: _Events, mistakes: list[Mistake], depth: int) -> list[Node]:
    items = []
    while not isinstance(event := events.next(), yaml.SequenceEndEvent):
        items.append(_node(events, event, mistakes, depth + 1))
    return items


def _entries(events: _Events, mistakes: list[Mistake], depth: int) -> dict[str, Node]:
    entries: dict[str, Node] = {}
    while not isinstance(event := events.next(), yaml.MappingEndEvent):
        place = events.place(event)
        if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.value == "<<":
            raise Unreadable(Mistake(place, "", "a key must be a plain word"))
        node = _node(events, events.next(), mistakes, depth + 1)
        node.key_place = place
        if event.value in entries:
            first = entries[event.value].named_at.line
            mistakes.append(Mistake(place, event.value[:60], f"given twice: it stands in line {first} already"))
        else:
            entries[event.value] = node
    return entries


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
