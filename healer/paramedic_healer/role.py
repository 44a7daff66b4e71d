"""The healer as a role: follows runtime's World, decides, and asks runtime's verbs."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.lifecycle import Readiness
from paramedic_core.registry import discover
from paramedic_core.settings import HealerSettings, Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.feed import WorldFeed
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import Role
from paramedic_core.world import World
from paramedic_healer import actions, triggers
from paramedic_healer.action import Action
from paramedic_healer.brain import Brain
from paramedic_healer.finding import Trigger
from paramedic_healer.hands import Hands
from paramedic_healer.healer import Healer
from paramedic_healer.journal import Journal
from paramedic_healer.routes import routes

log = logging.getLogger("paramedic.healer")
T = TypeVar("T")


def build(settings: Settings, data: Path, host: str, clock: Clock) -> Role:
    """Put the healer together; nothing runs yet.

    Raises:
        StoreUnavailable: its journal cannot be opened.
    """
    counters = Counters()
    client = RoleClient(socket_path(data, "runtime"), "runtime")
    folder = data / "healer"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = Journal(folder / "journal.db", host)
    feed = WorldFeed(client, clock)
    brain = make_brain(settings.healer, clock.now())

    def world() -> tuple[World | None, float]:
        return feed.world, feed.silence

    healer = Healer(brain, journal, lambda answered: Hands(client, answered), clock, world, counters)
    feed.on_change = healer.poke
    ending = _Ending(journal)
    return Role("healer", [ending, feed, healer], routes(healer, host, clock, ending.event), metrics=counters.render)


def make_brain(settings: HealerSettings, started: float) -> Brain:
    """A Brain with every trigger and action there is."""
    return Brain(
        settings,
        {name: kind(settings) for name, kind in _plugins(triggers, Trigger).items()},
        {name: kind() for name, kind in _plugins(actions, Action).items()},
        started,
    )


def _plugins(package: ModuleType, kind: type[T]) -> dict[str, Any]:
    found = discover(package, kind)
    for failure in found.failures:
        log.error("%s cannot be used: %s", failure.module, failure.reason)
    return dict(found.plugins)


class _Ending:
    """Started first and stopped last: ends the streams, then lets go of the journal."""

    name = "journal"

    def __init__(self, journal: Journal) -> None:
        self.event = threading.Event()
        self._journal = journal

    def start(self) -> None:
        self.event.clear()

    def stop(self) -> None:
        self.event.set()
        self._journal.close()

    def ready(self) -> Readiness:
        return Readiness(
            ready=True, reason=f"a damaged one is kept as {self._journal.set_aside}" if self._journal.set_aside else ""
        )

    def healthy(self) -> Readiness:
        return Readiness(ready=True)
