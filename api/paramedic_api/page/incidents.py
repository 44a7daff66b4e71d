"""Incidents as the timeline shows them: a sentence with its reason, then the steps with their times. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramedic_api.page.words import sentence, span

_STATES = {
    "open": ("in progress", "act"),
    "held": ("held back", "warn"),
    "healed": ("healed", "ok"),
    "recovered": ("recovered", "ok"),
    "gave_up": ("given up", "bad"),
    "closed": ("over", "off"),
}
_OUTCOMES = {
    "fixed": "",
    "alone": "It came right by itself.",
    "person": "A person saw to it.",
    "gone": "The container is gone.",
    "asked": "Done as asked.",
    "nothing": "It is no longer the matter.",
}
_ACTED = {"restart": "restarted", "stop": "stopped", "start": "started", "kill": "killed"}
_PASSING = ("startup_grace", "in_flight", "fresh", "cooldown")
"""Gates that open by themselves in a moment: in the incident's own page, and no step of the short line."""
_MOST_STEPS = 5


@dataclass(frozen=True, slots=True)
class StepView:
    """One dot of the line."""

    label: str
    when: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One entry of the timeline."""

    id: str
    at: float
    name: str
    word: str
    tone: str
    text: str
    allow: str
    leave: bool
    """What `allow` says is a leave; otherwise it is what else would help."""
    steps: tuple[StepView, ...]


def incident_views(
    incidents: Sequence[Mapping[str, Any]], plan: Sequence[Mapping[str, Any]], names: Mapping[str, str], most: int
) -> list[IncidentView]:
    """The newest incidents.

    Args:
        incidents: the healer's, newest first.
        plan: what would be healed now: tells what would allow what is held.
        names: a container's short name, by its full id.
        most: how many.
    """
    allows = {
        (p.get("target"), p.get("cause")): str(p.get("allow") or "") for p in plan if p.get("decision") == "refuse"
    }
    return [incident_view(i, allows.get((i.get("target"), i.get("cause")), ""), names) for i in incidents[:most]]


def incident_view(incident: Mapping[str, Any], allow: str, names: Mapping[str, str]) -> IncidentView:
    """One incident."""
    state = str(incident.get("state", ""))
    word, tone = _STATES.get(state, (state or "not known", "off"))
    if _undone(incident):
        word = "not done"
    return IncidentView(
        id=str(incident.get("id", "")),
        at=number(incident.get("opened_at")),
        name=names.get(str(incident.get("target")), str(incident.get("name", ""))),
        word=word,
        tone=tone,
        text=_text(incident, state),
        allow=allow if state in ("held", "gave_up") else "",
        leave=any(s.get("gate") == "mode" for s in _story(incident)) and state != "gave_up",
        steps=_steps(incident),
    )


def _undone(incident: Mapping[str, Any]) -> bool:
    """Whether it was a person's wish that was not carried out."""
    over = incident.get("cause") == "asked" and incident.get("outcome") == "nothing"
    return over and not number(incident.get("tries"))


def number(value: Any) -> float:
    """A time or other figure from a sibling role; 0 where it is none."""
    return float(value) if isinstance(value, (int, float)) else 0.0


def _text(incident: Mapping[str, Any], state: str) -> str:
    title = str(incident.get("title") or "").strip()
    parts = [title if title.endswith((".", "!", "?")) or not title else f"{title}."]
    story = _story(incident)
    opened = number(incident.get("opened_at"))
    if state == "held":
        parts += [sentence(str(s.get("text", ""))) for s in story if s.get("gate")][-1:]
    elif state in ("gave_up", "open"):
        parts += [sentence(str(s.get("text", ""))) for s in story if s.get("kind") not in ("opened", "recovered")][-1:]
        if story and story[-1].get("kind") == "recovered":
            parts.append(f"Well after {span(number(story[-1].get('at')) - opened)}, and still watched.")
    else:
        outcome = str(incident.get("outcome", ""))
        if _undone(incident):
            parts += [sentence(str(s.get("text", ""))) for s in story if s.get("gate")][-1:]
        # What became of it stands in its last record; the word for the outcome is for healers that wrote none.
        closing = next((str(s.get("text", "")) for s in reversed(story) if s.get("kind") == "closed"), "")
        said = sentence(closing) if outcome == "nothing" else ""
        parts += [_done(incident, story, opened, outcome), said or _OUTCOMES.get(outcome, "")]
    return " ".join(dict.fromkeys(p for p in parts if p))


def _done(incident: Mapping[str, Any], story: Sequence[Mapping[str, Any]], opened: float, outcome: str) -> str:
    tries = int(number(incident.get("tries")))
    if not tries:
        return ""
    done = _verb(story, "Restarted once" if tries == 1 else f"Restarted {tries} times")
    well = next((number(s.get("at")) for s in reversed(story) if s.get("kind") == "recovered"), 0.0)
    return f"{done}; well again after {span(well - opened)}." if well and outcome in ("fixed", "asked") else f"{done}."


def _verb(story: Sequence[Mapping[str, Any]], done: str) -> str:
    """`Restarted once`, or `Started once` where that is what was done."""
    if any(
        "started" in str(s.get("text", "")).lower() and "restarted" not in str(s.get("text", "")).lower()
        for s in story
        if s.get("kind") == "outcome"
    ):
        return done.replace("Restarted", "Started")
    return done


def _steps(incident: Mapping[str, Any]) -> tuple[StepView, ...]:
    opened = number(incident.get("opened_at"))
    found: list[StepView] = []
    for item in _story(incident):
        label, held = _label(incident, item)
        if not label or (found and found[-1].label == label):
            continue
        when = f"gate: {item.get('gate', '')}".replace("_", " ") if held else span(number(item.get("at")) - opened)
        found.append(StepView(label, when, held))
    if len(found) > _MOST_STEPS:
        found = [found[0], StepView("…", f"{len(found) - _MOST_STEPS + 1} more"), *found[-_MOST_STEPS + 2 :]]
    return tuple(found)


def _label(incident: Mapping[str, Any], item: Mapping[str, Any]) -> tuple[str, bool]:
    """A story's item in a word or two, and whether something was held there; no word for what says nothing new."""
    kind, text = str(item.get("kind", "")), str(item.get("text", ""))
    if kind == "opened":
        return str(incident.get("cause", "noticed")).replace("_", " "), False
    if kind == "decision" and item.get("gate") in _PASSING:
        return "", False
    if kind == "decision":
        return ("held back", True) if item.get("gate") else ("decided", False)
    if kind == "outcome" and item.get("gate"):
        return "held back", True
    if kind == "outcome":
        short = text.rstrip(".").lower()
        return (short if len(short) <= 14 else _acted(short)), False
    if kind == "closed":
        outcome = str(incident.get("outcome", ""))
        return {"fixed": "verified", "alone": "well by itself", "person": "by a person", "gone": "gone"}.get(
            outcome, "over"
        ), False
    return {"recovered": "well", "gave_up": "given up"}.get(kind, ""), False


def _acted(text: str) -> str:
    return next((done for done in _ACTED.values() if done in text), "acted")


def _story(incident: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    story = incident.get("story")
    return [s for s in story if isinstance(s, dict)] if isinstance(story, list) else []
