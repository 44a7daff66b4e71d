"""Bytes of a part, read when they are wanted.

Not mapped: a bad sector, or a file that somebody cuts, would kill a process that reads a mapping; here it is a damaged block.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import weakref
from pathlib import Path
from typing import Protocol

from paramedic_core.errors import BadInput

_MOST_HELD = 256
"""Files that are held open; what is beyond is mapped, for a server's loop takes no descriptors of any number."""


class Source(Protocol):
    """What a block is read from: a memoryview, or part of a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: slice, /) -> memoryview: ...


class Opened:
    """A file that stays readable when it is removed; closed with its last reader.

    Args:
        path: which.

    Raises:
        BadInput: it is no regular file.
        OSError: it cannot be opened.
    """

    held = 0

    def __init__(self, path: Path) -> None:
        self.fd = regular(path)
        self.map: memoryview | None = None
        try:
            self.size = os.fstat(self.fd).st_size
            if Opened.held >= _MOST_HELD and self.size:
                self.map = memoryview(mmap.mmap(self.fd, 0, access=mmap.ACCESS_READ))
        except BaseException:
            os.close(self.fd)
            raise
        if self.map is not None:
            os.close(self.fd)
        else:
            Opened.held += 1
            weakref.finalize(self, _close, self.fd)

    def read(self, begin: int, end: int) -> memoryview:
        """These bytes.

        Raises:
            BadInput: they cannot be read.
        """
        if self.map is not None:
            return self.map[begin:end]
        try:
            data = os.pread(self.fd, end - begin, begin)
        except OSError as error:
            raise BadInput(f"bytes {begin} to {end} cannot be read: {error.strerror}") from error
        if len(data) != end - begin:
            raise BadInput(f"the file ends at {begin + len(data)}, amid what should be there")
        return memoryview(data)


def regular(path: Path) -> int:
    """A descriptor to read a regular file by. What else may stand there is not waited for, as opening a FIFO would.

    Raises:
        BadInput: it is no regular file.
        OSError: it cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        kind = "a socket or a device that is not there"
    else:
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode):
            return fd
        os.close(fd)
        kind = "a FIFO" if stat.S_ISFIFO(mode) else "a folder" if stat.S_ISDIR(mode) else "a device"
    raise BadInput(f"{path} is {kind}, not a file of the store: move it out of the way")


class Span:
    """Some bytes of a file, sliced as a memoryview is.

    Args:
        file: the file.
        begin: the first.
        end: the one after the last.
    """

    def __init__(self, file: Opened, begin: int, end: int) -> None:
        self._file, self._begin, self._end = file, begin, end

    def __len__(self) -> int:
        return self._end - self._begin

    def __getitem__(self, at: slice) -> memoryview:
        """Bytes, read now.

        Raises:
            BadInput: they cannot be read.
        """
        begin, end, _ = at.indices(len(self))
        return self._file.read(self._begin + begin, self._begin + max(begin, end))


def _close(fd: int) -> None:
    os.close(fd)
    Opened.held -= 1
