"""All parts of a store: opening them, setting damaged ones aside, and their pieces for a query."""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput
from paramedic_metrics.harm import Harm
from paramedic_metrics.tsdb import aside, read, stats
from paramedic_metrics.tsdb import part as part_file
from paramedic_metrics.tsdb.cache import Cache
from paramedic_metrics.tsdb.index import NONE, Ids
from paramedic_metrics.tsdb.part import Content, Copy, Part
from paramedic_metrics.tsdb.salvage import salvage

log = logging.getLogger("paramedic.metrics.tsdb")

FOLDER = "parts"


class Parts:
    """The sealed parts, the oldest first.

    Args:
        folder: the store's.
        counters: see `stats`.
        only_read: another process may be writing: nothing is tidied up, and damaged parts stay where they are.

    Raises:
        OSError: the folder cannot be read.
    """

    def __init__(self, folder: Path, counters: Counters, *, only_read: bool = False) -> None:
        self.folder, self._counters, self._only_read = folder / FOLDER, counters, only_read
        self._lock = threading.Lock()
        self._unopened: list[Harm] = []
        self._spoiled: dict[tuple[str, int], Harm] = {}
        if not only_read:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            for left in self.folder.glob(".*.tmp"):
                left.unlink()
        found = [part for path in sorted(self.folder.glob(f"*{part_file.SUFFIX}")) if (part := self._opened(path))]
        replaced = {name for part in found for name in part.replaces}
        for part in found:
            if part.name in replaced and not only_read:
                part.path.unlink()
        self._parts = [part for part in found if part.name not in replaced]
        numbers = [int(p.stem) for p in self.folder.glob(f"*{part_file.SUFFIX}") if p.stem.isdigit()]
        self._next = max(numbers, default=0) + 1

    @property
    def bytes(self) -> int:
        """On the disk."""
        return sum(part.bytes for part in self.all())

    def all(self) -> list[Part]:
        """All of them now."""
        with self._lock:
            return list(self._parts)

    def harm(self, oldest: float) -> list[Harm]:
        """What could not be read since the store was opened, also of parts that were merged since.

        Args:
            oldest: Unix milliseconds; what ends before would be gone by now.
        """
        with self._lock:
            there = {part.name for part in self._parts}
            spoiled = list(self._spoiled.items())
        return self._unopened + [
            replace(harm, settled=name not in there) for (name, _), harm in spoiled if harm.end >= oldest
        ]

    def spoil(self, part: Part, number: int, why: BadInput) -> None:
        """Go on without what cannot be read of a block."""
        rows, entry = part.spoil(number, why), part.entries[number]
        if not rows:
            return
        self._counters.add(stats.DAMAGED)
        samples = min(entry.samples, rows * entry.moments)
        with self._lock:
            self._spoiled[part.name, number] = Harm(
                f"{FOLDER}/{part.name}", samples=samples, series=rows, start=entry.tmin, end=entry.tmax
            )

    def path(self) -> Path:
        """A name for the next."""
        with self._lock:
            self._next += 1
            return self.folder / f"{self._next - 1:08}{part_file.SUFFIX}"

    def write(
        self, contents: Iterable[Content | Copy], sealed: dict[str, int], replaces: Sequence[Part] = (), level: int = 0
    ) -> Part:
        """Write a part and open it; it is not among `all` yet.

        Raises:
            OSError: the disk is full, or does not take it; nothing is left of it.
        """
        path = self.path()
        try:
            part_file.write(path, contents, sealed, [part.name for part in replaces], level)
            return Part(path)
        except BaseException:
            # It may have its name already, and not be durable: what it has is written again, so it must not be there twice.
            path.unlink(missing_ok=True)
            raise

    def swap(self, new: Sequence[Part], old: Sequence[Part] = ()) -> None:
        """Take parts in, in place of others; the others' files stay until `remove`."""
        with self._lock:
            self._parts = sorted([p for p in self._parts if p not in old] + list(new), key=lambda p: p.name)

    def remove(self, part: Part) -> None:
        """Delete a part's file; who still reads it may go on."""
        self.swap([], [part])
        part.path.unlink(missing_ok=True)

    def pieces(self, parts: Iterable[Part], start: int, end: int, cache: Cache) -> list[read.Piece]:
        """What a query of this time has to read, `start` exclusive, `end` inclusive."""
        found: list[read.Piece] = []
        for part in parts:
            if part.tmax <= start or part.tmin > end:
                continue
            for number, entry in enumerate(part.entries):
                if entry.tmax <= start or entry.tmin > end or part.lost(number):
                    continue
                piece = self.piece(part, number, cache)
                if piece is not None:
                    found.append(piece)
        return found

    def ids(self, part: Part) -> Ids:
        """The series of a part; none when that cannot be read."""
        try:
            return part.ids()
        except BadInput as error:
            log.error("the list of series of %s is damaged: %s", part.path, error)  # noqa: TRY400  a trace says nothing more
            return NONE

    def set_aside(self, parts: Iterable[Part]) -> None:
        """Keep a copy of blocks that are damaged, before their parts go.

        Raises:
            OSError: it cannot be kept.
        """
        for part in parts:
            for number in sorted(part.damaged):
                try:
                    data = part.bytes_of(number)
                except BadInput as error:
                    log.warning("block %d of %s cannot be kept: %s", number, part.path, error)
                    continue
                aside.keep(self.folder.parent, f"{part.path.stem}-{number}.block", data)

    def piece(self, part: Part, number: int, cache: Cache) -> read.Piece | None:
        """One block, to be read; None when it turns out to be damaged."""
        bad = part.damaged.get(number)
        key: tuple[Hashable, ...] = (part.name, number) if bad is None else (part.name, number, bad)
        try:
            block = cache.get(key, lambda: part.block(number), lambda made: made.weight)
        except BadInput as error:
            self.spoil(part, number, error)
            return None

        def damaged(why: BadInput) -> read.Piece | None:
            self.spoil(part, number, why)
            return None if part.lost(number) else self.piece(part, number, cache)

        return read.Stored(part.entries[number].group, block, key, cache, damaged)

    def _opened(self, path: Path) -> Part | None:
        try:
            return Part(path)
        except BadInput as error:
            self._counters.add(stats.DAMAGED)
            return None if self._only_read else self._salvaged(path, error)

    def _salvaged(self, path: Path, why: BadInput) -> Part | None:
        """What can be had of a part whose directory is damaged."""
        folder = self.folder.parent
        try:
            count = salvage(folder, path)
        except OSError as error:
            log.error("%s; its blocks cannot be saved now (%s): tried again at the next start", why, error)  # noqa: TRY400  a trace says nothing more
            self._unopened.append(Harm(f"{FOLDER}/{path.name}", "all of it, for its directory cannot be read"))
            return None
        log.error("%s; it is kept in %s, %d blocks of it were saved", why, folder / aside.FOLDER, count)
        lost = f"its directory, and its blocks but {count} that were found again"
        self._unopened.append(Harm(f"{FOLDER}/{path.name}", lost, settled=True))
        return Part(path) if count else None


def newest_sealed(parts: Iterable[Part]) -> dict[str, int]:
    """For each group, the place in the log before which all of it is sealed."""
    found: dict[str, int] = {}
    for part in parts:
        for key, place in part.sealed.items():
            found[key] = max(place, found.get(key, 0))
    return found


def known_ids(parts: Parts, room: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Marks of the series that any part has samples of; `room` is how many ids there are.

    Raises:
        BadInput: a part does not say.
    """
    marks = np.zeros(room, np.bool_)
    for part in parts.all():
        ids = part.ids()
        marks[ids[ids < room]] = True
    return marks
