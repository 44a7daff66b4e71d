"""`POST /api/v1/alerts/webhook`: what an Alertmanager tells. The healer writes it down before this answers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from pydantic import Field

from paramedic_api.auth import needs, takes
from paramedic_api.here import this_hub
from paramedic_api.openapi import SIGNED, answers, spec
from paramedic_api.resource import Resource
from paramedic_api.shapes import Shape, plain

bp = Blueprint("alerts", __name__)
MOST_NOTIFICATION = 1 << 20
"""Bytes: 500 alerts of usual size; the healer's own socket takes no more either."""


class Alerts(Resource):
    """Alerts from outside."""

    name = "alerts"
    blueprint = bp


class Notification(Shape):
    """Alertmanager's webhook, version 4; the healer reads the alerts, and refuses the whole where one is malformed."""

    version: str = Field("4", max_length=10)
    alerts: list[dict[str, Any]] = Field(max_length=500, description="each with status, labels, annotations, startsAt")


class Heard(Shape):
    """What was taken."""

    host: str
    alerts: int = Field(description="in this notification")
    new: int = Field(description="of them, those that said something new: a copy of one that is known is none")


@bp.post("/api/v1/alerts/webhook")
@needs("sender")
@takes(MOST_NOTIFICATION)
@spec.validate(resp=answers(Heard, 400, 413, 503, status=202), tags=["alerts"], security=SIGNED)
def webhook(json: Notification) -> tuple[dict[str, object], int]:  # noqa: ARG001  its form is checked; what is passed on is the whole
    """Take a notification of Alertmanager's. 202 when it is stored and cannot be lost, 503 when it must be sent again."""
    hub = this_hub()
    answer = hub.healer.post("/alerts", request.get_json(), timeout=10.0)
    return plain(Heard.model_validate({"host": hub.host, **answer})), 202
