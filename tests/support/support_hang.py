"""A file system that never answers: FUSE whose server reads no request (fuse(4)). Root only."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

_DETACH = 2


@contextlib.contextmanager
def hung_mount(point: Path) -> Iterator[None]:
    """Mount one at `point`. Whoever asks it anything waits until it is taken away.

    Raises:
        OSError: FUSE cannot be mounted here.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    point.mkdir(parents=True, exist_ok=True)
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    try:
        if libc.mount(b"hung", os.fsencode(point), b"fuse.hung", 0, options):
            raise OSError(ctypes.get_errno(), "mount a FUSE file system")
        try:
            yield
        finally:
            libc.umount2(os.fsencode(point), _DETACH)
    finally:
        os.close(fd)  # the kernel ends every call that waits
        point.rmdir()
