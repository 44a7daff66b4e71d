"""The series on the disk: one file of records, each with new label pairs and new series; and how it is read all at once.

A record names its pairs and, for each series, its id and the numbers of its pairs in this record. A file that was
rewritten is one such record with all of them, so starting up is a few NumPy operations however many series there are.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson

from paramedic_core.errors import BadInput, StoreUnavailable
from paramedic_core.fault import fault
from paramedic_core.sys.files import sync_folder, write_atomic
from paramedic_metrics.series import Labels
from paramedic_metrics.tsdb.codec import deflate, inflate
from paramedic_metrics.tsdb.framing import frame, records
from paramedic_metrics.tsdb.index import Index

NAME = "series.log"
_MAGIC = b"PMS1"
_SERIES = 1
_HEAD = struct.Struct("<IIIII")
_CHUNK = 50_000
"""Series a record, at most."""
_MOST_UNPACKED = 256 << 20


class SeriesLog:
    """The file.

    Args:
        folder: where it is.
        index: filled from it.

    Raises:
        StoreUnavailable: it cannot be opened.
        BadInput: it is not such a file.
    """

    def __init__(self, folder: Path, index: Index) -> None:
        self.path = folder / NAME
        self.lost = 0
        """Bytes at its end that could not be read."""
        self._unsynced = False
        self._lock = threading.Lock()
        try:
            data = memoryview(self.path.read_bytes()) if self.path.exists() else memoryview(b"")
            if 0 < len(data) < len(_MAGIC):
                data = memoryview(b"")
            if data and data[: len(_MAGIC)] != _MAGIC:
                raise BadInput(f"{self.path} is no list of series")
            self.size = len(_MAGIC)
            for record in records(data, self.size):
                _load(record.payload, index)
                self.size = record.end
            self.lost = max(0, len(data) - self.size)
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not data:
                os.write(self._fd, _MAGIC)
                sync_folder(folder)
            os.ftruncate(self._fd, self.size)
            os.lseek(self._fd, self.size, os.SEEK_SET)
        except OSError as error:
            raise StoreUnavailable(f"the list of series {self.path} cannot be opened: {error}") from error

    def append(self, ids: Sequence[int], labels: Sequence[Labels]) -> None:
        """Write series down, all of them or none.

        Raises:
            StoreUnavailable: the disk is full.
        """
        with self._lock:
            data = b""
            for at in range(0, len(ids), _CHUNK):
                payload = pack(ids[at : at + _CHUNK], labels[at : at + _CHUNK])
                data += frame(_SERIES, payload, self.size + len(data))
            try:
                written = 0
                while written < len(data):
                    written += os.write(self._fd, data[written:])
                self._unsynced = True
            except OSError as error:
                os.ftruncate(self._fd, self.size)
                os.lseek(self._fd, self.size, os.SEEK_SET)
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                raise StoreUnavailable(
                    f"new series cannot be written down ({error}): "
                    + (f"the disk of {self.path} is full: free space on it" if full else f"look at {self.path}"),
                    retry_after=5.0,
                ) from error
            self.size += len(data)
            fault("tsdb.after_series")

    def sync(self) -> None:
        """Make all of it durable.

        Raises:
            OSError: the disk does not take it.
        """
        with self._lock:
            if self._unsynced:
                os.fdatasync(self._fd)
                self._unsynced = False

    def rewrite(self, index: Index) -> None:
        """Write the file anew, with what the index has only.

        Raises:
            OSError: it could not; the old one stays.
        """
        # Whoever adds series holds the index first.
        with index.lock, self._lock:
            ids = [int(n) for n in index.all()]
            data = _MAGIC
            for at in range(0, len(ids), _CHUNK):
                some = ids[at : at + _CHUNK]
                data += frame(_SERIES, pack(some, [index.labels(n) for n in some]), len(data))
            write_atomic(self.path, data)
            fault("tsdb.after_series_rewrite")
            os.close(self._fd)
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
            os.lseek(self._fd, 0, os.SEEK_END)
            self.size, self._unsynced = len(data), False

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            os.close(self._fd)


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


def _load(payload: memoryview, index: Index) -> None:
    size, series, refs, pairs, _ = _HEAD.unpack_from(payload)
    if size > _MOST_UNPACKED or size < 6 * series + 4 * refs:
        raise BadInput("a record of series contradicts itself")
    try:
        body = memoryview(inflate(payload[_HEAD.size :], size))
        texts = orjson.loads(body[6 * series + 4 * refs :])
    except orjson.JSONDecodeError as error:
        raise BadInput(f"a record of series cannot be read: {error}") from error
    if len(texts) != 2 * pairs:
        raise BadInput("a record of series contradicts itself")
    ids = np.frombuffer(body[: 4 * series], "<u4").astype(np.uint32)
    counts = np.frombuffer(body[4 * series : 6 * series], "<u2").astype(np.int64)
    numbers = np.frombuffer(body[6 * series : 6 * series + 4 * refs], "<u4").astype(np.int64)
    if counts.sum() != refs or (refs and numbers.max() >= pairs):
        raise BadInput("a record of series contradicts itself")
    index.load(list(zip(texts[::2], texts[1::2], strict=True)), ids, counts, numbers)
