"""Action: turns a decision into a Plan for one of runtime's verbs. It touches nothing itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from paramedic_core.model import Container


@dataclass(frozen=True, slots=True)
class Plan:
    """What runtime is asked to do."""

    verb: str
    target: str
    """Full container id."""
    expected: Mapping[str, object] = field(default_factory=dict)
    """The state in which the target must still be; runtime re-reads it (the preflight)."""


class Action(ABC):
    """One thing that may help a container.

    A new action is one module in `actions/` with one subclass: a `name`, a docstring whose first line is its help, `doing`
    and `done` as words for sentences, and `plan`.
    """

    name: ClassVar[str]
    would: ClassVar[str]
    """As in "it would be restarted"."""
    done: ClassVar[str]
    """As in "restarted"."""

    @abstractmethod
    def plan(self, container: Container) -> Plan:
        """What to ask of runtime for this container, as it is now."""


def expectation(container: Container) -> dict[str, object]:
    """The facts that must still hold when runtime acts."""
    return {
        "state": container.state.value,
        "started_at": container.started_at,
        "health": container.health.value,
    }
