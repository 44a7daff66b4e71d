"""The store: what scrapes and remote writes append to, and what queries read. A component of the hub."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput, LimitExceeded, NotFound, StoreUnavailable
from paramedic_core.lifecycle import Readiness
from paramedic_core.settings import MetricsSettings
from paramedic_core.sys.files import sync_folder
from paramedic_metrics.harm import Harm
from paramedic_metrics.series import ABSENT_BITS, Labels, Matcher, Selection, bits
from paramedic_metrics.tsdb import read, recovery, stats
from paramedic_metrics.tsdb.cache import Cache
from paramedic_metrics.tsdb.distinct import distinct
from paramedic_metrics.tsdb.group import Outcome, Plan
from paramedic_metrics.tsdb.head import Head, Rules
from paramedic_metrics.tsdb.index import NONE, Fresh, Ids, Index
from paramedic_metrics.tsdb.live import pieces_of
from paramedic_metrics.tsdb.lock import Lock
from paramedic_metrics.tsdb.match import match
from paramedic_metrics.tsdb.parts import Parts
from paramedic_metrics.tsdb.serieslog import SeriesLog
from paramedic_metrics.tsdb.upkeep import Upkeep
from paramedic_metrics.tsdb.wal import Wal

log = logging.getLogger("paramedic.metrics.tsdb")
T = TypeVar("T")
_QUIET_NAN = np.uint64(0x7FF8000000000001)


@dataclass(frozen=True, slots=True)
class Summary:
    """How much there is."""

    series: int
    groups: int
    samples_sealed: int
    parts: int
    bytes: int
    oldest: int
    """Unix milliseconds; 0 when there is nothing."""
    newest: int


class Store:
    """All samples. Safe for several threads.

    Args:
        folder: its own; made if missing.
        settings: retention and limits.
        clock: the time.
        counters: see `stats`; made when not given.

    Raises:
        StoreUnavailable: the folder cannot be used.
    """

    name = "tsdb"

    def __init__(self, folder: Path, settings: MetricsSettings, clock: Clock, counters: Counters | None = None) -> None:
        began = time.monotonic()
        self.folder, self.settings, self._clock = folder, settings, clock
        self.counters = counters if counters is not None else stats.counters()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the metrics' folder {folder} cannot be used: {error}") from error
        with ExitStack() as undo:
            self._lock = Lock(folder)
            undo.callback(self._lock.close)
            self._open(undo)
            undo.pop_all()
        self.counters.set(stats.REPLAY, time.monotonic() - began)
        self._full = ""

    def _open(self, undo: ExitStack) -> None:
        settings, folder = self.settings, self.folder
        self.index = Index(settings.series, settings.label_bytes)
        self._series = SeriesLog(folder, self.index)
        undo.callback(self._series.close)
        for hole in self._series.damage:
            self.counters.add(stats.DAMAGED)
            self.counters.add(stats.LOST, hole.size)
        self._unwritten = Fresh()
        self.cache = Cache(settings.cache_bytes)
        self.parts = Parts(folder, self.counters)
        self.wal = Wal(folder / "wal")
        # Their folders, when they are new: what is durable in a folder that is not would be lost with it.
        sync_folder(folder)
        rules = Rules(int(settings.out_of_order * 1000), int(settings.retention * 1000))
        self.head = Head(self.wal, rules, self._clock, self.index.unknown)
        recovery.replay(self.head, self.index, self.parts, self.counters)
        self.upkeep = Upkeep(self, self._series, self._clock)

    def start(self) -> None:
        """Begin to seal, to make durable and to clear away."""
        self.upkeep.start()

    def stop(self) -> None:
        """Make everything durable and let go of the files."""
        ended = self.upkeep.stop()
        # With the lock: who is writing ends first, and nobody begins a file in a store that may have another owner soon.
        with self.head.lock:
            self.wal.close()
        self._series.close()
        if ended:
            self._lock.close()

    def abandon(self) -> None:
        """Let go of the files as a killed process does, with nothing made durable."""
        self.wal.abandon()
        self._series.close()
        self._lock.close()

    def ready(self) -> Readiness:
        """Whether samples can be stored."""
        reason = self._full or self.upkeep.failure
        return Readiness(ready=not reason, reason=reason)

    def healthy(self) -> Readiness:
        """Whether the upkeep is alive."""
        return self.upkeep.healthy()

    def ids(self, wanted: Sequence[Labels]) -> Ids:
        """The ids of series, known or new; they hold as long as the series has samples within retention.

        Args:
            wanted: labels as `series.Labels` has them: sorted by name, no empty values.

        Raises:
            LimitExceeded: there are too many series (those before it stay known).
            StoreUnavailable: new ones cannot be written down.
        """
        with self.index.lock:
            before = len(self._unwritten.ids)
            try:
                found = self.index.add(wanted, self._unwritten)
            except LimitExceeded:
                self.counters.add(stats.REFUSED_SERIES)
                raise
            finally:
                created = len(self._unwritten.ids) - before
                if self._unwritten.ids:
                    self._write_down()
                self.counters.add(stats.CREATED, created)
            return np.array(found, np.uint32)

    def plan(self, group: str, ids: Ids) -> Plan:
        """Prepare the scrapes of one target: what `append` wants.

        Args:
            group: the target's name, the same after a restart.
            ids: its series, each once.

        Raises:
            NotFound: an id is not known any more: ask for it again.
            BadInput: one is there twice.
        """
        unknown = self.index.unknown(ids)
        if unknown >= 0:
            raise NotFound(f"series {unknown} is not known any more: ask for its id again")
        if len(distinct(ids)) != len(ids):
            raise BadInput("a series is in the plan twice")
        return Plan(group, ids.astype(np.uint32))

    def append(self, plan: Plan, t: int, values: NDArray[np.float64]) -> Outcome:
        """One scrape: a value for each series of the plan, all at one moment.

        Args:
            plan: which series.
            t: Unix milliseconds.
            values: in the plan's order; ABSENT where a series has none this time, STALE where it has ended.

        Raises:
            StoreUnavailable: the disk is full; nothing was taken.
        """
        return self._counted(lambda: self.head.append(plan, t, values))

    def write(self, ids: Ids, times: NDArray[np.int64], values: NDArray[np.float64]) -> Outcome:
        """Samples of any series and moments, as remote write brings them.

        Args:
            ids: of each sample, from `ids`.
            times: Unix milliseconds.
            values: any floats.

        Raises:
            StoreUnavailable: the disk is full; sending the whole again is right.
        """
        strange = bits(values) == ABSENT_BITS
        if strange.any():
            values = values.copy()
            bits(values)[strange] = _QUIET_NAN
        return self._counted(lambda: self.head.write(ids, times, values))

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """See `series.Queryable`."""
        ids = match(self.index, matchers)
        if not len(ids):
            return Selection.of([])
        while True:
            try:
                return read.frames(self._pieces(start, end), ids, self.index, start, end)
            except NotFound:
                # The last of a series was removed meanwhile: now it is in no piece either.
                continue

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Labels]:
        """See `series.Queryable`."""
        found = []
        for number in self._living(matchers, start, end).tolist():
            try:
                found.append(self.index.labels(number))
            except NotFound:
                continue  # its last sample was removed meanwhile
        return sorted(found)

    def label_values(self, name: str, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        """See `series.Queryable`."""
        with self.index.lock:
            known = self.index.names.get(name)
            values, ids, starts = known.columns() if known is not None else ([], NONE, np.empty(0, np.int64))
        # After that: there is a mark for each series that was there then, however many come in meanwhile.
        alive = self._marks(self._living(matchers, start, end))
        there = np.logical_or.reduceat(alive[ids], starts) if values else np.empty(0, np.bool_)
        return sorted(values[n] for n in np.flatnonzero(there).tolist())

    def label_names(self, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        """See `series.Queryable`."""
        with self.index.lock:
            items = [(name, known.union(known.values)) for name, known in self.index.names.items()]
        alive = self._marks(self._living(matchers, start, end))
        return sorted(name for name, ids in items if alive[ids].any())

    def summary(self) -> Summary:
        """How much there is."""
        parts = self.parts.all()
        with self.head.lock:
            times = [w.times[0] for g in self.head.groups.values() for w in (g.open, g.late) if w and w.times]
            times += [int(c.times[0]) for g in self.head.groups.values() for c in g.closed]
            groups, newest = len(self.head.groups), self.head.newest
        oldest = min([*times, *(p.tmin for p in parts)], default=0)
        newest = max([newest, *(p.tmax for p in parts)], default=0)
        size = self.parts.bytes + self.wal.size + 2 * self._series.size
        return Summary(len(self.index), groups, sum(p.samples for p in parts), len(parts), size, oldest, max(newest, 0))

    def harm(self) -> list[Harm]:
        """What is known to be damaged; a little of what is sealed is read each second, all of it each day."""
        series = [Harm(self._series.path.name, f"the names of series in {h.size} bytes") for h in self._series.damage]
        logged = [
            Harm(f"wal/{d.path.name}", f"what came in last before a start, in {d.lost} bytes")
            for d in self.wal.damage
            if d.path.exists()
        ]
        return series + logged + self.parts.harm((self._clock.now() - self.settings.retention) * 1000)

    def metrics(self) -> str:
        """The store's own metrics, as text exposition."""
        now = self.summary()
        for name, value in (
            (stats.SERIES, now.series), (stats.GROUPS, now.groups), (stats.BLOCKS, now.parts),
            (stats.BLOCK_BYTES, self.parts.bytes), (stats.WAL_BYTES, self.wal.size), (stats.LOWEST, now.oldest),
            (stats.NEWEST, now.newest), (stats.CACHE_BYTES, self.cache.bytes), (stats.LABEL_BYTES, self.index.bytes),
        ):  # fmt: skip
            self.counters.set(name, value)
        for name, total in ((stats.CACHE_HITS, self.cache.hits), (stats.CACHE_MISSES, self.cache.misses)):
            self.counters.add(name, total - self.counters.get(name))
        return self.counters.render()

    def _pieces(self, start: int, end: int) -> list[read.Piece]:
        # Together, so that nothing is seen twice or not at all while it is being sealed.
        with self.head.lock:
            live = pieces_of(self.head, start, end, self.cache)
            parts = self.parts.all()
        return [*self.parts.pieces(parts, start, end, self.cache), *live]

    def _living(self, matchers: Sequence[Matcher], start: int, end: int) -> Ids:
        """The series that match and may have samples in this time."""
        found = match(self.index, matchers)
        with self.head.lock:
            live = [piece.ids() for piece in pieces_of(self.head, start, end, self.cache)]
            parts = self.parts.all()
        alive = self._marks(*live, *(ids for part in parts if part.tmax > start and part.tmin <= end
                                     for ids in [self.parts.ids(part)]))  # fmt: skip
        return found[alive[found]]

    def _marks(self, *ids: Ids) -> NDArray[np.bool_]:
        marks = np.zeros(self.index.next, np.bool_)
        for some in ids:
            marks[some] = True
        return marks

    def _write_down(self) -> None:
        fresh = self._unwritten
        self._series.append(fresh.ids, fresh.labels)
        self._unwritten = Fresh()

    def _counted(self, call: Callable[[], Outcome]) -> Outcome:
        try:
            outcome = call()
        except StoreUnavailable as error:
            if not self._full:
                log.warning("%s", error)
            self._full = str(error)
            self.counters.add(stats.WAL_FAILED)
            raise
        if self._full:
            log.info("samples can be stored again")
            self._full = ""
        for name, count in (
            (stats.APPENDED, outcome.stored), (stats.DUPLICATE, outcome.duplicate),
            (stats.OUT_OF_ORDER, outcome.out_of_order), (stats.TOO_OLD, outcome.too_old),
            (stats.OUT_OF_BOUNDS, outcome.out_of_bounds),
        ):  # fmt: skip
            if count:
                self.counters.add(name, count)
        return outcome
