"""Which records of the healer's journal are worth a message. Pure.

One incident is told once for each reason, and one that comes and goes as if it were one (`series.py`). What was refused is
told while the fault lasts; what was healed goes into the digest; the end of an incident by other ways is told to those who
were told of its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from paramedic_api.messages.item import Item, shortened
from paramedic_core.settings import Told

_FIELDS = ("incident", "target", "name", "service")


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of an incident from its first record."""

    cause: str
    text: str
    asked: bool
    """A person asked for it, and hears the answer there."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one record means."""

    item: Item | None = None
    opened: Opened | None = None
    withdraw: bool = False
    """What was refused is not worth telling any more."""
    over: bool = False
    """The incident is closed."""
    if_told: bool = False
    """The item goes only to those who were told of this incident before."""
    incident: str = ""
    at: float = 0.0
    name: str = ""
    """The target's."""
    cause: str = ""
    """Empty when the incident's first record was not read."""
    asked: bool = False


def read(record: Mapping[str, Any], known: Mapping[str, Opened]) -> Step:
    """What to make of one record.

    Args:
        record: as the healer's `GET /journal` gives it.
        known: the open incidents, by id.
    """
    if not all(isinstance(record.get(name), str) for name in _FIELDS) or not record["incident"]:
        return Step()
    incident, text = str(record["incident"]), str(record.get("text") or "")
    if record.get("kind") == "opened":
        opened = Opened(str(record.get("cause") or ""), shortened(text), asked=bool(record.get("asked")))
        step = Step(opened=opened, incident=incident, at=_number(record.get("at")))
    else:
        opened = known.get(incident, Opened("", "", asked=False))
        step = _later(record, opened, text, incident, _number(record.get("at")))
    return replace(step, name=shortened(str(record["name"])), cause=opened.cause, asked=opened.asked)


def _later(record: Mapping[str, Any], opened: Opened, text: str, incident: str, at: float) -> Step:
    """What to make of a record that is not its incident's first."""
    kind = record.get("kind")
    if kind == "decision" and record.get("decision") == "refuse" and not opened.asked:
        words = [opened.text, text, _allow(record)]
        return Step(_item(record, Told.REFUSED, words, opened), incident=incident, at=at)
    if kind == "outcome" and record.get("status") == "refused" and record.get("code") and not opened.asked:
        # One of runtime's guards: the outer ceiling. What was merely too much at once has no code, and is tried again.
        words = [opened.text, text, _allow(record)]
        return Step(_item(record, Told.REFUSED, words, opened), incident=incident, at=at)
    if kind == "outcome" and record.get("status") == "failed":
        return Step(_item(record, Told.FAILED, [opened.text, text], opened), incident=incident, at=at)
    if kind == "verdict" and record.get("verdict") == "no_effect":
        words = [opened.text, f"A {record.get('action') or 'try'} did not help.", text]
        return Step(_item(record, Told.FAILED, words, opened), incident=incident, at=at)
    if kind == "gave_up":
        # It says all that the refusal beside it says.
        words = [opened.text, text]
        return Step(_item(record, Told.GAVE_UP, words, opened), withdraw=True, incident=incident, at=at)
    if kind == "closed":
        return _closed(record, opened, text, incident, at)
    return Step()


def _closed(record: Mapping[str, Any], opened: Opened, text: str, incident: str, at: float) -> Step:
    fixed = record.get("outcome") == "fixed"
    item = None if opened.asked and not fixed else _item(record, Told.HEALED, [text, opened.text], opened)
    return Step(item, withdraw=True, over=True, if_told=not fixed, incident=incident, at=at)


def _item(record: Mapping[str, Any], reason: Told, words: list[str], opened: Opened) -> Item:
    incident = str(record["incident"])
    return Item(
        id=f"{incident}/{reason.value}",
        reason=reason,
        at=_number(record.get("at")),
        host=str(record.get("host") or ""),
        incident=incident,
        target=str(record["target"]),
        name=shortened(str(record["name"])),
        service=shortened(str(record["service"])),
        cause=opened.cause,
        text=shortened(" ".join(word for word in words if word.strip())),
    )


def _allow(record: Mapping[str, Any]) -> str:
    allow = str(record.get("allow") or "")
    if not allow:
        return ""
    return f"To allow it: {allow}." if record.get("gate") == "mode" else f"What helps: {allow}."


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
