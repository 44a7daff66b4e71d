"""Finding: a trigger's word that something is wrong with a target, with what it saw."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from paramedic_core.model import Container
from paramedic_core.settings import HealerSettings
from paramedic_core.world import World


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one container."""

    container: Container
    cause: str
    """The trigger's name, as in `unhealthy`."""
    since: float
    """Unix seconds at which the fault began, as far as is known."""
    text: str
    """What is wrong, as a sentence for a person."""
    inputs: Mapping[str, object] = field(default_factory=dict)
    """What was seen: stored with every decision."""
    action: str = ""
    """The action that is asked for; empty: the first of the trigger's ladder."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires, as Alertmanager told it (webhook v4)."""

    fingerprint: str
    starts_at: str
    """As it came: with the fingerprint, what makes one firing of one alert."""
    labels: Mapping[str, str]
    summary: str
    received_at: float
    several: bool = False
    """Several containers could be meant when it came: none is touched, also when only one of them is left."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that triggers look at."""

    world: World
    alerts: tuple[Alert, ...] = ()
    """Those that fire now."""
    left_down: frozenset[str] = frozenset()
    """Names of containers of which our own last restart or start failed."""


class Trigger(ABC):
    """Finds one kind of fault. Pure: facts and time in, findings out.

    A new trigger is one module in `triggers/` with one subclass: a `name`, a docstring whose first line is its help, and
    `find`.
    """

    name: ClassVar[str]
    ladder: ClassVar[tuple[str, ...]]
    """The actions that may help, first things first."""

    def __init__(self, settings: HealerSettings) -> None:
        self.settings = settings

    @abstractmethod
    def find(self, facts: Facts, now: float) -> Iterator[Finding]:
        """The faults of this kind that are there now."""
