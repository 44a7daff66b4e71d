"""Who has a store: one process at a time writes to it.

The lock is the kernel's, of an open file (fcntl(2), open file description locks): it ends with its process, and holds across
containers. Whoever only reads takes none.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from pathlib import Path

from paramedic_core.errors import StoreUnavailable

NAME = "lock"
_FLOCK = "hhqqi4x"
"""struct flock: type, whence, start, length, pid."""
_NOTE = 16
_WHOLE = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)


class Lock:
    """Being the only one that writes.

    Args:
        folder: the store's; it is there.
        within: seconds to wait for who has it.

    Raises:
        StoreUnavailable: another process has it, or the folder cannot be used.
    """

    def __init__(self, folder: Path, within: float = 2.0) -> None:
        path = folder / NAME
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"the store {folder} cannot be locked: {error}") from error
        end = time.monotonic() + within
        try:
            while not self._taken():
                if time.monotonic() >= end:
                    raise StoreUnavailable(
                        f"process {_note(self._fd)} has the store {folder} open: stop paramedic there first, "
                        "or name another folder"
                    )
                time.sleep(0.02)
            # On a full disk nobody can be told who has it; it is had all the same.
            with contextlib.suppress(OSError):
                os.pwrite(self._fd, f"{os.getpid()}\n".encode().ljust(_NOTE), 0)
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        """Give it up; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _taken(self) -> bool:
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _WHOLE)
        except (BlockingIOError, PermissionError):
            return False
        return True


def holder(folder: Path) -> str:
    """The id of the process that has a store open; empty when none has.

    Raises:
        OSError: it cannot be asked.
    """
    try:
        fd = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    try:
        kind = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _WHOLE))[0]
        return "" if kind == fcntl.F_UNLCK else _note(fd)
    finally:
        os.close(fd)


def _note(fd: int) -> str:
    return os.pread(fd, _NOTE, 0).decode("ascii", "replace").strip("\0 \n") or "unknown"
