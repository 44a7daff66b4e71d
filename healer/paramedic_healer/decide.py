"""The pipeline: facts, policy, history and time in; a decision with its reason out. Pure.

    finding → fresh → confirm → healable → ours → human hold → hands → startup grace → in flight → helps → cooldown
            → windows → runtime → mode → (preflight, in runtime) → act

Mode is asked last, so that a service in observe mode shows what would really have been done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paramedic_healer import guards
from paramedic_healer.guards import Case, Choice, Verdict

PIPELINE: tuple[Callable[[Case], Verdict], ...] = (
    guards.fresh,
    guards.confirmed,
    guards.healable,
    guards.ours,
    guards.human_hold,
    guards.hands,
    guards.unhurried,
    guards.in_flight,
    guards.helps,
    guards.cooldown,
    guards.windows,
    guards.runtime,
    guards.mode,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Do, wait or refuse; always with a reason."""

    choice: Choice
    action: str
    gate: str
    """The first gate that did not pass; empty when all did."""
    reason: str
    allow: str
    until: float
    would: bool
    """Every gate but the mode passes: in observe mode, this is what would have been done."""
    verdicts: tuple[Verdict, ...]
    mode: str

    def as_json(self) -> dict[str, Any]:
        """The decision in short."""
        return {
            "action": self.action,
            "decision": self.choice.value,
            "gate": self.gate,
            "reason": self.reason,
            "allow": self.allow,
            "until": self.until,
            "would": self.would,
            "mode": self.mode,
        }

    def inputs(self) -> Mapping[str, Any]:
        """What the gates saw and said, for the journal."""
        return {
            v.gate: {"choice": v.choice.value, **({"reason": v.reason} if v.reason else {}), **v.inputs}
            for v in self.verdicts
        }


def decide(case: Case) -> Decision:
    """Ask every gate; the first that does not pass decides."""
    verdicts = tuple(gate(case) for gate in PIPELINE)
    mode = case.leave.mode.value
    stops = [v for v in verdicts if not v.passes]
    would = all(v.gate == "mode" for v in stops)
    if not stops:
        return Decision(Choice.DO, case.action, "", case.finding.text, "", 0.0, would, verdicts, mode)
    first = stops[0]
    return Decision(
        first.choice, case.action, first.gate, first.reason, first.allow, first.until, would, verdicts, mode
    )
