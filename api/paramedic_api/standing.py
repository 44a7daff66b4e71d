"""How a container stands, in one word that a person would use: pure, from what the World says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from paramedic_core.model import Container, EndedBy, Health, State
from paramedic_core.world import World


class Standing(StrEnum):
    """How a container stands."""

    WELL = "well"
    STARTING = "starting"
    ACTING = "acting"
    """One of our verbs is at work on it."""
    UNHEALTHY = "unhealthy"
    LOOPING = "restarting"
    """The engine starts it again and again."""
    DOWN = "down"
    """It ended with an error."""
    UNSEEN = "ended unseen"
    """It ended while nobody watched, so nobody knows whether by a person's hand."""
    STOPPED = "stopped by hand"
    PAUSED = "paused"
    FINISHED = "finished"
    """It ended by itself, without an error: a job that is done."""
    CREATED = "not started"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Shown:
    """A standing as it is shown."""

    standing: Standing
    tone: str
    """ok, warn, bad, act or off: the dot's colour. The word always stands beside it."""
    word: str
    since: float = 0.0
    """Unix seconds; 0 where it is not known."""


_TONES = {
    Standing.WELL: "ok",
    Standing.STARTING: "warn",
    Standing.ACTING: "act",
    Standing.UNHEALTHY: "bad",
    Standing.LOOPING: "bad",
    Standing.DOWN: "bad",
    Standing.UNSEEN: "bad",
}
_ORDER = [
    Standing.DOWN,
    Standing.UNHEALTHY,
    Standing.LOOPING,
    Standing.UNSEEN,
    Standing.ACTING,
    Standing.STARTING,
    Standing.UNKNOWN,
    Standing.PAUSED,
    Standing.STOPPED,
    Standing.CREATED,
    Standing.FINISHED,
    Standing.WELL,
]
_ALIVE = {
    State.PAUSED: Standing.PAUSED,
    State.RESTARTING: Standing.LOOPING,
    State.CREATED: Standing.CREATED,
    State.REMOVING: Standing.UNKNOWN,
    State.UNKNOWN: Standing.UNKNOWN,
}
RESTING = frozenset({Standing.STOPPED, Standing.PAUSED, Standing.FINISHED, Standing.CREATED, Standing.UNKNOWN})
"""Nobody expects these to run now, so they count neither as well nor as ill."""


def shown(world: World, container: Container) -> Shown:
    """How `container` stands, with its word."""
    standing = _standing(world, container)
    return Shown(standing, _TONES.get(standing, "off"), _word(world, container, standing), _since(container, standing))


def worst(items: list[Shown]) -> Shown:
    """The one that a person should hear of first; an empty list is unknown."""
    if not items:
        return Shown(Standing.UNKNOWN, "off", "unknown")
    return min(items, key=lambda s: _ORDER.index(s.standing))


def _standing(world: World, container: Container) -> Standing:
    if container.id in world.acting:
        return Standing.ACTING
    if container.state is State.RUNNING:
        if container.health is Health.UNHEALTHY:
            return Standing.UNHEALTHY
        return Standing.STARTING if container.health is Health.STARTING else Standing.WELL
    if container.state in _ALIVE:
        return Standing.DOWN if container.error else _ALIVE[container.state]
    by = container.ending.by if container.ending else EndedBy.UNKNOWN
    if by is EndedBy.SOMEONE:
        return Standing.STOPPED
    if container.exit_code == 0 and not container.oom_killed:
        return Standing.FINISHED
    return Standing.UNSEEN if by is EndedBy.UNKNOWN else Standing.DOWN


def _word(world: World, container: Container, standing: Standing) -> str:
    if standing is Standing.ACTING:
        return {"stop": "being stopped", "start": "being started", "kill": "being killed"}.get(
            world.acting[container.id].verb, "being restarted"
        )
    if standing is Standing.DOWN:
        if container.error:
            return "could not be started"
        return "killed for its memory" if container.oom_killed else f"exited with {container.exit_code}"
    return str(standing.value)


def _since(container: Container, standing: Standing) -> float:
    if standing in (Standing.UNHEALTHY, Standing.STARTING):
        return container.health_since
    if standing is Standing.WELL:
        return container.started_at
    return container.finished_at
