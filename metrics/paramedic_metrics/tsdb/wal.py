"""The write-ahead log: what is in no sealed block yet. Segment files, each of which can be read by itself.

A record is handed to the kernel before its samples count, so a killed process loses nothing; `sync` makes it durable, so
a power cut loses what came since. A place is a segment's number and an offset in it, as one number that only grows.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paramedic_core.errors import BadInput, StoreUnavailable
from paramedic_core.fault import fault
from paramedic_core.sys.files import sync_folder
from paramedic_metrics.tsdb.framing import MOST_RECORD, Hole, Record, frame, scan
from paramedic_metrics.tsdb.source import regular

log = logging.getLogger("paramedic.metrics.tsdb")

SEGMENT_BYTES = 16 << 20
MAGIC = b"PMW1"
MOST_SEGMENT = SEGMENT_BYTES + 2 * MOST_RECORD


def read_segment(path: Path) -> Iterator[Record | Hole]:
    """All of one segment.

    Raises:
        BadInput: it is no regular file.
        OSError: it cannot be read.
    """
    with os.fdopen(regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        # None of ours is larger, and what is behind would not fit into memory.
        data = memoryview(file.read(MOST_SEGMENT))
    begin = len(MAGIC) if data[: len(MAGIC)] == MAGIC else 0
    if not begin and data:
        begin = min(len(MAGIC), len(data))
        yield Hole(0, begin, torn=MAGIC.startswith(data[: len(MAGIC)].tobytes()))
    yield from scan(data, begin)
    if size > MOST_SEGMENT:
        yield Hole(len(data), size)


def place(segment: int, offset: int) -> int:
    """A place in the log."""
    return segment << 32 | offset


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a segment that could not be read."""

    path: Path
    offset: int
    lost: int
    """Bytes."""


class Wal:
    """The log; the caller sees to it that one thread writes at a time.

    Args:
        folder: where its segments are; made if missing.
        only_read: another process may be writing it.

    Raises:
        StoreUnavailable: the folder cannot be used.
    """

    def __init__(self, folder: Path, *, only_read: bool = False) -> None:
        self.folder = folder
        self.damage: list[Damage] = []
        self._fd = -1
        self._full: list[int] = []
        self._unsynced = self._closed = False
        self._sync_lock = threading.Lock()
        try:
            if not only_read:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.sizes = {int(p.stem): p.stat().st_size for p in folder.glob("*.wal") if p.stem.isdigit()}
        except OSError as error:
            raise StoreUnavailable(f"the metrics' log {folder} cannot be used: {error}") from error
        # A new life writes to a new file: the last one may end torn.
        self.segment = max(self.sizes, default=0)
        self._size = self.sizes.get(self.segment, 0)

    @property
    def size(self) -> int:
        """How large it is."""
        return sum(self.sizes.values())

    @property
    def end(self) -> int:
        """The place of the next record."""
        return place(self.segment, self._size)

    def ready(self, room: int) -> None:
        """Have a segment with room for records of so many bytes; a full one is followed by the next.

        Raises:
            StoreUnavailable: no file can be made.
        """
        if self._closed:
            raise StoreUnavailable("samples cannot be stored: the store is closed")
        if self._fd >= 0 and self._size + room <= SEGMENT_BYTES:
            return
        self._leave()
        before = self.segment, self._size
        number = self.segment + 1
        path = self._path(number)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self.segment, self._size = number, 0
            self.sizes[number] = 0
            self._write(MAGIC)
            fault("tsdb.after_segment")
        except OSError as error:
            self._abandon(path, before)
            raise self._unavailable(error) from error

    def append(self, kind: int, payload: bytes) -> int:
        """Hand one record to the kernel, whole or not at all; returns its place. `ready` comes first.

        Raises:
            StoreUnavailable: the disk is full.
        """
        at = self._size
        try:
            self._write(frame(kind, payload, at))
        except OSError as error:
            try:
                os.ftruncate(self._fd, at)
                os.lseek(self._fd, at, os.SEEK_SET)
            except OSError:
                # What follows a torn record would never be read: the next one begins a new file.
                self._leave()
            raise self._unavailable(error) from error
        return place(self.segment, at)

    def sync(self) -> None:
        """Make all that was appended durable. May be called beside `append`.

        Raises:
            StoreUnavailable: the disk does not take it; what came since the last time may be lost in a power cut.
        """
        with self._sync_lock:
            if not self._unsynced:
                return
            self._unsynced = False
            full, self._full = self._full, []
            current = os.dup(self._fd) if self._fd >= 0 else -1
        try:
            while full:
                os.fdatasync(full[0])
                os.close(full.pop(0))
            if current >= 0:
                os.fdatasync(current)
            sync_folder(self.folder)
            fault("tsdb.after_sync")
        except OSError as error:
            with self._sync_lock:
                # What could not be made durable is tried again: the next success is to mean that everything is.
                self._unsynced, self._full = True, full + self._full
            raise self._unavailable(error) from error
        finally:
            if current >= 0:
                os.close(current)

    def read(self) -> Iterator[tuple[int, Record | Hole]]:
        """All that earlier lives wrote, with its segment; `damage` says afterwards what could not be read."""
        for number in sorted(self.sizes):
            if number == self.segment and self._fd >= 0:
                continue
            path = self._path(number)
            try:
                for item in read_segment(path):
                    if isinstance(item, Hole) and item.torn:
                        log.info("%s ends amid a record, which nobody was told to be stored", path)
                    elif isinstance(item, Hole) and item.damaged:
                        self.damage.append(Damage(path, item.offset, item.size))
                    yield number, item
            except BadInput as error:
                log.error("%s", error)  # noqa: TRY400  a trace says nothing more
                self.damage.append(Damage(path, 0, 0))

    def resume(self, where: int) -> None:
        """Never give out a place before this one, though the files that had them may be gone."""
        if self._fd < 0 and self.segment < where >> 32:
            self.segment, self._size = where >> 32, 0

    def drop_before(self, where: int) -> int:
        """Remove the segments that lie before a place; returns how many."""
        # A copy, for who appends may begin a segment meanwhile.
        gone = [n for n in list(self.sizes) if n < where >> 32 and not (n == self.segment and self._fd >= 0)]
        for number in gone:
            self._path(number).unlink(missing_ok=True)
            del self.sizes[number]
        return len(gone)

    def close(self) -> None:
        """Make it durable and let go of it."""
        try:
            self.sync()
        except StoreUnavailable as error:
            log.warning("%s", error)
        self.abandon()

    def abandon(self) -> None:
        """Let go of it as it is."""
        self._closed = True
        self._leave()
        while self._full:
            os.close(self._full.pop())

    def _write(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.write(self._fd, data[written:] if written else data)
        self._size += len(data)
        self.sizes[self.segment] = self._size
        self._unsynced = True

    def _leave(self) -> None:
        """Write to this segment no more; it is made durable with the next `sync`."""
        with self._sync_lock:
            if self._fd >= 0:
                self._full.append(self._fd)
                self._fd = -1

    def _abandon(self, path: Path, before: tuple[int, int]) -> None:
        """The segment could not be begun: leave nothing of it, so that its number can be tried again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            path.unlink(missing_ok=True)
            self.sizes.pop(self.segment, None)
        self.segment, self._size = before

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08}.wal"

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        todo = f"the disk of {self.folder} is full: free space on it" if full else f"look at the disk of {self.folder}"
        return StoreUnavailable(f"samples cannot be stored ({error}): {todo}", retry_after=5.0)
