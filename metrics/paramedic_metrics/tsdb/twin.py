"""The list of series is kept twice, in two files of the same bytes: what is damaged in one is read from the other.

A record is looked for in the other file at its own place only, and only where what is found there ends just where the damage
ends: so a copy of another time, as a crash between the two files' rewriting leaves it, mixes nothing up.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from paramedic_core.errors import BadInput
from paramedic_metrics.tsdb.framing import Hole, scan
from paramedic_metrics.tsdb.source import regular

NAME, COPY = "series.log", "series.copy"
MAGIC = b"PMS1"
MOST_FILE = 2 << 30
_PIECE, _SECTOR = 1 << 20, 4096
_MOST_BAD = 64
"""Sectors that may be bad: a disk that reads nothing any more takes seconds for each."""


@dataclass(frozen=True, slots=True)
class Both:
    """What the two files have."""

    data: memoryview
    """Together, as `series.log` should be."""
    size: int
    """Of `series.log` as it is."""
    alike: bool
    """Whether they are the same, byte for byte."""
    mended: tuple[Hole, ...] = ()
    """Stretches of `series.log` that only the copy has."""
    lacking: tuple[Hole, ...] = ()
    """Stretches of the copy that only `series.log` has."""
    copied: int = 0
    """Bytes of the copy."""


def read_both(folder: Path) -> Both:
    """Read the list of series; one that is not there is empty.

    Args:
        folder: the store's.

    Raises:
        BadInput: `series.log` is no regular file.
        OSError: it cannot be read, or is larger than any of ours.
    """
    data = read(folder / NAME)
    if same(folder / COPY, data):
        return Both(data, len(data), alike=True, copied=len(data))
    try:
        other = read(folder / COPY)
    except (BadInput, OSError):
        # One file is enough; whoever writes makes the copy anew, and says so where that cannot be done.
        other = memoryview(b"")
    whole, mended = _filled(data, other)
    _, lacking = _filled(other, data) if other else (other, ())
    return Both(whole, len(data), alike=False, mended=mended, lacking=lacking, copied=len(other))


def read(path: Path) -> memoryview:
    """A file's bytes, noughts for those of a bad sector; none when it is not there.

    Raises:
        BadInput: it is no regular file.
        OSError: it cannot be read, or is larger than any of ours.
    """
    try:
        fd = regular(path)
    except FileNotFoundError:
        return memoryview(b"")
    try:
        size = os.fstat(fd).st_size
        if size > MOST_FILE:
            raise OSError(errno.EFBIG, f"it is larger than {MOST_FILE} bytes", str(path))
        return memoryview(_read(fd, size)).toreadonly()
    finally:
        os.close(fd)


def _read(fd: int, size: int) -> bytearray:
    data, bad = bytearray(size), 0
    at, step = 0, _PIECE
    while at < size:
        try:
            piece = os.pread(fd, min(step, size - at), at)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            if step > _SECTOR:
                step = _SECTOR
                continue
            bad += 1
            if bad > _MOST_BAD:
                raise
            piece = bytes(min(step, size - at))
        data[at : at + len(piece)] = piece
        at += len(piece)
        if not piece:
            return data[:at]  # it was cut meanwhile
        if at % _PIECE == 0:
            step = _PIECE
    return data


def same(path: Path, data: memoryview) -> bool:
    """Whether a file has just these bytes; also False when it cannot be read."""
    try:
        with os.fdopen(regular(path), "rb") as file:
            if os.fstat(file.fileno()).st_size != len(data):
                return False
            pieces = (
                (os.pread(file.fileno(), _PIECE, at), data[at : at + _PIECE]) for at in range(0, len(data), _PIECE)
            )
            return all(here == there for here, there in pieces)
    except (BadInput, OSError):
        return False


def _filled(data: memoryview, other: memoryview) -> tuple[memoryview, tuple[Hole, ...]]:
    """One file with what the other has of its damaged stretches, and which these were."""
    holes = [item for item in scan(data, len(MAGIC)) if isinstance(item, Hole) and not item.known]
    pieces, found, at = [], [], 0
    if data[: len(MAGIC)] != MAGIC and other[: len(MAGIC)] == MAGIC:
        found.append(Hole(0, len(MAGIC)))
        pieces, at = [other[: len(MAGIC)]], len(MAGIC)
    for hole in holes:
        if hole.end < len(data) and _led(other[: hole.end], hole.offset) == hole.end:
            pieces += [data[at : hole.offset], other[hole.offset : hole.end]]
            at = hole.end
            found.append(hole)
    # Behind the last record that can be read the other may have more.
    last = holes[-1].offset if holes and holes[-1].end == len(data) else max(len(data), len(MAGIC))
    end = _led(other, last)
    if end > last:
        pieces += [data[at:last], other[last:end]]
        at = len(data)
        found.append(Hole(last, end))
    if not found:
        return data, ()
    return memoryview(b"".join([*pieces, data[at:]])), tuple(found)


def _led(data: memoryview, at: int) -> int:
    """Where whole records lead that follow one another from a place on."""
    for item in scan(data, at):
        if isinstance(item, Hole) and not item.known:
            break
        at = item.end
    return at
