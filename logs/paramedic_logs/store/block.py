"""A block: some lines of one stream, compressed, with a checksum, in a segment file.

    offset  size
    0       4     "PLG1"
    4       4     CRC-32 of all that follows (zlib.crc32)
    8       1     codec: 1 is zlib (RFC 1950)
    9       3     nought
    12      4     stream
    16      4     lines
    20      8+8   first and last moment, Unix nanoseconds
    36      4     bytes of the payload, which follows
    40      …     payload: moments (int64, each less the one before), lengths (uint32), kinds (uint8), then all texts

Little-endian throughout. A codec to come gets another number; nothing else changes.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate

from paramedic_core.errors import BadInput
from paramedic_logs.line import Line

_HEAD = struct.Struct("<4sIB3xIIqqI")
_MAGIC = b"PLG1"
_ZLIB = 1
HEADER = _HEAD.size
MOST_BLOCK = 32 << 20
"""Bytes of a decoded block, at most; a head is sealed long before."""


def encode(stream: int, lines: Sequence[Line]) -> bytes:
    """A block of at least one line."""
    moments = array("q", (line.ns for line in lines))
    deltas = array("q", (b - a for a, b in zip((0, *moments), moments, strict=False)))
    lengths = array("I", (len(line.text) for line in lines))
    if sys.byteorder == "big":
        deltas.byteswap()
        lengths.byteswap()
    kinds = bytes(line.meta for line in lines)
    payload = zlib.compress(deltas.tobytes() + lengths.tobytes() + kinds + b"".join(line.text for line in lines), 6)
    head = _HEAD.pack(_MAGIC, 0, _ZLIB, stream, len(lines), min(moments), max(moments), len(payload))
    crc = zlib.crc32(payload, zlib.crc32(head[8:]))
    return _HEAD.pack(_MAGIC, crc, _ZLIB, stream, len(lines), min(moments), max(moments), len(payload)) + payload


class Block:
    """A decoded block.

    Args:
        data: exactly the block's bytes.

    Raises:
        BadInput: it is damaged.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < HEADER:
            raise BadInput(f"a block of {len(data)} bytes is cut")
        magic, crc, codec, self.stream, self.count, _, _, length = _HEAD.unpack_from(data)
        if magic != _MAGIC or codec != _ZLIB or len(data) != HEADER + length:
            raise BadInput("no block begins here, or it is cut")
        if zlib.crc32(data[8:]) != crc:
            raise BadInput("the block's checksum is wrong")
        body = _inflate(data[HEADER:])
        n = self.count
        deltas, lengths = array("q", body[: 8 * n]), array("I", body[8 * n : 12 * n])
        if sys.byteorder == "big":
            deltas.byteswap()
            lengths.byteswap()
        self.moments = list(accumulate(deltas))
        self._kinds = body[12 * n : 13 * n]
        self._ends = list(accumulate(lengths))
        self._texts = body[13 * n :]

    def line(self, index: int) -> Line:
        """One of its lines."""
        start = self._ends[index - 1] if index else 0
        return Line(self.moments[index], self._kinds[index], self._texts[start : self._ends[index]])

    def may_hold(self, text: bytes) -> bool:
        """Whether `text` is anywhere in it."""
        return text in self._texts


def _inflate(payload: bytes) -> bytes:
    engine = zlib.decompressobj()
    body = engine.decompress(payload, MOST_BLOCK)
    if engine.unconsumed_tail:
        raise BadInput(f"a block holds more than {MOST_BLOCK} bytes")
    return body
