"""Blocks of a part whose directory is damaged: each can be read by itself, so they are looked for and get a new directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paramedic_core.errors import BadInput
from paramedic_core.fault import fault
from paramedic_core.sys.files import sync_folder
from paramedic_metrics.tsdb import aside, block, part
from paramedic_metrics.tsdb.block import Block
from paramedic_metrics.tsdb.part import Copy, Entry
from paramedic_metrics.tsdb.source import Opened, Span

_CHUNK = 1 << 16
_MOST_SEARCH = 4 << 30
"""Bytes that are summed up, at most, for what only begins as a block does: a file may be made of nothing else."""
_LEVEL = 1
"""They are as they were: not to be joined into longer ones, for nobody knows which belong together."""


@dataclass(frozen=True, slots=True)
class Found:
    """A block, and where it is."""

    offset: int
    block: Block

    @property
    def entry(self) -> Entry:
        """What a directory says of it. Its group is not known any more: alike lists of series make one."""
        times = self.block.times
        return Entry(
            part.hash_of(f"salvaged/{self.block.ids.tobytes().hex()}"), self.offset, self.block.length,
            int(times[0]), int(times[-1]), len(self.block.ids), len(times), self.block.samples,
        )  # fmt: skip


def blocks(path: Path) -> Iterator[Found]:
    """All blocks of a file whose head is whole; none of what is no regular file.

    Raises:
        OSError: the file cannot be opened.
    """
    try:
        file = Opened(path)
    except BadInput:
        return  # whoever comes here has been told so by `Part`
    at, left = 0, _MOST_SEARCH
    while left > 0 and (at := _magic(file, at)) >= 0:
        source = _Counted(Span(file, at, file.size))
        try:
            found = Block(source)
        except BadInput:
            at, left = at + 1, left - source.bytes
            continue
        yield Found(at, found)
        at += found.length


class _Counted:
    """Says how much of a source was read."""

    def __init__(self, span: Span) -> None:
        self._span, self.bytes = span, 0

    def __len__(self) -> int:
        return len(self._span)

    def __getitem__(self, at: slice) -> memoryview:
        data = self._span[at]
        self.bytes += len(data)
        return data


def salvage(folder: Path, path: Path) -> int:
    """Put a part with a new directory in the place of one whose directory is damaged, which is kept.

    Args:
        folder: the store's.
        path: the part.

    Returns:
        how many blocks there are now; with none, the part is gone from its place.

    Raises:
        OSError: the disk is full; all is as before.
    """
    found = [(one, one.entry) for one in blocks(path)]
    aside.link(folder, path)
    fault("tsdb.after_aside")
    if found:
        file = Opened(path)
        copies = (Copy(e, file.read(e.offset, e.offset + e.length), one.block.ids) for one, e in found)
        part.write(path, copies, {}, level=_LEVEL)
    else:
        path.unlink()
        sync_folder(path.parent)
    return len(found)


def _magic(file: Opened, at: int) -> int:
    """Where something begins as blocks do, from `at` on; −1 when nothing does. What cannot be read is passed over."""
    while at < file.size:
        end = min(at + _CHUNK, file.size)
        try:
            place = bytes(file.read(at, end)).find(block.MAGIC)
        except BadInput:
            place = -1
        if place >= 0:
            return at + place
        if end == file.size:
            return -1
        at = end - len(block.MAGIC) + 1
    return -1
