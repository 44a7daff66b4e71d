"""Stop a container, when a person asks for it."""

from __future__ import annotations

from typing import ClassVar

from paramedic_core.model import Container
from paramedic_healer.action import Action, Plan, expectation


class Stop(Action):
    """Stop the container within its own stop timeout; only ever asked for by a person."""

    name: ClassVar[str] = "stop"
    would: ClassVar[str] = "stopped"
    done: ClassVar[str] = "stopped"

    def plan(self, container: Container) -> Plan:
        return Plan("stop", container.id, expectation(container))
