"""`/api/v1/notifications` and the page `/messages`: the channels by which people are told, and how each does."""

from __future__ import annotations

from flask import Blueprint, render_template
from pydantic import Field

from paramedic_api.auth import caller
from paramedic_api.here import this_hub
from paramedic_api.hub import Hub
from paramedic_api.messages import state
from paramedic_api.openapi import SIGNED, answers, spec
from paramedic_api.page import views
from paramedic_api.resource import Resource
from paramedic_api.shapes import (
    Body,
    HeartbeatState,
    NotificationChannel,
    Notifications,
    NotificationTest,
    NotificationTests,
    plain,
)

bp = Blueprint("notifications", __name__)


class NotificationRoutes(Resource):
    """How people are told."""

    name = "notifications"
    blueprint = bp


class TestBody(Body):
    """What is to be tried."""

    channel: str = Field("", max_length=40, description="a channel's name; empty for all")


@bp.get("/api/v1/notifications")
@spec.validate(resp=answers(Notifications), tags=["messages"])
def notifications() -> dict[str, object]:
    """Each channel: what waits, what was sent, what went wrong last; and the heartbeat."""
    return plain(_state(this_hub()))


@bp.post("/api/v1/notifications/test")
@spec.validate(resp=answers(NotificationTests, 400, 404, 409), tags=["messages"], security=SIGNED)
def test(json: TestBody) -> dict[str, object]:
    """Send a test message at once, past the queue, and say what came of it."""
    found = state.tried(this_hub().messages.test(json.channel))
    return plain(NotificationTests(items=[NotificationTest(**result) for result in found]))


@bp.get("/messages")
def page() -> str:
    """Who is told, and whether it gets there."""
    hub = this_hub()
    return render_template("messages.html", page=_state(hub), rows=_rows(hub), frame=views.frame(hub, caller()))


def _state(hub: Hub) -> Notifications:
    items = [NotificationChannel(**channel) for channel in state.channels(hub.messages, hub.host)]
    beat = HeartbeatState(**state.heartbeat(hub.heartbeat, hub.settings))
    return Notifications(items=items, next=None, as_of=hub.clock.now(), heartbeat=beat)


def _rows(hub: Hub) -> list[dict[str, object]]:
    tones = {"well": "ok", "waiting": "act", "failing": "bad"}
    return [{**channel, "tone": tones[channel["state"]]} for channel in state.channels(hub.messages, hub.host)]
