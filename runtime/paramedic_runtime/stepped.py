"""A runtime without threads: the in-memory engine and its World, moved on by hand. For tests and replays.

clock = FakeClock()
engine = MemoryBackend(clock)
web = engine.add("web", health_check=HealthCheck())
runtime = Stepped(engine, clock)
runtime.step()                                # connects and lists
engine.fail_health(web)
runtime.step().containers[web].health         # takes what events told; lists again when that is due
"""

from __future__ import annotations

from paramedic_core.clock import Clock
from paramedic_core.errors import NotAnEngine, Temporary
from paramedic_core.world import World
from paramedic_runtime.keeper import WorldKeeper
from paramedic_runtime.memory import MemoryBackend
from paramedic_runtime.memory_events import MemoryStream
from paramedic_runtime.publish import Publisher
from paramedic_runtime.store import BookStore


class Stepped:
    """Keeps a World true to an in-memory engine, a step at a time.

    Args:
        engine: the engine.
        clock: the one that drives it.
        host: the host's id.
        store: what outlives this "process"; None: nothing.
        resync: seconds between two lists.
    """

    def __init__(
        self,
        engine: MemoryBackend,
        clock: Clock,
        *,
        host: str = "host1",
        store: BookStore | None = None,
        resync: float = 30.0,
    ) -> None:
        self.engine, self._clock, self._resync = engine, clock, resync
        self.publisher = Publisher(host, clock)
        self.keeper = WorldKeeper(engine, self.publisher, clock, store)
        self._stream: MemoryStream | None = None
        self._listed = float("-inf")

    @property
    def world(self) -> World:
        """The latest."""
        return self.publisher.world

    def step(self) -> World:
        """Do what is due, without waiting. An engine that is away is a state in World, not an error."""
        try:
            self.engine.tick()
            if self._stream is None:
                stream = self.keeper.connect()
                assert isinstance(stream, MemoryStream)
                self._stream, self._listed = stream, self._clock.monotonic()
            self.keeper.take(self._stream.drain())
            if self._clock.monotonic() - self._listed >= self._resync:
                self.keeper.resync()
                self._listed = self._clock.monotonic()
                self.keeper.take(self._stream.drain())
        except (Temporary, NotAnEngine) as error:
            if self._stream is not None:
                self._stream.close()
                self._stream = None
            self.keeper.away(error)
        return self.world
