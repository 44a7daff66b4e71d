"""`/api/v1/services`: containers by what they serve, and the mode in which each is healed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from flask import Blueprint
from pydantic import Field

from paramedic_api.auth import caller, needs
from paramedic_api.here import this_hub
from paramedic_api.hub import Hub
from paramedic_api.lists import ListQuery, cut
from paramedic_api.openapi import SIGNED, answers, spec
from paramedic_api.present import ServiceView, service_view, service_views
from paramedic_api.resource import Resource
from paramedic_api.shapes import Body, Grant, Service, Services, plain
from paramedic_core.errors import NotFound
from paramedic_core.leave import Leave, leave
from paramedic_core.model import Container

bp = Blueprint("services", __name__)


class ServicesRoutes(Resource):
    """Containers by what they serve."""

    name = "services"
    blueprint = bp


class ModeBody(Body):
    """The mode to give a service."""

    mode: Literal["off", "observe", "approve", "enforce", "default", ""] = Field(
        description="`default`, or nothing, takes the grant back"
    )


@bp.get("/api/v1/services")
@spec.validate(resp=answers(Services, 400, 503), tags=["services"])
def services(query: ListQuery) -> dict[str, object]:
    """Every service, in order of keys."""
    hub = this_hub()
    world = hub.world
    found = [v.shape for v in service_views(hub, world)] if query.host in ("", world.host) else []
    items, following = cut(found, lambda s: s.key, query)
    return plain(Services(items=items, next=following, as_of=world.at, warnings=hub.warnings()))


@bp.get("/api/v1/services/<path:key>")
@spec.validate(resp=answers(Service, 404, 503), tags=["services"])
def service(key: str) -> dict[str, object]:
    """One service, by its key: `project/service`, or a plain container's name."""
    return plain(find_service(this_hub(), key).shape)


@bp.route("/api/v1/services/<path:key>/heal", methods=["PUT", "POST"])
@needs("admin")
@spec.validate(resp=answers(Grant, 400, 404, 503), tags=["services"], security=SIGNED)
def heal(key: str, json: ModeBody) -> dict[str, object]:
    """Give a service's healing mode, or take it back. The caller's token is passed on to runtime, which checks it itself."""
    hub = this_hub()
    members = find_service(hub, key).members
    mode = "" if json.mode == "default" else json.mode
    signed = {"Authorization": f"Bearer {caller().text}"}
    hub.runtime.post("/grants", {"service": key, "mode": mode, "by": caller().name}, timeout=10.0, headers=signed)
    hub.mirror.doubt()
    hub.bulletin.bump("healing")
    counting = _counting(hub, members, {k: v for k, v in hub.world.grants.items() if k != key} | {key: mode})
    return plain(Grant(host=hub.host, service=key, mode=mode, effective=counting.mode.value, why=counting.why))


def _counting(hub: Hub, members: Sequence[Container], grants: Mapping[str, str]) -> Leave:
    """The lowest mode of a service's members; `grants` has the new one, which the World gets a moment later."""
    given, frozen = {key: mode for key, mode in grants.items() if mode}, hub.world.hands.frozen
    leaves = [leave(c, hub.settings.healer, given, frozen=frozen) for c in members]
    return min(leaves, key=lambda one: one.mode.rank)


def find_service(hub: Hub, key: str) -> ServiceView:
    """A service of the World.

    Raises:
        NotFound: there is none.
    """
    world = hub.world
    members = world.services().get(key)
    if not members:
        raise NotFound(f"there is no service {key[:100]!r} on this host: `/api/v1/services` lists those that are")
    return service_view(hub, world, key, members)
