"""Records in a file that only grows: each with its length and a checksum, so that a torn end is seen.

    offset  size
    0       4     bytes of the payload
    4       4     CRC-32 of kind, place and payload (zlib.crc32)
    8       1     kind
    9       …     payload

The checksum covers the record's offset too: what an earlier life left behind in a file can never be taken for a record.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = struct.Struct("<IIB")
_SALT = struct.Struct("<BQ")
MOST_RECORD = 64 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read."""

    offset: int
    kind: int
    payload: memoryview

    @property
    def end(self) -> int:
        """Where the next begins."""
        return self.offset + _HEAD.size + len(self.payload)


def frame(kind: int, payload: bytes, offset: int) -> bytes:
    """A record, for this offset of its file.

    Raises:
        ValueError: it is larger than a record may be.
    """
    if len(payload) > MOST_RECORD:
        raise ValueError(f"a record of {len(payload)} bytes")
    return _HEAD.pack(len(payload), zlib.crc32(payload, zlib.crc32(_SALT.pack(kind, offset))), kind) + payload


def records(data: memoryview, start: int = 0) -> Iterator[Record]:
    """All whole records from `start` on, up to the first that is none."""
    at = start
    while at + _HEAD.size <= len(data):
        length, crc, kind = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + length
        if length > MOST_RECORD or end > len(data):
            return
        payload = data[at + _HEAD.size : end]
        if zlib.crc32(payload, zlib.crc32(_SALT.pack(kind, at))) != crc:
            return
        yield Record(at, kind, payload)
        at = end
