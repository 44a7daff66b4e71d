"""The YAML parser's events to a tree. Apart from `text`, which whoever reads no text imports too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from paramedic_core.config.mistakes import Mistake, Place
from paramedic_core.config.text import Node, Unreadable, scalar

_MOST_DEPTH = 16
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


def document(text: str, source: str, mistakes: list[Mistake]) -> Node | None:
    """The tree of a text; None when it is empty.

    Args:
        text: YAML.
        source: names it in places.
        mistakes: gets those behind which it can be read on.

    Raises:
        Unreadable: it cannot be read.
    """
    events = _Events(text, source)
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
