"""The in-memory engine's inside: its containers, what is due when, and what its daemon does with a process."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from paramedic_core.clock import Clock
from paramedic_core.errors import NotFound
from paramedic_core.model import Container, Health, State
from paramedic_runtime.memory_box import Box
from paramedic_runtime.memory_events import EventHub, MemoryStream

_NEVER = threading.Event()
_HARMLESS = frozenset({"SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT", "SIGCHLD", "SIGURG", "SIGSTOP"})


class MemoryCore:
    """Containers and time; what people and fate do to them is `MemoryWorld`."""

    def __init__(self, clock: Clock, *, stop_first: bool) -> None:
        self._clock, self._stop_first = clock, stop_first
        self._lock = threading.RLock()
        self._boxes: dict[str, Box] = {}
        self._hub = EventHub()
        self._due: list[tuple[float, int, str, int, Callable[[], None]]] = []
        self._serial = itertools.count(1)
        self._at: float | None = None
        self._away = False

    # Time.

    def tick(self) -> None:
        """Carry out what is due by now, in order, each thing at its own time."""
        with self._lock:
            if self._at is not None:
                return
            now = self._clock.now()
            try:
                while self._due and self._due[0][0] <= now:
                    self._at, _, target, run, do = heapq.heappop(self._due)
                    box = self._boxes.get(target)
                    if not target or (box is not None and box.run == run):
                        do()
            finally:
                self._at = None

    @property
    def next_due(self) -> float | None:
        """Unix time of the next thing that will happen by itself; None when nothing will."""
        with self._lock:
            return self._due[0][0] if self._due else None

    # What verbs and people have in common.

    def _stop(self, target: str, timeout: float) -> None:
        self.tick()
        with self._lock:
            box = self._box(target)
            run = box.run
            if box.seen.state is State.RESTARTING:
                box.by_hand = True
                box.end(box.seen.finished_at, box.seen.exit_code)
            if box.seen.state not in (State.RUNNING, State.PAUSED):
                return
            box.by_hand = True
            self._say("kill", box, "SIGTERM")
            forced = box.deaf or box.stops_in > timeout
            wait = timeout if forced else box.stops_in
        if wait:
            self._clock.wait(_NEVER, wait)
            self.tick()
        with self._lock:
            if box.run != run:
                return
            if forced:
                self._say("kill", box, "SIGKILL")
            if self._stop_first:
                self._say("stop", box)
            self._die(box, 137 if forced else 143)
            if not self._stop_first:
                self._say("stop", box)

    def _restart(self, target: str, timeout: float) -> None:
        self._stop(target, timeout)
        with self._lock:
            box = self._box(target)
            if not box.seen.running:
                box.change(restarts=0)
                self._begin(box)
            self._say("restart", box)

    def _start(self, target: str) -> None:
        self.tick()
        with self._lock:
            box = self._box(target)
            if box.seen.state not in (State.RUNNING, State.PAUSED):
                box.change(restarts=0)
                self._begin(box)

    def _kill(self, target: str, signal: str) -> None:
        self.tick()
        with self._lock:
            box = self._box(target)
            self._say("kill", box, signal)
            if terminates(signal) and not (box.deaf and signal != "SIGKILL"):
                box.by_hand = True
                self._die(box, 137 if signal == "SIGKILL" else 143)

    # The pieces.

    def _box(self, target: str) -> Box:
        """By id, name, or the beginning of an id."""
        for box in self._boxes.values():
            if target in (box.seen.id, box.seen.name) or (len(target) >= 4 and box.seen.id.startswith(target)):
                return box
        raise NotFound(f"No such container: {target}")

    def _begin(self, box: Box) -> None:
        box.begin(self._now(), pid=1000 + next(self._serial))
        box.deaf = False
        self._say("start", box)
        if box.seen.health_check is not None:
            if box.sick_now():
                self._probe(box.unhealthy_after(), box, Health.UNHEALTHY)
            else:
                self._probe(box.healthy_after, box, Health.HEALTHY)
        if box.crashes_now():
            self._plan(box.crash_after, box, lambda: self._die(box, box.crash_code))

    def _die(self, box: Box, code: int) -> None:
        ran = self._now() - box.seen.started_at
        box.end(self._now(), code)
        self._say("die", box, str(code))
        if box.policy_restarts():
            box.change(state=State.RESTARTING)
            self._plan(box.next_backoff(ran), box, lambda: self._again(box))
        elif box.seen.auto_remove:
            self._remove(box)

    def _again(self, box: Box) -> None:
        box.change(restarts=box.seen.restarts + 1)
        self._begin(box)

    def _remove(self, box: Box) -> None:
        self._boxes.pop(box.seen.id, None)
        self._say("destroy", box)

    def _probe(self, delay: float, box: Box, health: Health) -> None:
        """What its health will be then, unless something else is said of it before."""
        box.verdict += 1
        verdict = box.verdict
        self._plan(delay, box, lambda: self._turn(box, health) if box.verdict == verdict else None)

    def _turn(self, box: Box, health: Health) -> None:
        box.verdict += 1
        if not box.seen.running or box.seen.health is health:
            return
        check = box.seen.health_check
        streak = check.retries if check is not None and health is Health.UNHEALTHY else 0
        box.change(health=health, health_since=self._now(), failing_streak=streak)
        self._say("health_status", box, str(health))

    def _plan(self, delay: float, box: Box, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self._now() + delay, next(self._serial), box.seen.id, box.run, do))

    def _say(self, action: str, box: Box, detail: str = "") -> None:
        self._hub.say(self._now(), action, box.seen.id, box.seen.name, detail)

    def _now(self) -> float:
        return self._clock.now() if self._at is None else self._at

    def _unsubscribe(self, stream: MemoryStream) -> None:
        with self._lock:
            self._hub.close(stream)

    def state_of(self, target: str) -> Container:
        """What is true now, also while the engine is away."""
        self.tick()
        with self._lock:
            return self._box(target).seen


def terminates(signal: str) -> bool:
    """Whether a process ends at this signal, as the in-memory engine's processes are made (they handle SIGHUP …)."""
    return signal not in _HARMLESS
