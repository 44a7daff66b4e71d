"""What is damaged goes out of a store's way: kept in its folder `damaged`, and everything that can be read stays.

Each file is replaced by one that has all of it that can be read, at once and durably: so a repair may be killed, and done again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from paramedic_core.errors import BadInput
from paramedic_core.fault import fault
from paramedic_core.sys.files import write_atomic
from paramedic_metrics.tsdb import aside, serieslog, twin
from paramedic_metrics.tsdb import part as part_file
from paramedic_metrics.tsdb.framing import Hole, void
from paramedic_metrics.tsdb.index import Index
from paramedic_metrics.tsdb.lock import Lock
from paramedic_metrics.tsdb.part import SUFFIX, Content, Copy, Part
from paramedic_metrics.tsdb.parts import FOLDER
from paramedic_metrics.tsdb.recovery import Decoder
from paramedic_metrics.tsdb.salvage import salvage
from paramedic_metrics.tsdb.wal import MAGIC, MOST_SEGMENT, read_segment


def repair(folder: Path) -> list[str]:
    """Set aside all that is damaged.

    Args:
        folder: the store's.

    Returns:
        what was done, in sentences.

    Raises:
        BadInput: there is no store.
        StoreUnavailable: a process has it open.
        OSError: the disk is full; what was not done yet is as before.
    """
    if not folder.is_dir():
        raise BadInput(f"there are no metrics in {folder}: is --data right?")
    done: list[str] = []
    with _as_owner(folder), closing(Lock(folder, within=0.0)):
        for path in sorted((folder / FOLDER).glob(f"*{SUFFIX}")):
            done += _no_file(folder, path) or _part(folder, path)
        for path in sorted((folder / "wal").glob("*.wal")):
            done += _no_file(folder, path) or _patched(folder, path, MAGIC, _damage_of_log(path), MOST_SEGMENT)
        for name in (twin.NAME, twin.COPY):
            done += _no_file(folder, folder / name)
        done += _series(folder)
    return done


@contextmanager
def _as_owner(folder: Path) -> Iterator[None]:
    """Called by root, do it as the hub would: what it makes must be the hub's."""
    owner = folder.stat()
    if os.geteuid() or not owner.st_uid:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def _no_file(folder: Path, path: Path) -> list[str]:
    """Move a folder, FIFO or device out of the way that stands where a file of the store should."""
    if path.is_file() or not os.path.lexists(path):
        return []
    kept = aside.move(folder, path)
    return [f"{path.relative_to(folder)} was no file of the store: it is kept as {kept.relative_to(folder)}"]


def _part(folder: Path, path: Path) -> Iterator[str]:
    name = path.relative_to(folder)
    try:
        part = Part(path)
    except BadInput:
        count = salvage(folder, path)
        yield f"{name} had no directory any more: it is set aside, {count} of its blocks have a new one"
        if not count:
            return
        part = Part(path)
    for number in range(len(part.entries)):
        try:
            bad = part.block(number).bad()
        except BadInput as error:
            part.spoil(number, error)
            continue
        if bad:
            part.spoil(number, BadInput(next(iter(bad.values()))))
    wrong = part.list_damage()
    if not part.damaged and not wrong:
        return
    kept = aside.link(folder, path)
    fault("tsdb.before_repair_part")
    part_file.write(path, _readable(part), part.sealed, part.replaces, part.level)
    rows = sum(part.entries[n].rows - (0 if part.lost(n) else len(part.block(n).ids)) for n in part.damaged)
    what = f"{len(part.damaged)} of its {len(part.entries)} blocks" if part.damaged else "its list of series"
    yield f"{name}: {what} could not be read, {rows} series of them; it is kept as {kept.relative_to(folder)}"


def _readable(part: Part) -> Iterator[Content | Copy]:
    """All of a part that can be read."""
    for number, entry in enumerate(part.entries):
        if part.lost(number):
            continue
        found = part.block(number)
        if number not in part.damaged:
            yield Copy(entry, part.bytes_of(number), found.ids)
        elif len(found.ids):
            yield Content(entry.group, found.ids, found.times, found.values(), found.samples)


def _damage_of_log(path: Path) -> Iterator[Hole]:
    """Stretches of a segment that say nothing."""
    decoder = Decoder()
    for item in read_segment(path):
        if isinstance(item, Hole) and item.damaged:
            yield item
        try:
            decoder.take(item)
        except BadInput:
            yield Hole(item.offset, item.end)


def _series(folder: Path) -> Iterator[str]:
    """The list of series and its copy: each gets what only the other has, and what neither has is passed over."""
    path, copy = folder / twin.NAME, folder / twin.COPY
    both = twin.read_both(folder)
    if both.mended:
        kept = f"; it is kept as {aside.link(folder, path).relative_to(folder)}" if both.size else ""
        fault("tsdb.before_repair_series")
        write_atomic(path, bytes(both.data))
        lost = sum(hole.size for hole in both.mended)
        yield f"{twin.NAME}: {lost} bytes that could not be read were had from {twin.COPY}{kept}"
    yield from _patched(folder, path, twin.MAGIC, _damage_of_series(both.data), twin.MOST_FILE)
    data = twin.read(path)
    if both.copied and not twin.same(copy, data):
        damaged = [hole for hole in both.lacking if hole.damaged]
        kept = f"; it is kept as {aside.link(folder, copy).relative_to(folder)}" if damaged else ""
        write_atomic(copy, bytes(data))
        if damaged:
            lost = sum(hole.size for hole in damaged)
            yield f"{twin.COPY}: {lost} bytes that could not be read were had from {twin.NAME}{kept}"


def _damage_of_series(data: memoryview) -> Iterator[Hole]:
    for item in serieslog.load(data, Index(1 << 32)):
        if isinstance(item, Hole) and item.damaged:
            yield item


def _patched(folder: Path, path: Path, magic: bytes, damage: Iterator[Hole], most: int) -> Iterator[str]:
    """Put records that say nothing over what is damaged, so that all others keep their places; a damaged end goes.

    Args:
        folder: the store's.
        path: the file.
        magic: how it begins.
        damage: where it is damaged.
        most: bytes that such a file may have; what is behind goes too.
    """
    holes = list(damage)
    if not holes:
        return
    kept = aside.link(folder, path)
    fault("tsdb.before_repair_log")
    with path.open("rb") as file:
        data = bytearray(file.read(most))
    for hole in holes:
        if hole.offset < len(magic):
            data[: len(magic)] = magic
        elif hole.end >= len(data):
            del data[hole.offset :]
        else:
            record = void(hole)
            data[hole.offset : hole.offset + len(record)] = record
    write_atomic(path, bytes(data))
    lost = sum(hole.size for hole in holes)
    yield (
        f"{path.relative_to(folder)}: {lost} bytes in {len(holes)} places could not be read; it is kept as "
        f"{kept.relative_to(folder)}"
    )
