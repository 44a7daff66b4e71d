"""The healer's own paths on its socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput, NotFound, Refused
from paramedic_core.settings import Mode
from paramedic_core.sys.server import Request, Response, Routes, json_response
from paramedic_healer import views
from paramedic_healer.healer import Healer
from paramedic_healer.webhook import read_webhook

_MOST = 1000
_ACTION_FIELDS = {"target", "action", "reason", "dry_run", "key", "by"}


def routes(healer: Healer, host: str, clock: Clock, stop: threading.Event) -> Routes:
    """Path → handler."""
    api = _Api(healer, host, clock, stop)
    return {
        "GET /incidents": api.incidents,
        "GET /incidents/{id}": api.incident,
        "GET /plan": api.plan,
        "GET /modes": api.modes,
        "GET /decisions": api.decisions,
        "GET /journal": api.journal,
        "GET /journal/stream": api.stream,
        "POST /actions": api.act,
        "POST /restraint": api.restrain,
        "POST /alerts": api.alerts,
    }


class _Api:
    def __init__(self, healer: Healer, host: str, clock: Clock, stop: threading.Event) -> None:
        self._healer, self._host, self._clock, self._stop = healer, host, clock, stop
        self._keys: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}
        """Key → the wish that came with it, and what was answered."""

    def incidents(self, request: Request) -> Response:
        limit = number(request, "limit", 100)
        only_open = request.query.get("open", "") in ("1", "true")
        with self._healer.looking() as (brain, _world, _silence):
            found = sorted(brain.histories.incidents.values(), key=lambda i: i.opened_at, reverse=True)
            shown = [views.incident_view(i, self._host) for i in found if i.open or not only_open]
            record = views.track_record(brain)
        return json_response({"incidents": shown[:limit], "track_record": record})

    def incident(self, request: Request) -> Response:
        wanted = request.params["id"]
        records = self._healer.journal.read(incident=wanted, limit=_MOST)
        with self._healer.looking() as (brain, _world, _silence):
            known = brain.histories.incidents.get(wanted)
            shown = views.incident_view(known, self._host) if known else None
        if shown is None and not records:
            raise NotFound(f"there is no incident {wanted}")
        return json_response({"incident": shown, "records": records})

    def plan(self, _request: Request) -> Response:
        with self._healer.looking() as (brain, world, silence):
            if world is None:
                return json_response({"plan": [], "note": "nothing is known of the engine yet"})
            rows = views.plan_view(brain, world, self._clock.now(), silence)
            engine = world.engine
        if engine.connected:
            return json_response({"plan": rows})
        note = f"the engine does not answer, so nobody knows what is wrong now: {engine.reason}".rstrip(": ")
        return json_response({"plan": rows, "note": note})

    def modes(self, _request: Request) -> Response:
        with self._healer.looking() as (brain, world, _silence):
            services = views.modes_view(brain, world) if world else {}
            named = sorted(brain.settings.services)
        return json_response({"services": services, "named": named, "restraint": brain.histories.restraint})

    def decisions(self, request: Request) -> Response:
        target = request.query.get("target", "")
        column = "target" if len(target) == 64 else "name"
        found = self._healer.journal.read(
            kind="decision",
            after=number(request, "after", 0, most=1 << 62),
            limit=number(request, "limit", 100),
            newest=True,
            **{column: target},
        )
        return json_response({"decisions": found})

    def journal(self, request: Request) -> Response:
        after, limit = number(request, "after", 0, most=1 << 62), number(request, "limit", 100)
        newest = request.query.get("newest", "") in ("1", "true")
        name = request.query.get("target", "")
        records = self._healer.journal.read(after=after, limit=limit, newest=newest, name=name)
        return json_response({"records": records})

    def stream(self, request: Request) -> Response:
        after = number(request, "after", 0, most=1 << 62)
        last = number(request, "last", 0, most=1 << 62)
        if last:
            after = max(after, self._healer.journal.last_seq() - last)
        return Response(self._lines(after), content_type="application/x-ndjson")

    def act(self, request: Request) -> Response:
        body = request.json()
        unknown = sorted(body.keys() - _ACTION_FIELDS)
        if unknown:
            raise BadInput(f"an action has no {', '.join(unknown)}; it has {', '.join(sorted(_ACTION_FIELDS))}")
        target, action, reason = (text(body, name) for name in ("target", "action", "reason"))
        if not target or not action or not reason:
            raise BadInput("an action needs target, action and reason")
        dry_run = bool(body.get("dry_run"))
        # A dry run answers for itself alone: the same key may then be meant.
        key = "" if dry_run else text(body, "key")
        wish = (target, action, reason)
        if key and key in self._keys:
            before, answered = self._keys[key]
            if before != wish:
                raise Refused(
                    "key_reused", "this key was sent before with another wish: nothing was done; choose a new one"
                )
            return json_response(answered)
        decision = self._healer.ask(target, action, reason, text(body, "by"), dry_run=dry_run)
        if key:
            self._keys[key] = wish, decision
            while len(self._keys) > 1024:
                del self._keys[next(iter(self._keys))]
        return json_response(decision)

    def alerts(self, request: Request) -> Response:
        found = read_webhook(request.json(), self._clock.now())
        return json_response({"alerts": len(found), "new": self._healer.hear(found)}, 202)

    def restrain(self, request: Request) -> Response:
        body = request.json()
        mode = text(body, "mode")
        if mode and mode not in list(Mode):
            raise BadInput(f"{mode} is no mode; there are {', '.join(Mode)}, or empty to lift the restraint")
        self._healer.restrain(mode, text(body, "by"), text(body, "reason"))
        return json_response({"mode": mode})

    def _lines(self, after: int) -> Iterator[bytes]:
        for record in self._healer.journal.follow(after, self._stop):
            line: dict[str, Any] = {"beat": time.time()} if record is None else record
            yield json.dumps(line, separators=(",", ":")).encode() + b"\n"


def number(request: Request, name: str, default: int, *, most: int = _MOST) -> int:
    """A whole number from the query, from 0 to `most`.

    Raises:
        BadInput: it is none.
    """
    value = request.query.get(name, str(default))
    if not value.isdecimal() or len(value) > 19 or int(value) > most:
        raise BadInput(f"{name} must be a whole number from 0 to {most}, not {value[:40]!r}")
    return int(value)


def text(body: dict[str, Any], name: str, most: int = 500) -> str:
    """A text field of a body, at most `most` characters; empty when absent.

    Raises:
        BadInput: it is no text, or too long.
    """
    value = body.get(name) or ""
    if not isinstance(value, str) or len(value) > most:
        raise BadInput(f"{name} must be a text of at most {most} characters")
    return value
