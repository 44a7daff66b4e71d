"""The payloads of the write-ahead log.

A *layout* is the list of series that one scrape has, time after time. It is written once a segment; a scrape is then its
number, its moment, which values changed since the layout's last one, and those. *Cells* are samples that come by
themselves.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paramedic_core.errors import BadInput
from paramedic_metrics.series import bits
from paramedic_metrics.tsdb.codec import deflate, inflate
from paramedic_metrics.tsdb.index import Ids, no_id

LAYOUT, SCRAPE, CELLS = 1, 2, 3
_LAYOUT = struct.Struct("<IBHI")
_SCRAPE = struct.Struct("<IqB")
_CELLS = struct.Struct("<BHIqI")
_SMALL = 256
"""Bytes from which on compressing pays."""
_MOST_UNPACKED = 64 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """The series of a scrape."""

    number: int
    loose: bool
    group: str
    ids: Ids


@dataclass(frozen=True, slots=True)
class Cells:
    """Samples of one moment, of one group."""

    loose: bool
    group: str
    t: int
    ids: Ids
    values: NDArray[np.float64]


def pack_layout(layout: Layout) -> bytes:
    """A layout's payload."""
    key = layout.group.encode()
    body = deflate(np.diff(layout.ids, prepend=np.uint32(0)).astype("<u4").tobytes(), 1)
    return _LAYOUT.pack(layout.number, layout.loose, len(key), len(layout.ids)) + key + body


def unpack_layout(data: memoryview) -> Layout:
    """The layout.

    Raises:
        BadInput: it is none.
    """
    number, loose, size, count = _cut(_LAYOUT, data)
    at = _LAYOUT.size + size
    deltas = np.frombuffer(_inflate(data[at:], 4 * count), "<u4")
    ids = _sound(np.cumsum(deltas, dtype=np.uint32))
    return Layout(number, bool(loose), bytes(data[_LAYOUT.size : at]).decode(), ids)


def pack_scrape(layout: int, t: int, values: NDArray[np.float64], before: NDArray[np.float64] | None) -> bytes:
    """A scrape's payload.

    Args:
        layout: its number.
        t: the moment, Unix milliseconds.
        values: one a series of the layout.
        before: those of the layout's last record in this segment; None when there is none.
    """
    if before is None:
        return _SCRAPE.pack(layout, t, 0) + values.tobytes()
    changed = bits(values) != bits(before)
    parts: list[bytes] = [_SCRAPE.pack(layout, t, 1), np.packbits(changed).tobytes(), values[changed].tobytes()]
    return b"".join(parts)


def scrape_layout(data: memoryview) -> tuple[int, int]:
    """The layout's number, and the moment.

    Raises:
        BadInput: it is no scrape.
    """
    number, t, _ = _cut(_SCRAPE, data)
    return int(number), int(t)


def unpack_scrape(data: memoryview, count: int, before: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The values.

    Args:
        data: the payload.
        count: how many series the layout has.
        before: the values of the layout's record before.

    Raises:
        BadInput: it is none, or there is no record before.
    """
    _, _, partly = _cut(_SCRAPE, data)
    body = data[_SCRAPE.size :]
    if not partly:
        return _floats(body, count)
    if before is None:
        raise BadInput("a scrape has no scrape before it")
    size = (count + 7) // 8
    changed = np.unpackbits(np.frombuffer(body[:size], np.uint8), count=count).view(np.bool_)
    values = before.copy()
    values[changed] = _floats(body[size:], int(np.count_nonzero(changed)))
    return values


def pack_cells(cells: Cells) -> bytes:
    """The payload of samples."""
    key = cells.group.encode()
    body = cells.ids.astype("<u4").tobytes() + cells.values.tobytes()
    flags = int(cells.loose)
    if len(body) > _SMALL:
        flags |= 2
        body = deflate(body, 1)
    return _CELLS.pack(flags, len(key), 0, cells.t, len(cells.ids)) + key + body


def unpack_cells(data: memoryview) -> Cells:
    """The samples.

    Raises:
        BadInput: there are none.
    """
    flags, size, _, t, count = _cut(_CELLS, data)
    at = _CELLS.size + size
    body = memoryview(_inflate(data[at:], 12 * count) if flags & 2 else bytes(data[at:]))
    if len(body) != 12 * count:
        raise BadInput("a record of samples is cut")
    ids = _sound(np.frombuffer(body[: 4 * count], "<u4").astype(np.uint32))
    key = bytes(data[_CELLS.size : at]).decode()
    return Cells(bool(flags & 1), key, t, ids, _floats(body[4 * count :], count))


def _cut(shape: struct.Struct, data: memoryview) -> tuple[int, ...]:
    if len(data) < shape.size:
        raise BadInput("a record is cut")
    return shape.unpack_from(data)


def _sound(ids: Ids) -> Ids:
    wrong = no_id(ids)
    if wrong:
        raise BadInput(f"a record cannot be used: {wrong}")
    return ids


def _floats(data: memoryview, count: int) -> NDArray[np.float64]:
    if len(data) != 8 * count:
        raise BadInput(f"a record has {len(data)} bytes of values, not {8 * count}")
    return np.frombuffer(data, "<f8").astype(np.float64, copy=False)


def _inflate(data: memoryview, size: int) -> bytes:
    if size > _MOST_UNPACKED:
        raise BadInput(f"a record would hold {size} bytes")
    return inflate(data, size)
