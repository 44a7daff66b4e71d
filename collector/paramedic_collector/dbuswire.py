"""D-Bus' marshalling (the D-Bus Specification 0.43, "Marshaling (Wire Format)"): values of any type, read."""

from __future__ import annotations

import struct
from typing import Any

_FIXED = {
    # Type → its struct code; its alignment is its size.
    "y": "B",
    "b": "I",
    "n": "h",
    "q": "H",
    "i": "i",
    "u": "I",
    "x": "q",
    "t": "Q",
    "d": "d",
    "h": "I",
}
_ALIGN = {kind: struct.calcsize(f"<{code}") for kind, code in _FIXED.items()} | {
    "s": 4,
    "o": 4,
    "a": 4,
    "g": 1,
    "v": 1,
    "(": 8,
    "{": 8,
}
_KEYS = frozenset({*_FIXED, "s", "o", "g"})
_CLOSES = {"(": ")", "{": "}"}
_DEEPEST = 32
"""Containers within one another, as the specification says."""


def align(data: bytes, to: int) -> bytes:
    """The bytes, filled up to a multiple."""
    return data + b"\0" * (-len(data) % to)


def marshal_text(text: str) -> bytes:
    """A text as `s` or `o`, at a fourth byte."""
    data = text.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


class Reader:
    """Reads values.

    Args:
        data: the whole message: alignment counts from its beginning.
        order: `<` or `>`.
        at: where to begin.
    """

    __slots__ = ("_at", "_data", "_order")

    def __init__(self, data: bytes, order: str, at: int) -> None:
        self._data, self._order, self._at = data, order, at

    def all(self, signature: str) -> tuple[Any, ...]:
        """The values of a whole signature.

        Raises:
            ValueError: signature or bytes are not as the specification says.
        """
        found, at = [], 0
        while at < len(signature):
            end = _end(signature, at, 0)
            found.append(self.read(signature[at:end]))
            at = end
        return tuple(found)

    def read(self, kind: str, depth: int = 0) -> Any:
        """One value: a number, a text, a tuple for a structure, a list for an array, a dict for an array of entries.

        Raises:
            ValueError: signature or bytes are not as the specification says.
        """
        if not kind or depth > _DEEPEST:
            raise ValueError(f"D-Bus: no type, or one within {_DEEPEST} others")
        first = kind[0]
        if first not in _ALIGN:
            raise ValueError(f"D-Bus: there is no type {first!r}")
        self._at += -self._at % _ALIGN[first]
        if first in _FIXED:
            return self._number(first)
        if first in "sog":
            return self._text(wide=first != "g")
        if first == "v":
            inner = self._text(wide=False)
            if _end(inner, 0, 0) != len(inner):
                raise ValueError(f"D-Bus: a variant holds one value, not {inner[:40]!r}")
            return self.read(inner, depth + 1)
        if first == "a":
            return self._array(kind[1:], depth)
        return self._structure(kind[1:-1], depth)

    def _number(self, kind: str) -> int | float | bool:
        (value,) = self._unpack(_FIXED[kind])
        return bool(value) if kind == "b" else value

    def _unpack(self, code: str) -> tuple[Any, ...]:
        size = struct.calcsize(f"={code}")
        if self._at + size > len(self._data):
            raise ValueError("D-Bus: a message ends too early")
        value = struct.unpack_from(self._order + code, self._data, self._at)
        self._at += size
        return value

    def _text(self, *, wide: bool) -> str:
        (size,) = self._unpack("I" if wide else "B")
        end = self._at + size
        if end >= len(self._data):
            raise ValueError("D-Bus: a text ends too late")
        text = self._data[self._at : end].decode("utf-8", "replace")
        self._at = end + 1
        return text

    def _array(self, kind: str, depth: int) -> Any:
        (size,) = self._unpack("I")
        if not kind or kind[0] not in _ALIGN:
            raise ValueError(f"D-Bus: no array of {kind[:1]!r}")
        if kind[0] == "{" and (kind[1] not in _KEYS or _end(kind, 2, depth) != len(kind) - 1):
            raise ValueError(f"D-Bus: no entries of {kind[:40]!r}")
        self._at += -self._at % _ALIGN[kind[0]]
        end = self._at + size
        if end > len(self._data):
            raise ValueError("D-Bus: an array ends too late")
        found = []
        while self._at < end:
            before = self._at
            found.append(self.read(kind, depth + 1))
            if self._at == before:
                raise ValueError("D-Bus: an array of nothing")
        return dict(found) if kind[0] == "{" else found

    def _structure(self, kinds: str, depth: int) -> tuple[Any, ...]:
        found, at = [], 0
        while at < len(kinds):
            end = _end(kinds, at, depth)
            found.append(self.read(kinds[at:end], depth + 1))
            at = end
        return tuple(found)


def _end(signature: str, at: int, depth: int) -> int:
    """Where the type ends that begins at `at`."""
    if depth > _DEEPEST or at >= len(signature):
        raise ValueError(f"D-Bus: a wrong signature: {signature[:40]!r}")
    first = signature[at]
    if first == "a":
        return _end(signature, at + 1, depth + 1)
    if first not in _CLOSES:
        return at + 1
    at += 1
    while at < len(signature) and signature[at] != _CLOSES[first]:
        at = _end(signature, at, depth + 1)
    if at >= len(signature):
        raise ValueError(f"D-Bus: a wrong signature: {signature[:40]!r}")
    return at + 1
