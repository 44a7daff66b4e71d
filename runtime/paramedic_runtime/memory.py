"""A complete engine in memory, driven by any clock, so that hours of its life pass in milliseconds.

It has what matters to a healer: health checks, restart policies with the engine's own backoff, stops by hand, hangs,
crashes, events with a short history, restarts of the daemon, being away, slow and failing calls.

    clock = FakeClock()
    engine = MemoryBackend(clock)
    web = engine.add("web", labels={"paramedic.heal": "true"}, health_check=HealthCheck(interval=10, retries=3))
    stream = engine.events()                # blocks as an iterator; stream.drain() does not
    engine.fail_health(web)                 # unhealthy now; healthy again after one restart
    engine.fail_health(web, cured_by=None)  # … whatever is done to it
    engine.crash(web, code=1)               # its process ends by itself, once
    engine.crash_loop(web, after=0.5)       # … now, and again half a second after each start
    engine.human_stop(web)                  # a person's docker stop
    clock.advance(60); engine.tick()        # carry out what is due by now, each thing at its own time
    engine.acts                             # what was done through the Backend interface: the engine's own account
    engine.log                              # every event, also those that no reader was told

Every call of the Backend interface ticks first. Calls that take time (`slow`, or stopping what hears no SIGTERM) wait
by the clock: with a FakeClock they move it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from paramedic_core.clock import Clock
from paramedic_core.errors import EngineAway, NotFound, ParamedicError, Permanent
from paramedic_core.model import Container, State
from paramedic_core.usage import Usage
from paramedic_core.world import Engine, EngineStatus
from paramedic_runtime.base import Event
from paramedic_runtime.memory_events import MemoryStream
from paramedic_runtime.memory_world import MemoryWorld

_NEVER = threading.Event()


class MemoryBackend(MemoryWorld):
    """The in-memory engine behind the Backend interface; the scenario's methods are in `MemoryWorld`.

    Args:
        clock: the time.
        stop_first: tell `stop` before `die`, as engine 29 does (facts/engine 2).
        version: what it says it is.
    """

    address = "memory:"

    def __init__(self, clock: Clock, *, stop_first: bool = False, version: str = "20.10.24") -> None:
        super().__init__(clock, stop_first=stop_first)
        self._version = version
        self._slow: dict[str, float] = {}
        self._faults: list[tuple[str, ParamedicError, bool]] = []
        self.acts: list[Event] = []
        """Every restart, stop, start, kill that came through the Backend interface, when it took effect."""

    # What a test may do to the calls.

    def slow(self, call: str, seconds: float) -> None:
        """Make a call (`restart`, `containers`, …, or `*`) take this long."""
        self._slow[call] = seconds

    def fail(self, call: str, error: ParamedicError, *, times: int = 1, done: bool = False) -> None:
        """Make the next calls of this name (or of any: `*`) raise; with `done`, after they took effect (a lost answer)."""
        self._faults += [(call, error, done)] * times

    # The Backend interface: reads.

    def engine(self) -> Engine:
        """See Backend."""
        self._enter("engine")
        return Engine(
            status=EngineStatus.CONNECTED,
            since=self._clock.now(),
            address=self.address,
            version=self._version,
            api_version="1.41",
            cgroup_driver="cgroupfs",
            cgroup_version="1",
            root_dir="/var/lib/docker",
        )

    def containers(self) -> list[Container]:
        """See Backend."""
        self._enter("containers")
        with self._lock:
            return [box.seen for box in self._boxes.values()]

    def inspect(self, target: str) -> Container:
        """See Backend."""
        self._enter("inspect")
        with self._lock:
            return self._box(target).seen

    def events(self, since: float | None = None) -> MemoryStream:
        """See Backend; the stream can also be drained without waiting."""
        self._enter("events")
        with self._lock:
            return self._hub.open(since, self.tick, self._unsubscribe)

    def usage(self, target: str) -> Usage:
        """See Backend: a container here uses a hundredth of a CPU since its start, and 8 MiB."""
        self._enter("usage")
        with self._lock:
            seen = self._box(target).seen
        if not seen.pid:
            raise NotFound(f"{seen.name} does not run")
        now = self._clock.now()
        return Usage(now, cpu_seconds=max(0.0, now - seen.started_at) / 100, memory=8 << 20, threads=1)

    # The Backend interface: hands.

    def restart(self, target: str, timeout: float) -> None:
        """See Backend."""
        self._act("restart", target, lambda: self._restart(target, timeout))

    def stop(self, target: str, timeout: float) -> None:
        """See Backend."""
        self._act("stop", target, lambda: self._stop(target, timeout))

    def start(self, target: str) -> None:
        """See Backend."""
        self._act("start", target, lambda: self._start(target))

    def kill(self, target: str, signal: str) -> None:
        """See Backend."""
        self._act("kill", target, lambda: self._kill(target, signal), signal)

    def close(self) -> None:
        """Nothing is held."""

    def _enter(self, call: str) -> None:
        self.tick()
        seconds = self._slow.get(call, self._slow.get("*", 0.0))
        if seconds:
            self._clock.wait(_NEVER, seconds)
            self.tick()
        with self._lock:
            if self._away:
                raise EngineAway(f"the engine at {self.address} is away: start it")
            self._raise_fault(call, done=False)

    def _raise_fault(self, call: str, *, done: bool) -> None:
        for index, (name, error, when) in enumerate(self._faults):
            if name in (call, "*") and when is done:
                del self._faults[index]
                raise error

    def _act(self, verb: str, target: str, do: Callable[[], None], detail: str = "") -> None:
        self._enter(verb)
        with self._lock:
            box = self._box(target)
            if verb == "kill" and box.seen.state not in (State.RUNNING, State.PAUSED):
                raise Permanent(f"Cannot kill container: {target}: Container {target} is not running")
            self.acts.append(Event(self._now(), verb, box.seen.id, box.seen.name, detail))
        do()
        with self._lock:
            self._raise_fault(verb, done=True)
