"""How an incident ends once its fault is no longer there. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from paramedic_core.model import Container, EndedBy, State
from paramedic_core.world import World
from paramedic_healer.history import Incident, TargetHistory

WISH_LASTS = 60.0
"""Seconds for which a person's wish waits for a gate to open; after that it is no longer meant."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of an incident, if it has come."""

    state: str = ""
    """healed, recovered, closed; empty: not yet."""
    outcome: str = ""
    """fixed, alone, person, gone, asked, nothing: how the target came right, or why it no longer matters."""
    text: str = ""


def ending(incident: Incident, history: TargetHistory, world: World, now: float) -> End:
    """What to make of an open incident whose trigger is clear, with no action of ours being watched."""
    container = world.containers.get(incident.target)
    mine = [t for t in history.tries if t.incident == incident.id and t.counts]
    waits = incident.asked and not mine and incident.last[0] != "refuse" and container is not None
    if waits and abs(now - incident.opened_at) < WISH_LASTS:
        return End()
    if container is None:
        return End("closed", "gone", "The container is gone.")
    if mine and mine[-1].verdict == "fixed":
        if incident.asked:
            return End("healed", "asked", "Done, as asked.")
        return End("healed", "fixed", "Well again.")
    if incident.asked:
        did = mine and mine[-1].status == "done"
        text = "It was done, but whether that helped is not certain." if did else "It was not done."
        return End("closed", "nothing", text)
    return _by_itself(container, incident)


def _by_itself(container: Container, incident: Incident) -> End:
    """The fault went away, and it was not us: this is how observing grades itself."""
    by = container.ending.by if container.ending else EndedBy.UNKNOWN
    touched = container.ending is not None and container.ending.at >= incident.opened_at and by is EndedBy.SOMEONE
    if container.state is State.PAUSED:
        return End("closed", "person", "Somebody paused it.")
    if not container.running and container.state is not State.RESTARTING:
        if touched:
            return End("closed", "person", "Somebody stopped it.")
        return End("closed", "nothing", "It no longer runs, which is another matter.")
    restarted = container.started_at > incident.opened_at
    if touched or (restarted and incident.cause == "exited"):
        return End("recovered", "person", "Somebody put it right.")
    if not container.well:
        # Between ill and well (starting): wait for what it becomes.
        return End()
    return End("recovered", "alone", "It came right by itself.")
