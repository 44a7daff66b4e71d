"""The page's first two lines: how things are, and what was done and what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramedic_api.page.words import count, names, sentence, span
from paramedic_api.standing import RESTING, Standing, shown
from paramedic_core.model import Container
from paramedic_core.world import EngineStatus, World

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Summary:
    """The two lines, and the figures behind them."""

    sentence: str
    detail: str
    healed: int = 0
    held: int = 0


def summarise(
    world: World | None, why: str, incidents: Sequence[Mapping[str, Any]], plan: Sequence[Mapping[str, Any]], now: float
) -> Summary:
    """Say how things are.

    Args:
        world: as last known; None when nothing was ever heard.
        why: why nothing was heard.
        incidents: the healer's, newest first.
        plan: what would be healed now.
        now: Unix seconds.
    """
    healed = sum(1 for i in incidents if i.get("state") == "healed" and _number(i.get("closed_at")) > now - _DAY)
    held = len({p.get("target") for p in plan if waits_for_a_person(p)})
    if world is None:
        return Summary("Waiting for the first look at this host.", why, healed, held)
    watched = sum(1 for i in incidents if i.get("state") == "open" and _number(i.get("tries")))
    detail = _detail(world, healed, held, watched)
    if world.engine.status is not EngineStatus.CONNECTED:
        away = f" for {span(now - world.engine.since)}" if world.engine.since else ""
        return Summary(
            f"The engine has not answered{away}.", f"{sentence(world.engine.reason)} {detail}".strip(), healed, held
        )
    return Summary(_sentence(world, plan), detail, healed, held)


def waits_for_a_person(entry: Mapping[str, Any]) -> bool:
    """Whether a plan entry is held until a person changes something."""
    return entry.get("decision") == "refuse" and bool(entry.get("allow"))


def display(world: World, container: Container) -> str:
    """A container's short name: its service's, with its number when there are several."""
    siblings = sum(1 for c in world.containers.values() if c.service_key == container.service_key)
    return short_name(container, siblings)


def short_name(container: Container, siblings: int) -> str:
    """As `display`, where it is known how many containers the service has."""
    if not container.project:
        return container.name
    if siblings < 2:
        return container.service
    number = container.labels.get("com.docker.compose.container-number", "")
    return f"{container.service}.{number}" if number else container.name


def _sentence(world: World, plan: Sequence[Mapping[str, Any]]) -> str:
    hows = {c.id: shown(world, c).standing for c in world.containers.values()}
    wanted = [c for c in world.containers.values() if hows[c.id] not in RESTING]
    if not world.containers:
        return "There are no containers on this host."
    if not wanted:
        return f"Nothing runs: {count(len(world.containers), 'container')} at rest."
    ill = sorted((c for c in wanted if hows[c.id] is not Standing.WELL), key=lambda c: c.name)
    if not ill:
        many = {1: "The one container is", 2: "Both containers are"}.get(
            len(wanted), f"All {len(wanted)} containers are"
        )
        return f"{many} well."
    well = len(wanted) - len(ill)
    first = f"{well} of {len(wanted)} containers {'is' if well == 1 else 'are'} well"
    return f"{first}; {_trouble(world, ill, plan, hows)}."


def _trouble(
    world: World, ill: Sequence[Container], plan: Sequence[Mapping[str, Any]], hows: Mapping[str, Standing]
) -> str:
    entries = {p.get("target"): p for p in plan}
    needing = [c for c in ill if c.id in entries and waits_for_a_person(entries[c.id])]
    if needing:
        verb = "needs" if len(needing) == 1 else "need"
        leave = " your leave" if all(entries[c.id].get("gate") == "mode" for c in needing) else " you"
        return f"{names([display(world, c) for c in needing])} {verb}{leave}"
    healing = [c for c in ill if hows[c.id] is Standing.ACTING or entries.get(c.id, {}).get("decision") == "do"]
    shown_names = names([display(world, c) for c in ill])
    if len(healing) == len(ill):
        return f"{shown_names} {'is' if len(ill) == 1 else 'are'} being healed"
    if len(ill) == 1:
        return f"{shown_names} {_verb(shown(world, ill[0]).word)}"
    starting = all(hows[c.id] is Standing.STARTING for c in ill)
    return f"{shown_names} are {'starting' if starting else 'not'}"


def _verb(word: str) -> str:
    """A standing's word as what a container does: `is unhealthy`, `has exited with 1`, `could not be started`."""
    first = word.partition(" ")[0]
    return {"exited": "has ", "killed": "was ", "could": "", "ended": ""}.get(first, "is ") + word


def _detail(world: World, healed: int, held: int, watched: int) -> str:
    nothing = (
        "Nothing healed in the last 24 hours" if held or watched else "Nothing had to be healed in the last 24 hours"
    )
    parts = [f"{healed} healed in the last 24 hours" if healed else nothing]
    if watched:
        parts.append(f"{watched} being seen to")
    if held:
        parts.append(f"{held} held back for you")
    stopped = sum(shown(world, c).standing is Standing.STOPPED for c in world.containers.values())
    if stopped:
        parts.append(f"{stopped} stopped by hand")
    return ", ".join(parts) + "."


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
