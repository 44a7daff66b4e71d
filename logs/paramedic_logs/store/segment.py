"""Segment files: blocks one after another, appended and made durable; the catalogue says how far each one counts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from paramedic_core.sys.files import sync_folder


def name_of(number: int) -> str:
    """A segment's file name."""
    return f"{number:08d}.seg"


class Writer:
    """Appends to one segment.

    Args:
        folder: where segments are.
        number: which one.
        length: how many of its bytes count; the rest is cut off.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, folder: Path, number: int, length: int) -> None:
        self.number, self.length = number, length
        path = folder / name_of(number)
        new = not path.exists()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(self._fd, length)
            if new:
                sync_folder(folder)
        except OSError:
            os.close(self._fd)
            raise

    def append(self, blocks: Sequence[bytes]) -> list[int]:
        """Write the blocks and have them on the disk when this returns; they count only once `length` is set.

        Returns:
            where each one starts.

        Raises:
            OSError: the disk is full; nothing of it counts.
        """
        starts, at, data = [], self.length, b"".join(blocks)
        for block in blocks:
            starts.append(at)
            at += len(block)
        done = 0
        while done < len(data):
            done += os.pwrite(self._fd, data[done:], self.length + done)
        os.fdatasync(self._fd)
        return starts

    def cut(self) -> None:
        """Give back what an append that failed had taken; raises OSError."""
        os.ftruncate(self._fd, self.length)

    def close(self) -> None:
        os.close(self._fd)


def read_block(folder: Path, number: int, start: int, length: int) -> bytes:
    """A block's bytes.

    Raises:
        FileNotFoundError: the segment has been dropped meanwhile.
        OSError: it cannot be read.
    """
    fd = os.open(folder / name_of(number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(fd, length, start)
    finally:
        os.close(fd)


def tidy(folder: Path, known: set[int]) -> None:
    """Delete segments that the catalogue does not know: they were never acknowledged, or were dropped."""
    for path in folder.glob("*.seg"):
        if not path.stem.isdigit() or int(path.stem) not in known:
            path.unlink()
