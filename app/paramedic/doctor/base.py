"""What a check sees and says, and how all of them are found and run."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paramedic_core.model import Container
from paramedic_core.paste import data_flag
from paramedic_core.settings import Settings
from paramedic_core.world import World

OK, WARN, BAD = "ok", "warn", "bad"
RANKS = {OK: 0, WARN: 1, BAD: 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found."""

    level: str
    """ok; warn: it works, and a person should look; bad: something does not work."""
    what: str
    mend: str = ""
    """The command, or the change, that mends it."""
    name: str = ""
    """The check's; put there by `examine`."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role, as it answered."""

    state: str
    """ready, not ready, away."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that checks may look at, gathered once. The engine's own socket is never opened."""

    data: Path
    settings: Settings
    now: float
    uid: int
    world: World | None = None
    """None while runtime is away."""
    denied: str = ""
    """Why the roles cannot be asked, when it is for want of rights."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    freeze: Mapping[str, object] = field(default_factory=dict)
    """What runtime says of FREEZE: on, by, reason, at."""
    named: tuple[str, ...] = ()
    """What healer.services names, as the healer has read it: its configuration need not be the one that is here."""
    damage: str = ""
    """What the hub says of its stored metrics: what is damaged, what is lost and what to do."""
    contained: bool = False
    """Whether this is a container, so that paramedic runs in one too."""
    elsewhere: frozenset[str] = frozenset()
    """Roles in another container."""
    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether any role of this data directory answers."""
        return any(role.state != "away" for role in self.roles.values())

    def containers(self) -> Iterator[Container]:
        """The host's containers but paramedic's own, in order of names."""
        every = self.world.containers.values() if self.world else ()
        yield from sorted((c for c in every if not c.is_self), key=lambda c: c.name)

    @property
    def flag(self) -> str:
        """` --data DIR` for a command to copy; empty for the usual one."""
        return data_flag(self.data)


Check = Callable[[Facts], Iterator[Verdict]]
_CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a check under a name; it yields a verdict for each thing it finds, nothing when it cannot know."""

    def register(function: Check) -> Check:
        if _CHECKS.get(name, function) is not function:
            raise ValueError(f"there are two checks named {name!r}")
        _CHECKS[name] = function
        return function

    return register


def checks() -> Mapping[str, Check]:
    """Every check, by name, in the order of their modules' names."""
    from paramedic.doctor import checks as package  # noqa: PLC0415  its modules import this one

    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        importlib.import_module(f"{package.__name__}.{info.name}")
    return _CHECKS


def examine(facts: Facts) -> list[Verdict]:
    """Run every check. One that fails is a verdict too, and stops no other."""
    found = []
    for name, function in checks().items():
        try:
            found += [Verdict(v.level, v.what, v.mend, name) for v in function(facts)]
        except (OSError, ValueError) as error:
            found.append(Verdict(WARN, f"could not be looked at: {error}", "", name))
    return found


def few(names: list[str], most: int = 6) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
