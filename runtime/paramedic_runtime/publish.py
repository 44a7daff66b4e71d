"""Owns the World: changes it one at a time, and tells every subscriber, whole first and then by changes.

On the wire (`GET /world/stream`, one JSON object a line): `{"world": …}`, `{"change": …}`, and `{"beat": AT}` at least
every 5 seconds, where AT is the World's `at`. A subscriber that does not keep up is cut, and subscribes anew.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.codec import to_plain
from paramedic_core.sys.server import Request, Response, Routes
from paramedic_core.world import Change, World, diff
from paramedic_runtime.deeds import Deeds

QUEUE = 256
"""Changes that wait for one subscriber, at most."""
BEAT = 5.0
_BEAT_EVERY = 4.0
NDJSON = "application/x-ndjson"


class Publisher:
    """The one holder of the World; safe from any thread.

    Args:
        host: the host's id.
        clock: the time.
    """

    def __init__(self, host: str, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._world = World(host=host, epoch=secrets.token_hex(8), version=0, at=0.0)
        self._subscribers: list[Subscription] = []
        self._deeds = Deeds()
        self._whole: tuple[int, bytes] = (-1, b"")
        self.changes = 0
        """Changes published so far."""
        self.dropped = 0
        """Changes that a subscriber could not take; each such subscriber was cut."""

    @property
    def world(self) -> World:
        """The latest."""
        return self._world

    @property
    def subscribers(self) -> int:
        """How many listen now."""
        return len(self._subscribers)

    def update(self, change: Callable[[World], World]) -> World:
        """Publish what `change` makes of the latest World; called under the lock, so it must be quick and pure.

        `version` is the publisher's business. When nothing but `at` differs there is no new version: beats carry it.
        """
        with self._lock:
            old = self._world
            new = replace(change(old), host=old.host, epoch=old.epoch, version=old.version + 1)
            if new.acting is not old.acting:
                self._deeds.note(new.acting, self._clock.now())
            delta = diff(old, new)
            if _empty(delta):
                self._world = replace(old, at=new.at)
                return self._world
            self._world = new
            self.changes += 1
            if self._subscribers:
                line = _line("change", delta)
                for subscriber in tuple(self._subscribers):
                    if not subscriber.put(line):
                        self.dropped += 1
                        self._subscribers.remove(subscriber)
            return new

    def ours(self, target: str, at: float) -> bool:
        """Whether one of our verbs was at work on `target` at `at`."""
        with self._lock:
            return self._deeds.covers(target, at)

    def own(self, target: str, since: float, until: float) -> None:
        """One of our verbs was at work on `target` then; for acts that runtime's own death interrupted."""
        with self._lock:
            self._deeds.own(target, since, until)

    def whole(self) -> bytes:
        """The World as a line of the stream; made once a version."""
        with self._lock:
            return self._whole_line()

    def subscribe(self) -> Subscription:
        """A new subscriber; its first line is the whole World."""
        with self._lock:
            subscription = Subscription(self, self._whole_line() + self.beat())
            self._subscribers.append(subscription)
            return subscription

    def leave(self, subscription: Subscription) -> None:
        """Forget a subscriber."""
        with self._lock:
            if subscription in self._subscribers:
                self._subscribers.remove(subscription)

    def beat(self) -> bytes:
        """The line that says that nothing has changed, and when the engine last confirmed this."""
        return b'{"beat":%s}\n' % json.dumps(self._world.at).encode()

    def routes(self) -> Routes:
        """`GET /world` and `GET /world/stream`."""
        return {"GET /world": self._get_world, "GET /world/stream": self._get_stream}

    def _get_world(self, _request: Request) -> Response:
        return Response(self.whole())

    def _get_stream(self, _request: Request) -> Response:
        return Response(self.subscribe().lines(), content_type=NDJSON)

    def _whole_line(self) -> bytes:
        if self._whole[0] != self._world.version:
            self._whole = (self._world.version, _line("world", self._world))
        return self._whole[1]


class Subscription:
    """One subscriber's bounded queue of lines.

    Args:
        owner: the publisher.
        first: the whole World.
    """

    def __init__(self, owner: Publisher, first: bytes) -> None:
        self._owner = owner
        self._lines: deque[bytes] = deque([first])
        self._ready = threading.Condition()
        self.cut = False
        """It was too slow, and has missed changes: what is queued still comes, then the end."""

    def put(self, line: bytes) -> bool:
        """Queue a line; False when there is no room: this subscriber is cut."""
        with self._ready:
            if len(self._lines) >= QUEUE:
                self.cut = True
            else:
                self._lines.append(line)
            self._ready.notify()
            return not self.cut

    def lines(self) -> Iterator[bytes]:
        """The lines, with beats in between, until the subscriber is cut or closes."""
        try:
            while True:
                with self._ready:
                    if not self._lines and not self.cut:
                        self._ready.wait(_BEAT_EVERY)
                    waiting = bool(self._lines)
                    piece = b"".join(self._lines)
                    self._lines.clear()
                    cut = self.cut
                yield piece if waiting else self._owner.beat()
                if cut:
                    return
        finally:
            self._owner.leave(self)


def _empty(delta: Change) -> bool:
    parts = (delta.engine, delta.hands, delta.acting, delta.grants)
    return not delta.containers and not delta.gone and all(p is None for p in parts)


def _line(kind: str, value: Any) -> bytes:
    return json.dumps({kind: to_plain(value)}, separators=(",", ":")).encode() + b"\n"
