"""What is remembered of each target: open incidents and the tries of the last day. Made from the journal's records alone.

`apply` is the only place that changes it, so a healer that starts anew and reads its journal back knows exactly what the
one before it knew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paramedic_healer.ceilings import Ceilings, Refusal
from paramedic_healer.finding import Alert

DAY = 86400.0
MOST_TRIES = 256
"""More than runtime's ceiling of 10 an hour lets through in a day."""
MOST_STORY = 64
MOST_ALERTS = 1000
MOST_CLOSED = 1000
"""Incidents that are closed; the journal has the older ones."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the healer's journal."""

    kind: str
    """opened, decision, would_act, intent, outcome, recovered, verdict, gave_up, closed, restraint,
    alert."""
    at: float
    incident: str = ""
    target: str = ""
    """Full container id."""
    name: str = ""
    service: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Try:
    """One action on a target, from intent to verdict."""

    key: str
    action: str
    incident: str
    at: float
    status: str = "asked"
    """asked, done, failed, refused, lost, conflict."""
    done_at: float = 0.0
    recovered_at: float = 0.0
    verdict: str = ""
    """fixed, no_effect, unknown; empty while it is being watched."""
    verdict_at: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether it touched the target (or may have): only those count against limits."""
        return self.status in ("asked", "done", "failed")

    @property
    def touched_at(self) -> float:
        """The latest moment at which it can have touched the target: a stop may take minutes."""
        return max(self.at, self.done_at)

    @property
    def in_flight(self) -> bool:
        return self.status == "asked" or (self.status == "done" and not self.verdict)


@dataclass(slots=True)
class Incident:
    """One fault of one target, from first sight to the end."""

    id: str
    target: str
    name: str
    service: str
    cause: str
    since: float
    opened_at: float
    text: str
    state: str = "open"
    """open, healed, recovered, gave_up, closed."""
    mode: str = ""
    closed_at: float = 0.0
    outcome: str = ""
    would_act_at: float = 0.0
    gave_up_at: float = 0.0
    held: bool = False
    refusal: Refusal | None = None
    """Until the next try."""
    last: tuple[str, str] = ("", "")
    """The last stored decision and its gate."""
    asked: str = ""
    """The action that a person asked for; empty otherwise."""
    asked_by: str = ""
    story: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0

    @property
    def open(self) -> bool:
        return not self.closed_at


@dataclass(slots=True)
class TargetHistory:
    """What is remembered of one target, by container name: ids change when it is recreated."""

    name: str
    tries: list[Try] = field(default_factory=list)
    open: dict[str, Incident] = field(default_factory=dict)
    """By cause."""
    rearmed_at: float = 0.0
    """When a person last put it right or recreated it: what did not help before may help now."""

    def times(self) -> list[float]:
        """When it was touched by us, oldest first."""
        return [t.touched_at for t in self.tries if t.counts]

    def left_down(self) -> bool:
        """Whether our last act was to leave it running, and failed: what we stopped then is ours to start again."""
        last = next((t for t in reversed(self.tries) if t.counts), None)
        return last is not None and last.status == "failed" and last.action in ("restart", "start")

    def in_flight(self) -> Try | None:
        """The try that is under way or being watched."""
        return next((t for t in reversed(self.tries) if t.in_flight), None)

    def streak(self, settled_after: float) -> int:
        """Tries in a row without a long calm after any of them: what the backoff counts.

        Args:
            settled_after: seconds between two tries that count as calm.
        """
        count, previous = 0, None
        for at in self.times():
            if previous is not None and at - previous > settled_after:
                count = 0
            count += 1
            previous = at
        return count

    def without_effect(self, action: str, now: float) -> int:
        """How many of the last tries of `action`, in a day, one after another had no effect."""
        count = 0
        for attempt in reversed(self.tries):
            if attempt.at < max(now - DAY, self.rearmed_at):
                break
            if attempt.at > now + DAY:
                # The clock was set back: this must not count for ever.
                continue
            if attempt.action != action or not attempt.counts:
                continue
            if attempt.verdict != "no_effect" and attempt.status != "failed":
                break
            count += 1
        return count


class Histories:
    """All targets' histories, and the hub's restraint."""

    def __init__(self) -> None:
        self.targets: dict[str, TargetHistory] = {}
        self.incidents: dict[str, Incident] = {}
        """Open ones, and those closed in the last day."""
        self.alerts: dict[str, Alert] = {}
        """By fingerprint: those that fire."""
        self.restraint = ""
        """The mode to which the hub has lowered everything; empty for none."""
        self.ceilings = Ceilings()
        """Runtime's, as far as its refusals told of them."""
        self.fixed: dict[str, int] = {}
        """Action → how often it was verified to help."""
        self.judged: dict[str, int] = {}
        """Action → how often it got a verdict."""

    def of(self, name: str) -> TargetHistory:
        """The history of one target; an empty one at first."""
        return self.targets.setdefault(name, TargetHistory(name))

    def open_incidents(self) -> Iterator[Incident]:
        """Every incident that is not closed."""
        for history in list(self.targets.values()):
            yield from list(history.open.values())

    def asked_for(self) -> bool:
        """Whether an act was asked for and not answered yet."""
        return any(t.status == "asked" for history in self.targets.values() for t in history.tries)

    def find_try(self, key: str) -> Try | None:
        """The try with this key."""
        for history in self.targets.values():
            for attempt in history.tries:
                if attempt.key == key:
                    return attempt
        return None

    def apply(self, record: Record) -> None:
        """Take one record in."""
        handler = getattr(self, f"_on_{record.kind}", None)
        if handler is not None:
            handler(record)
        incident = self.incidents.get(record.incident)
        text = record.body.get("text")
        if incident is not None and text:
            step = {"at": record.at, "kind": record.kind, "text": text}
            if record.body.get("gate"):
                step["gate"] = record.body["gate"]
            incident.story.append(step)
            del incident.story[:-MOST_STORY]

    def forget(self, now: float, keep: float = DAY) -> None:
        """Drop what is older than a day (tries: than `keep` seconds) and over.

        A try that touched nothing goes at once: however often runtime refuses, it must not push out one that counts.
        """
        self.ceilings.forget(now)
        for name, history in list(self.targets.items()):
            kept = [t for t in history.tries if t.in_flight or (t.counts and t.touched_at > now - keep)]
            history.tries = kept[-MOST_TRIES:]
            if not history.tries and not history.open:
                del self.targets[name]
        for fingerprint, alert in list(self.alerts.items()):
            # Alertmanager repeats what still fires at least every few hours; a day of silence is an end.
            if alert.received_at < now - DAY:
                del self.alerts[fingerprint]
        for key, incident in list(self.incidents.items()):
            if incident.closed_at and incident.closed_at < now - DAY:
                del self.incidents[key]
        closed = [key for key, incident in self.incidents.items() if not incident.open]
        for key in closed[:-MOST_CLOSED]:
            del self.incidents[key]

    def _on_opened(self, record: Record) -> None:
        incident = Incident(
            record.incident,
            record.target,
            record.name,
            record.service,
            str(record.body["cause"]),
            float(record.body["since"]),
            record.at,
            str(record.body["text"]),
            asked=str(record.body.get("asked", "")),
            asked_by=str(record.body.get("by", "")),
        )
        self.incidents[incident.id] = incident
        self.of(record.name).open[incident.cause] = incident

    def _on_decision(self, record: Record) -> None:
        incident = self.incidents.get(record.incident)
        if incident is not None:
            incident.last = (str(record.body["decision"]), str(record.body.get("gate", "")))
            incident.mode = str(record.body.get("mode", ""))
            incident.held = record.body["decision"] != "do"

    def _on_intent(self, record: Record) -> None:
        body = record.body
        self.of(record.name).tries.append(Try(str(body["key"]), str(body["action"]), record.incident, record.at))
        incident = self.incidents.get(record.incident)
        if incident is not None:
            incident.tries += 1
            incident.held, incident.refusal = False, None

    def _on_outcome(self, record: Record) -> None:
        attempt = self.find_try(str(record.body["key"]))
        if attempt is not None:
            attempt.status = str(record.body["status"])
            attempt.done_at = float(record.body.get("done_at") or record.at)
            incident = self.incidents.get(record.incident)
            if incident is not None and not attempt.counts:
                incident.tries -= 1
                guarded = bool(record.body.get("code"))
                # What a guard refused is the decision itself, so only another one is stored; a wish goes on waiting for its
                # gates. Else the decision stands again: the next one must be stored though it reads the same.
                incident.last = ("refuse", "runtime") if guarded and not incident.asked else ("", "")
                if guarded:
                    incident.held, incident.refusal = True, self.ceilings.refused(record)
            if attempt.counts:
                self.ceilings.passed(record.service, attempt.at)

    def _on_recovered(self, record: Record) -> None:
        attempt = self.find_try(str(record.body["key"]))
        if attempt is not None:
            attempt.recovered_at = record.at

    def _on_verdict(self, record: Record) -> None:
        attempt = self.find_try(str(record.body["key"]))
        if attempt is not None:
            attempt.verdict, attempt.verdict_at = str(record.body["verdict"]), record.at
            self.judged[attempt.action] = self.judged.get(attempt.action, 0) + 1
            if attempt.verdict == "fixed":
                self.fixed[attempt.action] = self.fixed.get(attempt.action, 0) + 1

    def _on_would_act(self, record: Record) -> None:
        incident = self.incidents.get(record.incident)
        if incident is not None:
            incident.would_act_at = record.at

    def _on_gave_up(self, record: Record) -> None:
        incident = self.incidents.get(record.incident)
        if incident is not None:
            incident.gave_up_at = record.at
            incident.state = "gave_up"

    def _on_closed(self, record: Record) -> None:
        incident = self.incidents.get(record.incident)
        if incident is not None:
            incident.closed_at = record.at
            incident.state = str(record.body["state"])
            incident.outcome = str(record.body["outcome"])
            history = self.of(incident.name)
            history.open.pop(incident.cause, None)
            if incident.outcome in ("person", "gone"):
                history.rearmed_at = record.at

    def _on_alert(self, record: Record) -> None:
        body = record.body
        fingerprint = str(body["fingerprint"])
        self.alerts.pop(fingerprint, None)
        if body["firing"]:
            self.alerts[fingerprint] = Alert(
                fingerprint,
                str(body["starts_at"]),
                dict(body["labels"]),
                str(body["summary"]),
                record.at,
                bool(body.get("several")),
            )
            # The oldest goes: a sender that never says "resolved" must not fill the memory.
            while len(self.alerts) > MOST_ALERTS:
                del self.alerts[next(iter(self.alerts))]

    def _on_restraint(self, record: Record) -> None:
        self.restraint = str(record.body["mode"])
