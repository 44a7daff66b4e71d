"""The gates between a finding and an action: each one pure, each with a reason in words.

Every gate is asked for every case, so that "why did you not act?" can name all that stood in the way; the first that does
not pass decides. Their order is in `decide.py`. Numbers and origins: facts of the field in each docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from paramedic_core.leave import Leave
from paramedic_core.limits import Backoff
from paramedic_core.model import EndedBy, State
from paramedic_core.settings import HealerSettings, Mode
from paramedic_core.world import World
from paramedic_healer.ceilings import Refusal
from paramedic_healer.finding import Finding
from paramedic_healer.history import Incident, TargetHistory

WELL_AFTER = 600.0
"""A target that has been left alone this long starts its backoff anew (facts of Kubernetes' kubelet: 10 minutes)."""

MOST_SILENCE = 15.0
"""Seconds without a word from runtime after which nothing is believed any more; it speaks every 5."""


class Choice(StrEnum):
    """What a decision says."""

    DO = "do"
    WAIT = "wait"
    """Not now: something that passes by itself."""
    REFUSE = "refuse"
    """Not without a change that somebody else must make."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that the gates look at."""

    finding: Finding
    action: str
    world: World
    history: TargetHistory
    leave: Leave
    settings: HealerSettings
    now: float
    healer_started: float
    silence: float
    """Seconds since runtime was last heard."""
    incident: Incident | None = None
    asked: bool = False
    """A person asked for it: what only guards against our own eagerness is passed over."""
    ceiling: Refusal | None = None
    """Runtime's ceiling, of the host or of the target, while it is known to hold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's word."""

    gate: str
    choice: Choice = Choice.DO
    reason: str = ""
    allow: str = ""
    """The one change that would let it pass, in words."""
    until: float = 0.0
    """When it may pass by itself, Unix seconds; 0 is not known."""
    inputs: Mapping[str, object] = field(default_factory=dict)

    @property
    def passes(self) -> bool:
        return self.choice is Choice.DO


def fresh(case: Case) -> Verdict:
    """No action on stale knowledge: the engine must be there, and have confirmed the World lately."""
    world = case.world
    age = case.now - world.at
    seen = {"world_age_seconds": round(age, 1), "runtime_silent_seconds": round(min(case.silence, 1e9), 1)}
    if not world.engine.connected:
        why = world.engine.reason or "it does not answer"
        return Verdict("fresh", Choice.WAIT, f"the engine is away: {why}", "bring the engine back", inputs=seen)
    if not known(world, case.settings, case.now, case.silence):
        reason = f"what is known of the engine is {max(age, case.silence):.0f} s old"
        return Verdict("fresh", Choice.WAIT, reason, "wait until paramedic's runtime role is back", inputs=seen)
    return Verdict("fresh", inputs=seen)


def known(world: World, settings: HealerSettings, now: float, silence: float) -> bool:
    """Whether what World says can be believed now."""
    return world.engine.connected and silence <= MOST_SILENCE and now - world.at <= settings.stale_after


def confirmed(case: Case) -> Verdict:
    """A fault must last for `healer.confirm` before anything is decided (Prometheus' `for`)."""
    until = case.finding.since + case.settings.confirm
    if case.finding.since <= case.now < until and not case.asked:
        return Verdict("confirm", Choice.WAIT, f"it must last {case.settings.confirm:g} s first", until=until)
    return Verdict("confirm")


def healable(case: Case) -> Verdict:
    """Some faults no restart can mend: the command is not there, or may not be run (exit codes 125 to 127)."""
    container = case.finding.container
    if case.finding.cause == "exited" and container.exit_code in (125, 126, 127):
        meaning = {125: "the engine could not run it", 126: "its command may not be executed"}
        what = meaning.get(container.exit_code, "its command was not found")
        reason = f"{what} (exit code {container.exit_code}): starting it again cannot help"
        return Verdict("healable", Choice.REFUSE, reason, "mend its image or command")
    return Verdict("healable")


def helps(case: Case) -> Verdict:
    """An action that did not help `healer.give_up_after` times in a row is left to a person for a day."""
    useless = case.history.without_effect(case.action, case.now)
    if useless >= case.settings.give_up_after and not case.asked:
        times = {1: "once", 2: "twice"}.get(useless, f"{useless} times")
        reason = f"that was tried {times} and did not help"
        return Verdict(
            "helps",
            Choice.REFUSE,
            reason,
            "find the cause, and recreate or restart it by hand",
            inputs={"tries": useless},
        )
    return Verdict("helps")


def ours(case: Case) -> Verdict:
    """Whether it is ours to touch: never paramedic itself, a Swarm's task, a one-off job, a network's owner, `--rm`."""
    container = case.finding.container
    if container.is_self:
        return Verdict("ours", Choice.REFUSE, "it is a part of paramedic, which never acts on itself")
    if container.task:
        return Verdict("ours", Choice.REFUSE, "it is a Swarm task: Swarm itself replaces it")
    if container.one_off:
        return Verdict("ours", Choice.REFUSE, "somebody ran it once by hand (docker compose run)")
    if container.auto_remove:
        reason = "it was run with --rm, so the engine may remove it for good once it is stopped"
        return Verdict("ours", Choice.REFUSE, reason, "run it without --rm (in Docker's API: HostConfig.AutoRemove)")
    gone = (State.EXITED, State.CREATED, State.DEAD)
    names = sorted(c.name for c in case.world.dependents(container) if c.state not in gone)
    if names:
        reason = f"{', '.join(names[:3])} live{'s' if len(names) == 1 else ''} in its network and would lose it"
        return Verdict(
            "ours", Choice.REFUSE, reason, "restart it and its dependents by hand", inputs={"dependents": names}
        )
    return Verdict("ours")


def unhurried(case: Case) -> Verdict:
    """No action in the first seconds of the healer's own life: first look, then act."""
    until = case.healer_started + case.settings.startup_grace
    # A clock that was set back far must not make the first seconds last for a year.
    if abs(case.now - case.healer_started) < case.settings.startup_grace:
        return Verdict("startup_grace", Choice.WAIT, "paramedic has only just started and looks first", until=until)
    return Verdict("startup_grace")


def human_hold(case: Case) -> Verdict:
    """A person's stop is respected; an end that nobody witnessed may have been one."""
    container = case.finding.container
    if container.being_stopped(case.now):
        until = container.stop_asked + container.stop_timeout + 5.0
        return Verdict("human_hold", Choice.WAIT, "somebody is stopping it just now", until=until)
    if container.running or case.asked:
        return Verdict("human_hold")
    ending = container.ending
    under_way = container.id in case.world.acting or case.history.in_flight() is not None
    if ending is not None and ending.by is EndedBy.US and under_way:
        # It is down in the middle of our own act, which is what `in_flight` says.
        return Verdict("human_hold")
    if container.state is State.PAUSED:
        return Verdict(
            "human_hold", Choice.REFUSE, "somebody paused it", f"`docker unpause {container.name}`, if it should run"
        )
    if ending is None or ending.by is EndedBy.UNKNOWN:
        reason = "nobody saw how it ended, so it may have been stopped on purpose"
        return Verdict("human_hold", Choice.REFUSE, reason, f"`docker start {container.name}`, if it should run")
    if ending.by is EndedBy.SOMEONE:
        reason = f"somebody stopped it ({ending.signal or 'a signal'})"
        return Verdict("human_hold", Choice.REFUSE, reason, f"`docker start {container.name}`, if it should run")
    if ending.by is EndedBy.US and not case.history.left_down():
        reason = "paramedic stopped it, because somebody asked for that"
        return Verdict("human_hold", Choice.REFUSE, reason, f"`docker start {container.name}`, if it should run")
    return Verdict("human_hold")


def in_flight(case: Case) -> Verdict:
    """One action at a time on a target, and the last one's effect is awaited."""
    acting = case.world.acting.get(case.finding.container.id)
    if acting is not None:
        return Verdict("in_flight", Choice.WAIT, f"a {acting.verb} of it is under way")
    attempt = case.history.in_flight()
    if attempt is not None:
        reason = "it was just asked for" if attempt.status == "asked" else "the last action's effect is still awaited"
        return Verdict("in_flight", Choice.WAIT, reason)
    return Verdict("in_flight")


def past(times: list[float], now: float, most: float) -> list[float]:
    """Times as seen from `now`: after the clock was set back, those ahead count for `most` seconds and not for ever."""
    return [min(t, now) for t in times if t <= now + most]


def cooldown(case: Case) -> Verdict:
    """Exponential backoff a target: 10 s, doubling up to 5 min, with jitter; anew after a long calm (healing 3.3)."""
    times = past(case.history.times(), case.now, case.settings.backoff_most)
    if not times or case.asked:
        return Verdict("cooldown")
    settings = case.settings
    backoff = Backoff(settings.backoff_first, settings.backoff_most)
    streak = case.history.streak(max(WELL_AFTER, 2 * settings.backoff_most))
    # The jitter comes from the moment itself: the same history gives the same answer, also after a restart.
    until = times[-1] + backoff.delay(streak, luck=(times[-1] * 1000 % 97) / 97)
    if case.now >= until or case.now - times[-1] > max(WELL_AFTER, 2 * settings.backoff_most):
        return Verdict("cooldown")
    reason = f"it was touched {streak} time{'s' if streak != 1 else ''} lately; the next try waits its turn"
    return Verdict("cooldown", Choice.WAIT, reason, until=until, inputs={"tries": streak})


def windows(case: Case) -> Verdict:
    """So many actions a target in each window, over the healer's own restarts too."""
    times = case.history.times()
    full = [(w.free_at(past(times, case.now, w.seconds), case.now), w) for w in case.settings.windows]
    late = [(until, w) for until, w in full if until > case.now]
    if not late:
        return Verdict("windows")
    until, window = max(late, key=lambda pair: pair[0])
    reason = f"it was touched {window} already, which is the most"
    return Verdict("windows", Choice.WAIT, reason, "find the cause; then wait, or heal it by hand", until)


def hands(case: Case) -> Verdict:
    """Runtime's verbs must be able to act, and to write down what they do."""
    state = case.world.hands
    if not state.ready and not state.frozen:
        return Verdict("hands", Choice.WAIT, f"paramedic's hands are tied: {state.reason}", state.reason)
    return Verdict("hands")


def runtime(case: Case) -> Verdict:
    """What runtime's own guards refused they will refuse until it is asked again; its ceiling, until that is free."""
    own = case.incident.refusal if case.incident else None
    refusal = case.ceiling or (own if own is not None and own.holds(case.now) else None)
    if refusal is None or case.asked:
        return Verdict("runtime")
    return Verdict("runtime", Choice.REFUSE, refusal.reason.rstrip("."), refusal.allow, refusal.until)


def mode(case: Case) -> Verdict:
    """Whether anybody gave leave to act on this service."""
    leave = case.leave
    seen = {"mode": leave.mode.value, "source": leave.source}
    if leave.mode is Mode.ENFORCE:
        return Verdict("mode", inputs=seen)
    words = {
        "freeze": "everything is frozen",
        "default": "it has not been opted in",
    }
    # That somebody chose a mode which cannot act yet is to be said, wherever it was chosen.
    reason = leave.why if leave.mode is Mode.APPROVE else words.get(leave.source, leave.why)
    return Verdict("mode", Choice.REFUSE, reason, leave.allow, inputs=seen)
