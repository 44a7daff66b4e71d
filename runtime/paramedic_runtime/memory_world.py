"""The scenario's side of the in-memory engine: everything that people, other programs or fate may do to it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any

from paramedic_core.model import Endpoint, Health, State
from paramedic_runtime.base import Event
from paramedic_runtime.memory_box import Box, made
from paramedic_runtime.memory_core import MemoryCore


class MemoryWorld(MemoryCore):
    """Containers to add, and all that may happen to them."""

    # What is there.

    @property
    def log(self) -> list[Event]:
        """Every event so far, also those that no reader was told."""
        with self._lock:
            return list(self._hub.log)

    def add(
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        running: bool = True,
        settled: bool = True,
        healthy_after: float = 1.0,
        **fields: Any,
    ) -> str:
        """Create a container, and start it unless told not to; return its id.

        Args:
            name: its name.
            labels: its labels.
            running: start it.
            settled: with a health check: healthy at once.
            healthy_after: seconds from each later start to healthy.
            fields: any other field of Container, as `restart_policy`, `health_check`, `network_mode`.
        """
        self.tick()
        with self._lock:
            seen = made(name, next(self._serial), labels, created_at=self._now(), **fields)
            box = Box(seen, healthy_after=healthy_after)
            self._boxes[seen.id] = box
            self._say("create", box)
            if running:
                self._begin(box)
                if settled and seen.health_check is not None:
                    self._turn(box, Health.HEALTHY)
            return seen.id

    def destroy(self, target: str) -> None:
        """A person's `docker rm -f`."""
        self.tick()
        with self._lock:
            box = self._box(target)
            if box.seen.state in (State.RUNNING, State.PAUSED):
                box.by_hand = True
                self._say("kill", box, "SIGKILL")
                self._die(box, 137)
            self._remove(box)

    def recreate(self, target: str) -> str:
        """A person's `docker compose up --force-recreate`: gone, and there again under a new id, which is returned."""
        with self._lock:
            old = self._box(target)
            self.destroy(target)
            seen = made(old.seen.name, next(self._serial), old.seen.labels, created_at=self._now(), like=old.seen)
            box = self._boxes[seen.id] = Box(seen, healthy_after=old.healthy_after)
            self._say("create", box)
            self._begin(box)
            return seen.id

    def change(self, target: str, **fields: Any) -> None:
        """Change fields of a container without an event, as `docker update` or a slow leak does."""
        with self._lock:
            self._box(target).change(**fields)

    # Fate.

    def fail_health(self, target: str, *, cured_by: int | None = 1) -> None:
        """Its probes have failed: unhealthy now, until it was started `cured_by` times (None: for ever)."""
        self.tick()
        with self._lock:
            box = self._box(target)
            box.sick_starts = None if cured_by is None else cured_by - 1
            self._turn(box, Health.UNHEALTHY)

    def recover(self, target: str) -> None:
        """Its probes succeed again, by themselves."""
        self.tick()
        with self._lock:
            box = self._box(target)
            box.sick_starts = 0
            self._turn(box, Health.HEALTHY)

    def hang(self, target: str) -> None:
        """Its process hangs: it hears no SIGTERM, and with a health check turns unhealthy in time. A start cures it."""
        self.tick()
        with self._lock:
            box = self._box(target)
            box.deaf = True
            check = box.seen.health_check
            if check is not None:
                self._probe(check.retries * check.interval, box, Health.UNHEALTHY)

    def crash(self, target: str, code: int = 1) -> None:
        """Its process ends by itself, once."""
        self.tick()
        with self._lock:
            box = self._box(target)
            if box.seen.running:
                self._die(box, code)

    def crash_loop(self, target: str, *, after: float = 0.5, runs: int | None = None, code: int = 1) -> None:
        """Its process ends now, and again `after` seconds into each of the next `runs` runs (None: all)."""
        with self._lock:
            box = self._box(target)
            box.crash_after, box.crash_runs, box.crash_code = after, runs, code
        self.crash(target, code)

    def oom(self, target: str) -> None:
        """The kernel kills it for want of memory."""
        self.tick()
        with self._lock:
            box = self._box(target)
            self._say("oom", box)
            box.change(oom_killed=True)
            self._die(box, 137)

    # People, and other programs.

    def human_stop(self, target: str, timeout: float = 10.0) -> None:
        """A person's `docker stop`."""
        self._stop(target, timeout)

    def human_restart(self, target: str, timeout: float = 10.0) -> None:
        """A person's `docker restart`."""
        self._restart(target, timeout)

    def human_start(self, target: str) -> None:
        """A person's `docker start`."""
        self._start(target)

    def human_kill(self, target: str, signal: str = "SIGKILL") -> None:
        """A person's `docker kill`; a signal that does not end a process by default (SIGHUP …) only is told."""
        self._kill(target, signal)

    def pause(self, target: str, *, on: bool = True) -> None:
        """A person's `docker pause` or `docker unpause`."""
        self.tick()
        with self._lock:
            box = self._box(target)
            box.change(state=State.PAUSED if on else State.RUNNING)
            self._say("pause" if on else "unpause", box)

    def rename(self, target: str, name: str) -> None:
        """A person's `docker rename`."""
        self.tick()
        with self._lock:
            box = self._box(target)
            box.change(name=name)
            self._say("rename", box)

    def join(self, target: str, network: str, address: str) -> None:
        """A person's `docker network connect`."""
        self.tick()
        with self._lock:
            box = self._box(target)
            place = Endpoint(network, network, address)
            box.change(endpoints=(*(e for e in box.seen.endpoints if e.network != network), place))
            self._say("connect", box, network)

    def leave(self, target: str, network: str) -> None:
        """A person's `docker network disconnect`."""
        self.tick()
        with self._lock:
            box = self._box(target)
            box.change(endpoints=tuple(e for e in box.seen.endpoints if e.network != network))
            self._say("disconnect", box, network)

    # The engine itself.

    def away(self, on: bool) -> None:  # noqa: FBT001  away(True) reads as it is
        """Whether the engine's socket answers. Its containers live on, and it remembers its last 256 events."""
        self.tick()
        with self._lock:
            self._away = on
            if on:
                self._hub.cut("the engine went away")

    def cut(self) -> None:
        """Break every event stream, and nothing else."""
        with self._lock:
            self._hub.cut("the event stream was cut")

    def lose_events(self, lose: Callable[[Event], bool]) -> None:
        """Events for which `lose` is true are told to nobody, from now on."""
        with self._lock:
            self._hub.lose = lose

    def repeat_events(self, times: int) -> None:
        """Tell each event this often, from now on."""
        with self._lock:
            self._hub.repeat = times

    def probe_noise(self, count: int) -> None:
        """Health checks run: `count` exec events that no reader asks for fill the history."""
        with self._lock:
            self._hub.noise(self._now(), count)

    def history(self) -> list[Event]:
        """The last 256 events, also those of health checks."""
        with self._lock:
            return self._hub.history()

    def daemon_restart(self, *, down: float = 1.0, live: bool = False) -> None:
        """The engine's daemon restarts: streams are cut and history is lost; it is away for `down` seconds.

        Args:
            down: seconds until it answers again.
            live: containers live on (live-restore, or after kill -9 of the daemon). Otherwise they end with nobody to
                see it, and those whose policy says so are started when it is back.
        """
        self.tick()
        with self._lock:
            self._hub.cut("the engine went away")
            self._hub.forget(self._now())
            self._away = True
            for box in () if live else tuple(self._boxes.values()):
                if box.seen.state in (State.RUNNING, State.PAUSED, State.RESTARTING):
                    box.end(self._now(), 143)
            heapq.heappush(self._due, (self._now() + down, next(self._serial), "", 0, lambda: self._back(live=live)))

    def _back(self, *, live: bool) -> None:
        self._away = False
        for box in () if live else tuple(self._boxes.values()):
            policy = box.seen.restart_policy
            wanted = policy == "always" or (policy in ("unless-stopped", "on-failure") and not box.by_hand)
            if box.seen.state is State.EXITED and wanted:
                self._begin(box)
