"""Runtime's hands on the in-memory engine, wired as the role wires them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from paramedic_core.clock import Clock, FakeClock
from paramedic_core.counters import Counters
from paramedic_core.settings import Settings
from paramedic_core.world import World
from paramedic_runtime import verbs
from paramedic_runtime.acts import Act, Acts
from paramedic_runtime.freeze import Freeze
from paramedic_runtime.grants import Grants
from paramedic_runtime.hands import HandsWatch
from paramedic_runtime.memory import MemoryBackend
from paramedic_runtime.recover import Recover
from paramedic_runtime.verbs import Verbs
from paramedic_runtime.wish import read_wish

_KEYS = itertools.count()


class SimpleWorlds:
    """A World that is kept and published to nobody."""

    def __init__(self, host: str = "h1") -> None:
        self.world = World(host, "e1", 1, 0.0)
        self.seen: list[World] = []
        self._lock = threading.Lock()

    def update(self, change: Callable[[World], World]) -> None:
        with self._lock:
            self.world = change(self.world)
            self.seen.append(self.world)


class Rig:
    """One life of the runtime role's hands. `again()` is its next life, on the same engine and data."""

    def __init__(
        self,
        data: Path,
        clock: Clock | None = None,
        backend: Any = None,
        settings: Settings | None = None,
    ) -> None:
        self.data, self.clock = data, clock or FakeClock()
        self.backend = backend or MemoryBackend(self.clock)
        self.settings = settings or Settings()
        (data / "runtime").mkdir(parents=True, exist_ok=True)
        self.worlds = SimpleWorlds()
        self.acts = Acts(data / "runtime" / "acts.db", self.clock)
        self.freeze = Freeze(data, self.clock)
        self.grants = Grants(data / "runtime" / "grants.json", self.clock)
        self.counters = Counters()
        verbs.declare(self.counters)
        self.verbs = Verbs(
            self.backend,
            self.worlds,
            self.acts,
            self.freeze,
            self.grants,
            self.settings,
            "h1",
            self.clock,
            self.counters,
            self._trouble,
        )
        self.recover = Recover(self.backend, self.acts, self.verbs, self.clock)
        self.hands = HandsWatch(self.worlds, self.acts, self.freeze, self.grants, separated=False, clock=self.clock)
        self.look()

    def _trouble(self) -> None:
        self.recover.wake()

    def again(self, *, settings: Settings | None = None) -> Rig:
        """The next life, after this one ended as kill -9 ends it (the kernel closes the files)."""
        self.acts.close()
        return Rig(self.data, self.clock, self.backend, settings or self.settings)

    def look(self) -> None:
        """What the watch and the hands' own thread do."""
        engine, containers = self.backend.engine(), {c.id: c for c in self.backend.containers()}
        self.worlds.update(lambda world: replace(world, engine=engine, containers=containers))
        self.hands.look()

    def wish(self, target: str, verb: str = "restart", *, key: str = "", **more: Any) -> Act:
        """Ask for an act on a container as it is now."""
        seen = self.backend.inspect(target)
        expected = {"state": seen.state.value, "started_at": seen.started_at}
        body = {"target": seen.id, "key": key or f"key-{next(_KEYS)}", "expected": expected, **more}
        return self.verbs.perform(read_wish(verb, body, "healer"))
