"""`/api/v1/{plan,incidents,decisions,journal}`: what the healer sees, decides and has done, and why."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint
from pydantic import Field

from paramedic_api.here import this_hub
from paramedic_api.hub import Hub
from paramedic_api.lists import ListQuery, cursor_of, key_of, number_of
from paramedic_api.openapi import answers, spec
from paramedic_api.resource import Resource
from paramedic_api.shapes import (
    Decision,
    Decisions,
    Incident,
    IncidentDetail,
    Incidents,
    Plan,
    PlanEntry,
    Record,
    Records,
    plain,
    readable,
)
from paramedic_core.errors import PeerAway

bp = Blueprint("healing", __name__)


class Healing(Resource):
    """What the healer sees, decides and has done."""

    name = "healing"
    blueprint = bp


class TargetQuery(ListQuery):
    """A list that can be narrowed to one container."""

    target: str = Field("", max_length=300, description="a container's name or full id")


class IncidentQuery(ListQuery):
    """Incidents."""

    open: bool = Field(default=False, description="only those that are not over")


@bp.get("/api/v1/plan")
@spec.validate(resp=answers(Plan, 400), tags=["healing"])
def plan(query: ListQuery) -> dict[str, object]:
    """What would be healed now, which gate holds it, and the one change that would allow it."""
    hub = this_hub()
    raw = [p for p in hub.mirror.plan() if query.host in ("", p.get("host", hub.host))]
    items, unread = readable(PlanEntry, raw[: query.count])
    return plain(Plan(items=items, next=None, as_of=hub.mirror.at, warnings=_warnings(hub) + unread))


@bp.get("/api/v1/incidents")
@spec.validate(resp=answers(Incidents, 400), tags=["healing"])
def incidents(query: IncidentQuery) -> dict[str, object]:
    """Incidents of the last day and those still open, newest first."""
    hub = this_hub()
    raw = [i for i in hub.mirror.incidents() if not (query.open and i.get("closed_at"))]
    raw = [i for i in raw if query.host in ("", i.get("host", hub.host))]
    last = key_of(query.cursor)
    start = next((place + 1 for place, i in enumerate(raw) if i.get("id") == last), 0)
    chosen = raw[start : start + query.count]
    items, unread = readable(Incident, chosen)
    following = cursor_of(str(chosen[-1].get("id"))) if start + len(chosen) < len(raw) else None
    return plain(Incidents(items=items, next=following, as_of=hub.mirror.at, warnings=_warnings(hub) + unread))


@bp.get("/api/v1/incidents/<incident_id>")
@spec.validate(resp=answers(IncidentDetail, 404), tags=["healing"])
def incident(incident_id: str) -> dict[str, object]:
    """One incident with every record of it: evidence, decisions and their inputs, acts and outcomes."""
    found = this_hub().mirror.incident(incident_id)
    incidents, lost = readable(Incident, [found.incident] if found.incident else [])
    records, unread = readable(Record, found.records)
    warnings = ([found.warning] if found.warning else []) + lost + unread
    return plain(IncidentDetail(incident=incidents[0] if incidents else None, records=records, warnings=warnings))


@bp.get("/api/v1/decisions")
@spec.validate(resp=answers(Decisions, 400), tags=["healing"])
def decisions(query: TargetQuery) -> dict[str, object]:
    """Decisions, newest first; each with its gate, its reason and what the gates saw."""
    hub = this_hub()
    before = number_of(query.cursor)
    asked = {"limit": query.count, "after": before, "target": query.target}
    try:
        raw = hub.healer.get(f"/decisions?{urlencode(asked)}", timeout=5.0).get("decisions", [])
        warnings = _warnings(hub)
    except PeerAway as error:
        known = [r for r in reversed(hub.mirror.records()) if r.get("kind") == "decision"]
        known = [r for r in known if query.target in ("", r.get("name"), r.get("target"))]
        raw = [r for r in known if not before or r["seq"] < before][: query.count]
        warnings = [str(error)]
    items, unread = readable(Decision, raw)
    following = cursor_of(str(items[-1].seq)) if items and len(raw) == query.count else None
    return plain(Decisions(items=items, next=following, as_of=hub.mirror.at, warnings=warnings + unread))


@bp.get("/api/v1/journal")
@spec.validate(resp=answers(Records, 400), tags=["healing"])
def journal(query: TargetQuery) -> dict[str, object]:
    """The healer's journal, oldest first: every decision, act and outcome."""
    hub = this_hub()
    after = number_of(query.cursor)
    asked = {"limit": query.count, "after": after, "target": query.target}
    try:
        raw = hub.healer.get(f"/journal?{urlencode(asked)}", timeout=5.0).get("records", [])
        warnings = _warnings(hub)
    except PeerAway as error:
        known = [r for r in hub.mirror.records() if query.target in ("", r.get("name"), r.get("target"))]
        raw = [r for r in known if r["seq"] > after][: query.count]
        warnings = [str(error)]
    items, unread = readable(Record, raw)
    following = cursor_of(str(items[-1].seq)) if items and len(raw) == query.count else None
    return plain(Records(items=items, next=following, as_of=hub.mirror.at, warnings=warnings + unread))


def _warnings(hub: Hub) -> list[str]:
    state = hub.mirror.ready()
    return [] if state.ready else [state.reason]
