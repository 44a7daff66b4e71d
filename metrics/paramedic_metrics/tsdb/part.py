"""A part: an immutable file of sealed blocks, with a directory at its end.

    "PMP1", the blocks, the directory (JSON, zstd), and 24 bytes: offset (uint64) and length (uint32) of the directory, its
    CRC-32, "PMP1" and nought.

It is written under another name, made durable, and renamed. A part that was made from others names them: whoever finds
one of them beside it removes it, so a crash between the two leaves nothing twice.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from paramedic_core.errors import BadInput
from paramedic_core.fault import fault
from paramedic_core.sys.files import sync_folder
from paramedic_metrics.tsdb import block, codec
from paramedic_metrics.tsdb.index import Ids

log = logging.getLogger("paramedic.metrics.tsdb")

SUFFIX = ".part"
_MAGIC = b"PMP1"
_TAIL = struct.Struct("<QII4sI")
_MOST_DIRECTORY = 64 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one block is, and what it holds."""

    group: int
    """The hash of its scrape group's key."""
    offset: int
    length: int
    tmin: int
    tmax: int
    rows: int
    moments: int
    samples: int

    @property
    def summary(self) -> tuple[int, int, int, int, int, int]:
        """All but where it is."""
        return self.group, self.tmin, self.tmax, self.rows, self.moments, self.samples


@dataclass(frozen=True, slots=True)
class Copy:
    """A block of another part, to be written as it is."""

    entry: Entry
    data: memoryview
    ids: Ids


@dataclass(frozen=True, slots=True)
class Content:
    """A block to be written."""

    group: int
    ids: Ids
    times: NDArray[np.int64]
    cells: NDArray[np.float64]
    samples: int


def hash_of(key: str) -> int:
    """A group's number in parts."""
    return int.from_bytes(blake2b(key.encode(), digest_size=7).digest(), "little")


def write(
    path: Path,
    contents: Iterable[Content | Copy],
    sealed: dict[str, int],
    replaces: Iterable[str] = (),
    level: int = 0,
    first: int = codec.PCO,
) -> None:
    """Write a part, durably.

    Args:
        path: its final name.
        contents: its blocks.
        sealed: for each group's key, the place in the log before which all of it is in this part or an earlier one.
        replaces: names of parts that it was made from.
        level: how often what it has was merged.
        first: the codec to try first.

    Raises:
        OSError: it could not be written; nothing of it is left.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(_MAGIC)
            offset, entries, seen = len(_MAGIC), [], [np.empty(0, np.uint32)]
            for c in contents:
                if isinstance(c, Copy):
                    data: bytes | memoryview = c.data
                    group, *facts = c.entry.summary
                else:
                    data = block.encode(c.ids, c.times, c.cells, first)
                    group = c.group
                    facts = [int(c.times[0]), int(c.times[-1]), len(c.ids), len(c.times), c.samples]
                file.write(data)
                entries.append((group, offset, len(data), *facts))
                seen.append(c.ids)
                offset += len(data)
            ids = np.unique(np.concatenate(seen))
            facts_of_all = {"sealed": sealed, "replaces": list(replaces), "ids": len(ids), "level": level}
            body = orjson.dumps({"entries": entries, **facts_of_all})
            packed = struct.pack("<I", len(body)) + codec.deflate(body, 9)
            packed = struct.pack("<I", len(packed)) + packed + codec.pack(ids)
            file.write(packed)
            file.write(_TAIL.pack(offset, len(packed), zlib.crc32(packed), _MAGIC, 0))
            fault("tsdb.before_part_sync")
            file.flush()
            os.fsync(file.fileno())
        fault("tsdb.before_part_rename")
        temporary.rename(path)
        fault("tsdb.after_part_rename")
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Part:
    """A part that is read where it lies.

    Args:
        path: the file.

    Raises:
        BadInput: its directory is damaged, or it is cut.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(_MAGIC) + _TAIL.size:
                raise BadInput(f"{path} is cut: it has {size} bytes")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.bytes = size
        self._data = memoryview(self._map)
        offset, length, crc, magic, _ = _TAIL.unpack(self._data[-_TAIL.size :])
        packed = self._data[offset : offset + length]
        if magic != _MAGIC or len(packed) != length or zlib.crc32(packed) != crc:
            raise BadInput(f"{path} is cut, or its directory is damaged")
        self._packed_ids, directory = _directory(packed, path)
        self.entries = [Entry(*row) for row in directory["entries"]]
        self.sealed: dict[str, int] = directory["sealed"]
        self.replaces: list[str] = directory["replaces"]
        self._count: int = directory["ids"]
        self.level: int = directory["level"]
        self.tmin = min((e.tmin for e in self.entries), default=0)
        self.tmax = max((e.tmax for e in self.entries), default=0)
        self.damaged: set[int] = set()
        """Blocks that turned out to be unreadable: queries go on without them."""

    @property
    def samples(self) -> int:
        """How many it holds."""
        return sum(e.samples for e in self.entries)

    def ids(self) -> Ids:
        """All series that it has samples of, ascending.

        Raises:
            BadInput: damaged.
        """
        return codec.unpack(self._packed_ids, self._count, np.uint32)[0]

    def bytes_of(self, number: int) -> memoryview:
        """One of its blocks as it lies there."""
        entry = self.entries[number]
        return self._data[entry.offset : entry.offset + entry.length]

    def block(self, number: int) -> block.Block:
        """One of its blocks, its stripes still packed.

        Raises:
            BadInput: it is damaged.
        """
        entry = self.entries[number]
        found = block.Block(self.bytes_of(number))
        if len(found.ids) != entry.rows or len(found.times) != entry.moments:
            raise BadInput("a block is not the one that its directory speaks of")
        return found

    def spoil(self, number: int, why: BadInput) -> None:
        """Go on without a block."""
        if number not in self.damaged:
            self.damaged.add(number)
            entry = self.entries[number]
            log.error(
                "block %d of %s (bytes %d to %d, %d samples) is damaged: %s; queries go on without it, "
                "`paramedic tsdb check` shows more",
                number, self.path, entry.offset, entry.offset + entry.length, entry.samples, why,
            )  # fmt: skip


def _directory(packed: memoryview, path: Path) -> tuple[memoryview, dict[str, Any]]:
    (length,) = struct.unpack_from("<I", packed)
    (size,) = struct.unpack_from("<I", packed, 4)
    if size > _MOST_DIRECTORY:
        raise BadInput(f"{path}: its directory would take {size} bytes")
    try:
        return packed[4 + length :], orjson.loads(codec.inflate(packed[8 : 4 + length], size))
    except (BadInput, orjson.JSONDecodeError) as error:
        raise BadInput(f"{path}: its directory cannot be read: {error}") from error
