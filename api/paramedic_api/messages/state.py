"""The state of messages as plain values, for the API, the page and the command line. Where to is shown by its host only."""

from __future__ import annotations

from typing import Any

from paramedic_api.messages.desk import Messages, Tried
from paramedic_api.messages.heartbeat import Heartbeat
from paramedic_core.settings import Settings
from paramedic_core.sys.server import Request, Response, Routes, json_response


def channels(messages: Messages, host: str) -> list[dict[str, Any]]:
    """Each channel; times are Unix seconds, 0 for never."""
    counts = messages.counts()
    rows = []
    for sender in messages.senders:
        channel, figures = sender.channel, counts[sender.channel.title]
        rows.append(
            {
                "host": host,
                "name": channel.title,
                "kind": channel.kind,
                "place": sender.place,
                "gets": [reason.value for reason in channel.gets],
                "digest_seconds": channel.digest,
                "state": "failing" if sender.error else "waiting" if figures.waiting else "well",
                "waiting": figures.waiting,
                "sent_total": figures.sent,
                "dropped_total": figures.dropped,
                "failures_total": sender.failures,
                "last_sent_at": figures.last_sent,
                "last_error": sender.error,
                "last_error_at": sender.error_at,
                "next_try_at": sender.next_try if sender.error else 0.0,
            }
        )
    return rows


def heartbeat(beat: Heartbeat, settings: Settings) -> dict[str, Any]:
    """The heartbeat; `place` is empty where none is sent."""
    return {
        "place": beat.place,
        "interval_seconds": settings.heartbeat.interval,
        "state": "off" if not beat.place else "failing" if beat.error else "well",
        "sent_total": beat.sent,
        "failures_total": beat.failures,
        "withheld_total": beat.withheld,
        "last_sent_at": beat.last_sent,
        "last_error": beat.error,
    }


def tried(results: list[Tried]) -> list[dict[str, Any]]:
    """What came of a test."""
    return [{"channel": r.channel, "delivered": not r.error, "error": r.error, "seconds": r.seconds} for r in results]


def routes(messages: Messages, beat: Heartbeat, settings: Settings, host: str) -> Routes:
    """The hub's own paths for the command line, on its socket."""

    def show(_request: Request) -> Response:
        return json_response({"channels": channels(messages, host), "heartbeat": heartbeat(beat, settings)})

    def test(request: Request) -> Response:
        return json_response({"results": tried(messages.test(str(request.json().get("channel") or "")))})

    return {"GET /notifications": show, "POST /notifications/test": test}
