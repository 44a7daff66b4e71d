"""`/-/healthy`, `/-/ready`, `/metrics`: for those that watch the hub."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from paramedic_api import siblings
from paramedic_api.here import this_hub
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
    document, status = this_hub().verdict(question)
    return jsonify(document), status


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
