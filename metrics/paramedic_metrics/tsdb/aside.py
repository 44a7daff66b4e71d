"""What was damaged is kept: nothing of a store is thrown away because it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from paramedic_core.sys.files import sync_folder, write_atomic

FOLDER = "damaged"


def keep(folder: Path, name: str, data: bytes | memoryview) -> Path:
    """Keep bytes; returns where. Bytes that are kept under this name already are not kept twice.

    Args:
        folder: the store's.
        name: what they were.
        data: they.

    Raises:
        OSError: the disk is full.
    """
    for path in _names(folder, name):
        if not path.exists():
            write_atomic(path, bytes(data))
            return path
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return path
    raise AssertionError("the names never end")


def link(folder: Path, path: Path) -> Path:
    """Keep a whole file, which stays where it is too; returns where.

    Raises:
        OSError: it cannot be done.
    """
    for other in _names(folder, path.name):
        try:
            os.link(path, other)
        except FileExistsError:
            if other.samefile(path):
                return other
            continue
        sync_folder(other.parent)
        return other
    raise AssertionError("the names never end")


def move(folder: Path, path: Path) -> Path:
    """Move what is no file of ours, a folder perhaps, with all that is in it; returns where to.

    Raises:
        OSError: it cannot be done.
    """
    for other in _names(folder, path.name):
        if not os.path.lexists(other):
            path.rename(other)
            sync_folder(other.parent)
            sync_folder(path.parent)
            return other
    raise AssertionError("the names never end")


def kept(folder: Path) -> list[Path]:
    """All that is kept: files, and folders that stood in a file's place."""
    place = folder / FOLDER
    return sorted(place.iterdir()) if place.is_dir() else []


def _names(folder: Path, name: str) -> Iterator[Path]:
    place = folder / FOLDER
    if not place.is_dir():
        place.mkdir(mode=0o700)
        sync_folder(folder)
    number = 0
    while True:
        yield place / (f"{name}~{number}" if number else name)
        number += 1
