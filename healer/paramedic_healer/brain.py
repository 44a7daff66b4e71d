"""Brain: World and time in; journal records and orders out. No I/O, no threads; all state comes from records.

One `step` looks at everything: opens incidents, watches tries, decides, closes. The caller writes the records down (one
fsync) and only then carries out the orders: intent before act.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paramedic_core.errors import Conflict
from paramedic_core.leave import Leave, leave
from paramedic_core.limits import Backoff
from paramedic_core.model import Container
from paramedic_core.settings import HealerSettings, Mode
from paramedic_core.world import World
from paramedic_healer import closing
from paramedic_healer.action import Action, Plan
from paramedic_healer.ceilings import LONGEST_CEILING, LONGEST_RETRY
from paramedic_healer.decide import Decision, decide
from paramedic_healer.finding import Alert, Facts, Finding, Trigger
from paramedic_healer.guards import Case, Choice, known
from paramedic_healer.history import DAY, Histories, Incident, Record, Try
from paramedic_healer.triggers.alert import aim, heard, over
from paramedic_healer.verify import watch

ASKED = "asked"
"""The cause of an incident that is a person's wish."""
_RETRY_AFTER_REFUSAL = 5.0
_AT_CEILING = "find out what breaks so often; then wait, or heal it by hand"


@dataclass(frozen=True, slots=True)
class Order:
    """An act to be carried out by runtime, once its intent is written."""

    key: str
    plan: Plan
    incident: str
    reason: str
    name: str
    service: str
    asked: bool = False
    """A person's wish."""


@dataclass(slots=True)
class Step:
    """What one look at the World led to."""

    records: list[Record] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    look_again: float = float("inf")
    """Unix seconds at which something is due though nothing changes."""

    def due(self, at: float) -> None:
        """Look again at `at`, if it is a real time."""
        if at > 0:
            self.look_again = min(self.look_again, at)


class Brain:
    """Decides for one host.

    Args:
        settings: the healer's.
        triggers: by name.
        actions: by name.
        started: when this healer began, Unix seconds (start-up grace).
    """

    def __init__(
        self, settings: HealerSettings, triggers: Mapping[str, Trigger], actions: Mapping[str, Action], started: float
    ) -> None:
        self.settings, self.triggers, self.actions, self.started = settings, triggers, actions, started
        self.histories = Histories()
        self._serial = 0
        self._retry_at: dict[str, float] = {}
        self._refusals: dict[str, int] = {}
        self.memory = max([DAY, *(w.seconds for w in settings.windows)])
        """Seconds for which tries must be remembered."""

    def restore(self, records: list[Record]) -> None:
        """Know what the journal knows, and nothing else."""
        self.histories = Histories()
        self._retry_at.clear()
        self._refusals.clear()
        for record in records:
            self.histories.apply(record)
        self._serial = len(records)

    def leave_of(self, container: Container, world: World) -> Leave:
        """The mode that counts for a container."""
        restraint = Mode(self.histories.restraint) if self.histories.restraint else None
        return leave(container, self.settings, world.grants, restraint=restraint, frozen=world.hands.frozen)

    def findings(self, world: World, now: float) -> list[Finding]:
        """Every fault that is there now, of services whose mode is not off."""
        down = frozenset(history.name for history in self.histories.targets.values() if history.left_down())
        facts = Facts(world, tuple(self.histories.alerts.values()), down)
        found = [f for trigger in self.triggers.values() for f in trigger.find(facts, now)]
        return [f for f in found if self.leave_of(f.container, world).mode is not Mode.OFF]

    def case(self, finding: Finding, world: World, now: float, silence: float, incident: Incident | None) -> Case:
        """What the gates look at for one finding."""
        asked = incident.asked if incident else ""
        trigger = self.triggers.get(finding.cause)
        action = asked or finding.action or (trigger.ladder[0] if trigger else "restart")
        ceilings = self.histories.ceilings
        busy = ceilings.lately(now) and self.histories.asked_for()
        return Case(
            finding,
            action,
            world,
            self.histories.of(finding.container.name),
            self.leave_of(finding.container, world),
            self.settings,
            now,
            self.started,
            silence,
            incident,
            asked=bool(asked),
            ceiling=ceilings.over(finding.container.service_key, now, busy=busy),
        )

    def step(self, world: World, now: float, silence: float = 0.0) -> Step:
        """Look once."""
        step = Step()
        self.histories.forget(now, self.memory)
        findings = self.findings(world, now)
        present = {(f.container.name, f.cause) for f in findings}
        believed = known(world, self.settings, now, silence)
        if believed:
            self._watch_tries(world, present, now, step)
        for incident in list(self.histories.open_incidents()):
            # A wish ends by its time alone.
            if (believed or incident.asked) and (incident.name, incident.cause) not in present:
                self._absent(incident, world, now, step)
        for finding in sorted(findings, key=self._opened_at):
            self._present(finding, world, now, silence, step)
        for incident in list(self.histories.open_incidents()):
            if incident.asked:
                self._wish(incident, world, now, silence, step)
        return step

    def preview(self, finding: Finding, world: World, now: float, silence: float) -> Decision:
        """What would be decided now, without recording anything."""
        incident = self.histories.of(finding.container.name).open.get(finding.cause)
        return decide(self.case(finding, world, now, silence, incident))

    def outcome(
        self,
        key: str,
        status: str,
        detail: str,
        now: float,
        done_at: float = 0.0,
        code: str = "",
        retry_after: float = 0.0,
    ) -> Step:
        """Take in what runtime said of an order.

        Args:
            key: the order's.
            status: done, failed, refused, lost or conflict.
            detail: in words.
            now: the present.
            done_at: when the engine had done it.
            code: which of runtime's guards refused it; empty for none.
            retry_after: seconds after which that guard would let it pass; 0 when it did not say.
        """
        step = Step()
        attempt = self.histories.find_try(key)
        if attempt is None or attempt.status != "asked":
            return step
        incident = self.histories.incidents.get(attempt.incident)
        done = self.actions[attempt.action].done
        texts = {
            "done": f"{done.capitalize()}.",
            "failed": f"The engine could not: {detail}",
            "refused": f"Not {done}: {detail.rstrip('.')}.",
            "lost": f"Not {done}: {detail}",
            "conflict": f"Not {done}: it changed meanwhile ({detail}).",
        }
        body = {"key": key, "status": status, "detail": detail, "done_at": done_at or now, "text": texts[status]}
        if status in ("refused", "conflict", "lost"):
            until = now + min(max(retry_after, 1.0), LONGEST_CEILING) if code and retry_after > 0 else 0.0
            # Until then the gate `runtime` holds it; a person's wish passes that gate.
            if not until or (incident is not None and incident.asked):
                self._retry_at[attempt.incident] = again = now + self._patience(attempt.incident, status)
                until = until or again
            if code:
                allow = _AT_CEILING if code.startswith("ceiling") else ""
                body |= {"gate": "runtime", "code": code, "until": until, "allow": allow}
        self._record(step, "outcome", now, incident, body)
        return step

    def _patience(self, incident: str, status: str) -> float:
        """Seconds until runtime is asked again: what it refuses for an hour must not fill the journal."""
        count = self._refusals[incident] = self._refusals.get(incident, 0) + 1
        first, most = (_RETRY_AFTER_REFUSAL, 240.0) if status == "refused" else (1.0, 30.0)
        return Backoff(first, most).delay(count)

    def ask(self, container: Container, action: str, reason: str, by: str, now: float) -> tuple[Step, Incident]:
        """Open an incident for a person's wish; the next `step` judges it.

        Raises:
            Conflict: another wish for the same target is still open.
        """
        if ASKED in self.histories.of(container.name).open:
            raise Conflict(f"something that was asked for {container.name} is still under way: see its incident")
        step = Step()
        text = f"{by or 'Somebody'} asked for it to be {self.actions[action].done}: {reason}"
        finding = Finding(container, ASKED, now, text, {"reason": reason})
        return step, self._open(finding, now, step, asked=action, by=by)

    def hear(self, alerts: list[tuple[Alert, bool]], world: World | None, now: float) -> Step:
        """Take alerts in; what is known already leaves no record, so that n copies of a webhook are one.

        Each record says what the alert is taken to ask for, or why nothing is done about it.

        Args:
            alerts: each with whether it fires (else it is resolved).
            world: the containers that it may name; None while nothing is known of the engine.
            now: the present.
        """
        step = Step()
        for alert, firing in alerts:
            before = self.histories.alerts.get(alert.fingerprint)
            if (before is not None and before.starts_at == alert.starts_at) if firing else before is None:
                continue
            meant = aim(alert.labels, world)
            body = {
                "fingerprint": alert.fingerprint,
                "starts_at": alert.starts_at,
                "labels": dict(alert.labels),
                "summary": alert.summary,
                "firing": firing,
                "several": meant.several,
                "text": heard(alert, meant) if firing else over(alert),
            }
            container = meant.container
            where = (container.id, container.name, container.service_key) if container else ("", "", "")
            record = Record("alert", now, "", *where, body)
            step.records.append(record)
            self.histories.apply(record)
        return step

    def restrain(self, mode: str, by: str, reason: str, now: float) -> Step:
        """The hub lowers (or, with an empty mode, lifts) what every service may have at most."""
        step = Step()
        self._record(step, "restraint", now, None, {"mode": mode, "by": by, "reason": reason})
        return step

    def _opened_at(self, finding: Finding) -> float:
        """When its incident began: what has waited longest goes first."""
        incident = self.histories.of(finding.container.name).open.get(finding.cause)
        return incident.opened_at if incident else float("inf")

    def _present(self, finding: Finding, world: World, now: float, silence: float, step: Step) -> None:
        history = self.histories.of(finding.container.name)
        if ASKED in history.open:
            return
        incident = history.open.get(finding.cause)
        if incident is not None and incident.target != finding.container.id:
            body = {"state": "closed", "outcome": "gone", "text": "The container was recreated."}
            self._close(incident, now, step, body)
            incident = None
        if incident is None and history.in_flight() is not None:
            # A container that is down in the middle of our own restart is no second fault: that try's verdict comes first.
            return
        incident = incident or self._open(finding, now, step)
        self._judge(self.case(finding, world, now, silence, incident), incident, step)

    def _wish(self, incident: Incident, world: World, now: float, silence: float, step: Step) -> None:
        container = world.containers.get(incident.target)
        if container is None or incident.tries or incident.last[0] == Choice.REFUSE:
            return
        finding = Finding(container, ASKED, incident.since, incident.text)
        self._judge(self.case(finding, world, now, silence, incident), incident, step)
        step.due(incident.opened_at + closing.WISH_LASTS)

    def judge_wish(self, container: Container, action: str, world: World, now: float, silence: float) -> Decision:
        """What would be decided of a person's wish now, without recording anything."""
        incident = Incident("", container.id, container.name, container.service_key, ASKED, now, now, "", asked=action)
        return decide(self.case(Finding(container, ASKED, now, ""), world, now, silence, incident))

    def _judge(self, case: Case, incident: Incident, step: Step) -> None:
        retry_at = self._retry_at.get(incident.id, 0.0)
        if 0 < retry_at - case.now <= LONGEST_RETRY:
            step.due(retry_at)
            return
        decision = decide(case)
        step.due(decision.until)
        if decision.choice is Choice.DO:
            self._act(case, incident, decision, step)
            return
        if incident.tries and (decision.gate == "in_flight" or case.history.in_flight() is not None):
            # It is being dealt with: one slow answer of the engine meanwhile holds nothing back.
            return
        if (decision.choice.value, decision.gate) != incident.last:
            self._record(step, "decision", case.now, incident, self._decision_body(case, decision))
        if decision.would and not incident.would_act_at:
            word = self.actions[case.action].would
            body = {"action": case.action, "text": f"Would be {word} now, but {decision.reason}."}
            self._record(step, "would_act", case.now, incident, body)
        hopeless = decision.gate in ("helps", "windows", "healable") and case.leave.mode is Mode.ENFORCE
        if hopeless and not incident.gave_up_at:
            text = f"Given up for now: {decision.reason}. {_sentence(decision.allow)}"
            self._record(step, "gave_up", case.now, incident, {"gate": decision.gate, "text": text.strip()})

    def _act(self, case: Case, incident: Incident, decision: Decision, step: Step) -> None:
        container = case.finding.container
        self._record(step, "decision", case.now, incident, self._decision_body(case, decision))
        key = f"{incident.id}-{incident.tries + 1}-{self._next()}"
        body = {"key": key, "action": case.action, "reason": case.finding.text}
        self._record(step, "intent", case.now, incident, body)
        plan = self.actions[case.action].plan(container)
        reason = case.finding.text
        order = Order(key, plan, incident.id, reason, container.name, container.service_key, asked=bool(incident.asked))
        step.orders.append(order)

    def _decision_body(self, case: Case, decision: Decision) -> dict[str, Any]:
        word = self.actions[case.action].would
        if decision.choice is Choice.DO:
            text = f"To be {word}: every gate passed."
        else:
            text = f"Not {word}: {decision.reason}."
        return {
            **decision.as_json(),
            "cause": case.finding.cause,
            "inputs": {"finding": dict(case.finding.inputs), "gates": decision.inputs()},
            "text": text,
        }

    def _watch_tries(self, world: World, present: set[tuple[str, str]], now: float, step: Step) -> None:
        for history in list(self.histories.targets.values()):
            attempt = history.in_flight()
            if attempt is None or attempt.status != "done":
                continue
            incident = self.histories.incidents.get(attempt.incident)
            container = world.containers.get(incident.target) if incident else None
            still = incident is not None and (incident.name, incident.cause) in present
            self._watch(attempt, incident, container, now, step, still=still)

    def _watch(
        self,
        attempt: Try,
        incident: Incident | None,
        container: Container | None,
        now: float,
        step: Step,
        *,
        still: bool,
    ) -> None:
        seen = watch(attempt, container, self.settings, now, still=still)
        step.due(seen.look_again)
        if not seen.verdict:
            return
        kind = "recovered" if seen.verdict == "recovered" else "verdict"
        body = {"key": attempt.key, "action": attempt.action, "verdict": seen.verdict, "text": seen.text}
        self._record(step, kind, now, incident, body)
        if kind == "recovered":
            # The next milestone is worked out at once, so that its time is known.
            self._watch(attempt, incident, container, now, step, still=still)

    def _absent(self, incident: Incident, world: World, now: float, step: Step) -> None:
        attempt = self.histories.of(incident.name).in_flight()
        if attempt is not None and attempt.incident == incident.id:
            return
        end = closing.ending(incident, self.histories.of(incident.name), world, now)
        if end.state:
            self._close(incident, now, step, {"state": end.state, "outcome": end.outcome, "text": end.text})

    def _close(self, incident: Incident, now: float, step: Step, body: Mapping[str, Any]) -> None:
        self._record(step, "closed", now, incident, body)
        self._retry_at.pop(incident.id, None)
        self._refusals.pop(incident.id, None)

    def _open(self, finding: Finding, now: float, step: Step, asked: str = "", by: str = "") -> Incident:
        container = finding.container
        incident_id = f"{container.short_id}-{finding.cause}-{int(now * 1000):x}-{self._next()}"
        body = {"cause": finding.cause, "since": finding.since, "text": finding.text, "asked": asked, "by": by}
        record = Record("opened", now, incident_id, container.id, container.name, container.service_key, body)
        step.records.append(record)
        self.histories.apply(record)
        return self.histories.incidents[incident_id]

    def _record(self, step: Step, kind: str, now: float, incident: Incident | None, body: Mapping[str, Any]) -> None:
        where = (incident.id, incident.target, incident.name, incident.service) if incident else ("", "", "", "")
        record = Record(kind, now, *where, body)
        step.records.append(record)
        self.histories.apply(record)

    def _next(self) -> int:
        self._serial += 1
        return self._serial


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""
