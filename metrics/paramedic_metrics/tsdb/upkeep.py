"""What goes on beside appending: packing, sealing, making durable, merging, clearing away."""

from __future__ import annotations

import errno
import logging
import threading
import time
from typing import TYPE_CHECKING

from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput, StoreUnavailable
from paramedic_core.lifecycle import Readiness
from paramedic_metrics.promql import memory
from paramedic_metrics.tsdb import seal, stats
from paramedic_metrics.tsdb.merge import merge
from paramedic_metrics.tsdb.scrub import Scrub
from paramedic_metrics.tsdb.serieslog import SeriesLog

if TYPE_CHECKING:
    from paramedic_metrics.tsdb.store import Store

log = logging.getLogger("paramedic.metrics.tsdb")

BEAT = 1.0
"""Seconds between looks."""
SYNC_EVERY = 5.0
"""Seconds between the moments at which everything is made durable: what a power cut may take."""
SEAL_EVERY = 600.0
"""Seconds between sealings that nothing presses for."""
CLEAN_EVERY = 60.0
SWEEP_EVERY = 3600.0
"""Seconds between clearings of the index, when something was removed."""
_TRY_AGAIN = 10.0
_FAILS = "the store's upkeep fails"
_HANGS = 120.0


class Upkeep:
    """One thread; each task is also a method, so that tests need none.

    Args:
        store: whose.
        series: its list of series.
        clock: the time.
    """

    def __init__(self, store: Store, series: SeriesLog, clock: Clock) -> None:
        self._store, self.series, self._clock = store, series, clock
        self.failure = ""
        """Why sealed data cannot be written; empty when it can."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._durable: threading.Thread | None = None
        self._beat = time.monotonic()
        now = clock.monotonic()
        self._synced = self._sealed = self._cleaned = now
        self._not_before = now
        self._swept = store.index.next
        self._unswept, self._last_sweep = True, now
        self._scrub = Scrub(store.parts, now)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="tsdb-upkeep", daemon=True)
        # Apart, for a merge may take longer than a power cut may cost.
        self._durable = threading.Thread(target=self._sync_on, name="tsdb-sync", daemon=True)
        self._thread.start()
        self._durable.start()

    def stop(self) -> bool:
        """End; what it is at is left undone, and nothing is lost by it. Returns whether it has ended already."""
        self._stop.set()
        if self._thread is None or self._durable is None:
            return True
        self._thread.join(1.5)
        self._durable.join(0.3)
        return not (self._thread.is_alive() or self._durable.is_alive())

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def healthy(self) -> Readiness:
        """Whether it is alive."""
        if self._thread is None or self._durable is None:
            return Readiness(ready=True)
        silent = time.monotonic() - self._beat
        alive = self._thread.is_alive() and self._durable.is_alive() and silent < _HANGS
        return Readiness(alive, "" if alive else f"the store's upkeep has not moved for {silent:.0f} s")

    @property
    def stopping(self) -> bool:
        """Whether it has been told to end."""
        return self._stop.is_set()

    def turn(self) -> None:
        """Do what is due."""
        with self._lock:
            self._turn()

    def _turn(self) -> None:
        now = self._clock.monotonic()
        self._beat = time.monotonic()
        seal.pack_closed(self._store)
        if self._stop.is_set():
            return  # its files are about to be closed
        if self._durable is None and now - self._synced >= SYNC_EVERY:
            self._synced = now
            self.sync()
        if now >= self._not_before:
            pressing = seal.pressing(self._store) or seal.plenty(self._store)
            if pressing or now - self._sealed >= SEAL_EVERY:
                self._sealed = now
                self._guarded(lambda: seal.seal(self._store, everything=False))
            if now - self._cleaned >= CLEAN_EVERY:
                self._cleaned = now
                self._guarded(self._clean)
        self._scrub.turn(now)
        memory.tidy(now)

    def sync(self) -> None:
        """Make everything durable: the series first, without them samples mean nothing."""
        try:
            self.series.sync()
            self._store.wal.sync()
        except (OSError, StoreUnavailable) as error:
            if not self.failure:
                log.warning("samples cannot be made durable: %s", error)
            self.failure = f"samples cannot be made durable ({error}): look at the disk of {self._store.folder}"
            return
        if self.failure.startswith("samples cannot be made durable"):
            self.failure = ""

    def seal_all(self) -> None:
        """Seal everything that there is.

        Raises:
            OSError: the disk is full.
        """
        with self._lock:
            seal.pack_closed(self._store)
            seal.seal(self._store, everything=True)

    def _clean(self) -> None:
        store = self._store
        store.head.thin(int(seal.IDLE * 1000))
        merge(store, self._stop)
        if seal.retain(store, self._clock.now()):
            self._unswept = True
        if self._unswept and self._clock.monotonic() - self._last_sweep >= SWEEP_EVERY:
            self._last_sweep = self._clock.monotonic()
            self._sweep()

    def _sweep(self) -> None:
        """Forget the series of which nothing is left; those that came since the last time are left alone."""
        store, upto = self._store, self._swept
        try:
            gone = seal.sweep(store, upto)
        except BadInput as error:
            log.warning("series are not cleared away: %s", error)
            return
        self._swept, self._unswept = store.index.next, False
        if gone:
            store.counters.add(stats.REMOVED, gone)
            self.series.rewrite(store.index)

    def _guarded(self, task: object) -> None:
        assert callable(task)
        try:
            task()
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            todo = "the disk is full: free space on it" if full else "look at the disk"
            if not self.failure:
                log.warning("blocks cannot be written to %s (%s): %s; nothing is lost", self._store.folder, error, todo)
            self.failure = f"blocks cannot be written to {self._store.folder} ({error}): {todo}"
            self._store.counters.add(stats.FAILED)
            self._not_before = self._clock.monotonic() + _TRY_AGAIN
            return
        if self.failure.startswith(("blocks cannot", _FAILS)):
            log.info("blocks can be written again")
            self.failure = ""

    def _sync_on(self) -> None:
        # Real seconds, whatever the clock is: the disk's power knows no other.
        while not self._stop.wait(SYNC_EVERY):
            try:
                self.sync()
            except Exception:
                log.exception("the store could not be made durable")
                self.failure = "samples cannot be made durable: see the log"

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.turn()
            except Exception:
                # A mistake of ours must not end the upkeep for good; it is seen, and tried again.
                log.exception("the store's upkeep failed")
                self.failure = f"{_FAILS}: see the log"
                self._not_before = self._clock.monotonic() + _TRY_AGAIN
            self._clock.wait(self._stop, BEAT)
