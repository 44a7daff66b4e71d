"""`POST /api/v1/freeze`: stops all acting at once, and lets it go on."""

from __future__ import annotations

from flask import Blueprint
from pydantic import Field

from paramedic_api.auth import caller
from paramedic_api.here import this_hub
from paramedic_api.openapi import SIGNED, answers, spec
from paramedic_api.problems import Denied
from paramedic_api.resource import Resource
from paramedic_api.shapes import Body, Frozen, plain

bp = Blueprint("freeze", __name__)


class Freeze(Resource):
    """Stops all acting, and lets it go on."""

    name = "freeze"
    blueprint = bp


class FreezeBody(Body):
    """On or off."""

    on: bool = Field(strict=True)
    reason: str = Field("", max_length=500)


@bp.post("/api/v1/freeze")
@spec.validate(resp=answers(Frozen, 400, 503), tags=["actions"], security=SIGNED)
def freeze(json: FreezeBody) -> dict[str, object]:
    """Freeze (operator) or lift it (admin: the token is passed on to runtime, which checks it itself)."""
    hub, who = this_hub(), caller()
    if not json.on and not who.may("admin"):
        raise Denied(403, "role", f"{who.name} is {who.role}; to lift the freeze needs admin")
    body = {"on": json.on, "by": who.name, "reason": json.reason}
    hub.runtime.post("/freeze", body, timeout=10.0, headers={"Authorization": f"Bearer {who.text}"})
    return plain(Frozen(host=hub.host, frozen=json.on))
