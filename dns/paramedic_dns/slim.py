"""The part of World that names depend on: to notice whether anything changed for us, and to keep it on disk."""

from __future__ import annotations

from dataclasses import replace

from paramedic_core import model
from paramedic_core.model import Container
from paramedic_core.world import World

SRV_LABEL = "paramedic.dns.srv."
"""`paramedic.dns.srv._http._tcp: "8080"` names a port."""
TASK_NAME = "com.docker.swarm.task.name"
_LABELS = frozenset(
    {
        model.COMPOSE_PROJECT, model.COMPOSE_SERVICE, model.COMPOSE_NUMBER, model.COMPOSE_ONEOFF, model.SWARM_TASK,
        model.SWARM_SERVICE, model.SWARM_STACK, TASK_NAME,
    }
)  # fmt: skip


def slim(world: World) -> World:
    """`world` with nothing in it that no name depends on."""
    return World(
        host=world.host,
        epoch=world.epoch,
        version=world.version,
        at=world.at,
        engine=world.engine,
        containers={key: _slim(container) for key, container in world.containers.items()},
        acting=world.acting,
    )


def same_names(one: World, other: World) -> bool:
    """Whether two slim Worlds give the same answers to everybody."""
    return one.containers == other.containers and one.acting.keys() == other.acting.keys()


def _slim(container: Container) -> Container:
    labels = {k: v for k, v in container.labels.items() if k in _LABELS or k.startswith(SRV_LABEL)}
    return Container(
        id=container.id,
        name=container.name,
        state=container.state,
        created_at=container.created_at,
        health=container.health,
        network_mode=container.network_mode,
        endpoints=tuple(replace(e, aliases=()) for e in container.endpoints),
        ports=container.ports,
        labels=labels,
    )
