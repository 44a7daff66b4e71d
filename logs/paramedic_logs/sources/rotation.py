"""The files of one container's log: which there are, oldest first, and where a known place is among them.

Docker renames `X-json.log` to `.1`, `.1` to `.2` and so on, packs the renamed ones when `compress` is set (`.1.gz`), and
drops the last. A packed file has another inode and the same content, so a place is an inode *and* the bytes before it.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from paramedic_core.errors import BadInput
from paramedic_core.sys.files import read_bounded

_TRIES = 10
_A_RENAMING = 0.0005
"""Seconds in which Docker renames a log's files and makes the new one, and some more."""
MARK = 64
"""So many bytes before a place tell whether it is still the same place: they hold a time of nanoseconds."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log was read and made durable."""

    inode: int = 0
    offset: int = 0
    """In the file as it is unpacked."""
    mark: bytes = b""
    """The last bytes before `offset`, at most `MARK`."""
    last_ns: int = 0
    """The newest line's moment."""
    parts: str = ""
    """Lines of which the end has not come yet, as JSON."""


@dataclass(slots=True)
class LogFile:
    """One open file; it can be read to its end even when Docker has deleted it."""

    path: Path
    fd: int
    inode: int
    packed: bool
    gap_before: str = ""
    """Why lines may be missing between the file before and this one; empty: they follow one another."""
    dead: bool = False
    """It is damaged: nothing more can be read from it."""
    _unpacked: gzip.GzipFile | None = field(default=None, repr=False)
    _raw: IO[bytes] | None = field(default=None, repr=False)

    def size(self) -> int:
        """Bytes; of a packed file −1, which nobody knows before it is read."""
        return -1 if self.packed else os.fstat(self.fd).st_size

    def linked(self) -> bool:
        """Whether it still has a name somewhere."""
        return os.fstat(self.fd).st_nlink > 0

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes at `offset`.

        Raises:
            OSError, EOFError, zlib.error: it cannot be read, or is damaged.
        """
        if not self.packed:
            return os.pread(self.fd, count, offset)
        if self._unpacked is None:
            self._raw = os.fdopen(os.dup(self.fd), "rb")
            self._unpacked = gzip.GzipFile(fileobj=self._raw)
        self._unpacked.seek(offset)
        return self._unpacked.read(count)

    def holds(self, place: Place) -> bool:
        """Whether `place` is in this file."""
        if not self.packed and self.inode != place.inode:
            return False
        if self.packed and not place.mark:
            return False
        start = place.offset - len(place.mark)
        try:
            return self.read(start, len(place.mark)) == place.mark
        except (OSError, EOFError, zlib.error):
            return False

    def close(self) -> None:
        if self._unpacked is not None and self._raw is not None:
            self._unpacked.close()
            self._raw.close()
        os.close(self.fd)


def listing(base: Path) -> list[tuple[Path, int]]:
    """The files of the log `base` with their inodes, oldest first; where a file is there packed and plain, the plain one.

    Taken while Docker renames, it may lack files or have one twice.

    Raises:
        FileNotFoundError: the folder is gone.
        OSError: it cannot be read.
    """
    pattern = re.compile(re.escape(base.name) + r"(?:\.(\d{1,4})(\.gz)?)?")
    found: dict[int, tuple[Path, int]] = {}
    with os.scandir(base.parent) as entries:
        for entry in entries:
            match = pattern.fullmatch(entry.name)
            if match:
                index = int(match[1] or 0)
                if index not in found or not match[2]:
                    found[index] = (Path(entry.path), entry.inode())
    return [found[index] for index in sorted(found, reverse=True)]


def most_files(base: Path) -> int:
    """How many files Docker keeps of the log `base` (`max-file`), by its own note beside it; 0 where that cannot be read."""
    try:
        options = json.loads(read_bounded(base.parent / "hostconfig.json"))["LogConfig"]["Config"]
        return int(options.get("max-file", "1"))
    except (BadInput, OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0


def open_files(base: Path, known: LogFile | None = None) -> tuple[list[LogFile], bool] | None:
    """The files of the log `base` that are newer than `known`, opened, oldest first.

    A folder that is renamed in meanwhile shows old files as if they were new, and hides others. So what was opened counts
    only when the folder was the same before and after, with the same files under the same names.

    Returns:
        the files, and whether `known` was met among them: else some between may be gone. None where the folder does not
        keep still: look again.

    Raises:
        FileNotFoundError: the folder is gone.
        OSError: one cannot be opened.
    """
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_A_RENAMING * attempt)
        before = listing(base)
        opened, met, whole = _open_back(before, known)
        # One that we hold, that is still somewhere and was not met, is looked for to the last.
        astray = known is not None and not met and known.linked() and attempt < _TRIES - 1
        if whole and not astray and listing(base) == before:
            return opened, met
        for file in opened:
            file.close()
    return None


def _open_back(files: list[tuple[Path, int]], known: LogFile | None) -> tuple[list[LogFile], bool, bool]:
    """From the newest back to `known`; and whether each was the file that had been listed."""
    opened: list[LogFile] = []
    for path, inode in reversed(files):
        file = _open(path)
        if file is None:
            return opened[::-1], False, False
        if known is not None and (file.inode == known.inode or _same(file, known)):
            file.close()
            return opened[::-1], True, True
        opened.append(file)
        if file.inode != inode:
            return opened[::-1], False, False
    return opened[::-1], False, True


def _same(packed: LogFile, plain: LogFile) -> bool:
    """Whether `packed` is the plain file that we hold, packed: of equal content at its end."""
    if not packed.packed or plain.packed or not plain.size():
        return False
    size = plain.size()
    return packed.holds(Place(0, size, plain.read(max(0, size - MARK), MARK)))


def _open(path: Path) -> LogFile | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    return LogFile(path, fd, os.fstat(fd).st_ino, path.suffix == ".gz")
