"""`/api/v1/nodes`: the hosts; one, until there is a fleet."""

from __future__ import annotations

from flask import Blueprint

from paramedic_api.here import this_hub
from paramedic_api.lists import ListQuery, cut
from paramedic_api.openapi import answers, spec
from paramedic_api.present import node_shape
from paramedic_api.resource import Resource
from paramedic_api.shapes import Nodes, plain

bp = Blueprint("nodes", __name__)


class NodesRoutes(Resource):
    """The hosts, with their engines and vital figures."""

    name = "nodes"
    blueprint = bp


@bp.get("/api/v1/nodes")
@spec.validate(resp=answers(Nodes, 400, 503), tags=["nodes"])
def nodes(query: ListQuery) -> dict[str, object]:
    """The hosts, with their engines and vital figures."""
    hub = this_hub()
    world = hub.world
    found = [node_shape(hub, world)] if query.host in ("", world.host) else []
    items, following = cut(found, lambda n: n.host, query)
    return plain(Nodes(items=items, next=following, as_of=world.at, warnings=hub.warnings()))
