"""A part: an immutable file of sealed blocks, with a directory at its end.

    "PMP1", the blocks, the directory (JSON, zstd), and 24 bytes: offset (uint64) and length (uint32) of the directory, its
    CRC-32, "PMP1" and nought.

It is written under another name, made durable, and renamed. A part that was made from others names them: whoever finds
one of them beside it removes it, so a crash between the two leaves nothing twice.
"""

from __future__ import annotations

import logging
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
from paramedic_metrics.tsdb.distinct import distinct
from paramedic_metrics.tsdb.index import Ids, no_id
from paramedic_metrics.tsdb.source import Opened, Span

log = logging.getLogger("paramedic.metrics.tsdb")

SUFFIX = ".part"
_MAGIC = b"PMP1"
_TAIL = struct.Struct("<QII4sI")
_MOST_DIRECTORY = 64 << 20
_MOST_SERIES = 1 << 24
WHOLE = frozenset({-1})
"""Not some stripes: all of a block."""


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
        OSError: it could not be written, and nothing of it is left; or the folder could not be made durable, and it is
            there, whole.
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
            ids = distinct(np.concatenate(seen))
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
        self._file = Opened(path)
        self.bytes = size = self._file.size
        if size < len(_MAGIC) + _TAIL.size:
            raise BadInput(f"{path} is cut: it has {size} bytes")
        offset, length, crc, magic, rest = _TAIL.unpack(self._file.read(size - _TAIL.size, size))
        if magic != _MAGIC or rest or offset + length + _TAIL.size != size or length > 2 * _MOST_DIRECTORY:
            raise BadInput(f"{path} is cut, or its end is damaged")
        packed = self._file.read(offset, offset + length)
        if zlib.crc32(packed) != crc or self._file.read(0, len(_MAGIC)) != _MAGIC:
            raise BadInput(f"{path}: its directory or its first bytes are damaged")
        try:
            self._packed_ids, directory = _directory(packed)
            _sound(directory, offset)
        except (BadInput, KeyError, TypeError, ValueError, struct.error) as error:
            raise BadInput(f"{path}: its directory cannot be read: {error}") from error
        self.entries = [Entry(*row) for row in directory["entries"]]
        self.sealed: dict[str, int] = directory["sealed"]
        self.replaces: list[str] = directory["replaces"]
        self._count: int = directory["ids"]
        self.level: int = directory["level"]
        self.tmin = min((e.tmin for e in self.entries), default=0)
        self.tmax = max((e.tmax for e in self.entries), default=0)
        self._ids: Ids | None = None
        self._doubtful: set[int] = set()
        self.damaged: dict[int, frozenset[int]] = {}
        """Blocks that turned out to be unreadable, and which of their stripes: queries go on without them."""

    @property
    def samples(self) -> int:
        """How many it holds."""
        return sum(e.samples for e in self.entries)

    def ids(self) -> Ids:
        """All series that it has samples of, ascending.

        Raises:
            BadInput: neither its list of them nor its blocks can be read.
        """
        if self._ids is not None:
            return self._ids
        try:
            return self._listed()
        except BadInput as error:
            log.error("the list of series of %s is damaged (%s): its blocks are asked instead", self.path, error)  # noqa: TRY400  a trace says nothing more
            blocks = (block.Block(self._span(number)) for number in range(len(self.entries)))
            self._ids = distinct(np.concatenate([np.empty(0, np.uint32), *(b.ids for b in blocks)]))
            return self._ids

    def list_damage(self) -> str:
        """What is wrong with its list of series; empty when nothing is."""
        try:
            self._listed()
        except BadInput as error:
            return str(error)
        return ""

    def _listed(self) -> Ids:
        ids: Ids = codec.unpack(self._packed_ids, self._count, np.uint32)[0]
        wrong = no_id(ids)
        if wrong:
            raise BadInput(wrong)
        return ids

    def bytes_of(self, number: int) -> memoryview:
        """One of its blocks as it lies there.

        Raises:
            BadInput: it cannot be read.
        """
        return self._span(number)[:]

    def block(self, number: int) -> block.Block:
        """One of its blocks, its stripes still packed; of one that is damaged, the rows that are not.

        Raises:
            BadInput: it is damaged.
        """
        entry = self.entries[number]
        found = block.Block(self._span(number))
        if len(found.ids) != entry.rows or len(found.times) != entry.moments:
            raise BadInput("a block is not the one that its directory speaks of")
        bad = self.damaged.get(number)
        return found if bad is None else found.without(bad)

    def spoil(self, number: int, why: BadInput) -> int:
        """Go on without a block, or without its rows that are damaged; returns how many rows that are, 0 where it was known."""
        entry, known = self.entries[number], self.damaged.get(number)
        try:
            found = block.Block(self._span(number))
            bad = frozenset(found.bad())
            rows = len(found.rows_of(bad))
        except BadInput:
            bad, rows = WHOLE, entry.rows
        if known is not None and (bad <= known or known == WHOLE):
            return 0  # another reader has found it already
        if not bad and number not in self._doubtful:
            self._doubtful.add(number)
            log.warning("block %d of %s could not be read, and then could: %s", number, self.path, why)
            return 0
        if not bad:
            bad, rows = WHOLE, entry.rows
        self.damaged[number] = bad
        log.error(
            "block %d of %s (bytes %d to %d) is damaged: %s; queries go on without %d of its %d series, "
            "`paramedic tsdb check` shows more",
            number, self.path, entry.offset, entry.offset + entry.length, why, rows, entry.rows,
        )  # fmt: skip
        return rows

    def lost(self, number: int) -> bool:
        """Whether nothing of a block can be read."""
        return self.damaged.get(number) == WHOLE

    def _span(self, number: int) -> Span:
        entry = self.entries[number]
        return Span(self._file, entry.offset, entry.offset + entry.length)


def _sound(directory: dict[str, Any], end: int) -> None:
    """Whether a directory can be believed.

    Raises:
        BadInput: it cannot.
        KeyError, TypeError: something is missing, or of another kind.
    """
    entries, sealed, replaces = directory["entries"], directory["sealed"], directory["replaces"]
    if not isinstance(sealed, dict) or not isinstance(replaces, list):
        raise BadInput("it is of another shape")
    numbers = [directory["ids"], directory["level"], *sealed.values(), *(n for row in entries for n in row)]
    if not all(type(n) is int and abs(n) < 1 << 62 for n in numbers) or not all(type(n) is str for n in replaces):
        raise BadInput("it has what is no number of ours")
    if any(len(row) != len(Entry.__slots__) for row in entries) or not 0 <= directory["ids"] <= _MOST_SERIES:
        raise BadInput("it speaks of what cannot be there")
    for group, offset, length, _, _, rows, moments, samples in entries:
        if offset < len(_MAGIC) or length < 0 or offset + length > end or min(group, rows, moments, samples) < 0:
            raise BadInput("it speaks of what cannot be there")


def _directory(packed: memoryview) -> tuple[memoryview, dict[str, Any]]:
    (length,) = struct.unpack_from("<I", packed)
    (size,) = struct.unpack_from("<I", packed, 4)
    if size > _MOST_DIRECTORY:
        raise BadInput(f"it would take {size} bytes")
    return packed[4 + length :], orjson.loads(codec.inflate(packed[8 : 4 + length], size))
