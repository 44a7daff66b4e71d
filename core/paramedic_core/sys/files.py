"""Files that survive a crash, and reads that have a bound."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from paramedic_core.errors import BadInput


def write_atomic(path: Path, data: bytes, mode: int = 0o600, *, gid: int = -1, durable: bool = True) -> None:
    """Replace `path` by `data`: after a crash it holds the old or the new content, whole.

    Args:
        path: the file.
        data: all of its content.
        mode: its permissions; the umask takes from them, unless `gid` is given.
        gid: its group; −1 leaves the writer's own.
        durable: wait until it is on the disk; without, only a crash of the process is survived, not one of the machine.

    Raises:
        OSError: the disk is full or the folder cannot be written; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            if gid >= 0:
                os.fchown(file.fileno(), -1, gid)
                os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's own entries durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_bounded(path: Path, most: int = 1 << 20) -> bytes:
    """The file's content.

    Raises:
        BadInput: it is larger than `most` bytes.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise BadInput(f"{path} is larger than {most} bytes")
    return data
