"""The series on the disk: a file of records, each with new label pairs and new series, and its copy; and how it is read all at once.

A record names its pairs and, for each series, its id and the numbers of its pairs in this record. A file that was
rewritten has thousands in each, so starting up is a few NumPy operations however many series there are.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import struct
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from paramedic_core.errors import BadInput, StoreUnavailable
from paramedic_core.fault import fault
from paramedic_core.sys.files import sync_folder, write_atomic
from paramedic_metrics.series import Labels
from paramedic_metrics.tsdb import aside, twin
from paramedic_metrics.tsdb.codec import deflate, inflate
from paramedic_metrics.tsdb.framing import Hole, Record, frame, scan
from paramedic_metrics.tsdb.index import Index, no_id
from paramedic_metrics.tsdb.twin import COPY, MAGIC, NAME, Both, read_both, same

log = logging.getLogger("paramedic.metrics.tsdb")

_SERIES = 1
_HEAD = struct.Struct("<IIIII")
_CHUNK = 5_000
"""Series a record, at most: so many lose their names with a damaged one. Fewer would take longer to read at a start."""
_MOST_TEXT = 8 << 20
"""Characters of a record of more than one series, at most: six times as many bytes, as JSON may have them, are far from
what a reader refuses. A single series has no more than remote write lets through, 17 MB."""
_OVERHEAD = 16
"""What a pair takes besides, in the same measure: quotes, commas and its number."""
_MOST_UNPACKED = 256 << 20
_COPY_AGAIN = 60.0
"""Seconds after which a copy that could not be made is tried again."""


class SeriesLog:
    """The file, and its copy.

    Args:
        folder: where they are.
        index: filled from them.

    Raises:
        StoreUnavailable: it cannot be opened.
    """

    def __init__(self, folder: Path, index: Index) -> None:
        self.path, self._copy_path = folder / NAME, folder / COPY
        self.damage: list[Hole] = []
        """What of it could not be read in either file: series whose names are lost."""
        self._unsynced = self._closed = False
        self._rewritten = 0
        """Ids below this were in the index at the last rewrite: those of them that are still there are in the file."""
        self._waiting: tuple[int, int] | None = None
        """Size and next id of a rewritten file that may be at the path, and is not open."""
        self._fd = self._copy = self._inode = -1
        self._copy_after = 0.0
        self._lock = threading.Lock()
        try:
            both = read_both(folder)
            data = both.data
            self.size = len(MAGIC)
            for item in load(data, index):
                if isinstance(item, Record) or item.known:
                    self.size = item.end
                elif item.damaged:
                    self.damage.append(item)
            if len(data) > self.size:
                self.size = self._tail(data)
            self._mend(both)
            self._open()
            if len(data) < len(MAGIC):
                os.pwrite(self._fd, MAGIC, 0)
                sync_folder(folder)
                data = memoryview(MAGIC)
            os.ftruncate(self._fd, self.size)
        except (BadInput, OSError) as error:
            raise StoreUnavailable(f"the list of series {self.path} cannot be opened: {error}") from error
        self._copy_of(data[: self.size], both.lacking)
        for hole in self.damage:
            log.error(
                "bytes %d to %d of %s are damaged, and of its copy too: the names of the series in them are lost, "
                "`paramedic tsdb check` shows more",
                hole.offset, hole.end, self.path,
            )  # fmt: skip

    def _mend(self, both: Both) -> bool:
        """Put what only the copy has into the file; the damaged one is kept. Whether the file at the path is another now."""
        if not both.mended:
            return False
        lost = sum(hole.size for hole in both.mended)
        try:
            if both.size:
                aside.link(self.path.parent, self.path)
            write_atomic(self.path, bytes(both.data))
        except OSError as error:
            log.warning("%d bytes of %s are read from its copy and cannot be mended now: %s", lost, self.path, error)
            return False
        log.warning("%d bytes of %s were damaged, and had from its copy: no name is lost", lost, self.path)
        return True

    def _open(self) -> None:
        """Open the file at its path; it may be one that was rewritten."""
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        inode = os.fstat(self._fd).st_ino
        if self._waiting is not None and inode != self._inode:
            self.size, self._rewritten = self._waiting
            self._unsynced = False
            self._let_go_of_copy()
        self._waiting, self._inode = None, inode

    def _let_go_of_copy(self) -> None:
        if self._copy >= 0:
            os.close(self._copy)
            self._copy, self._copy_after = -1, 0.0

    def _copy_of(self, data: memoryview | None, lacking: Sequence[Hole] = ()) -> None:
        """See to it that the copy has these bytes (None: those of both files), and is open; where it cannot, one file goes on alone."""
        self._let_go_of_copy()
        try:
            if data is None:
                # The file may have damage that could not be mended at the start, and that only the old copy makes good.
                both = read_both(self.path.parent)
                data, lacking = both.data[: self.size], both.lacking
                if self._mend(replace(both, data=data)):
                    os.close(self._fd)
                    self._fd = -1
                    self._open()
            if not same(self._copy_path, data):
                if any(hole.damaged and hole.end < len(data) for hole in lacking):
                    log.warning("%s was damaged: it is made anew from %s", self._copy_path, NAME)
                    aside.link(self._copy_path.parent, self._copy_path)
                write_atomic(self._copy_path, bytes(data))
            self._copy = os.open(self._copy_path, os.O_WRONLY | os.O_CLOEXEC)
        except (BadInput, OSError) as error:
            log.warning("%s has no copy now, tried again every %g s: %s", self.path, _COPY_AGAIN, error)
            self._copy_after = time.monotonic() + _COPY_AGAIN

    def _tail(self, data: memoryview) -> int:
        """Keep what is behind the last record elsewhere; returns where the next may be written."""
        try:
            aside.keep(self.path.parent, f"{NAME}-{self.size}", data[self.size :])
        except OSError as error:
            log.warning(
                "the damaged end of %s stays where it is, for it cannot be kept elsewhere: %s", self.path, error
            )
            return len(data)
        return self.size

    def append(self, ids: Sequence[int], labels: Sequence[Labels]) -> None:
        """Write series down, all of them or none.

        Args:
            ids: ascending.
            labels: theirs.

        Raises:
            StoreUnavailable: the disk is full, or the file is as large as it may be.
        """
        with self._lock:
            self._usable()
            # Series that could not be written down, and that a rewrite wrote then: twice in the file, they would be damage.
            new = bisect_left(ids, self._rewritten)
            data = _records(ids[new:], labels[new:], self.size)
            if self.size + len(data) > twin.MOST_FILE:
                raise StoreUnavailable(
                    f"new series cannot be written down: {self.path} would be larger than {twin.MOST_FILE} bytes and never be read "
                    "again: drop labels with long values, or move the metrics' folder away, so that a new one begins"
                )
            try:
                _write(self._fd, data, self.size)
                fault("tsdb.before_series_copy")
                if self._copy >= 0:
                    _write(self._copy, data, self.size)
                self._unsynced = True
            except OSError as error:
                for fd in (self._fd, self._copy):
                    with contextlib.suppress(OSError):  # what is left of it then, the next one is written over
                        os.ftruncate(fd, self.size)
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                raise StoreUnavailable(
                    f"new series cannot be written down ({error}): "
                    + (f"the disk of {self.path} is full: free space on it" if full else f"look at {self.path}"),
                    retry_after=5.0,
                ) from error
            self.size += len(data)
            fault("tsdb.after_series")

    def _usable(self) -> None:
        """Open the file again, where that failed after a rewrite.

        Raises:
            StoreUnavailable: it still cannot be, or the store is closed.
        """
        if self._closed:
            raise StoreUnavailable("new series cannot be written down: the store is closed")
        if self._fd >= 0:
            return
        try:
            self._open()
        except OSError as error:
            raise StoreUnavailable(
                f"new series cannot be written down: {self.path} cannot be opened ({error})", retry_after=5.0
            ) from error

    def sync(self) -> None:
        """Make all of it durable, in both files.

        Raises:
            OSError: the disk does not take it.
        """
        with self._lock:
            if self._copy < 0 and self._fd >= 0 and time.monotonic() >= self._copy_after:
                self._copy_of(None)
            if not self._unsynced:
                return
            self._unsynced = False
            fds = [os.dup(fd) for fd in (self._fd, self._copy) if fd >= 0]
        # Without the lock: who adds a series need not wait for the disk.
        try:
            for fd in fds:
                os.fdatasync(fd)
        except OSError:
            self._unsynced = True
            raise
        finally:
            for fd in fds:
                os.close(fd)

    def rewrite(self, index: Index) -> None:
        """Write the file anew, with what the index has only.

        Raises:
            OSError: it could not; the old one stays, or the new one is there and not durable yet.
        """
        # Whoever adds series holds the index first.
        with index.lock, self._lock:
            ids = [int(n) for n in index.all()]
            data = MAGIC + _records(ids, map(index.labels, ids), len(MAGIC))
            if len(data) > twin.MOST_FILE:
                raise OSError(errno.EFBIG, f"it would be larger than {twin.MOST_FILE} bytes", str(self.path))
            try:
                write_atomic(self.path, data)
            finally:
                # Also where it could not be made durable: it may have its name already, and the old one none any more.
                fault("tsdb.after_series_rewrite")
                if self._fd >= 0:
                    os.close(self._fd)
                self._fd, self._waiting = -1, (len(data), index.next)
                self._open()
            self._copy_of(memoryview(data))

    def close(self) -> None:
        """Let go of it; may be called twice."""
        with self._lock:
            self._closed = True
            for fd in (self._fd, self._copy):
                if fd >= 0:
                    os.close(fd)
            self._fd = self._copy = -1


def _write(fd: int, data: bytes, at: int) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(fd, data[written:], at + written)


def _records(ids: Sequence[int], labels: Iterable[Labels], at: int) -> bytes:
    """The records of series, to be written at this offset."""
    made: list[bytes] = []
    for some, names in _cut(ids, labels):
        made.append(frame(_SERIES, pack(some, names), at))
        at += len(made[-1])
    return b"".join(made)


def _cut(ids: Sequence[int], labels: Iterable[Labels]) -> Iterator[tuple[list[int], list[Labels]]]:
    """Series in such numbers that a record of them can be read again, whatever their labels are."""
    some: list[int] = []
    names: list[Labels] = []
    text = 0
    for number, one in zip(ids, labels, strict=True):
        # A pair that several series share counts for each: an ordinary series has 300, so 5,000 of them fit well.
        more = sum(len(name) + len(value) + _OVERHEAD for name, value in one)
        if some and (len(some) >= _CHUNK or text + more > _MOST_TEXT):
            yield some, names
            some, names, text = [], [], 0
        some.append(number)
        names.append(one)
        text += more
    if some:
        yield some, names


def pack(ids: Sequence[int], labels: Sequence[Labels]) -> bytes:
    """The payload of a record."""
    numbers: dict[tuple[str, str], int] = {}
    counts, refs = array("H"), array("I")
    for one in labels:
        counts.append(len(one))
        for pair in one:
            refs.append(numbers.setdefault(pair, len(numbers)))
    names = orjson.dumps([text for pair in numbers for text in pair])
    body = (
        np.asarray(ids, "<u4").tobytes() + np.array(counts, "<u2").tobytes() + np.array(refs, "<u4").tobytes() + names
    )
    packed = deflate(body)
    return _HEAD.pack(len(body), len(ids), len(refs), len(numbers), 0) + packed


def load(data: memoryview, index: Index) -> Iterator[Record | Hole]:
    """Take all series into an index; says what was read, and what could not be."""
    if data and data[: len(MAGIC)] != MAGIC:
        yield Hole(0, min(len(MAGIC), len(data)), torn=MAGIC.startswith(data[: len(MAGIC)].tobytes()))
    for item in scan(data, len(MAGIC)):
        if isinstance(item, Record):
            try:
                _load(item.payload, index)
            except BadInput as error:
                # Its words: whoever keeps log records would keep all that the error has seen, too.
                log.warning("the record of series at %d cannot be used: %s", item.offset, str(error))
                yield Hole(item.offset, item.end)
                continue
        yield item


def _load(payload: memoryview, index: Index) -> None:
    if len(payload) < _HEAD.size:
        raise BadInput("a record of series is cut")
    size, series, refs, pairs, _ = _HEAD.unpack_from(payload)
    if size > _MOST_UNPACKED or size < 6 * series + 4 * refs:
        raise BadInput("a record of series contradicts itself")
    body = memoryview(inflate(payload[_HEAD.size :], size))
    try:
        texts = orjson.loads(body[6 * series + 4 * refs :])
    except orjson.JSONDecodeError as error:
        raise BadInput(f"a record of series cannot be read: {error}") from error
    if not isinstance(texts, list) or len(texts) != 2 * pairs or set(map(type, texts)) - {str}:
        raise BadInput("a record of series contradicts itself")
    ids = np.frombuffer(body[: 4 * series], "<u4").astype(np.uint32)
    counts = np.frombuffer(body[4 * series : 6 * series], "<u2").astype(np.int64)
    numbers = np.frombuffer(body[6 * series : 6 * series + 4 * refs], "<u4").astype(np.int64)
    if counts.sum() != refs or (refs and numbers.max() >= pairs) or (np.diff(ids.astype(np.int64)) <= 0).any():
        raise BadInput("a record of series contradicts itself")
    wrong = no_id(ids)
    if wrong:
        raise BadInput(f"a record of series cannot be used: {wrong}")
    if series and ids[0] < index.next:
        raise BadInput("a record of series has ids that another has")
    index.load(list(zip(texts[::2], texts[1::2], strict=True)), ids, counts, numbers)
