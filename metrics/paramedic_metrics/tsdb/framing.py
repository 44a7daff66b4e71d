"""Records in a file that only grows: each with its length and a checksum, so that what is damaged or torn is seen.

    offset  size
    0       4     bytes of the payload
    4       4     CRC-32 of kind, place and payload (zlib.crc32)
    8       1     kind
    9       …     payload

The checksum covers the record's offset too: what an earlier life left behind in a file can never be taken for a record.
After a damaged one the next whole one is looked for. A repair puts a record of the kind VOID over what was damaged, so that
the others keep their places.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_HEAD = struct.Struct("<IIB")
_SALT = struct.Struct("<BQ")
MOST_RECORD = 64 << 20
VOID = 255
"""The kind of a record that stands where there was a damaged one."""
_KINDS = 8
"""Other kinds are below this."""
_WINDOW = 1 << 20
_MOST_SEARCH = 256 << 20
"""Bytes that are summed up, at most, in search of the next whole record."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read."""

    offset: int
    kind: int
    payload: memoryview

    @property
    def end(self) -> int:
        """Where the next begins."""
        return self.offset + self.size

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return _HEAD.size + len(self.payload)


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch in which there is no whole record."""

    offset: int
    end: int
    known: bool = False
    """It has been repaired over: nothing new."""
    torn: bool = False
    """The file ends amid its record: its writer was killed meanwhile, before it acknowledged it, for a kill ends even a
    single write(2) between two pages. The last record may look so, too, when its length was damaged."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.offset

    @property
    def damaged(self) -> bool:
        """Something that was stored is lost, and nobody has seen to it yet."""
        return not (self.known or self.torn)


def frame(kind: int, payload: bytes, offset: int) -> bytes:
    """A record, for this offset of its file.

    Raises:
        ValueError: it is larger than a record may be.
    """
    if len(payload) > MOST_RECORD:
        raise ValueError(f"a record of {len(payload)} bytes")
    return _HEAD.pack(len(payload), zlib.crc32(payload, zlib.crc32(_SALT.pack(kind, offset))), kind) + payload


def void(hole: Hole) -> bytes:
    """Records that fill a hole; empty when the hole is too small for one."""
    filled, left = b"", hole.size
    while left >= _HEAD.size:
        size = min(left, _HEAD.size + MOST_RECORD)
        if 0 < left - size < _HEAD.size:
            size -= _HEAD.size  # so that the last one has room for its head
        filled += frame(VOID, bytes(size - _HEAD.size), hole.offset + len(filled))
        left -= size
    return filled


def scan(data: memoryview, start: int = 0) -> Iterator[Record | Hole]:
    """All whole records from `start` on, and the holes between and behind them."""
    at = start
    while at < len(data):
        record = _record(data, at)
        if record is None:
            end = _next(data, at)
            yield Hole(at, end, torn=end == len(data) and _torn(data, at))
            at = end
            continue
        at = record.end
        yield record if record.kind != VOID else Hole(record.offset, record.end, known=True)


def _record(data: memoryview, at: int) -> Record | None:
    if at + _HEAD.size > len(data):
        return None
    length, crc, kind = _HEAD.unpack_from(data, at)
    end = at + _HEAD.size + length
    if length > MOST_RECORD or end > len(data):
        return None
    payload = data[at + _HEAD.size : end]
    if zlib.crc32(payload, zlib.crc32(_SALT.pack(kind, at))) != crc:
        return None
    return Record(at, kind, payload)


def _torn(data: memoryview, at: int) -> bool:
    """Whether what stands there is the beginning of a record that the data ends amid."""
    if at + _HEAD.size > len(data):
        return True
    length, _, kind = _HEAD.unpack_from(data, at)
    possible: bool = (0 < kind < _KINDS or kind == VOID) and length <= MOST_RECORD
    return possible and at + _HEAD.size + int(length) > len(data)


def _next(data: memoryview, at: int) -> int:
    """Where the next whole record begins after a place at which there is none; the end when there is none."""
    # The length that stands there is not believed: it may be damaged, or torn with other records behind it.
    left = _MOST_SEARCH
    for begin in range(at + 1, len(data) - _HEAD.size + 1, _WINDOW):
        for place, length in _candidates(data, begin, min(begin + _WINDOW, len(data) - _HEAD.size + 1)):
            left -= length
            if left < 0:
                return _led_to(data, at)
            if _record(data, place) is not None:
                return place
    return len(data)


def _led_to(data: memoryview, at: int) -> int:
    """Where the length that stands at a place leads, if there is a whole record; else the end."""
    end = at + _HEAD.size + int(_HEAD.unpack_from(data, at)[0])
    return end if _record(data, end) is not None else len(data)


def _candidates(data: memoryview, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Places from `begin` on and before `end` at which kind and length are possible ones, and the lengths."""
    raw = np.frombuffer(data[begin : end + _HEAD.size - 1], np.uint8)
    count = end - begin
    kinds = raw[8 : 8 + count]
    places = np.flatnonzero(((kinds > 0) & (kinds < _KINDS)) | (kinds == VOID))
    lengths = sum(raw[places + n].astype(np.int64) << 8 * n for n in range(4))
    fits = (lengths <= MOST_RECORD) & (begin + places + _HEAD.size + lengths <= len(data))
    yield from zip((begin + places[fits]).tolist(), np.asarray(lengths)[fits].tolist(), strict=True)
