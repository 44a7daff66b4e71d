"""Whether a line of the engine's list says anything that the last inspect did not: so a list need not inspect them all.

Pure. The list has a container's age only in words ("Up 5 minutes (healthy)"), as Go's units.HumanDuration makes them; an age
that does not fit the last inspect shows a restart that no event told of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from paramedic_core.model import Container, Health, State
from paramedic_runtime.translate import endpoints, part

_UP = re.compile(r"Up (?P<age>[^()]+?)(?: \((?P<health>healthy|unhealthy|health: starting)\))?")
_EXITED = re.compile(r"Exited \((?P<code>-?\d+)\) (?P<age>.+) ago")
_SLACK = 3.0
"""Seconds by which the engine's clock and ours may differ, with the time between list and look."""


def unchanged(entry: Mapping[str, Any], known: Container, now: float) -> bool:
    """Whether a list entry agrees with what is known; in doubt it does not.

    Args:
        entry: one object of `GET /containers/json?all=1`.
        known: the container as last inspected.
        now: Unix seconds.
    """
    names = entry.get("Names")
    status, state = entry.get("Status"), entry.get("State")
    if not isinstance(names, list) or f"/{known.name}" not in names or not isinstance(status, str):
        return False
    if state != known.state.value or entry.get("ImageID") != known.image_id:
        return False
    if _addresses(entry) != {e.network: e.address for e in known.endpoints}:
        return False
    if known.state is State.RUNNING:
        found = _UP.fullmatch(status)
        # An unhealthy one's failing streak is worth knowing, and there are few.
        return (
            found is not None
            and known.health is not Health.UNHEALTHY
            and _health(found["health"]) is known.health
            and _fits(found["age"], now - known.started_at)
        )
    if known.state is State.EXITED:
        found = _EXITED.fullmatch(status)
        return (
            found is not None and int(found["code"]) == known.exit_code and _fits(found["age"], now - known.finished_at)
        )
    return known.state is State.CREATED and status == "Created"


def human(seconds: float) -> str:
    """A duration as the engine's list words it (github.com/docker/go-units, duration.go)."""
    whole, minutes, hours = int(seconds), int(seconds / 60), int(seconds / 3600 + 0.5)
    table = (
        (whole < 1, "Less than a second"),
        (whole == 1, "1 second"),
        (whole < 60, f"{whole} seconds"),
        (minutes == 1, "About a minute"),
        (minutes < 60, f"{minutes} minutes"),
        (hours == 1, "About an hour"),
        (hours < 48, f"{hours} hours"),
        (hours < 24 * 7 * 2, f"{hours // 24} days"),
        (hours < 24 * 30 * 2, f"{hours // 24 // 7} weeks"),
        (hours < 24 * 365 * 2, f"{hours // 24 // 30} months"),
    )
    return next((words for fits, words in table if fits), f"{int(seconds / 3600) // 24 // 365} years")


def _fits(words: str, age: float) -> bool:
    if age < 60:
        return False  # Young enough to have been restarted since: look.
    return words in {human(age - _SLACK), human(age), human(age + _SLACK)}


def _health(words: str | None) -> Health:
    if words is None:
        return Health.NONE
    return Health.STARTING if words == "health: starting" else Health(words)


def _addresses(entry: Mapping[str, Any]) -> dict[str, str]:
    return {e.network: e.address for e in endpoints(part(entry, "NetworkSettings"))}
