"""`POST /api/v1/actions`: a person's wish. The healer's gates judge it, and the answer is their decision."""

from __future__ import annotations

import secrets

from flask import Blueprint, request
from pydantic import Field

from paramedic_api.auth import caller
from paramedic_api.here import this_hub
from paramedic_api.openapi import SIGNED, answers, spec
from paramedic_api.resource import Resource
from paramedic_api.shapes import Body, Decision, NoQuery, plain
from paramedic_core.errors import BadInput, NotFound

bp = Blueprint("actions", __name__)
_MOST_KEY = 100


class Actions(Resource):
    """A person's wishes."""

    name = "actions"
    blueprint = bp


class ActionBody(Body):
    """What is wished for."""

    target: str = Field(min_length=1, max_length=300, description="a container's name or id")
    action: str = Field(min_length=1, max_length=50, description="as `restart`, `stop`, `start`")
    reason: str = Field(min_length=1, max_length=500, description="why; it is written into the journal")
    dry_run: bool = Field(default=False, description="only say what would be decided")


@bp.post("/api/v1/actions")
@spec.validate(resp=answers(Decision, 400, 404, 409, 422, 503), tags=["actions"], security=SIGNED)
def act(json: ActionBody, query: NoQuery) -> dict[str, object]:  # noqa: ARG001  a `?dry_run=true` must not be passed over
    """Ask for an action. With the same `Idempotency-Key` it is asked once, however often it is sent."""
    hub = this_hub()
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > _MOST_KEY or not key.isprintable():
        raise BadInput(f"an Idempotency-Key has at most {_MOST_KEY} printable characters")
    found = hub.world.find(json.target)
    if found is None:
        raise NotFound(f"there is no container {json.target[:100]!r} on this host")
    wish = {
        "target": found.id,
        "action": json.action,
        "reason": json.reason,
        "dry_run": json.dry_run,
        # Two callers' keys must not meet.
        "key": f"{caller().name}:{key or secrets.token_hex(8)}",
        "by": caller().name,
    }
    answer = hub.healer.post("/actions", wish, timeout=30.0)
    return plain(Decision.model_validate({"host": hub.host, "target": found.id, "name": found.name, **answer}))
