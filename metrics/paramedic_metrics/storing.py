"""The tsdb as scraping, remote write and queries want it: opened in the background, so that a slow start holds up no page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paramedic_core.clock import Clock
from paramedic_core.errors import LimitExceeded, NotFound, StoreUnavailable
from paramedic_core.lifecycle import Readiness
from paramedic_core.settings import MetricsSettings
from paramedic_metrics.harm import Harm
from paramedic_metrics.series import ABSENT, Labels, Matcher, Selection
from paramedic_metrics.sink import Column, Sample, Taken
from paramedic_metrics.store import Standing
from paramedic_metrics.tsdb.group import Outcome, Plan
from paramedic_metrics.tsdb.stats import DAMAGED
from paramedic_metrics.tsdb.store import Store

log = logging.getLogger("paramedic.metrics")
Weigh = Callable[[int], None]
_PATIENCE = 1.5
"""Seconds that `start` waits for the store: nearly always it is open by then."""
_AGAIN = 10.0
_SPARE = 200


class Stored:
    """A Component, and the store of the hub.

    Args:
        folder: of the tsdb.
        settings: retention and limits.
        clock: the time.
        weigh: told how many samples, at most, a query is about to read; may wait, or raise what the query then ends with.
    """

    name = "tsdb"

    def __init__(
        self, folder: Path, settings: MetricsSettings, clock: Clock, weigh: Weigh = lambda _samples: None
    ) -> None:
        self._folder, self._settings, self._clock, self._weigh = folder, settings, clock, weigh
        self._store: Store | None = None
        self._why = "the store is being opened"
        self._done = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._open, daemon=True, name="tsdb-open")

    def start(self) -> None:
        self._thread.start()
        self._done.wait(_PATIENCE)

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident:
            self._thread.join(1.0)
        store, self._store = self._store, None
        if store is not None:
            self._why = "the hub is ending"
            store.stop()

    def ready(self) -> Readiness:
        return self._store.ready() if self._store is not None else Readiness(ready=False, reason=self._why)

    def healthy(self) -> Readiness:
        return self._store.healthy() if self._store is not None else Readiness(ready=True, reason=self._why)

    @property
    def store(self) -> Store:
        """The tsdb itself.

        Raises:
            StoreUnavailable: it is not open.
        """
        if self._store is None:
            raise StoreUnavailable(self._why)
        return self._store

    def metrics(self) -> str:
        """The tsdb's own metrics, as text exposition; empty while it is not open."""
        return self._store.metrics() if self._store is not None else ""

    def standing(self) -> Standing:
        store = self.store
        found = store.summary()
        return Standing(
            series=found.series,
            blocks=found.parts,
            bytes=found.bytes,
            oldest=found.oldest,
            newest=found.newest,
            damaged=int(store.counters.get(DAMAGED)),
        )

    def harm(self) -> list[Harm]:
        return self._store.harm() if self._store is not None else []

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        found = self.store.select(matchers, start, end)
        self._weigh(found.cells)
        return found

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Labels]:
        return self.store.series(matchers, start, end)

    def label_values(self, name: str, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        return self.store.label_values(name, matchers, start, end)

    def label_names(self, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        return self.store.label_names(matchers, start, end)

    def column(self, name: str) -> Column:
        return StoredColumn(self.store, name)

    def add(self, samples: Iterable[Sample]) -> Taken:
        store, given = self.store, list(samples)
        if not given:
            return Taken()
        labels, times, values = zip(*given, strict=True)
        try:
            ids = store.ids(labels)
        except LimitExceeded:
            self._known_only(store, given)
            raise
        return _taken(store.write(ids, np.array(times, np.int64), np.array(values, np.float64)))

    def refs(self, wanted: Sequence[Labels]) -> NDArray[np.uint32]:
        return self.store.ids(wanted)

    def put(self, refs: NDArray[np.uint32], times: NDArray[np.int64], values: NDArray[np.float64]) -> Taken:
        return _taken(self.store.write(refs, times, values))

    def _known_only(self, store: Store, given: Sequence[Sample]) -> None:
        """Samples of series that there are already have their place, also when there is none for new ones."""
        kept: list[tuple[int, int, float]] = []
        for labels, at, value in given:
            try:
                kept.append((int(store.ids([labels])[0]), at, value))
            except LimitExceeded:
                continue
        if kept:
            ids, times, values = zip(*kept, strict=True)
            store.write(np.array(ids, np.uint32), np.array(times, np.int64), np.array(values, np.float64))

    def _open(self) -> None:
        while not self._stop.is_set():
            try:
                store = Store(self._folder, self._settings, self._clock)
                store.start()
            except Exception as error:
                self._why = f"the store cannot be opened, tried again every {_AGAIN:g} s: {error}"
                log.exception("the store in %s cannot be opened", self._folder)
                self._done.set()
                self._clock.wait(self._stop, _AGAIN)
            else:
                self._store, self._why = store, ""
                self._done.set()
                return


class StoredColumn:
    """One target's series in the tsdb.

    Args:
        store: the tsdb.
        name: the target's, the same after a restart.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self.most = store.settings.series
        self._labels: dict[int, Labels] = {}
        self._ids: dict[int, int] = {}
        self._next = 0
        self._rows: dict[Labels, int] = {}
        self._plan: Plan | None = None
        self._places: dict[int, int] = {}
        self._last: list[int] = []
        self._at: NDArray[np.intp] = np.empty(0, np.intp)

    def row(self, labels: Labels) -> int:
        row = self._rows.get(labels)
        if row is None:
            row = self._rows[labels] = self._next
            self._next += 1
            self._labels[row] = labels
        return row

    def make(self, rows: Sequence[int]) -> None:
        lacking = [row for row in rows if row not in self._ids]
        if lacking:
            self._know(lacking)

    def append(self, at: int, rows: Sequence[int], values: Sequence[float]) -> None:
        try:
            self._append(at, rows, values)
        except NotFound:
            # A series of the plan was silent for longer than samples are kept. With a new one, of what there is now alone,
            # those that are wanted have ids again, and those that are gone stay away.
            self._plan, self._places = None, {}
            self._append(at, rows, values)

    def forget(self, kept: AbstractSet[int]) -> None:
        self._labels = {row: labels for row, labels in self._labels.items() if row in kept}
        self._ids = {row: number for row, number in self._ids.items() if row in kept}
        self._rows = {labels: row for row, labels in self._labels.items()}

    def close(self) -> None:
        self.forget(frozenset())
        self._plan = None

    def _append(self, at: int, rows: Sequence[int], values: Sequence[float]) -> None:
        plan = self._planned(rows)
        column = np.full(len(plan.ids), ABSENT)
        column[self._at] = values
        self._store.append(plan, at, column)

    def _planned(self, rows: Sequence[int]) -> Plan:
        """The plan with these rows among its own, and their places in `_at`."""
        plan = self._plan
        if plan is not None and rows == self._last:
            return plan
        if plan is None or len(self._places) > 2 * len(rows) + _SPARE or not self._places.keys() >= set(rows):
            plan = self._made(rows)
        self._last = list(rows)
        self._at = np.array([self._places[row] for row in rows], np.intp)
        return plan

    def _made(self, rows: Sequence[int]) -> Plan:
        # Rows that were there before stay, so that a series that comes and goes makes no new plan each time, until they
        # are more than those that are needed.
        self.make(rows)
        many = len(self._places) > 2 * len(rows) + _SPARE
        kept = list(rows) if many else [row for row in {**self._places, **dict.fromkeys(rows)} if row in self._ids]
        try:
            plan = self._store.plan(self._name, np.array([self._ids[row] for row in kept], np.uint32))
        except NotFound:
            # A series was silent for longer than samples are kept: one that is wanted has another id from now on, and one that
            # is not must not come back to life.
            kept = list(rows)
            self._know(kept)
            plan = self._store.plan(self._name, np.array([self._ids[row] for row in kept], np.uint32))
        self._plan, self._places = plan, {row: place for place, row in enumerate(kept)}
        return plan

    def _know(self, rows: Sequence[int]) -> None:
        ids = self._store.ids([self._labels[row] for row in rows])
        self._ids.update(zip(rows, ids.tolist(), strict=True))


def _taken(outcome: Outcome) -> Taken:
    return Taken(
        stored=outcome.stored,
        out_of_order=outcome.out_of_order + outcome.too_old,
        duplicate=outcome.duplicate,
        ahead=outcome.out_of_bounds,
    )


def open_store(settings: MetricsSettings, data: Path, clock: Clock, weigh: Weigh = lambda _samples: None) -> Stored:
    """The store of a data directory; `start` opens it. `weigh`: see `Stored`."""
    return Stored(data / "metrics", settings, clock, weigh)
