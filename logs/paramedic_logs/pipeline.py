"""The pump: one thread that reads every source, hands lines to the store, and makes them durable.

It sleeps until the next look. Idle logs are looked at every few seconds, once a second while somebody follows them, and
those that grow fast sooner. Folders tell by inotify
when a file is renamed or a container comes, so that slow looks miss no rotation.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.lifecycle import Readiness
from paramedic_core.world import World
from paramedic_logs import stats
from paramedic_logs.line import Line
from paramedic_logs.sources.folder import Folder
from paramedic_logs.store.store import Store
from paramedic_logs.tail import Tails

log = logging.getLogger("paramedic.logs.pipeline")

_FOLLOWED = 1.0
# Each look at a file that has grown makes the kernel write down that it was read (atime, relatime): looking once a second
# cost 3 GB of writes a day with 20 containers.
_IDLE = 5.0
_BUSY = 0.05
_RETRY = 2.0
_MOST_INBOX = 64


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that were sent to us."""

    lines: list[tuple[str, Line]]
    """The claimed name of each one's container, and the line."""
    stored: Callable[[], None]
    """Called when all of them are durable."""


class Pipeline:
    """A Component.

    Args:
        store: where lines go; opened by `open_store` when it starts.
        clock: the time.
        counters: see `stats`.
        tails: who looks at lines as they come.
        rootfs: where the host's root file system is seen from here.
        seal_after: seconds that lines may wait for others.
    """

    name = "pipeline"

    def __init__(
        self, store: Store, clock: Clock, counters: Counters, tails: Tails, rootfs: Path, seal_after: float
    ) -> None:
        self._store, self._clock, self._counters, self._tails = store, clock, counters, tails
        self._rootfs, self._seal_after = rootfs, seal_after
        self.inbox: queue.Queue[Batch] = queue.Queue(_MOST_INBOX)
        """Batches that wait to be taken in; who puts one calls `wake`."""
        self._waiting: list[Batch] = []
        self._folder: Folder | None = None
        self._world: World | None = None
        self._named: World | None = None
        self._root = ""
        self._stop = threading.Event()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, daemon=True, name="pump")
        self._last_commit = self._retry_at = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def ready(self) -> Readiness:
        if self._store.failure:
            return Readiness(ready=False, reason=self._store.failure)
        folder = self._folder
        if folder is None:
            return Readiness(ready=False, reason="the engine's folder is not known yet: runtime has not told")
        if folder.problem:
            return Readiness(ready=False, reason=folder.problem)
        return Readiness(ready=True)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that reads logs has ended")

    def take(self, world: World) -> None:
        """A new World: which engine, and the names of its containers. From any thread."""
        self._world = world
        self.wake()

    def wake(self) -> None:
        """Look now."""
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        try:
            self._root = self._store.catalogue.note("root_dir")
            while not self._stop.is_set():
                self._sleep(self._round())
        except Exception:
            log.exception("reading logs failed; the role is replaced")
            return
        finally:
            self._end()

    def _end(self) -> None:
        try:
            if self._folder is not None and not self._store.failure:
                self._commit()
        finally:
            if self._folder is not None:
                self._folder.close()
            self._store.close()

    def _round(self) -> float:
        """Look at everything once; how many seconds may pass until the next look."""
        now = self._clock.monotonic()
        if self._store.failure:
            # The sources keep what we cannot: nothing is read until what we hold is on the disk.
            if now < self._retry_at:
                return self._retry_at - now
            if not self._commit():
                return _RETRY
        self._names()
        read = 0
        if self._folder is not None:
            read = self._folder.read(now, lambda: not self._store.full)
            self._counters.set(stats.LAG, self._folder.lag)
        took = self._take_batches()
        due = self._store.waiting and now - self._last_commit >= self._seal_after
        ended = self._folder is not None and self._folder.ended
        if (self._store.full or due or ended or self._waiting) and not self._commit():
            return _RETRY
        if not self._store.waiting:
            self._last_commit = now
        if read >= 64 << 10 or took or (self._folder is not None and self._folder.behind):
            return 0.0
        if read >= 16 << 10:
            return _BUSY
        return _FOLLOWED if self._tails.watched else min(_IDLE, max(_BUSY, self._seal_after / 2))

    def _take(self, container: str, lines: list[Line]) -> None:
        stream = self._store.stream("file", container, *self._name(container))
        self._store.add(stream, lines)
        self._tails.hand(stream, lines)

    def _name(self, container: str) -> tuple[str, str]:
        known = self._world.containers.get(container) if self._world is not None else None
        return (known.name, known.service_key) if known is not None else ("", "")

    def _names(self) -> None:
        """Follow the World: another engine folder, new names."""
        world = self._world
        if world is not None and world is not self._named:
            # A log may have been read before anybody knew whose it is.
            self._named = world
            for container in world.containers.values():
                self._store.name(container.id, container.name, container.service_key)
        root = world.engine.root_dir if world is not None else ""
        if root and root != self._root:
            self._store.catalogue.set_note("root_dir", root)
            self._root = root
            if self._folder is not None:
                self._folder.close()
                self._folder = None
        if self._root and self._folder is None:
            place = self._rootfs / self._root.lstrip("/") / "containers"
            self._folder = Folder(place, self._store.catalogue.places(), self._counters, self._take)

    def _take_batches(self) -> bool:
        took = False
        while not self._store.full:
            try:
                batch = self.inbox.get_nowait()
            except queue.Empty:
                break
            took = True
            by_name: dict[str, list[Line]] = {}
            for name, line in batch.lines:
                by_name.setdefault(name, []).append(line)
            for name, lines in by_name.items():
                stream = self._store.stream("forward", name, name, "")
                self._store.add(stream, lines)
                self._tails.hand(stream, lines)
            self._waiting.append(batch)
        return took

    def _commit(self) -> bool:
        places = self._folder.places() if self._folder is not None else {}
        if not self._store.commit(places):
            self._retry_at = self._clock.monotonic() + _RETRY
            return False
        if self._folder is not None:
            self._folder.committed(places)
        self._last_commit = self._clock.monotonic()
        for batch in self._waiting:
            batch.stored()
        self._waiting.clear()
        return True

    def _sleep(self, seconds: float) -> None:
        end = self._clock.monotonic() + seconds
        folder = self._folder
        while not self._stop.is_set() and (left := end - self._clock.monotonic()) > 0:
            fds = [self._wake, folder.fd] if folder is not None and folder.fd >= 0 else [self._wake]
            ready, _, _ = select.select(fds, [], [], left)
            if self._wake in ready:
                os.eventfd_read(self._wake)
                return
            if folder is not None and ready and folder.heard():
                return
