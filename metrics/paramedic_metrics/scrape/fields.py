"""Reads the sections of a file in Prometheus' syntax; every mistake is collected with its line and column, none is raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from paramedic_core.config.mistakes import Mistake, nearest
from paramedic_core.config.text import Node

T = TypeVar("T")
_UNITS = {"y": 31_536_000.0, "w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(
    r"(?:(\d{1,9})y)?(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?"
)
_SIZE = re.compile(r"(\d{1,15})(B|[KMGTPE]i?B)", re.ASCII)
_MOST_ITEMS = 20_000


def duration(text: str) -> float | None:
    """Seconds of a duration as Prometheus writes it (`30s`, `1h30m`, `0`); None for none (common/model, ParseDuration)."""
    if text == "0":
        return 0.0
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    return sum(int(count) * size for count, size in zip(match.groups(), _UNITS.values(), strict=True) if count)


def size(text: str) -> int | None:
    """Bytes of a size as Prometheus writes it (`10MB`: all its units are powers of 1024); None for none."""
    if text == "0":
        return 0
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    return int(match[1]) << 10 * "BKMGTPE".index(match[2][0])


class Section:
    """A mapping in the file.

    Args:
        node: the mapping; anything else is a mistake.
        path: its dotted name.
        mistakes: where mistakes go.
    """

    def __init__(self, node: Node | None, path: str, mistakes: list[Mistake]) -> None:
        self.path, self.mistakes = path, mistakes
        self.node = node
        self._fields: dict[str, Node] = {}
        self._known: set[str] = set()
        if node is None or node.value is None:
            return
        if isinstance(node.value, dict):
            self._fields = node.value
        else:
            self.wrong(node, "", "a section was expected: settings indented below it, each as NAME: VALUE")

    def has(self, name: str) -> bool:
        """Whether something is given for it."""
        self._known.add(name)
        found = self._fields.get(name)
        return found is not None and found.value is not None

    def at(self, name: str) -> Node | None:
        """The node of a field, or None; the field counts as known from now on."""
        self._known.add(name)
        return self._fields.get(name)

    def wrong(self, node: Node | None, name: str, what: str, allowed: Sequence[str] = (), near: str = "") -> None:
        """Note a mistake at `node`, or where this section stands."""
        place = node or self.node
        if place is not None:
            self.mistakes.append(Mistake(place.place, self._dotted(name), what, tuple(allowed), near))

    def text(self, name: str, default: str = "", *, needed: bool = False) -> str:
        """A text; what YAML takes for a number is taken as it is written."""
        node = self.at(name)
        if node is None or node.value is None:
            if needed:
                self.wrong(self.node, name, "is missing")
            return default
        if isinstance(node.value, (dict, list)):
            self.wrong(node, name, "a text was expected")
            return default
        if needed and not node.written:
            self.wrong(node, name, "is empty")
        return node.written

    def word(self, name: str, default: str, allowed: Sequence[str], *, fold: bool = False) -> str:
        """One of some words."""
        text = self.text(name, default)
        text = text.lower() if fold else text
        if text not in allowed:
            self.wrong(self.at(name), name, f"{text[:60]!r} is not known here", allowed, nearest(text, allowed))
            return default
        return text

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        node = self.at(name)
        if node is None or node.value is None:
            return default
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        found = node.value if isinstance(node.value, bool) else words.get(node.written)
        if found is None:
            self.wrong(node, name, "true or false was expected", ("true", "false"))
            return default
        return found

    def count(self, name: str, default: int = 0) -> int:
        """A whole number, 0 or more."""
        node = self.at(name)
        if node is None or node.value is None:
            return default
        if not isinstance(node.value, int) or isinstance(node.value, bool) or node.value < 0:
            self.wrong(node, name, "a whole number of 0 or more was expected")
            return default
        return node.value

    def duration(self, name: str, default: float) -> float:
        """Seconds; more than none."""
        return self._measure(name, default, duration, "a duration was expected, as 15s or 1m30s")

    def size(self, name: str, default: int) -> int:
        """Bytes."""
        return self._measure(name, default, size, "a size was expected, as 10MB")

    def items(self, name: str) -> list[Node]:
        """The entries of a list."""
        node = self.at(name)
        if node is None or node.value is None:
            return []
        if not isinstance(node.value, list):
            self.wrong(node, name, "a list was expected: one entry a line, each with `- ` before it")
            return []
        if len(node.value) > _MOST_ITEMS:
            self.wrong(node, name, f"more than {_MOST_ITEMS} entries")
            return []
        return node.value

    def texts(self, name: str) -> list[tuple[str, Node]]:
        """The entries of a list of texts."""
        found = []
        for index, node in enumerate(self.items(name)):
            if isinstance(node.value, (dict, list)) or node.value is None:
                self.wrong(node, f"{name}[{index}]", "a text was expected")
            else:
                found.append((node.written, node))
        return found

    def sections(self, name: str) -> list[Section]:
        """The entries of a list of sections."""
        return [
            Section(node, self._dotted(f"{name}[{index}]"), self.mistakes)
            for index, node in enumerate(self.items(name))
        ]

    def section(self, name: str) -> Section:
        """The section below a field; empty where there is none."""
        return Section(self.at(name), self._dotted(name), self.mistakes)

    def pairs(self, name: str) -> dict[str, str]:
        """A mapping of names to texts."""
        inner = self.section(name)
        return {key: inner.text(key) for key in list(inner._fields)}

    def labels(self, name: str) -> dict[str, str]:
        """A mapping of label names to values."""
        found = self.pairs(name)
        for label in found:
            if not label:  # any other name will do in Prometheus 3
                self.wrong(self.section(name).at(label), name, "a label has no name")
        return found

    def keys(self) -> list[str]:
        """What is given, in the file's order."""
        return list(self._fields)

    def rest(self, absent: Callable[[str], str] = lambda _name: "") -> None:
        """Whatever was not asked for is a mistake; `absent` says why, for what Prometheus has and we have not."""
        for name in self._fields.keys() - self._known:
            node, why = self._fields[name], absent(name)
            near = "" if why else nearest(name, self._known)
            self.mistakes.append(
                Mistake(node.named_at, self._dotted(name[:60]), why or "there is no such setting", (), near)
            )

    def _measure(self, name: str, default: T, read: Callable[[str], T | None], what: str) -> T:
        node = self.at(name)
        if node is None or node.value is None:
            return default
        found = read(node.written)
        if found is None:
            self.wrong(node, name, f"{node.written[:60]!r}: {what}")
            return default
        return found

    def _dotted(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path and name else self.path or name
