"""Follows runtime's World: whole first, then changes; serves what it last knew while runtime is away.

On the wire (`GET /world/stream`, one JSON object a line): `{"world": …}`, `{"change": …}`, `{"beat": AT}` at least every
5 seconds, where AT is the World's `at`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from paramedic_core.clock import Clock
from paramedic_core.codec import from_plain
from paramedic_core.errors import BadInput, Conflict, ParamedicError
from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.client import RoleClient
from paramedic_core.world import Change, World, apply

log = logging.getLogger("paramedic.feed")


class WorldFeed:
    """A Component that keeps the latest World.

    Args:
        client: runtime's client.
        clock: the time.
        on_change: called in the feed's own thread after each new World (not after a beat).
    """

    name = "world"

    def __init__(self, client: RoleClient, clock: Clock, on_change: Callable[[World], None] | None = None) -> None:
        self._client, self._clock = client, clock
        self.on_change = on_change
        """Called in the feed's own thread after each new World; may be set before `start`."""
        self._world: World | None = None
        self._heard = float("-inf")
        self._why = "runtime has not been asked yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="world-feed")
        self.changed = threading.Condition()
        """Notified after each new World."""

    @property
    def world(self) -> World | None:
        """The last World that was heard of; None before the first."""
        return self._world

    @property
    def silence(self) -> float:
        """Seconds since runtime was last heard."""
        return self._clock.monotonic() - self._heard

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def ready(self) -> Readiness:
        if self._world is None:
            return Readiness(ready=False, reason=f"no World yet: {self._why}")
        if self.silence > 15:
            return Readiness(ready=False, reason=f"runtime has been silent for {self.silence:.0f} s: {self._why}")
        return Readiness(ready=True)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that follows runtime has ended")

    def _run(self) -> None:
        pause = 0.05
        while not self._stop.is_set():
            try:
                for message in self._client.stream("/world/stream", idle=15.0):
                    self._take(message)
                    pause = 0.05
                    if self._stop.is_set():
                        return
                self._why = "runtime ended the stream"
            except ParamedicError as error:
                self._why = str(error)
                log.debug("following runtime: %s", error)
            self._stop.wait(pause)
            pause = min(1.0, pause * 2)

    def _take(self, message: object) -> None:
        if not isinstance(message, dict):
            raise BadInput("runtime's stream has objects only, one a line")
        world = self._world
        if "world" in message:
            world = from_plain(World, message["world"])
        elif world is None:
            raise Conflict("runtime's stream must begin with a whole World")
        elif "change" in message:
            world = apply(world, from_plain(Change, message["change"]))
        elif "beat" in message:
            beat = from_plain(float, message["beat"], "beat")
            self._heard = self._clock.monotonic()
            self._world = replace(world, at=beat)
            return
        else:
            # From a newer version: passed over, as unknown fields are.
            return
        # In this order, so that who sees this World at once does not read that runtime has been silent.
        self._heard = self._clock.monotonic()
        self._world = world
        if self.on_change is not None and world is not None:
            self.on_change(world)
        with self.changed:
            self.changed.notify_all()
