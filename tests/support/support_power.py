"""What a disk still has after its power was cut: what was made durable, and nothing else."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest


class Power:
    """Watches which files and folders are made durable; the real calls are made too.

    Args:
        folder: what is below it, is watched; it is durable itself.
        monkeypatch: undoes it.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._content: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, tuple[int, bool]]] = {}
        self._held: dict[int, int] = {}
        self._lock = threading.Lock()
        for name in ("fsync", "fdatasync"):
            real = getattr(os, name)

            def watched(fd: int, real: object = real) -> None:
                assert callable(real)
                real(fd)
                with self._lock:
                    self._durable(fd)

            monkeypatch.setattr(os, name, watched)

    def cut(self, to: Path) -> None:
        """Make a folder of what is left."""
        with self._lock:
            self._left(self._folder, to)

    def close(self) -> None:
        """Let go of what it holds."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _durable(self, fd: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        if not path.is_relative_to(self._folder):
            return
        if path.is_dir():
            self._names[path] = {e.name: (e.inode(), e.is_dir()) for e in os.scandir(path)}
            return
        facts = os.fstat(fd)
        if facts.st_ino not in self._held:
            # So that no other file gets its number.
            self._held[facts.st_ino] = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
        self._content[facts.st_ino] = os.pread(self._held[facts.st_ino], facts.st_size, 0)

    def _left(self, folder: Path, to: Path) -> None:
        to.mkdir()
        for name, (number, is_folder) in self._names.get(folder, {}).items():
            if is_folder:
                self._left(folder / name, to / name)
            else:
                (to / name).write_bytes(self._content.get(number, b""))
