"""The roles, one line each, in the order of starting; stopped in reverse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from paramedic_core.errors import BadInput
from paramedic_core.settings import Settings
from paramedic_core.sys.processes import Capability


def _nowhere(_settings: Settings) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Spec:
    """How one role is run."""

    name: str
    module: str
    """Where its `build(settings, data, host, clock) -> Role` is; imported in its own process only."""
    parts: tuple[str, ...] = ()
    """The parts of Settings whose change replaces it; `node` and `log_level` replace every role."""
    listens: Callable[[Settings], tuple[str, ...]] = _nowhere
    """Addresses that its server binds before it gives up root; `Role.listen` may name more."""
    capabilities: tuple[Capability, ...] = ()
    nice: int = 0
    folder: bool = False
    """Whether it has a folder of its own in the data directory."""
    stores: tuple[str, ...] = ()
    """More folders there that are its own."""


SPECS: tuple[Spec, ...] = (
    Spec(
        "runtime", "paramedic_runtime.role", ("runtime", "healer"), capabilities=(Capability.DAC_OVERRIDE,), folder=True
    ),
    Spec("dns", "paramedic_dns.role", ("dns",), capabilities=(Capability.NET_BIND_SERVICE,), folder=True),
    Spec("collector", "paramedic_collector.role", ("collector",), lambda s: (s.collector.listen,)),
    Spec("healer", "paramedic_healer.role", ("healer",), folder=True),
    Spec("logs", "paramedic_logs.role", ("logs",), capabilities=(Capability.DAC_READ_SEARCH,), nice=10, folder=True),
    Spec(
        "hub",
        "paramedic_api.role",
        ("hub", "healer", "metrics", "notify", "heartbeat"),
        nice=10,
        folder=True,
        stores=("metrics",),
    ),
)


def chosen(names: tuple[str, ...], specs: tuple[Spec, ...] = SPECS) -> tuple[Spec, ...]:
    """The roles of these names, all without any, in the order of starting.

    Raises:
        BadInput: there is no role of a name.
    """
    unknown = [n for n in names if n not in {s.name for s in specs}]
    if unknown:
        raise BadInput(f"there is no role {', '.join(unknown)}: the roles are {', '.join(s.name for s in specs)}")
    return tuple(s for s in specs if not names or s.name in names)


def changed(spec: Spec, old: Settings, new: Settings) -> bool:
    """Whether `spec` must be replaced when `old` settings become `new`."""
    return any(getattr(old, part) != getattr(new, part) for part in ("node", "log_level", *spec.parts))
