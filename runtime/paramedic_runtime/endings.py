"""Who ended a container's run: read from the order of events, since the exit code alone does not tell (137 in both).

A crash is a `die` with no terminating `kill` just before it. A person's stop is `kill`, `die`, `stop` (engine 20.10) or
`kill`, `stop`, `die` (engine 29, facts/engine 2); `stop` comes from nothing else, so it settles the matter wherever it stands.
What is not certain is held back: in doubt a run was ended by someone, or by `unknown`, never by `nobody`.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace

from paramedic_core.model import EndedBy, Ending
from paramedic_runtime.base import Event

LOOK_BACK = 15.0
"""Seconds before a death that must have been witnessed to call it a crash: `docker stop` waits 10 s by default and then
sends SIGKILL, which is a `kill` of its own."""
MEANT_TO_END = frozenset({"SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT"})
_KILL_TAKES = 60.0
"""Nothing survives SIGKILL, but a process in the kernel's hands may take its time."""
_STOP_TAKES = 30.0
_DRAIN_TAKES = 600.0
"""A process may finish its work first; then it ends with 0 or with the signal's own code."""
_AT_ONCE = 2.0
"""SIGHUP, SIGUSR1, SIGWINCH … end nothing by default in a container (its process is PID 1); one that does dies at once."""
_CLOSE = 1.0


@dataclass(frozen=True, slots=True)
class Kill:
    """One signal that went through the engine."""

    at: float
    signal: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Run:
    """What events told of a container's present run, or of its last one when it is dead."""

    began: float = 0.0
    """When the start was seen; 0 when it was not."""
    dead: bool = False
    term: Kill | None = None
    """The last signal that is meant to end a process."""
    soft: Kill | None = None
    """The last other signal."""
    stop: Kill | None = None
    """A `stop` event before the death."""
    unheard: bool = False
    """No event told of its start: when one should have, others may be missing too."""


@dataclass(frozen=True, slots=True)
class Known:
    """What must be known besides the events to judge one of them."""

    ours: bool = False
    """One of our own verbs was at work on the target at the event's time."""
    whole_since: float = 0.0
    """No event has been missed since then."""
    started_at: float = 0.0
    """The engine's StartedAt, where it is known to be before the event."""
    stop_timeout: float = 10.0
    stop_signal: str = ""


def follow(run: Run, ending: Ending | None, event: Event, known: Known) -> tuple[Run, Ending | None]:
    """The run and the last ending after one event; both unchanged by events that say nothing of an end."""
    if event.action == "start":
        return Run(began=event.at), ending
    if event.action not in ("kill", "stop", "die"):
        return run, ending
    if run.dead and ending is not None:
        since = event.at - ending.at
        if event.action == "stop" and since <= _STOP_TAKES:
            return run, _amended(ending, Kill(event.at, run.term.signal if run.term else "", known.ours or _ours(run)))
        if event.action == "kill" and since <= _CLOSE:
            # A dead container takes no signal: this one was sent while it died, and was told late.
            return run, _amended(ending, Kill(event.at, event.detail, known.ours))
        # What is dead does not end: it must have been started, and nobody told us.
        run = unheard(run, ending.at)
    if event.action == "die":
        return replace(run, dead=True), _judge(run, event, known)
    kill = Kill(event.at, event.detail, known.ours)
    if event.action == "stop":
        signal_name = run.term.signal if run.term else ""
        return replace(run, stop=Kill(event.at, signal_name, known.ours or _ours(run))), ending
    if event.detail in MEANT_TO_END or (event.detail and event.detail == known.stop_signal):
        return replace(run, term=kill), ending
    return replace(run, soft=kill), ending


def unheard(run: Run, began: float) -> Run:
    """A run whose start no event told of, with what is known of it: signals since `began`."""
    term = run.term if run.term is not None and run.term.at >= began else None
    soft = run.soft if run.soft is not None and run.soft.at >= began else None
    stop = run.stop if run.stop is not None and run.stop.at >= began else None
    return Run(began=began, term=term, soft=soft, stop=stop, unheard=True)


def _judge(run: Run, event: Event, known: Known) -> Ending:
    began, code = max(run.began, known.started_at), _exit_code(event)
    for kill in (run.stop, run.term, run.soft):
        if kill is not None and kill.at >= began - _CLOSE and _ends(run, kill, event, known):
            return Ending(event.at, EndedBy.US if kill.ours else EndedBy.SOMEONE, kill.signal, code)
    missing = run.unheard and run.began > known.whole_since
    if known.whole_since <= max(event.at - LOOK_BACK, began) and not missing:
        return Ending(event.at, EndedBy.NOBODY, exit_code=code)
    return Ending(event.at, EndedBy.UNKNOWN, exit_code=code)


def _ends(run: Run, kill: Kill, event: Event, known: Known) -> bool:
    """Whether this signal explains this death."""
    age = event.at - kill.at
    code = _exit_code(event)
    if kill is run.stop:
        return True
    if kill is run.soft:
        return age <= _AT_ONCE or (code == 128 + _number(kill.signal) and age <= LOOK_BACK)
    if kill.signal == "SIGKILL":
        return age <= _KILL_TAKES
    if age <= max(_STOP_TAKES, known.stop_timeout + 5.0):
        return True
    return age <= _DRAIN_TAKES and code in (0, 128 + _number(kill.signal))


def _exit_code(death: Event) -> int | None:
    return int(death.detail) if death.detail.lstrip("-").isdecimal() else None


def _amended(ending: Ending | None, kill: Kill) -> Ending | None:
    if ending is None or ending.by in (EndedBy.US, EndedBy.SOMEONE):
        return ending
    return replace(ending, by=EndedBy.US if kill.ours else EndedBy.SOMEONE, signal=kill.signal)


def _ours(run: Run) -> bool:
    return run.term is not None and run.term.ours


def _number(name: str) -> int:
    try:
        return int(signal.Signals[name])
    except KeyError:
        text = name.removeprefix("SIG")
        return int(text) if text.isdecimal() and len(text) <= 3 else -1000
