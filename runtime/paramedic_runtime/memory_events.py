"""The event stream of the in-memory engine: a short history, bounded readers, and ways to lose what was said.

As in Docker (moby `daemon/events/events.go`): the last 256 events are replayed to a reader that asks `since` some time
(inclusive), and a reader that does not keep up loses events.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from paramedic_core.errors import EngineAway
from paramedic_runtime.base import Event

HISTORY = 256
QUEUE = 1024
_POLL = 0.02


class MemoryStream:
    """One reader of the in-memory engine's events: an iterator that blocks, or `drain` that does not.

    Args:
        backlog: what is replayed first.
        whole_since: no event is missing since then.
        tick: carries out what is due; called while waiting, so that a blocked reader sees timed things happen.
        close: lets the hub forget this reader.
    """

    def __init__(
        self,
        backlog: list[Event],
        whole_since: float,
        tick: Callable[[], None],
        close: Callable[[MemoryStream], None],
    ) -> None:
        self._queue = deque(backlog)
        self.backlog = len(backlog)
        self.whole_since = whole_since
        self._tick, self._forget = tick, close
        self._ready = threading.Condition()
        self._closed = False
        self._cut: str | None = None
        self.dropped = 0
        """Events lost because this reader was too slow."""

    def __iter__(self) -> MemoryStream:
        return self

    def __next__(self) -> Event:
        """The next event, however long it takes.

        Raises:
            EngineAway: the stream was cut.
            StopIteration: it was closed.
        """
        while True:
            self._tick()
            with self._ready:
                if self._queue:
                    return self._queue.popleft()
                if self._closed:
                    raise StopIteration
                if self._cut is not None:
                    raise EngineAway(self._cut)
                self._ready.wait(_POLL)

    def drain(self) -> list[Event]:
        """Everything that has come so far, without waiting.

        Raises:
            EngineAway: the stream was cut, and what came before has been drained.
        """
        with self._ready:
            found = list(self._queue)
            self._queue.clear()
            if not found and self._cut is not None:
                raise EngineAway(self._cut)
            return found

    def close(self) -> None:
        """End the stream, from any thread."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        self._forget(self)

    def cut(self, why: str) -> None:
        """End the stream as a broken connection does."""
        with self._ready:
            self._cut = why
            self._ready.notify_all()

    def put(self, event: Event) -> None:
        """Hand over one event; lost when the queue is full."""
        with self._ready:
            if len(self._queue) >= QUEUE:
                self.dropped += 1
                return
            self._queue.append(event)
            self._ready.notify_all()


class EventHub:
    """What the engine says, to whom, and what it remembers of it. The caller holds the engine's lock."""

    def __init__(self) -> None:
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._readers: list[MemoryStream] = []
        self._last = 0.0
        self._began = 0.0
        self.log: deque[Event] = deque(maxlen=100_000)
        """Everything that happened, also what no reader was told."""
        self.lose: Callable[[Event], bool] = lambda _event: False
        """Events for which this is true reach neither readers nor history."""
        self.repeat = 1
        """How often each event is told."""

    def say(self, now: float, action: str, target: str, name: str, detail: str = "") -> None:
        """Tell one event. Two events never have the same time, as with the engine's nanoseconds."""
        at = now if not 0 <= self._last - now < 1e-3 else self._last + 1e-6
        self._last = at
        event = Event(at, action, target, name, detail)
        self.log.append(event)
        if self.lose(event):
            return
        self._history.append(event)
        for reader in self._readers:
            for _ in range(self.repeat):
                reader.put(event)

    def open(
        self, since: float | None, tick: Callable[[], None], close: Callable[[MemoryStream], None]
    ) -> MemoryStream:
        """A new reader, with what history still holds `since` then."""
        backlog = (
            [] if since is None else [e for e in self._history if e.at >= since and not e.action.startswith("exec_")]
        )
        whole = self._history[0].at if len(self._history) == HISTORY else self._began
        stream = MemoryStream(backlog, whole, tick, close)
        self._readers.append(stream)
        return stream

    def noise(self, now: float, count: int) -> None:
        """Events of health checks: told to nobody, they still push others out of the history."""
        self._history.extend(Event(now, "exec_start", "", "") for _ in range(count))

    def history(self) -> list[Event]:
        """What is remembered, of any kind, oldest first."""
        return list(self._history)

    def close(self, stream: MemoryStream) -> None:
        """Forget a reader."""
        if stream in self._readers:
            self._readers.remove(stream)

    def cut(self, why: str) -> None:
        """Break every reader's connection."""
        for reader in self._readers:
            reader.cut(why)
        self._readers.clear()

    def forget(self, now: float) -> None:
        """Lose the history, as a restart of the daemon does."""
        self._history.clear()
        self._began = now
