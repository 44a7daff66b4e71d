"""Whether all of a store can be read: every block of every part, the list of series, the log. Reads only.

It may be done beside a running hub: parts do not change, and what is being written just then counts as no damage.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from paramedic_core.errors import BadInput
from paramedic_metrics.tsdb import aside, salvage, serieslog
from paramedic_metrics.tsdb.framing import Hole, Record
from paramedic_metrics.tsdb.index import NONE, Ids, Index
from paramedic_metrics.tsdb.lock import holder
from paramedic_metrics.tsdb.part import SUFFIX, Part
from paramedic_metrics.tsdb.parts import FOLDER
from paramedic_metrics.tsdb.recovery import Decoder
from paramedic_metrics.tsdb.twin import COPY, NAME, read_both
from paramedic_metrics.tsdb.wal import read_segment


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that cannot be read."""

    file: str
    """Relative to the store's folder."""
    what: str
    """Which part of it: a block, its directory, a record."""
    offset: int
    length: int
    why: str
    series: int | None = None
    """How many are affected; None when that is not known."""
    samples: int | None = None
    """How many are lost, at most."""
    start: int | None = None
    """The first moment of what is lost, Unix milliseconds."""
    end: int | None = None


@dataclass(slots=True)
class Report:
    """What was found."""

    folder: Path
    open_by: str = ""
    """The process that has the store open."""
    parts: int = 0
    blocks: int = 0
    samples: int = 0
    series: int = 0
    segments: int = 0
    records: int = 0
    bytes: int = 0
    damage: list[Damage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a person may want to look at, and no damage."""


def check(folder: Path) -> Report:
    """Read all of a store.

    Args:
        folder: its own.

    Raises:
        BadInput: there is no store.
        OSError: it cannot be read at all, for want of rights perhaps.
    """
    if not folder.is_dir():
        raise BadInput(f"there are no metrics in {folder}: is --data right?")
    report = Report(folder, open_by=holder(folder))
    used = NONE
    for path in sorted((folder / FOLDER).glob(f"*{SUFFIX}")):
        used = np.union1d(used, _part(report, path))
    _log(report)
    # Last: what a part has was written down before it.
    index = _series(report)
    unnamed = np.setdiff1d(used, index.all(), assume_unique=True)
    if len(unnamed):
        report.notes.append(
            f"{len(unnamed)} series have samples and no names (ids {unnamed[0]} to {unnamed[-1]}): "
            f"what named them in {NAME} is lost"
        )
    for path in aside.kept(folder):
        report.notes.append(f"{path.relative_to(folder)} was set aside: {path.stat().st_size} bytes")
    return report


def _part(report: Report, path: Path) -> Ids:
    """Read one part; returns its series."""
    name = str(path.relative_to(report.folder))
    try:
        part = Part(path)
    except FileNotFoundError:
        return NONE  # merged or too old, meanwhile
    except BadInput as error:
        return _without_directory(report, path, _less(path, error))
    report.parts += 1
    report.bytes += part.bytes
    found = [NONE]
    for number in range(len(part.entries)):
        report.blocks += 1
        found.append(_block(report, part, name, number))
    why = part.list_damage()
    if why:
        report.damage.append(Damage(name, "list of series", 0, 0, f"{why}; the blocks have it too", samples=0))
    return np.unique(np.concatenate(found))


def _less(path: Path, error: BadInput) -> str:
    """An error without its file's name."""
    return str(error).removeprefix(f"{path}: ").removeprefix(f"{path} ")


def _without_directory(report: Report, path: Path, why: str) -> Ids:
    """What can be told of a part that is only its blocks."""
    try:
        facts = path.stat()
        found = [(one.block.samples, one.block.ids) for one in salvage.blocks(path)]
    except FileNotFoundError:
        return NONE
    if not stat.S_ISREG(facts.st_mode):
        report.damage.append(Damage(str(path.relative_to(report.folder)), "file", 0, 0, why))
        return NONE
    samples = sum(n for n, _ in found)
    report.samples += samples
    report.damage.append(
        Damage(
            str(path.relative_to(report.folder)), "directory", 0, facts.st_size,
            f"{why}; {len(found)} blocks with {samples} samples can still be found in it",
        )
    )  # fmt: skip
    return np.unique(np.concatenate([NONE, *(ids for _, ids in found)]))


def _block(report: Report, part: Part, name: str, number: int) -> Ids:
    entry = part.entries[number]
    where = (name, f"block {number}", entry.offset, entry.length)
    when = entry.tmin, entry.tmax
    try:
        block = part.block(number)
    except BadInput as error:
        report.damage.append(Damage(*where, str(error), entry.rows, entry.samples, *when))
        return NONE
    bad = block.bad()
    report.samples += entry.samples
    if bad:
        rows = len(block.rows_of(bad))
        why = f"{len(bad)} of its {block.stripes} stripes: {next(iter(bad.values()))}"
        report.damage.append(Damage(*where, why, rows, min(entry.samples, rows * entry.moments), *when))
    return block.ids


def _series(report: Report) -> Index:
    index = Index(1 << 32)
    path = report.folder / NAME
    try:
        both = read_both(report.folder)
    except BadInput as error:
        report.damage.append(Damage(NAME, "file", 0, 0, _less(path, error)))
        return index
    data = both.data
    report.bytes += both.size + both.copied
    _one_file(report, NAME, both.mended, COPY, both.size)
    _one_file(report, COPY, both.lacking, NAME, both.copied)
    last = -1
    for item in serieslog.load(data, index):
        if isinstance(item, Record):
            last = index.next - 1
        elif report.open_by and item.end == len(data):
            continue
        elif item.torn:
            _torn(report, NAME, item)
        elif item.damaged:
            why = f"series after id {last} are not known by name" if last >= 0 else "the first series have no names"
            report.damage.append(Damage(NAME, "record", item.offset, item.size, why))
    report.series = len(index)
    return index


def _one_file(report: Report, name: str, holes: Iterable[Hole], other: str, size: int) -> None:
    """What only the other of the two files of series has: no name is lost, but a second damage may cost some."""
    for hole in holes:
        if hole.end <= size and not (report.open_by and hole.end == size):
            why = f"{other} has it: no name is lost"
            report.damage.append(Damage(name, "record", hole.offset, hole.size, why, series=0, samples=0))
        elif not report.open_by:
            report.notes.append(f"{name} ends early, at {hole.offset}: {other} has {hole.size} bytes more")


def _log(report: Report) -> None:
    paths = sorted((report.folder / "wal").glob("*.wal"))
    for path in paths:
        try:
            _segment(report, path, live=bool(report.open_by) and path == paths[-1])
        except FileNotFoundError:
            continue  # sealed meanwhile
        except BadInput as error:
            report.damage.append(Damage(str(path.relative_to(report.folder)), "file", 0, 0, _less(path, error)))


def _segment(report: Report, path: Path, *, live: bool) -> None:
    """Read one segment of the log; the end of a live one is just being written."""
    name = str(path.relative_to(report.folder))
    size = path.stat().st_size
    report.segments += 1
    report.bytes += size
    decoder = Decoder()
    last: int | None = None
    waiting: list[Damage] = []
    for item in read_segment(path):
        found: Damage | None = None
        try:
            cells = decoder.take(item)
        except BadInput as error:
            cells = None
            found = Damage(name, "record", item.offset, item.size, str(error), start=last)
        if isinstance(item, Hole):
            if live and item.end >= size:
                continue
            if item.torn:
                _torn(report, name, item)
            elif item.damaged:
                found = Damage(name, "record", item.offset, item.size, "no whole record is there", start=last)
        else:
            report.records += 1
        if found is not None:
            waiting.append(found)
        if cells is not None:
            last = cells.t
            report.damage += _until(waiting, last)
            waiting = []
    report.damage += _until(waiting, None)


def _torn(report: Report, name: str, hole: Hole) -> None:
    report.notes.append(
        f"{name} ends amid a record ({hole.size} bytes at {hole.offset}): paramedic was killed, or the power went, before it "
        "was whole"
    )


def _until(waiting: list[Damage], end: int | None) -> Iterator[Damage]:
    """Neighbouring records as one, with the moment of what was read next."""
    if waiting:
        first, last = waiting[0], waiting[-1]
        more = f", and {len(waiting) - 1} records that say only what changed since" if len(waiting) > 1 else ""
        yield Damage(
            first.file, first.what, first.offset, last.offset + last.length - first.offset, first.why + more,
            start=first.start, end=end,
        )  # fmt: skip
