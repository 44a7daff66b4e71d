"""Start a container that ended."""

from __future__ import annotations

from typing import ClassVar

from paramedic_core.model import Container
from paramedic_healer.action import Action, Plan, expectation


class Start(Action):
    """Start a container that ended with an error."""

    name: ClassVar[str] = "start"
    would: ClassVar[str] = "started"
    done: ClassVar[str] = "started"

    def plan(self, container: Container) -> Plan:
        return Plan("start", container.id, expectation(container))
