"""What the healer knows, as JSON objects for the API, the page and the command line."""

from __future__ import annotations

from typing import Any

from paramedic_core.world import World
from paramedic_healer.brain import Brain
from paramedic_healer.history import Incident


def incident_view(incident: Incident, host: str) -> dict[str, Any]:
    """One incident with its story."""
    shown = "held" if incident.state == "open" and incident.held else incident.state
    return {
        "id": incident.id,
        "host": host,
        "target": incident.target,
        "name": incident.name,
        "service": incident.service,
        "cause": incident.cause,
        "since": incident.since,
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at or None,
        "state": shown,
        "mode": incident.mode,
        "tries": incident.tries,
        "title": incident.text,
        "summary": incident.story[-1]["text"] if incident.story else incident.text,
        "outcome": incident.outcome,
        "would_act_at": incident.would_act_at or None,
        "story": list(incident.story),
    }


def plan_view(brain: Brain, world: World, now: float, silence: float) -> list[dict[str, Any]]:
    """What would be healed now, and which gate holds it; nothing is recorded."""
    rows = []
    for finding in brain.findings(world, now):
        container = finding.container
        decision = brain.preview(finding, world, now, silence)
        rows.append(
            {
                **decision.as_json(),
                "host": world.host,
                "target": container.id,
                "name": container.name,
                "service": container.service_key,
                "cause": finding.cause,
                "since": finding.since,
                "text": finding.text,
            }
        )
    return sorted(rows, key=lambda row: str(row["name"]))


def modes_view(brain: Brain, world: World) -> dict[str, Any]:
    """The mode of each service, who said so, and what would allow acting."""
    services: dict[str, Any] = {}
    for key, members in world.services().items():
        leaves = [brain.leave_of(c, world) for c in members]
        lowest = min(leaves, key=lambda one: one.mode.rank)
        warnings = sorted({w for one in leaves for w in one.warnings})
        services[key] = {"mode": lowest.mode.value, "from": lowest.why, "allow": lowest.allow, "warnings": warnings}
    return services


def track_record(brain: Brain) -> dict[str, Any]:
    """How often each action helped, of those that got a verdict: "restart fixed this 11 of 12 times"."""
    histories = brain.histories
    return {name: {"fixed": histories.fixed.get(name, 0), "judged": n} for name, n in sorted(histories.judged.items())}
