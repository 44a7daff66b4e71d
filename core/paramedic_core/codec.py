"""Immutable dataclasses to plain JSON values and back, strictly.

Reading checks every type: what comes over a socket is foreign, also when a sibling role wrote it. Unknown fields are
passed over, so that roles of two versions can talk during an upgrade; missing fields take their defaults.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from paramedic_core.errors import BadInput

T = TypeVar("T")
_Reader = Callable[[Any, str], Any]


def to_plain(value: object) -> Any:
    """Turn dataclasses, enums, tuples and mappings into what `json.dumps` takes; fields at their default stay out."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(v) for v in value]
    if dataclasses.is_dataclass(value):
        fields: Callable[[Any], tuple[tuple[str, object], ...]] = _fields
        return {
            name: to_plain(item) for name, default in fields(type(value)) if (item := getattr(value, name)) != default
        }
    raise TypeError(f"{type(value).__name__} has no plain form")


def from_plain(kind: type[T], value: Any, where: str = "") -> T:
    """Read a plain value as `kind`.

    Args:
        kind: a dataclass, or any type that a field may have here.
        value: what `json.loads` gave.
        where: the place to name in an error.

    Raises:
        BadInput: a value has the wrong type, or a required field is missing.
    """
    reader: Callable[[Any], _Reader] = _reader
    return typing.cast(T, reader(kind)(value, where or kind.__name__))


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, object], ...]:
    found = []
    for field in dataclasses.fields(kind):
        default: object = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found.append((field.name, default))
    return tuple(found)


@functools.cache
def _reader(kind: Any) -> _Reader:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(args)
    if origin is tuple:
        return _sequence(_reader(args[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_reader(args[1]))
    if dataclasses.is_dataclass(kind):
        return _record(typing.cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if kind is Any or kind is object:
        return lambda value, _where: value
    return _scalar(kind)


def _optional(args: tuple[Any, ...]) -> _Reader:
    inner = [a for a in args if a is not type(None)]
    if len(inner) != 1:
        raise TypeError(f"only `X | None` has a plain form, not {args}")
    read = _reader(inner[0])
    return lambda value, where: None if value is None else read(value, where)


def _sequence(read: _Reader) -> _Reader:
    def sequence(value: Any, where: str) -> Any:
        if not isinstance(value, (list, tuple)):
            raise BadInput(f"{where}: a list was expected, not {type(value).__name__}")
        return tuple(read(item, f"{where}[{i}]") for i, item in enumerate(value))

    return sequence


def _mapping(read: _Reader) -> _Reader:
    def mapping(value: Any, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise BadInput(f"{where}: an object was expected, not {type(value).__name__}")
        return {str(k): read(v, f"{where}.{k}") for k, v in value.items()}

    return mapping


def _enum(kind: type[Enum]) -> _Reader:
    def enum(value: Any, where: str) -> Any:
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(str(m.value) for m in kind)
            raise BadInput(f"{where}: {value!r} is none of {allowed}") from None

    return enum


def _scalar(kind: Any) -> _Reader:
    # A kind of text (Secret) is written as text.
    subclass = isinstance(kind, type) and issubclass(kind, str) and kind is not str
    allowed: tuple[type, ...] = (int, float) if kind is float else (str,) if subclass else (kind,)

    def scalar(value: Any, where: str) -> Any:
        fits = isinstance(value, allowed)
        if not fits or (kind is not bool and isinstance(value, bool)):
            raise BadInput(f"{where}: {kind.__name__} was expected, not {type(value).__name__}")
        return kind(value) if kind is float or subclass else value

    return scalar


def _record(kind: type) -> _Reader:
    hints = typing.get_type_hints(kind)
    required = {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    readers = {f.name: _reader(hints[f.name]) for f in dataclasses.fields(kind)}

    def record(value: Any, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise BadInput(f"{where}: an object was expected, not {type(value).__name__}")
        missing = required - value.keys()
        if missing:
            raise BadInput(f"{where}: {', '.join(sorted(missing))} missing")
        return kind(**{k: readers[k](v, f"{where}.{k}") for k, v in value.items() if k in readers})

    return record
