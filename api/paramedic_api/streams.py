"""Live pages: server-sent events that say what is new, never the content; the page then fetches what it shows.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html. Every stream holds a thread, so there is a cap.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlencode

from paramedic_api.hub import Hub
from paramedic_core.errors import ParamedicError

HEARTBEAT = 5.0
"""Seconds between two beats; a beat carries the age of what is shown. At most 10 s (a proxy closes silent connections)."""
_LOOK = 1.0
_CALM = 0.25


class Slots:
    """So many streams at once and no more.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self.taken = 0

    def take(self) -> bool:
        """Take a place, if there is one."""
        with self._lock:
            if self.taken >= self._most:
                return False
            self.taken += 1
            return True

    def give(self) -> None:
        """Give a place back."""
        with self._lock:
            self.taken -= 1


class Stream:
    """One page's events: an iterator of bytes that gives its slot back when it is closed, however it ends.

    Args:
        hub: what there is to tell.
        slots: where `take` has been called for it.
        gone: whether the reader has left.
    """

    def __init__(self, hub: Hub, slots: Slots, gone: Callable[[], bool]) -> None:
        self._hub, self._slots, self._gone = hub, slots, gone
        self._events = self._run()
        self._open = True
        hub.metrics.streams.inc()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._events)

    def close(self) -> None:
        """Give the slot back; called by the server at the end of the answer."""
        if self._open:
            self._open = False
            self._hub.metrics.streams.dec()
            self._slots.give()
            self._events.close()  # type: ignore[attr-defined]

    def _run(self) -> Iterator[bytes]:
        hub, clock = self._hub, self._hub.clock
        seen = hub.bulletin.numbers()
        yield b"retry: 3000\n\n" + beat(hub)
        last = clock.monotonic()
        while not hub.stopping.is_set() and not self._gone():
            numbers = hub.bulletin.wait(seen, _LOOK)
            news = [topic for topic, number in numbers.items() if number != seen[topic]]
            seen = numbers
            if news:
                yield b"".join(event(topic, {}) for topic in news)
                # A burst of changes is one look for the page, not twenty.
                hub.stopping.wait(_CALM)
            if clock.monotonic() - last >= HEARTBEAT:
                last = clock.monotonic()
                yield beat(hub)


class LogStream(Stream):
    """New lines of containers, from the logs role.

    Args:
        hub: whose.
        slots: as `Stream`.
        gone: as `Stream`.
        wanted: which lines, in the logs role's words.
    """

    def __init__(self, hub: Hub, slots: Slots, gone: Callable[[], bool], wanted: Mapping[str, str]) -> None:
        self._wanted = wanted
        super().__init__(hub, slots, gone)

    def _run(self) -> Iterator[bytes]:
        hub = self._hub
        yield b"retry: 3000\n\n" + event("beat", {})
        try:
            for item in hub.logs.stream(f"/tail?{urlencode(self._wanted)}"):
                if hub.stopping.is_set() or self._gone():
                    return
                if "line" in item:
                    yield event("line", {"host": hub.host, **item["line"]})
                else:
                    yield event("missed" if "missed" in item else "beat", {"missed": item.get("missed", 0)})
        except ParamedicError as error:
            yield event("away", {"reason": str(error)})


def beat(hub: Hub) -> bytes:
    """The event that keeps a stream alive and tells how old the knowledge is."""
    world = hub.feed.world
    at = world.at if world else 0.0
    return event("beat", {"at": at, "now": hub.clock.now(), "heard": hub.feed.ready().ready})


def event(name: str, data: dict[str, object]) -> bytes:
    """One event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
