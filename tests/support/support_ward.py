"""The in-memory engine, runtime's keeper and the healer's brain on one fake clock: hours in milliseconds."""

from __future__ import annotations

from dataclasses import replace

from paramedic_core.clock import FakeClock
from paramedic_core.errors import ParamedicError
from paramedic_core.model import HealthCheck
from paramedic_core.settings import HealerSettings
from paramedic_core.world import Acting, Hands
from paramedic_healer.brain import Brain, Order
from paramedic_healer.history import Record
from paramedic_healer.role import make_brain
from paramedic_runtime.memory import MemoryBackend
from paramedic_runtime.stepped import Stepped

CHECK = HealthCheck(interval=10.0, timeout=5.0, retries=3)


class Ward:
    """A whole host on a fake clock. `run` lets time pass; `engine` is where things go wrong."""

    def __init__(self, **settings) -> None:
        self.clock = FakeClock()
        self.engine = MemoryBackend(self.clock)
        self.keeper = Stepped(self.engine, self.clock)
        self.publisher = self.keeper.publisher
        self.publisher.update(lambda w: replace(w, hands=Hands(ready=True, reason="")))
        self.settings = HealerSettings(**settings)
        self.journal: list[Record] = []
        self.brain: Brain = make_brain(self.settings, self.clock.now())
        self.lose_answers = False

    def add(self, name: str, *, labels=None, leave: bool = True, check: bool = True, **fields) -> str:
        labels = {**({"paramedic.heal": "true"} if leave else {}), **(labels or {})}
        return self.engine.add(name, labels=labels, health_check=CHECK if check else None, **fields)

    def restart_healer(self) -> None:
        """The healer dies, and the next one reads its journal."""
        self.brain = make_brain(self.settings, self.clock.now())
        self.brain.restore(list(self.journal))

    def run(self, seconds: float) -> None:
        """Let time pass, each thing at its own moment."""
        end = self.clock.now() + seconds
        while True:
            self.engine.tick()
            world = self.keeper.step()
            step = self.brain.step(world, self.clock.now(), 0.0)
            self.journal += step.records
            for order in step.orders:
                self._carry_out(order)
            if step.orders:
                continue
            now = self.clock.now()
            if now >= end:
                return
            due = min(step.look_again, self.engine.next_due or end, now + 5.0, end)
            self.clock.advance(max(0.01, due - now))

    def grant(self, service: str, mode: str) -> None:
        self.publisher.update(lambda w: replace(w, grants={**w.grants, service: mode}))

    def acts(self, target: str) -> list[str]:
        """What was done to a container, by the engine's own account."""
        return [e.action for e in self.engine.acts if e.id == target]

    def records(self, kind: str, name: str = "") -> list[Record]:
        return [r for r in self.journal if r.kind == kind and (not name or r.name == name)]

    def _carry_out(self, order: Order) -> None:
        target = order.plan.target
        mark = Acting(order.plan.verb, order.key, self.clock.now())
        self.publisher.update(lambda w: replace(w, acting={**w.acting, target: mark}))
        status, detail = "done", ""
        try:
            if order.plan.verb == "start":
                self.engine.start(target)
            else:
                getattr(self.engine, order.plan.verb)(target, 10.0)
        except ParamedicError as error:
            status, detail = "failed", str(error)
        self.keeper.step()
        self.publisher.update(lambda w: replace(w, acting={}))
        if not self.lose_answers:
            self.journal += self.brain.outcome(order.key, status, detail, self.clock.now()).records
