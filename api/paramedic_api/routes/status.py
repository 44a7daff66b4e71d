"""`/api/v1/status`: how things are, in words and figures."""

from __future__ import annotations

from flask import Blueprint

from paramedic_api.here import VERSION, this_hub
from paramedic_api.hub import Hub
from paramedic_api.openapi import answers, spec
from paramedic_api.page.summary import summarise
from paramedic_api.present import counts
from paramedic_api.resource import Resource
from paramedic_api.shapes import Counts, Part, Status, plain

bp = Blueprint("status", __name__)


class StatusRoutes(Resource):
    """How things are."""

    name = "status"
    blueprint = bp


@bp.get("/api/v1/status")
@spec.validate(resp=answers(Status), tags=["status"])
def status() -> dict[str, object]:
    """How things are: answered also when every other part is away."""
    return plain(make_status(this_hub()))


def make_status(hub: Hub) -> Status:
    """The status as the hub knows it."""
    world, now = hub.feed.world, hub.clock.now()
    words = summarise(world, hub.feed.ready().reason, hub.mirror.incidents(), hub.mirror.plan(), now)
    return Status(
        host=hub.host,
        node=hub.node,
        version=VERSION,
        sentence=words.sentence,
        detail=words.detail,
        as_of=world.at if world else 0,
        age_seconds=round(max(0.0, now - world.at), 1) if world and world.at else None,
        engine=world.engine.status.value if world else "starting",
        frozen=bool(world and world.hands.frozen),
        containers=counts(world) if world else Counts(total=0, well=0, ill=0, resting=0),
        healed_last_day=words.healed,
        held=words.held,
        damage=hub.damage(),
        parts={name: Part(ready=p.ready, reason=p.reason) for name, p in hub.parts().items()},
    )
