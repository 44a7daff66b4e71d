"""World: what is known of engine and host at one moment. Immutable and versioned.

`runtime` makes it and publishes it, whole first and then as changes; every other role applies those and serves what it
last knew while runtime is away. Two Worlds can be compared only within one `epoch` (one life of the runtime role).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from paramedic_core.errors import Conflict
from paramedic_core.model import Container


class EngineStatus(StrEnum):
    """How the engine is, as runtime sees it."""

    CONNECTED = "connected"
    AWAY = "away"
    """Not there, or not answering: shown, and tried again."""
    STARTING = "starting"
    """Runtime has not asked yet."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that runtime talks to."""

    status: EngineStatus = EngineStatus.STARTING
    since: float = 0.0
    """Unix seconds at which `status` took its present value."""
    reason: str = ""
    """Why it is away, and what to do, in words."""
    address: str = ""
    version: str = ""
    api_version: str = ""
    cgroup_driver: str = ""
    cgroup_version: str = ""
    rootless: bool = False
    swarm: bool = False
    root_dir: str = ""

    @property
    def connected(self) -> bool:
        return self.status is EngineStatus.CONNECTED


@dataclass(frozen=True, slots=True)
class Acting:
    """A verb at work on a target. DNS treats such a target as out of service."""

    verb: str
    key: str
    since: float


@dataclass(frozen=True, slots=True)
class Hands:
    """Whether runtime's verbs can act at all, and why not."""

    ready: bool = False
    reason: str = "runtime has not said yet"
    frozen: bool = False
    """The FREEZE file is there."""
    separated: bool = False
    """Each role has a uid of its own."""


@dataclass(frozen=True, slots=True)
class World:
    """What is known at one moment."""

    host: str
    """The host's id: carried by every object, record and path."""
    epoch: str
    version: int
    at: float
    """Unix seconds at which the engine last confirmed this (an event, or a list)."""
    engine: Engine = field(default_factory=Engine)
    hands: Hands = field(default_factory=Hands)
    containers: Mapping[str, Container] = field(default_factory=dict)
    """By full id."""
    acting: Mapping[str, Acting] = field(default_factory=dict)
    """By full container id."""
    grants: Mapping[str, str] = field(default_factory=dict)
    """Service key → mode, as given on the command line or the page."""

    def find(self, name: str) -> Container | None:
        """The container with this id, name, or unambiguous prefix (≥ 4 digits) of an id."""
        if name in self.containers:
            return self.containers[name]
        matches = [c for c in self.containers.values() if c.name == name]
        if not matches and len(name) >= 4:
            matches = [c for c in self.containers.values() if c.id.startswith(name)]
        return matches[0] if len(matches) == 1 else None

    def dependents(self, container: Container) -> Iterator[Container]:
        """Containers that live in this one's network namespace (`network_mode: container:`)."""
        for other in self.containers.values():
            kind, _, owner = other.network_mode.partition(":")
            if kind == "container" and owner and owner in (container.id, container.name):
                yield other

    def services(self) -> Mapping[str, tuple[Container, ...]]:
        """The containers of each service, by service key, in order of names."""
        found: dict[str, list[Container]] = {}
        for container in sorted(self.containers.values(), key=lambda c: c.name):
            found.setdefault(container.service_key, []).append(container)
        return {key: tuple(members) for key, members in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class Change:
    """What makes one World of the one before it."""

    epoch: str
    version: int
    at: float
    containers: Mapping[str, Container] = field(default_factory=dict)
    """New or changed, by id."""
    gone: tuple[str, ...] = ()
    engine: Engine | None = None
    hands: Hands | None = None
    acting: Mapping[str, Acting] | None = None
    grants: Mapping[str, str] | None = None


def diff(old: World, new: World) -> Change:
    """The change that leads from `old` to `new`; both of one epoch."""
    return Change(
        epoch=new.epoch,
        version=new.version,
        at=new.at,
        containers={k: c for k, c in new.containers.items() if old.containers.get(k) != c},
        gone=tuple(k for k in old.containers if k not in new.containers),
        engine=new.engine if new.engine != old.engine else None,
        hands=new.hands if new.hands != old.hands else None,
        acting=new.acting if new.acting != old.acting else None,
        grants=new.grants if new.grants != old.grants else None,
    )


def apply(world: World, change: Change) -> World:
    """The World after `change`.

    Raises:
        Conflict: the change belongs to another epoch, or skips a version; subscribe anew.
    """
    if change.epoch != world.epoch or change.version != world.version + 1:
        raise Conflict(
            f"World {world.epoch}/{world.version} cannot take change {change.epoch}/{change.version}: subscribe anew"
        )
    containers = {k: c for k, c in world.containers.items() if k not in change.gone} | dict(change.containers)
    return replace(
        world,
        version=change.version,
        at=change.at,
        containers=containers,
        engine=change.engine or world.engine,
        hands=change.hands or world.hands,
        acting=world.acting if change.acting is None else change.acting,
        grants=world.grants if change.grants is None else change.grants,
    )
