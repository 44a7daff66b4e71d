"""Stop the container and start it again, in place."""

from __future__ import annotations

from typing import ClassVar

from paramedic_core.model import Container
from paramedic_healer.action import Action, Plan, expectation


class Restart(Action):
    """Stop the container within its own stop timeout, and start it again in place."""

    name: ClassVar[str] = "restart"
    would: ClassVar[str] = "restarted"
    done: ClassVar[str] = "restarted"

    def plan(self, container: Container) -> Plan:
        return Plan("restart", container.id, expectation(container))
