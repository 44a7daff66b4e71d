"""`/-/healthy`, `/-/ready`, `/metrics`: for those that watch the hub."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from paramedic_api import siblings
from paramedic_api.hub import this_hub
from paramedic_api.metrics import CONTENT_TYPE
from paramedic_api.openapi import answers, spec
from paramedic_api.resource import Resource
from paramedic_api.shapes import Verdict

bp = Blueprint("health", __name__)


class Health(Resource):
    """Whether the hub lives, and whether each of its parts can do its work."""

    name = "health"
    blueprint = bp


def _verdict(question: str) -> tuple[Response, int]:
    parts = this_hub().parts(question)
    good = all(p.ready for p in parts.values())
    shown = {name: {"ready": p.ready, "reason": p.reason} for name, p in parts.items()}
    return jsonify(role="hub", ready=good, parts=shown), 200 if good else 503


@bp.get("/-/healthy")
@spec.validate(resp=answers(Verdict), tags=["health"])
def healthy() -> tuple[Response, int]:
    """Whether the hub's loops are alive (503 when one is not)."""
    return _verdict("healthy")


@bp.get("/-/ready")
@spec.validate(resp=answers(Verdict), tags=["health"])
def ready() -> tuple[Response, int]:
    """Whether the hub can do its work; names the parts that cannot, with the reason (503)."""
    return _verdict("ready")


@bp.get("/metrics")
def metrics() -> Response:
    """The hub's own metrics, what the supervisor knows of the roles, and what they say of themselves, as text exposition."""
    hub = this_hub()
    return Response(hub.render() + siblings.exposition(hub), content_type=CONTENT_TYPE)
