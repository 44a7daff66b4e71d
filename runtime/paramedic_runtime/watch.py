"""Follows one engine and keeps World true to it: connect, list, take events as they come, list again in between.

The first event of a container after quiet is acted on at once, so a fault is in World a few milliseconds after the engine
told it; what follows for the same container within 50 ms is taken together. An engine that is away is a state in World.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.errors import EngineAway, NotAnEngine, Temporary
from paramedic_core.lifecycle import Readiness
from paramedic_core.limits import Backoff
from paramedic_runtime.base import Event
from paramedic_runtime.coalesce import Coalescer
from paramedic_runtime.keeper import Stream, WorldKeeper

log = logging.getLogger("paramedic.watch")

QUEUE = 4096
"""Events that wait to be taken, at most; more are a gap, made good by a list."""
_RETRY = Backoff(first=0.25, most=5.0, jitter=0.2)
_SILENT = 120.0


@dataclass(frozen=True, slots=True)
class _End:
    """The reader's last word: why the stream ended."""

    error: Temporary | NotAnEngine


class Watch:
    """A Component: one thread that follows the engine, and one that reads its events.

    Args:
        keeper: keeps the World; nothing else may drive it.
        clock: the time.
        resync: seconds between two lists.
        counters: where to count; see `declare`.
    """

    name = "watch"

    def __init__(self, keeper: WorldKeeper, clock: Clock, *, resync: float, counters: Counters | None = None) -> None:
        self._keeper, self._clock, self._resync = keeper, clock, resync
        self._counters = counters or declare(Counters())
        self._stop = threading.Event()
        self._stream: Stream | None = None
        self._queue: queue.Queue[Event | _End | None] = queue.Queue(QUEUE)
        self._gap = threading.Event()
        self._alive_at = clock.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True, name="watch")

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, and write down what must outlive the process."""
        self._stop.set()
        self._wake()
        stream = self._stream
        if stream is not None:
            stream.close()
        if self._thread.is_alive():
            self._thread.join(1.5)

    def ready(self) -> Readiness:
        """Whether World is the engine's present state."""
        engine = self._keeper.world.engine
        if engine.connected:
            return Readiness(ready=True)
        return Readiness(ready=False, reason=engine.reason or "the engine has not been asked yet")

    def healthy(self) -> Readiness:
        """Whether the thread is alive and moves; an engine that is away is no reason to replace the role."""
        if self._thread.ident and not self._thread.is_alive():
            return Readiness(ready=False, reason="the thread that follows the engine has ended")
        silent = self._clock.monotonic() - self._alive_at
        if silent > _SILENT + self._resync:
            return Readiness(ready=False, reason=f"the watch has been stuck for {silent:.0f} s")
        return Readiness(ready=True)

    def _run(self) -> None:
        tries = 0
        while not self._stop.is_set():
            self._alive_at = self._clock.monotonic()
            connected = False
            try:
                self._stream = self._keeper.connect()
                connected = True
                tries = 0
                self._counters.add("paramedic_engine_connects_total")
                log.info("following the engine at %s", self._keeper.world.engine.address)
                self._follow(self._stream)
            except (Temporary, NotAnEngine) as error:
                self._lost(error, first=connected)
            except Exception as error:
                # Whatever an engine may answer, the watch goes on: without it nothing is ever seen again.
                log.exception("the watch stumbled")
                self._lost(EngineAway(f"the watch stumbled: {type(error).__name__}: {error}"), first=connected)
            finally:
                if self._stream is not None:
                    self._stream.close()
                    self._stream = None
            tries += 1
            self._clock.wait(self._stop, _RETRY.delay(tries, 0.5) if not self._stop.is_set() else 0.0)
        self._keeper.flush()

    def _lost(self, error: Temporary | NotAnEngine, *, first: bool) -> None:
        if self._stop.is_set():
            return
        level = logging.WARNING if first or self._keeper.world.engine.reason != str(error) else logging.DEBUG
        log.log(level, "the engine is away: %s", error)
        self._keeper.away(error)

    def _follow(self, stream: Stream) -> None:
        """Take events and list in between, until the stream ends."""
        self._queue = queue.Queue(QUEUE)
        self._gap.clear()
        threading.Thread(target=self._read, args=(stream, self._queue), daemon=True, name="events").start()
        coalescer = Coalescer()
        listed = self._clock.monotonic()
        while not self._stop.is_set():
            now = self._clock.monotonic()
            self._alive_at = now
            due = min(listed + self._resync, coalescer.due)
            for item in self._get(max(0.0, due - now)):
                if isinstance(item, _End):
                    self._keeper.take(coalescer.rest())
                    raise item.error
                self._counters.add("paramedic_engine_events_total")
                coalescer.put(item, self._clock.monotonic())
            self._keeper.take(coalescer.ready(self._clock.monotonic()))
            if self._gap.is_set():
                self._gap.clear()
                self._keeper.gap()
                listed = float("-inf")
            if self._clock.monotonic() - listed >= self._resync:
                listed = self._clock.monotonic()
                self._keeper.resync()
                self._counters.add("paramedic_engine_lists_total")

    def _get(self, timeout: float) -> list[Event | _End]:
        """What has come: waits for the first, takes what else is there."""
        found: list[Event | _End] = []
        try:
            item = self._queue.get(timeout=min(timeout, 5.0)) if timeout > 0 else self._queue.get_nowait()
            while True:
                if item is not None:
                    found.append(item)
                if len(found) >= 256 or item is None:
                    return found
                item = self._queue.get_nowait()
        except queue.Empty:
            return found

    def _read(self, stream: Stream, into: queue.Queue[Event | _End | None]) -> None:
        """The reader's thread: as fast as the engine, since the engine drops what a slow reader leaves (moby events.go)."""
        error: Temporary | NotAnEngine = EngineAway("the engine ended its event stream")
        try:
            while True:
                event = next(stream)
                try:
                    into.put_nowait(event)
                except queue.Full:
                    self._counters.add("paramedic_engine_events_dropped_total")
                    self._gap.set()
        except StopIteration:
            pass
        except (Temporary, NotAnEngine) as reason:
            error = reason
        except Exception as reason:
            log.exception("reading events stumbled")
            error = EngineAway(f"reading events stumbled: {type(reason).__name__}: {reason}")
        while not self._stop.is_set():
            try:
                into.put(_End(error), timeout=1.0)
            except queue.Full:
                continue
            return

    def _wake(self) -> None:
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return  # It is awake, then.


def declare(counters: Counters) -> Counters:
    """Declare what the watch counts; returns the same."""
    counters.counter("paramedic_engine_connects_total", "Connections made to the engine's event stream.")
    counters.counter("paramedic_engine_events_total", "Container events taken from the engine.")
    counters.counter("paramedic_engine_events_dropped_total", "Events lost in our own queue; a list followed.")
    counters.counter("paramedic_engine_lists_total", "Times that everything was listed, besides at a connection.")
    return counters
