"""After a crash: what became of the acts that were intended and never answered.

An intent is never blindly repeated. The engine finishes a restart though the client that sent it is gone, so each open
intent is compared with what the engine shows: its container now, and the engine's own events since. Until that is settled
no other act touches the target.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from paramedic_core.clock import Clock
from paramedic_core.errors import EngineAway, NotFound, ParamedicError
from paramedic_core.fault import fault
from paramedic_core.lifecycle import Readiness
from paramedic_core.model import Container
from paramedic_runtime.acts import Act, Acts, Status
from paramedic_runtime.base import Backend, Event
from paramedic_runtime.keeper import Stream
from paramedic_runtime.verbs import MARGIN, Verbs, stop_time

log = logging.getLogger("paramedic.recover")

SETTLE = 2.0
"""Seconds for which the engine is watched before an act counts as never begun: its last request may lie in a queue."""
_STEP = 0.2
_BEGAN = frozenset({"kill", "die", "stop", "start", "restart"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the engine shows about one open intent."""

    container: Container | None
    """As it is now; None when it is gone."""
    events: Sequence[Event]
    """The target's own, as far as the engine still replays them."""
    complete: bool
    """Whether the replay reaches back before the intent, so that what it lacks did not happen."""
    watched: float
    """Seconds since this intent was first looked at, with the engine answering."""


def verdict(act: Act, seen: Evidence) -> tuple[Status, str] | None:
    """What became of an act, or None while that cannot be told yet. Pure.

    Args:
        act: an intent without an outcome.
        seen: the evidence.
    """
    began = any(e.action in _BEGAN and e.at >= act.intent_at for e in seen.events)
    container = seen.container
    if container is None:
        if seen.watched < SETTLE:
            return None
        return (Status.FAILED if began else Status.LOST), "found after a crash: the container is gone"
    if _done(act, container, began=began):
        return Status.DONE, "found after a crash"
    if seen.watched < SETTLE:
        return None
    if not began and seen.complete and not _touched(act, container):
        return Status.LOST, "found after a crash: it never began"
    if seen.watched < _patience(act, container):
        return None
    if not began and not _touched(act, container):
        return Status.LOST, "found after a crash: nothing has come of it"
    return Status.FAILED, f"found after a crash: it began and did not end; the container is {container.state}"


def _patience(act: Act, container: Container) -> float:
    """Seconds for which the engine may still be at it: the time to stop, unless it has stopped already."""
    stopping = act.verb in ("restart", "stop") and container.finished_at < act.intent_at
    return (stop_time(container) if stopping else 0.0) + MARGIN


def _done(act: Act, container: Container, *, began: bool) -> bool:
    started = container.started_at > float(act.expected.get("started_at", 0.0)) + 1e-3
    match act.verb:
        case "restart" | "start":
            return started
        case "stop":
            return not container.running and (began or _touched(act, container))
        case _:
            return started or _touched(act, container) or began


def _touched(act: Act, container: Container) -> bool:
    """Whether its run ended, or a new one began, after the intent."""
    return max(container.finished_at, container.started_at) >= act.intent_at


class Recover:
    """A Component that settles open intents, at the start and whenever an act's answer was lost.

    Args:
        backend: the engine.
        acts: the record.
        verbs: the hands, which know what they still hold themselves.
        clock: the time.
    """

    name = "recover"

    def __init__(self, backend: Backend, acts: Acts, verbs: Verbs, clock: Clock) -> None:
        self._backend, self._acts, self._verbs, self._clock = backend, acts, verbs, clock
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="recover")
        self._first: dict[str, float] = {}
        self._why = ""

    def wake(self) -> None:
        """There may be an open intent."""
        self._wake.set()

    def start(self) -> None:
        self._wake.set()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(1.5)

    def ready(self) -> Readiness:
        """Ready also while an intent is open: only its own target has to wait."""
        return Readiness(ready=True, reason=self._why)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or self._thread.ident is None
        return Readiness(ready=alive, reason="" if alive else "the thread that settles open intents has ended")

    def step(self) -> int:
        """One look at every open intent.

        Returns:
            How many are still open.

        Raises:
            ParamedicError: the record or the engine cannot be read now; nothing was settled wrongly.
        """
        still = 0
        for act in self._acts.unresolved():
            # In this order: whoever holds a claim gives it up only after the outcome is recorded.
            if act.key in self._verbs.in_flight.values():
                continue
            again = self._acts.find(act.key)
            if again is None or again.status is not Status.INTENT:
                continue
            if not self._look(act):
                still += 1
        if not still:
            self._first.clear()
            self._why = ""
        return still

    def _look(self, act: Act) -> bool:
        if act.key not in self._first:
            self._verbs.mark(act)
        try:
            container: Container | None = self._backend.inspect(act.target)
        except NotFound:
            container = None
        events, complete = self._replay(act)
        now = self._clock.monotonic()
        watched = now - self._first.setdefault(act.key, now)
        found = verdict(act, Evidence(container, events, complete, watched))
        if found is None:
            self._why = f"finding out what became of the {act.verb} of {act.name}"
            return False
        status, detail = found
        log.warning("%s of %s, intended before a crash: %s (%s)", act.verb, act.name, status, detail)
        fault("recover.before_outcome")
        self._verbs.settle(act, status, detail)
        fault("recover.after_outcome")
        return True

    def _replay(self, act: Act) -> tuple[list[Event], bool]:
        """The target's events since the intent, and whether they are all there."""
        stream = cast("Stream", self._backend.events(act.intent_at))
        try:
            events = [next(stream) for _ in range(stream.backlog)]
        finally:
            stream.close()
        return [e for e in events if e.id == act.target], stream.whole_since <= act.intent_at

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(30.0)
            self._wake.clear()
            pause = _STEP
            while not self._stop.is_set():
                try:
                    if not self.step():
                        break
                    pause = _STEP
                except EngineAway as error:
                    self._why, pause = f"the engine is away: {error}", min(2.0, pause * 2)
                except ParamedicError as error:
                    self._why, pause = str(error), min(5.0, pause * 2)
                self._stop.wait(pause)
