"""`/api/v1/containers`: every container, running or not."""

from __future__ import annotations

from flask import Blueprint

from paramedic_api.here import this_hub
from paramedic_api.lists import ListQuery, cut
from paramedic_api.openapi import answers, spec
from paramedic_api.present import container_shape
from paramedic_api.resource import Resource
from paramedic_api.shapes import Container, Containers, plain
from paramedic_core.errors import NotFound

bp = Blueprint("containers", __name__)


class ContainersRoutes(Resource):
    """Every container, running or not."""

    name = "containers"
    blueprint = bp


@bp.get("/api/v1/containers")
@spec.validate(resp=answers(Containers, 400, 503), tags=["containers"])
def containers(query: ListQuery) -> dict[str, object]:
    """Every container, in order of names."""
    hub = this_hub()
    world = hub.world
    found = sorted(world.containers.values(), key=lambda c: c.name) if query.host in ("", world.host) else []
    chosen, following = cut(found, lambda c: c.name, query)
    items = [container_shape(hub, world, c) for c in chosen]
    return plain(Containers(items=items, next=following, as_of=world.at, warnings=hub.warnings()))


@bp.get("/api/v1/containers/<name>")
@spec.validate(resp=answers(Container, 404, 503), tags=["containers"])
def container(name: str) -> dict[str, object]:
    """One container, by name, id, or an unambiguous beginning of its id (four digits at least)."""
    hub = this_hub()
    world = hub.world
    found = world.find(name)
    if found is None:
        raise NotFound(f"no container has this name, or an id that begins so and no other does: {name[:100]}")
    return plain(container_shape(hub, world, found, labels=True))
