"""Reading /proc, /sys and cgroup files: bounded, and with descriptors that are held.

`pread` on a held descriptor costs a tenth of open, read and close (facts: 25 µs against 209 µs for a container's eleven
files), and a removed cgroup answers ENODEV on it: the cheapest death notice there is.
"""

from __future__ import annotations

import errno
import os

MOST = 4 << 20
"""Bytes read of any file; no file of /proc that we read comes near."""
_PIECE = 1 << 16
GONE = frozenset({errno.ENODEV, errno.ESRCH, errno.ENOENT})
"""What the kernel says when the thing behind a path or descriptor has ended."""


class Held:
    """A file whose descriptor stays open between reads.

    Args:
        path: the file.
        whole: the kernel gives it in one piece (cgroup and sysfs files, which are made by one `show`); most files of
            /proc come a page at a time and are read until nothing follows.
    """

    __slots__ = ("_fd", "_whole", "path")

    def __init__(self, path: str, *, whole: bool = False) -> None:
        self.path, self._whole = path, whole
        self._fd = -1

    def read(self) -> bytes:
        """The present content.

        Raises:
            OSError: it cannot be opened or read; the next call opens it anew.
        """
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(self._fd, _PIECE, 0)
            return data if self._whole else _rest(self._fd, data)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the descriptor; a later read opens the file again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _rest(fd: int, data: bytes) -> bytes:
    if not data:
        return data
    pieces, size = [data], len(data)
    while size < MOST and (piece := os.pread(fd, _PIECE, size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces) if len(pieces) > 1 else data


def read(path: str, *, dir_fd: int | None = None) -> bytes:
    """A file's content, at most `MOST` bytes, opened for this once.

    Raises:
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        pieces, size = [], 0
        while size < MOST and (piece := os.read(fd, _PIECE)):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)


def read_text(path: str, default: str = "") -> str:
    """A small file's text without the white space around it; `default` where there is no such file or it is not ours."""
    try:
        return read(path).decode("utf-8", "replace").strip()
    except OSError:
        return default
