"""The pages that explain: one incident with its evidence, and the plan with what would allow each thing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from paramedic_api.hub import Hub
from paramedic_api.mirror import Found
from paramedic_api.page.incidents import incident_view, number
from paramedic_api.page.lines import evidence
from paramedic_api.page.views import anchor, names_of
from paramedic_api.page.words import sentence, span

_KINDS = {"intent": "Asked runtime to do it; the intent is written down first."}


def incident(hub: Hub, found: Found) -> dict[str, Any]:
    """One incident with its records."""
    world = hub.feed.world
    known = found.incident or _from_records(found.records)
    allow = next((str(p.get("allow") or "") for p in hub.mirror.plan() if _same(p, known)), "")
    view = incident_view(known, allow, names_of(world))
    opened = number(known.get("opened_at"))
    return {
        "id": view.id,
        "name": view.name,
        "word": view.word,
        "text": view.text,
        "allow": view.allow,
        "leave": view.leave,
        "service": str(known.get("service", "")),
        "service_known": bool(world and known.get("service") in world.services()),
        "container": str(known.get("name", "")),
        "cause": str(known.get("cause", "")).replace("_", " "),
        "tries": int(number(known.get("tries"))),
        "mode": str(known.get("mode", "")),
        "outcome": str(known.get("outcome", "")),
        "host": str(known.get("host", hub.host)),
        "records": [_record(r, opened) for r in found.records],
        "evidence": evidence(hub, view.id, str(known.get("service", ""))),
    }


def plan(hub: Hub) -> dict[str, Any]:
    """What would be healed now."""
    now, names = hub.clock.now(), names_of(hub.feed.world)
    world = hub.feed.world
    away = (
        ""
        if world is not None and world.engine.connected
        else "The engine does not answer: nobody knows what is wrong now."
    )
    return {"entries": [_entry(p, names, now) for p in hub.mirror.plan()], "away": away}


def _entry(entry: Mapping[str, Any], names: Mapping[str, str], now: float) -> dict[str, Any]:
    decision = str(entry.get("decision", ""))
    word, tone = {"do": ("being healed", "act"), "wait": ("waits", "warn"), "refuse": ("held back", "warn")}.get(
        decision, (decision, "off")
    )
    until = number(entry.get("until"))
    return {
        "anchor": anchor(entry),
        "name": names.get(str(entry.get("target")), str(entry.get("name", ""))),
        "service": str(entry.get("service", "")),
        "word": word,
        "tone": tone,
        "held": decision != "do",
        "text": sentence(str(entry.get("text") or entry.get("cause", ""))),
        "action": str(entry.get("action", "")),
        "reason": sentence(str(entry.get("reason", ""))),
        "gate": str(entry.get("gate", "")).replace("_", " "),
        "allow": str(entry.get("allow") or ""),
        "until": f"in {span(until - now)}" if until > now else "",
        "mode": str(entry.get("mode", "")),
        "may_switch": entry.get("gate") == "mode",
    }


def _record(record: Mapping[str, Any], opened: float) -> dict[str, Any]:
    inputs = record.get("inputs")
    seen = inputs if isinstance(inputs, dict) else {}
    finding, gates = seen.get("finding"), seen.get("gates")
    kind, at = str(record.get("kind", "")), number(record.get("at"))
    return {
        "seq": record.get("seq", 0),
        "at": at,
        "when": f"+ {span(at - opened)}" if opened and at > opened else "",
        "text": sentence(str(record.get("text") or _KINDS.get(kind, kind.replace("_", " ")))),
        "facts": [(str(k), _short(v)) for k, v in finding.items()] if isinstance(finding, dict) else [],
        "gates": [_gate(str(k), v) for k, v in gates.items()] if isinstance(gates, dict) else [],
    }


def _gate(name: str, said: Any) -> dict[str, str]:
    fields = said if isinstance(said, dict) else {}
    seen = {k: v for k, v in fields.items() if k not in ("choice", "reason")}
    return {
        "name": name.replace("_", " "),
        "choice": {"do": "pass"}.get(str(fields.get("choice", "")), str(fields.get("choice", ""))),
        "reason": str(fields.get("reason", "")),
        "seen": _short(seen) if seen else "",
    }


def _same(entry: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    return entry.get("target") == known.get("target") and entry.get("cause") == known.get("cause")


def _from_records(records: list[dict[str, Any]]) -> dict[str, Any]:
    """An incident that the healer no longer keeps, as far as its records tell."""
    first = records[0] if records else {}
    return {
        **first,
        "id": first.get("incident", ""),
        "title": first.get("text", ""),
        "state": "closed",
        "opened_at": first.get("at"),
    }


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 300 else f"{text[:300]}…"
