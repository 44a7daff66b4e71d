"""Folders that tell when an entry comes or goes (inotify(7)), so that a rotation is seen at once and polling can be slow."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

_CREATE, _DELETE, _MOVED_TO, _ONLYDIR = 0x100, 0x200, 0x80, 0x01000000
# A folder's own end is told to its parent only: a file of it that is held open keeps the kernel from telling itself.
_MASK = _CREATE | _DELETE | _MOVED_TO | _ONLYDIR
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_EVENT = struct.Struct("iIII")
_LIBC = ctypes.CDLL(None, use_errno=True)


class Inotify:
    """Watches folders.

    Raises:
        OSError: the kernel gives no more of them (fs.inotify.max_user_instances): poll instead.
    """

    def __init__(self) -> None:
        self.fd = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1 failed")
        self._names: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def watch(self, folder: Path, name: str) -> bool:
        """Watch a folder under `name`; whether it worked: without, it has to be polled."""
        if name in self._numbers:
            return True
        number = _LIBC.inotify_add_watch(self.fd, os.fsencode(folder), _MASK)
        if number < 0:
            if ctypes.get_errno() in (errno.ENOENT, errno.ENOSPC, errno.ENOTDIR, errno.EACCES):
                return False
            raise OSError(ctypes.get_errno(), f"inotify_add_watch of {folder} failed")
        self._names[number], self._numbers[name] = name, number
        return True

    def forget(self, name: str) -> None:
        """Stop watching; what is gone already is fine."""
        number = self._numbers.pop(name, None)
        if number is not None:
            self._names.pop(number, None)
            _LIBC.inotify_rm_watch(self.fd, number)

    def read(self, wanted: Callable[[bytes], bool]) -> tuple[dict[str, Counter[str]], bool]:
        """The folders in which something came or went; and whether the kernel had to leave some out.

        Args:
            wanted: whether an entry of that name counts. Docker writes a container's state anew at each health check.

        Returns:
            by folder, how often each entry was made (renamed ones are not counted, but touch the folder).
        """
        touched: dict[str, Counter[str]] = {}
        overflow = False
        while True:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                return touched, overflow
            at = 0
            while at < len(data):
                number, mask, _, length = _EVENT.unpack_from(data, at)
                entry = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
                at += _EVENT.size + length
                overflow = overflow or bool(mask & _OVERFLOW)
                name = self._names.get(number)
                if name is not None and (not entry or wanted(entry)):
                    made = touched.setdefault(name, Counter())
                    if mask & _CREATE:
                        made[os.fsdecode(entry)] += 1
                if name is not None and mask & _IGNORED:
                    del self._names[number]
                    self._numbers.pop(name, None)

    def close(self) -> None:
        os.close(self.fd)
