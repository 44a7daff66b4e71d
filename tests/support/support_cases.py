"""Hand-made containers, Worlds and cases for the healer's tests."""

from __future__ import annotations

from dataclasses import replace

from paramedic_core.leave import leave
from paramedic_core.model import Container, EndedBy, Ending, Health, HealthCheck, State
from paramedic_core.settings import HealerSettings, Mode
from paramedic_core.world import Engine, EngineStatus, Hands, World
from paramedic_healer.brain import Brain
from paramedic_healer.finding import Finding
from paramedic_healer.guards import Case
from paramedic_healer.history import TargetHistory
from paramedic_healer.role import make_brain

NOW = 1_700_000_000.0
LEAVE = {"paramedic.heal": "true"}


def container(name: str = "web", **fields) -> Container:
    """A healthy, running container that has given leave."""
    base = Container(
        id=(name.encode().hex() * 64)[:64],
        name=name,
        state=State.RUNNING,
        health=Health.HEALTHY,
        health_since=NOW - 900,
        started_at=NOW - 1000,
        pid=4711,
        health_check=HealthCheck(interval=1.0),
        labels=LEAVE,
    )
    return replace(base, **fields)


def unhealthy(name: str = "web", **fields) -> Container:
    return container(name, **{"health": Health.UNHEALTHY, "failing_streak": 3, "health_since": NOW - 1, **fields})


def exited(name: str = "job", by: EndedBy = EndedBy.NOBODY, code: int = 1, **fields) -> Container:
    base = {
        "state": State.EXITED,
        "health": Health.NONE,
        "exit_code": code,
        "pid": 0,
        "finished_at": NOW - 1,
        "ending": Ending(NOW - 1, by, "SIGTERM" if by is EndedBy.SOMEONE else ""),
    }
    return container(name, **{**base, **fields})


def world(*containers: Container, at: float = NOW, **fields) -> World:
    base = World(
        "host1",
        "epoch1",
        1,
        at,
        Engine(EngineStatus.CONNECTED, NOW - 5000),
        Hands(ready=True, reason=""),
        {c.id: c for c in containers},
    )
    return replace(base, **fields)


def case(target: Container, **fields) -> Case:
    """A case in which every gate passes."""
    settings = fields.pop("settings", HealerSettings())
    seen = fields.pop("world", None) or world(target)
    base = Case(
        Finding(target, "unhealthy", NOW - 1, "Its health check failed."),
        "restart",
        seen,
        TargetHistory(target.name),
        leave(target, settings, seen.grants, frozen=seen.hands.frozen),
        settings,
        NOW,
        NOW - 3600,
        0.5,
    )
    return replace(base, **fields)


def brain(**fields) -> Brain:
    """A brain that started an hour ago."""
    return make_brain(HealerSettings(**fields), NOW - 3600)


__all__ = ["LEAVE", "NOW", "Mode", "brain", "case", "container", "exited", "unhealthy", "world"]
