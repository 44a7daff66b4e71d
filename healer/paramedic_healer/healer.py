"""Healer: the loop around the brain. Looks when World changes or something is due; writes, then acts."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.errors import NotFound, StoreUnavailable
from paramedic_core.lifecycle import Readiness
from paramedic_core.world import World
from paramedic_healer.brain import Brain, Step
from paramedic_healer.finding import Alert
from paramedic_healer.hands import Answer, Hands
from paramedic_healer.history import Record
from paramedic_healer.journal import Journal
from paramedic_healer.verify import VERDICTS

log = logging.getLogger("paramedic.healer")

_LOOK_EVERY = 5.0
_SETTLE_EVERY = 0.25


class Healer:
    """A Component.

    Args:
        brain: decides; only ever called under this object's lock.
        journal: written before anything is done.
        hands: carry out.
        clock: the time.
        world: gives the latest World and the seconds since runtime was last heard.
        counters: the role's metrics.
    """

    name = "healer"

    def __init__(
        self,
        brain: Brain,
        journal: Journal,
        make_hands: Callable[[Callable[[Answer], None]], Hands],
        clock: Clock,
        world: Callable[[], tuple[World | None, float]],
        counters: Counters,
    ) -> None:
        self.brain, self.journal = brain, journal
        self._clock, self._world, self._counters = clock, world, counters
        self._hands = make_hands(self._answered)
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="healer")
        self._unsettled: set[str] = set()
        self._trouble = ""
        self._stale = False
        """What the brain knows is more than what the journal has, and must be read back before anything else."""
        self._looked = time.monotonic()
        counters.counter("paramedic_decisions_total", "Decisions by choice and gate.")
        counters.counter("paramedic_incidents_total", "Incidents opened, by cause.")
        counters.counter("paramedic_outcomes_total", "Verdicts on actions, by action and verdict.")
        # From 0 on, as `increase` does not see the step to a first value.
        for cause in brain.triggers:
            counters.add("paramedic_incidents_total", 0, cause=cause)
        for action, verdict in itertools.product(brain.actions, VERDICTS):
            counters.add("paramedic_outcomes_total", 0, action=action, verdict=verdict)
        counters.gauge("paramedic_incidents_open", "Incidents that are open.", self._count_open)

    def start(self) -> None:
        self._restore()
        # What was asked for and not heard of is looked up in runtime's journal, never blindly repeated.
        for history in self.brain.histories.targets.values():
            self._unsettled |= {t.key for t in history.tries if t.status == "asked"}
        self._hands.start()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        self._hands.stop()
        if self._thread.ident:
            self._thread.join(2.0)

    def ready(self) -> Readiness:
        if self._trouble:
            return Readiness(ready=False, reason=self._trouble)
        return Readiness(ready=True)

    def healthy(self) -> Readiness:
        age = time.monotonic() - self._looked
        alive = self._thread.is_alive() and age < 6 * _LOOK_EVERY
        return Readiness(ready=alive, reason="" if alive else f"the healer has not looked for {age:.0f} s")

    def poke(self, _world: World | None = None) -> None:
        """Look now: World changed."""
        self._wake.set()

    def ask(self, target: str, action: str, reason: str, by: str, *, dry_run: bool) -> dict[str, Any]:
        """Judge a person's wish; unless it is a dry run, and every gate passes, carry it out.

        Raises:
            NotFound: there is no such container or action.
            Conflict: another wish for it is still open.
            StoreUnavailable: the journal cannot be written.
        """
        with self._lock:
            self._catch_up()
            world, silence = self._world()
            container = world.find(target) if world else None
            if world is None or container is None:
                raise NotFound(f"there is no container {target} (or its short id is ambiguous)")
            if action not in self.brain.actions:
                raise NotFound(f"there is no action {action}; there are {', '.join(sorted(self.brain.actions))}")
            now = self._clock.now()
            if dry_run:
                decision = self.brain.judge_wish(container, action, world, now, silence)
                return {**decision.as_json(), "dry_run": True, "target": container.id, "name": container.name}
            step, incident = self.brain.ask(container, action, reason, by, now)
            later = self.brain.step(world, now, silence)
            step.records += later.records
            step.orders += later.orders
            self._commit(step)
            self._wake.set()
            return self.journal.read(kind="decision", incident=incident.id, limit=1, newest=True)[0]

    def restrain(self, mode: str, by: str, reason: str) -> None:
        """The hub's restraint: made durable before it is answered."""
        with self._lock:
            self._catch_up()
            self._commit(self.brain.restrain(mode, by, reason, self._clock.now()))
        self._wake.set()

    def hear(self, alerts: list[tuple[Alert, bool]]) -> int:
        """Alerts from outside: durable when this returns; the number of those that were new.

        Raises:
            StoreUnavailable: the journal cannot be written; the sender must try again.
        """
        with self._lock:
            self._catch_up()
            world, _silence = self._world()
            step = self.brain.hear(alerts, world, self._clock.now())
            self._commit(step)
        self._wake.set()
        return len(step.records)

    @contextlib.contextmanager
    def looking(self) -> Iterator[tuple[Brain, World | None, float]]:
        """The brain, the World and its silence, held still while they are read."""
        with self._lock:
            world, silence = self._world()
            yield self.brain, world, silence

    def _run(self) -> None:
        look_again = 0.0
        while not self._stop.is_set():
            pause = min(_LOOK_EVERY, max(0.0, look_again - self._clock.now()))
            if self._unsettled:
                pause = min(pause, _SETTLE_EVERY)
            self._clock.wait(self._wake, pause)
            self._wake.clear()
            if self._stop.is_set():
                return
            self._looked = time.monotonic()
            look_again = self._look()

    def _look(self) -> float:
        self._settle()
        with self._lock:
            world, silence = self._world()
            if world is None:
                return self._clock.now() + _LOOK_EVERY
            try:
                self._catch_up()
            except StoreUnavailable:
                return self._clock.now() + 1.0
            step = self.brain.step(world, self._clock.now(), silence)
            try:
                self._commit(step)
            except StoreUnavailable:
                return self._clock.now() + 1.0
            return step.look_again

    def _catch_up(self) -> None:
        """Raises StoreUnavailable while the journal cannot be read back."""
        if self._stale:
            self._restore()

    def _commit(self, step: Step) -> None:
        """Write down, then do. What cannot be written has not happened, and is not done.

        Raises:
            StoreUnavailable: the journal cannot be written; the brain is back at what the journal knows.
        """
        try:
            self.journal.append(step.records)
        except StoreUnavailable as error:
            if self._trouble != str(error):
                log.error("%s", error)  # noqa: TRY400  the text says what to do; a trace would hide it
            self._trouble = str(error)
            self._stale = True
            with contextlib.suppress(StoreUnavailable):  # it is tried again before the next look
                self._restore()
            raise
        self._trouble = ""
        for record in step.records:
            self._tell(record)
        for order in step.orders:
            self._hands.carry_out(order)

    def _restore(self) -> None:
        restraint = self.journal.last_restraint()
        self.brain.restore(
            self.journal.replay(self._clock.now() - self.brain.memory) + ([restraint] if restraint else [])
        )
        self._stale = False

    def _answered(self, answer: Answer) -> None:
        if answer.status == "away":
            self._unsettled.add(answer.key)
            self._wake.set()
            return
        with self._lock:
            if self._stale:
                self._unsettled.add(answer.key)
                return
            step = self.brain.outcome(
                answer.key,
                answer.status,
                answer.detail,
                self._clock.now(),
                answer.done_at,
                answer.code,
                answer.retry_after,
            )
            try:
                self._commit(step)
            except StoreUnavailable:
                # Runtime's journal has it: it is asked again until ours can be written.
                self._unsettled.add(answer.key)
        self._wake.set()

    def _settle(self) -> None:
        for key in sorted(self._unsettled):
            answer = self._hands.ask(key)
            if answer.status != "away":
                self._unsettled.discard(key)
                self._answered(answer)

    def _count_open(self) -> float:
        with self._lock:
            return float(sum(1 for _ in self.brain.histories.open_incidents()))

    def _tell(self, record: Record) -> None:
        body = record.body
        if record.kind == "decision":
            self._counters.add("paramedic_decisions_total", choice=body["decision"], gate=body["gate"])
        elif record.kind == "opened":
            self._counters.add("paramedic_incidents_total", cause=body["cause"])
        elif record.kind == "verdict":
            self._counters.add("paramedic_outcomes_total", action=body["action"], verdict=body["verdict"])
        if body.get("text"):
            log.info("%s: %s", record.name or record.kind, body["text"])
