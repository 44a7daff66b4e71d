"""What may be asked of a verb: a target, the state that the caller saw, a key. Nothing else is even read.

No verb takes an image, a command, a mount, an environment or a specification (design §3), so a body with any other field
is turned away as a whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paramedic_core.errors import BadInput
from paramedic_core.model import Container, Health, State

VERBS = ("restart", "stop", "start", "kill")
_FIELDS = {"target", "key", "expected", "incident", "reason"}
_EXPECTED = {"state", "started_at", "health"}
_ID = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_SAME = 1e-3
"""Seconds by which a time may differ and be the same: JSON numbers round the engine's nanoseconds."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The state in which the caller saw the target."""

    state: State
    started_at: float
    """Unix seconds."""
    health: Health | None = None
    """None: it does not matter."""

    def differs(self, container: Container, turned_since: float) -> str:
        """How `container` is otherwise than expected, in words; empty when it is as expected.

        What the engine was about to start again may run by now, by the engine's own hand: a loop turns faster than words go.
        After a person's start the engine counts its restarts anew, so that one differs; and what is well, or has stayed up,
        is in no loop any more.

        Args:
            container: as it is now.
            turned_since: Unix seconds; what the engine started before has stayed up.
        """
        if self.state is State.RESTARTING and container.state is State.RUNNING and container.restarts > 0:
            if container.health is Health.HEALTHY or container.started_at <= turned_since:
                return "it runs again, and is in no loop any more"
            return ""
        if container.state is not self.state:
            return f"it is {container.state}, not {self.state}"
        if abs(container.started_at - self.started_at) > _SAME:
            return "it has been started since"
        if self.health is not None and container.health is not self.health:
            return f"its health is {container.health}, not {self.health}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """As it came."""
        health = {} if self.health is None else {"health": self.health.value}
        return {"state": self.state.value, "started_at": self.started_at, **health}


@dataclass(frozen=True, slots=True)
class Wish:
    """One request to act, well formed."""

    verb: str
    target: str
    key: str
    expected: Expected
    incident: str
    reason: str
    by: str


def read_wish(verb: str, body: Mapping[str, Any], by: str) -> Wish:
    """Read the body of `POST /verbs/{verb}`.

    Raises:
        BadInput: something is missing, malformed, too long, or not a field of it.
    """
    if verb not in VERBS:
        raise BadInput(f"{verb[:40]!r} is no verb: {', '.join(VERBS)}")
    _only(body, _FIELDS, "a verb")
    target, key = _text(body, "target", 64), _text(body, "key", 128)
    if not _ID.fullmatch(target):
        raise BadInput("`target` must be a container's full id, 64 hexadecimal digits")
    if not _KEY.fullmatch(key):
        raise BadInput("`key` must be 1 to 128 visible ASCII characters")
    return Wish(
        verb, target, key, _expected(body.get("expected")), _text(body, "incident", 128), _text(body, "reason", 500), by
    )


def _expected(value: Any) -> Expected:
    if not isinstance(value, Mapping):
        raise BadInput('`expected` must be an object, as {"state": "running", "started_at": 1.5}')
    _only(value, _EXPECTED, "`expected`")
    started = value.get("started_at")
    if isinstance(started, bool) or not isinstance(started, (int, float)) or not math.isfinite(started):
        raise BadInput("`expected.started_at` must be a number of Unix seconds")
    try:
        health = None if value.get("health") is None else Health(value["health"])
        return Expected(State(str(value.get("state"))), float(started), health)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"`expected`: {error}") from None


def _only(value: Mapping[str, Any], allowed: set[str], what: str) -> None:
    unknown = sorted(str(k)[:40] for k in value.keys() - allowed)
    if unknown:
        raise BadInput(f"{what} takes {', '.join(sorted(allowed))}, and not {', '.join(unknown[:5])}")


def _text(body: Mapping[str, Any], name: str, most: int) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise BadInput(f"`{name}` must be a text of at most {most} characters")
    # What a container has a say in ends up in logs and on terminals.
    return "".join(c if c.isprintable() else " " for c in value)
