"""`/api/v1/live`: server-sent events for open pages."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, current_app, request

from paramedic_api.here import this_hub
from paramedic_api.hub import Hub
from paramedic_api.problems import answer
from paramedic_api.resource import Resource
from paramedic_api.streams import Slots, Stream
from paramedic_core.problems import problem

bp = Blueprint("live", __name__)
_POLL_AFTER = 30.0


class Live(Resource):
    """Events for open pages."""

    name = "live"
    blueprint = bp


def _slots(hub: Hub) -> Slots:
    slots: Slots = current_app.extensions.setdefault("slots", Slots(hub.settings.hub.streams))
    return slots


@bp.get("/api/v1/live")
def live() -> Response:
    """What is new, by topic: `world`, `healing`, `vitals`, and `beat` every 5 seconds; 503 when as many as may be are live."""
    hub = this_hub()
    return stream_response(hub, lambda slots, gone: Stream(hub, slots, gone))


def stream_response(hub: Hub, make: Callable[[Slots, Callable[[], bool]], Stream]) -> Response:
    """Server-sent events on one of the hub's places for them.

    Args:
        hub: whose.
        make: gives the stream, from the places (one is taken for it) and what tells whether its reader has gone.
    """
    slots = _slots(hub)
    if not slots.take():
        hub.metrics.streams_refused.inc()
        most = hub.settings.hub.streams
        detail = f"{most} pages are live already (hub.streams): ask again now and then instead"
        return answer(problem(503, "too_many_streams", "As many as may be", detail, retry_after=_POLL_AFTER))
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    response = Response(make(slots, gone), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response
