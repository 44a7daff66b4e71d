"""The store: lines wait in heads, one a stream; `commit` makes them durable; retention drops whole segments.

One thread adds and commits. Searches come from any other.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.fault import fault
from paramedic_logs import stats
from paramedic_logs.line import Line
from paramedic_logs.sources.rotation import Place
from paramedic_logs.store import segment
from paramedic_logs.store.block import encode
from paramedic_logs.store.catalogue import BlockRow, Catalogue, SegmentRow, Stream

log = logging.getLogger("paramedic.logs.store")

CATALOGUE = "catalogue.db"
ALL_BYTES = 2 << 20
"""So much waiting in all heads together is made durable at once."""
_LINE_COSTS = 100
"""What a waiting line takes in memory besides its text."""
_ROW_COSTS = 48
"""What a block takes in the catalogue."""
_MOST_STREAMS = 20_000


@dataclass(slots=True)
class Head:
    """Lines of one stream that are not durable yet."""

    lines: list[Line] = field(default_factory=list)
    bytes: int = 0


class Store:
    """All lines.

    Args:
        folder: the role's own.
        host: this host's id.
        clock: the time.
        counters: see `stats`.
        retention_bytes: the most bytes on the disk.
        retention: the most seconds that lines are kept.

    Raises:
        StoreUnavailable: it cannot be opened.
    """

    def __init__(
        self, folder: Path, host: str, clock: Clock, counters: Counters, retention_bytes: int, retention: float
    ) -> None:
        self.folder, self._host, self._clock, self._counters = folder, host, clock, counters
        self._retention_bytes, self._retention = retention_bytes, retention
        # Segments go as a whole, so each is a small share of what may be kept.
        self._segment_bytes = max(1 << 20, min(16 << 20, retention_bytes // 32))
        self._segment_age = max(60.0, min(86400.0, retention / 32))
        self.catalogue = _opened(folder)
        self.streams = {stream.id: stream for stream in self.catalogue.streams()}
        self._by_key = {(s.origin, s.container): s for s in self.streams.values()}
        self._next_stream = max(self.streams, default=0) + 1
        self._changed: dict[int, Stream] = {}
        self.heads: dict[int, Head] = {}
        """By stream; changed under the catalogue's lock only where a search could see half of it."""
        self.head_bytes = 0
        self._segments = {row.id: row for row in self.catalogue.segments()}
        self._writer: segment.Writer | None = None
        self._began = 0.0
        self.failure = ""
        """Why the last commit failed; empty when it worked."""
        self._blocks = self.catalogue.blocks()
        segment.tidy(folder, set(self._segments))
        self._tell_size()

    def stream(self, origin: str, container: str, name: str, service: str) -> Stream:
        """The stream of a container, made or renamed where needed.

        Args:
            origin: `file` or `forward`.
            container: full id, or the claimed name.
            name: its name; empty leaves what is known.
            service: its service's key; empty leaves what is known.
        """
        found = self._by_key.get((origin, container))
        if found is None:
            if len(self.streams) >= _MOST_STREAMS:
                origin, container, name, service = "forward", "(others)", "(others)", ""
                found = self._by_key.get((origin, container))
            if found is None:
                shown = name or container[:12]
                found = Stream(self._next_stream, self._host, origin, container, shown, service, self._clock.now())
                self._next_stream += 1
                self._keep(found)
        elif (name and name != found.name) or (service and service != found.service):
            found = replace(found, name=name or found.name, service=service or found.service)
            self._keep(found)
        return found

    def name(self, container: str, name: str, service: str) -> None:
        """What a container is called has come to be known; nothing when it has said nothing yet."""
        if ("file", container) in self._by_key:
            self.stream("file", container, name, service)

    @property
    def waiting(self) -> bool:
        """Whether anything is not durable yet."""
        return bool(self.head_bytes or self._changed)

    def add(self, stream: Stream, lines: list[Line]) -> None:
        """Lines that come after those that were added before."""
        size = sum(len(line.text) for line in lines)
        head = self.heads.get(stream.id)
        if head is None:
            with self.catalogue.lock:
                head = self.heads[stream.id] = Head()
        head.lines.extend(lines)
        head.bytes += size
        self.head_bytes += size + _LINE_COSTS * len(lines)
        self._counters.add(stats.LINES, len(lines), origin=stream.origin)
        self._counters.add(stats.BYTES, size, origin=stream.origin)

    @property
    def full(self) -> bool:
        """Whether enough waits that it should be made durable now."""
        return self.head_bytes >= ALL_BYTES

    def commit(self, places: Mapping[str, Place | None]) -> bool:
        """Make everything added durable, with how far the sources were read (None: a source that has ended).

        Returns:
            whether it worked; if not, nothing of it counts, `failure` says why, and the same may be tried again.
        """
        heads = {number: head for number, head in self.heads.items() if head.lines}
        if not heads and not places and not self._changed:
            return True
        try:
            self._commit(heads, places)
        except (OSError, sqlite3.Error) as error:
            self._failed(error)
            return False
        if self.failure:
            log.info("lines can be stored again")
        self.failure = ""
        self._counters.add(stats.COMMITS)
        self._retain()
        return True

    def close(self) -> None:
        """Let go of the files; what was not committed is read again from its sources."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.catalogue.close()

    def _commit(self, heads: dict[int, Head], places: Mapping[str, Place | None]) -> None:
        rows: list[BlockRow] = []
        grown: SegmentRow | None = None
        if heads:
            writer = self._segment()
            packed = [(number, head.lines, encode(number, head.lines)) for number, head in heads.items()]
            starts = writer.append([data for _, _, data in packed])
            for start, (number, lines, data) in zip(starts, packed, strict=True):
                moments = [line.ns for line in lines]
                rows.append(BlockRow(writer.number, start, len(data), number, len(lines), min(moments), max(moments)))
            old = self._segments[writer.number]
            tmin, tmax = min(row.tmin for row in rows), max(row.tmax for row in rows)
            if old.bytes:
                tmin, tmax = min(tmin, old.tmin), max(tmax, old.tmax)
            length = rows[-1].start + rows[-1].length
            grown = SegmentRow(writer.number, length, tmin, tmax, self._clock.now())
        fault("logs.before_catalogue")
        with self.catalogue.lock:
            self.catalogue.commit(grown, rows, self._changed.values(), places)
            self._changed.clear()
            for number in heads:
                del self.heads[number]
        self.head_bytes = 0
        self._blocks += len(rows)
        if grown is not None and self._writer is not None:
            self._writer.length = grown.bytes
            self._segments[grown.id] = grown
        self._tell_size()
        fault("logs.after_catalogue")

    def _segment(self) -> segment.Writer:
        """The segment to write to; a new one when the last is full or old. What never counted is cut off first."""
        writer, now = self._writer, self._clock.now()
        if writer is None:
            last = max(self._segments, default=0)
            if last:
                writer = self._writer = segment.Writer(self.folder, last, self._segments[last].bytes)
                self._began = now
        if writer is None or writer.length >= self._segment_bytes or now - self._began > self._segment_age:
            number = max(self._segments, default=0) + 1
            fresh = segment.Writer(self.folder, number, 0)
            if writer is not None:
                writer.close()
            writer = self._writer = fresh
            self._segments[number] = SegmentRow(number, 0, 0, 0, now)
            self._began = now
        return writer

    def _failed(self, error: Exception) -> None:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        full = full or "full" in str(error)
        todo = f"the disk of {self.folder} is full: free space on it" if full else f"look at the disk of {self.folder}"
        if not self.failure:
            log.warning("lines cannot be stored (%s): reading pauses, nothing is lost; %s", error, todo)
        self.failure = f"lines cannot be stored ({error}), so none are read: {todo}"
        self._counters.add(stats.FAILURES)
        if self._writer is not None:
            with suppress(OSError):
                self._writer.cut()

    def _retain(self) -> None:
        """Drop the oldest segments while there is too much, or they are too old."""
        now = self._clock.now()
        while len(self._segments) > 1:
            oldest = self._segments[min(self._segments)]
            total = self._bytes()
            if total <= self._retention_bytes and now - oldest.written <= self._retention:
                return
            try:
                self._drop(oldest.id)
            except (OSError, sqlite3.Error) as error:
                self._failed(error)
                return

    def _drop(self, number: int) -> None:
        with self.catalogue.lock:
            ended = [n for n in self.catalogue.drop_segment(number) if n not in self.heads]
            self.catalogue.drop_streams(ended)
        self._blocks = self.catalogue.blocks()
        for stream in ended:
            gone = self.streams.pop(stream, None)
            if gone is not None:
                self._by_key.pop((gone.origin, gone.container), None)
        del self._segments[number]
        (self.folder / segment.name_of(number)).unlink(missing_ok=True)
        self._tell_size()

    def _keep(self, stream: Stream) -> None:
        self.streams[stream.id] = stream
        self._by_key[stream.origin, stream.container] = stream
        self._changed[stream.id] = stream

    def _bytes(self) -> int:
        return sum(row.bytes for row in self._segments.values()) + self._blocks * _ROW_COSTS

    def _tell_size(self) -> None:
        self._counters.set(stats.STORED, self._bytes())


def _opened(folder: Path) -> Catalogue:
    """The catalogue; a damaged one is set aside with its segments, never deleted, and a new store is begun."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / CATALOGUE
    try:
        return Catalogue(path)
    except sqlite3.DatabaseError as error:
        aside = next(p for n in range(1, 1000) if not (p := folder / f"damaged-{n}").exists())
        aside.mkdir(mode=0o700)
        for found in [*folder.glob("catalogue.db*"), *folder.glob("*.seg")]:
            found.rename(aside / found.name)
        log.error("the logs' catalogue was damaged (%s): all kept in %s, a new one is begun", error, aside)  # noqa: TRY400  the place is known, a trace says nothing more
        return Catalogue(path)
