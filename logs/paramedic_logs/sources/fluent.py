"""The Forward protocol's messages, read from bytes of anybody's making.

Message mode `[tag, time, record, option?]`, Forward mode `[tag, [[time, record], …], option?]` and PackedForward mode (the
entries as one string of MessagePack), as the Forward protocol specification v1 has them
(https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1). A wrong entry is passed over and counted; what
is not MessagePack, or too large, ends the connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it has no stubs

from paramedic_core.errors import BadInput
from paramedic_logs.line import CUT, STDERR, Line, without_tokens
from paramedic_logs.parse.level import level_of

MOST_FRAME = 2 << 20
"""Bytes of one message."""
_MOST_ENTRIES = 20_000
_MOST_PARTS = 3 * _MOST_ENTRIES
_MOST_TEXT = 256 << 10
_MOST_NAME = 128
_LATEST = 1 << 33
_LIMITS = {"max_str_len": MOST_FRAME, "max_bin_len": MOST_FRAME, "max_map_len": 1024, "max_ext_len": 64}


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    lines: list[tuple[str, Line]]
    """The name that each line's container is claimed to have, and the line."""
    chunk: str | bytes | None
    """What must be acknowledged once all is durable; None: nothing."""
    wrong: int
    """Entries that were passed over."""


class _Count:
    """Ends a message of too many small parts: an empty list is one byte on the wire and 56 in memory."""

    def __init__(self) -> None:
        self.parts = 0

    def __call__(self, part: Any) -> Any:
        self.parts += 1
        if self.parts > _MOST_PARTS:
            raise BadInput(f"more than {_MOST_PARTS} lists and maps in one message")
        return part


class Reader:
    """Takes bytes as they come, gives messages."""

    def __init__(self) -> None:
        self._count = _Count()
        self._unpacker = _unpacker(self._count)
        self._fed = 0

    @property
    def waiting(self) -> int:
        """Bytes of a message that is not whole yet."""
        return self._fed - int(self._unpacker.tell())

    def feed(self, data: bytes, now: float) -> Iterator[Message]:
        """The messages that are whole now.

        Args:
            data: what came.
            now: Unix seconds, for entries that say no time.

        Raises:
            BadInput: it is no Forward protocol, or too large.
        """
        try:
            self._unpacker.feed(data)
            self._fed += len(data)
            while True:
                # An unpacker begins a message anew at each try, so each try counts for itself.
                self._count.parts = 0
                try:
                    value = self._unpacker.unpack()
                except msgpack.OutOfData:
                    return
                # nil and other single values are heartbeats.
                if isinstance(value, list):
                    yield _message(value, now)
        except BadInput:
            raise
        except (ValueError, msgpack.UnpackException, RecursionError, TypeError, OverflowError, MemoryError) as error:
            raise BadInput(
                f"no Forward protocol, or a message of more than {MOST_FRAME} bytes: {error!r:.200}"
            ) from None


def _unpacker(count: _Count) -> Any:
    return msgpack.Unpacker(
        raw=False,
        unicode_errors="replace",
        strict_map_key=False,
        max_buffer_size=MOST_FRAME,
        max_array_len=_MOST_ENTRIES,
        ext_hook=msgpack.ExtType,
        list_hook=count,
        object_hook=count,
        **_LIMITS,
    )


def _message(value: list[Any], now: float) -> Message:
    if not (2 <= len(value) <= 4) or not isinstance(value[0], str):
        raise BadInput("a message is [tag, …] with a text as its tag")
    tag, second = value[0], value[1]
    if isinstance(second, list):
        entries, option = second, value[2] if len(value) > 2 else None
    elif isinstance(second, (bytes, str)):
        option = value[2] if len(value) > 2 else None
        if isinstance(option, dict) and option.get("compressed", "text") != "text":
            raise BadInput("compressed messages are not taken: set the sender's `compress` to text")
        entries = _packed(second.encode("utf-8", "surrogateescape") if isinstance(second, str) else second)
    elif len(value) > 2:
        entries, option = [[second, value[2]]], value[3] if len(value) > 3 else None
    else:
        raise BadInput("a message without a record")
    lines = [line for entry in entries if (line := _line(tag, entry, now)) is not None]
    chunk = option.get("chunk") if isinstance(option, dict) else None
    if not isinstance(chunk, (str, bytes)) or len(chunk) > 256:
        chunk = None
    return Message(lines, chunk, len(entries) - len(lines))


def _packed(data: bytes) -> list[Any]:
    unpacker = _unpacker(_Count())
    unpacker.feed(data)
    entries = []
    for entry in unpacker:
        entries.append(entry)
        if len(entries) > _MOST_ENTRIES:
            raise BadInput(f"more than {_MOST_ENTRIES} entries in one message")
    return entries


def _line(tag: str, entry: Any, now: float) -> tuple[str, Line] | None:
    if not isinstance(entry, list) or len(entry) < 2 or not isinstance(entry[1], dict):
        return None
    ns = _ns(entry[0], now)
    if ns is None:
        return None
    record = entry[1]
    text = record.get("log")
    name = record.get("container_name")
    if not isinstance(text, str):
        try:
            text = json.dumps(record, separators=(",", ":"), ensure_ascii=False, default=_plain)
        except (TypeError, ValueError, RecursionError):
            return None
    shown = name.lstrip("/") if isinstance(name, str) and name.strip("/") else tag
    data = text.rstrip("\n").encode("utf-8", "replace")
    meta = level_of(data) | (STDERR if record.get("source") == "stderr" else 0) | (CUT if len(data) > _MOST_TEXT else 0)
    return shown[:_MOST_NAME] or "(none)", Line(ns, meta, without_tokens(data[:_MOST_TEXT]))


def _ns(value: Any, now: float) -> int | None:
    # Fluent Bit writes [[time, {metadata}], record].
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, msgpack.ExtType):
        if value.code != 0 or len(value.data) != 8:
            return None
        seconds, ns = int.from_bytes(value.data[:4]), int.from_bytes(value.data[4:])
        return seconds * 10**9 + ns if ns < 10**9 else None
    if value is None or value == 0:
        return int(now * 1e9)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < _LATEST:
        return None
    return int(value) * 10**9 + int((value % 1) * 1e9)


def _plain(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else repr(value)[:200]
