"""For each kind of setting, how one value is read. New kinds of value are added here."""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import PurePosixPath
from typing import Annotated, Any

from paramedic_core.config import netnames, units, urls
from paramedic_core.config.units import Wrong, shown
from paramedic_core.limits import Window
from paramedic_core.settings import Bounds, Ceiling, Mode, OneOf, Secret

Reader = Callable[[object], Any]
_YES, _NO = ("true", "yes", "on"), ("false", "no", "off")
_MOST_TEXT = 4096


def _pattern(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > _MOST_TEXT:
        raise Wrong(f"{shown(value)} is no regular expression")
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(f"{shown(value)} is no regular expression: {error}") from None
    return value


_NAMED: Mapping[str, Reader] = {
    "local address": netnames.local_address,
    "DNS server": netnames.server,
    "domain": netnames.domain,
    "URL": netnames.base_url,
    "network": netnames.network,
    "regular expression": _pattern,
    "URL to call": urls.url,
}


def unwrap(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type hint without `Annotated`, and what was annotated."""
    if typing.get_origin(hint) is Annotated:
        kind, *notes = typing.get_args(hint)
        return kind, tuple(notes)
    return hint, ()


def reader(hint: Any) -> Reader:
    """How a value of this type is read.

    Raises:
        TypeError: there is no reader for the type: add one here.
    """
    kind, notes = unwrap(hint)
    if kind is Window:
        return _window(notes)
    if "duration" in notes:
        return _bounded(units.duration, notes, units.duration_text)
    if "size" in notes:
        return _bounded(units.size, notes, lambda most: units.size_text(int(most)))
    if "address" in notes:
        return units.address
    if "folder" in notes:
        return _folder
    named = next((_NAMED[n] for n in notes if isinstance(n, str) and n in _NAMED), None)
    if named is not None:
        return named
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if kind is bool:
        return _boolean
    if kind is int:
        return _bounded(_integer, notes, str)
    if kind is float:
        return _bounded(_real, notes, str)
    if kind in (str, Secret):
        return _text(kind, notes)
    raise TypeError(f"no reader for settings of type {hint}")


def item_hints(hint: Any) -> tuple[str, Any] | None:
    """For a list or mapping: which of the two, and its items' type. None for a single value."""
    kind, _ = unwrap(hint)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return "list", args[0]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "mapping", args[1]
    if origin in (typing.Union, types.UnionType):
        raise TypeError(f"a setting has a default, so it needs no `None`: {hint}")
    return None


def is_record(hint: Any) -> bool:
    """Whether a list's items are entries with settings of their own."""
    return isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint is not Window


def words(hint: Any) -> str:
    """What a value of this type looks like, for the reference."""
    items = item_hints(hint)
    if items is not None and is_record(items[1]):
        return "list of entries, whose settings are below"
    if items is not None:
        return f"list of {words(items[1])}" if items[0] == "list" else f"mapping of names to {words(items[1])}"
    kind, notes = unwrap(hint)
    named = next((n for n in notes if isinstance(n, str)), "")
    allowed = next((n.words for n in notes if isinstance(n, OneOf)), ())
    if isinstance(kind, type) and issubclass(kind, Enum):
        allowed = tuple(str(m.value) for m in kind)
    if allowed:
        return "one of " + ", ".join(f"`{word}`" for word in allowed)
    plain = {str: "text", int: "number", float: "number", bool: "true or false", Window: "window", Secret: "secret"}
    known = {"address": "HOST:PORT, or `off`", "folder": "absolute path", "URL to call": "http:// or https:// address"}
    return known.get(named, named or plain[kind]) + _limits(notes, named)


def _limits(notes: Sequence[Any], named: str) -> str:
    """The bounds of a number, or the ceiling of a window, in words."""
    show: Callable[[float], str] = units.duration_text if named == "duration" else "{:g}".format
    if named == "size":
        show = lambda count: units.size_text(int(count))  # noqa: E731  one of three ways to write the same
    for note in notes:
        if isinstance(note, Ceiling):
            return f", at most {units.window_text(note.window)}"
        if isinstance(note, Bounds):
            most = f" to {show(note.most)}" if math.isfinite(note.most) else " or more"
            return f", {show(note.least)}{most}"
    return ""


def _enum(kind: type[Enum]) -> Reader:
    known = {str(m.value): m for m in kind}
    more: dict[str, Enum] = {"true": Mode.ENFORCE, "false": Mode.OFF} if kind is Mode else {}

    def read(value: object) -> Enum:
        text = str(value).lower() if isinstance(value, bool) else value
        member = {**known, **more}.get(text.strip()) if isinstance(text, str) else None
        if member is None:
            raise Wrong(f"{shown(value)} is not known here", tuple(known), str(value)[:60])
        return member

    return read


def _text(kind: type[str], notes: Sequence[Any]) -> Reader:
    allowed = next((n.words for n in notes if isinstance(n, OneOf)), None)
    secret = kind is Secret

    def read(value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise Wrong("a text was expected" if secret else f"a text was expected, not {shown(value)}")
        text = str(value)
        if len(text) > _MOST_TEXT:
            raise Wrong(f"longer than {_MOST_TEXT} characters")
        if not secret and not text.isprintable():
            raise Wrong(f"{shown(text)} contains control characters")
        if allowed is not None and text not in allowed:
            raise Wrong(f"{shown(text)} is not known here", allowed, text[:60])
        return kind(text)

    return read


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in (*_YES, *_NO):
        return text in _YES
    raise Wrong(f"{shown(value)} is neither true nor false", ("true", "false"), text[:60])


def _integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal() and value.isascii() and len(value) < 19:
        return int(value)
    raise Wrong(f"{shown(value)} is no whole number")


def _real(value: object) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise Wrong(f"{shown(value)} is no number")


def _bounded(read: Reader, notes: Sequence[Any], show: Callable[[float], str]) -> Reader:
    bounds = next((n for n in notes if isinstance(n, Bounds)), Bounds())

    def bounded(value: object) -> Any:
        number = read(value)
        if number < bounds.least:
            raise Wrong(f"{shown(value)} is too small: {show(bounds.least)} is the least")
        if number > bounds.most:
            raise Wrong(f"{shown(value)} is too large: {show(bounds.most)} is the most")
        return number

    return bounded


def _window(notes: Sequence[Any]) -> Reader:
    ceiling = next((n.window for n in notes if isinstance(n, Ceiling)), None)

    def read(value: object) -> Window:
        window = units.window(value)
        if ceiling is not None:
            # The most that `window` lets through in one stretch of the ceiling's length.
            most = window.count * math.ceil(ceiling.seconds / window.seconds)
            if most > ceiling.count:
                fixed = units.window_text(ceiling)
                raise Wrong(
                    f"{shown(value)} lets through up to {most}: the fixed ceiling is {fixed}, it can only be lowered"
                )
        return window

    return read


def _folder(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > _MOST_TEXT:
        raise Wrong(f"{shown(value)} is no path")
    if not value.startswith("/"):
        raise Wrong(f"{shown(value)} is relative: write the whole path, from /")
    return str(PurePosixPath(value))
