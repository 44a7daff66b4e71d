"""Did the action help? Pure: a try, the container as it is now, and the time.

*recovered*: running and healthy for `healer.recovered_after`. *verified*: the fault stayed away for
`healer.verified_after` more. Anything else before the deadline is awaited; after it, or at the first relapse, the action
had no effect. "The engine said yes" is never success (facts/healing 0, row 7).
"""

from __future__ import annotations

from dataclasses import dataclass

from paramedic_core.model import Container, EndedBy, Health, State
from paramedic_core.settings import HealerSettings
from paramedic_healer.history import Try

_SET_BACK = 60.0
"""A time that lies further ahead than this, in seconds, means that the clock was set back."""

_SETTLES = 5.0
"""Seconds after an act within which World may still show the run that the act itself ended."""

VERDICTS = ("fixed", "no_effect", "unknown")
"""What is said of an action in the end."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What to make of a try now."""

    verdict: str
    """recovered, fixed, no_effect, unknown; empty: go on watching."""
    text: str = ""
    look_again: float = 0.0
    """Unix seconds."""


def watch(
    attempt: Try, container: Container | None, settings: HealerSettings, now: float, *, still: bool = False
) -> Watch:
    """What has become of `attempt`, whose status is `done`.

    Args:
        attempt: the try.
        container: its target now; None when it is gone.
        settings: the times.
        now: the present.
        still: whether the fault's trigger still sees it. An alert takes its time to clear, so only the deadline tells.
    """
    if max(attempt.done_at, attempt.recovered_at) > now + _SET_BACK:
        return Watch("unknown", "The clock was set back meanwhile, so nobody can say whether it helped.")
    if container is None:
        return Watch("unknown", "The container is gone, so nobody can say whether it helped.")
    if attempt.action == "stop":
        return _stopped(container, attempt, now)
    ending = container.ending
    # An end from before the action is what the World still shows of the run before, or what was to be started.
    if not container.running and ending is not None and ending.by is EndedBy.SOMEONE and ending.at >= attempt.at:
        return Watch("unknown", "Somebody stopped it meanwhile.")
    if container.state is State.PAUSED and container.started_at >= attempt.at:
        return Watch("unknown", "Somebody paused it meanwhile.")
    if _old_run(attempt, container, now):
        return Watch("", look_again=attempt.done_at + _SETTLES)
    relapse = _relapse(attempt, container)
    if relapse:
        return Watch("no_effect", relapse)
    if container.well and not (still and attempt.recovered_at):
        return _well(attempt, container, settings, now)
    start_period = container.health_check.start_period if container.health_check else 0.0
    deadline = attempt.done_at + start_period + settings.verify_deadline
    if now >= deadline and still and container.well:
        return Watch("no_effect", f"The fault is still there {deadline - attempt.done_at:.0f} s later.")
    if now >= deadline:
        return Watch("no_effect", f"It was not well again within {deadline - attempt.done_at:.0f} s.")
    return Watch("", look_again=deadline)


def _well(attempt: Try, container: Container, settings: HealerSettings, now: float) -> Watch:
    if not attempt.recovered_at:
        times = [container.started_at, container.health_since if container.health is Health.HEALTHY else 0.0]
        # What lies ahead was told by a clock that has been set back since.
        since = max([attempt.done_at, *(t for t in times if t <= now + _SET_BACK)])
        if now >= since + settings.recovered_after:
            return Watch("recovered", f"Running{_healthy(container)} for {settings.recovered_after:g} s.")
        return Watch("", look_again=since + settings.recovered_after)
    verified = attempt.recovered_at + settings.verified_after
    if now >= verified:
        return Watch("fixed", f"The fault stayed away for {settings.verified_after:g} s more.")
    return Watch("", look_again=verified)


def _old_run(attempt: Try, container: Container, now: float) -> bool:
    """Whether what is seen down may be the run that the act ended, and not the one that it began.

    The engine's answer may come before its events. Its start is no sign of the new run: the engine's own restart may
    have fallen between intent and act. One that ended at once after the act looks the same, and has no run after it.
    """
    return (
        container.state in (State.EXITED, State.DEAD, State.RESTARTING)
        and container.finished_at <= attempt.done_at
        and now < attempt.done_at + _SETTLES
    )


def _relapse(attempt: Try, container: Container) -> str:
    if container.health is Health.UNHEALTHY and container.running and container.health_since > attempt.done_at:
        return "Its health check fails again."
    if container.started_at < attempt.at:
        # The engine's answer has come before its event: what is seen is still the run before the action.
        return ""
    if container.state in (State.EXITED, State.DEAD) and container.finished_at >= container.started_at:
        return f"It ended again (exit code {container.last_exit_code})."
    if container.restarts > 0 and container.started_at > attempt.done_at:
        return f"It ended again (exit code {container.last_exit_code}), and the engine restarted it."
    if container.state is State.RESTARTING:
        return f"It ended again (exit code {container.last_exit_code})."
    return ""


def _stopped(container: Container, attempt: Try, now: float) -> Watch:
    if container.state in (State.EXITED, State.CREATED):
        return Watch("fixed", "It is stopped, as asked.")
    if now > attempt.done_at + 30:
        return Watch("no_effect", "It still runs.")
    return Watch("", look_again=attempt.done_at + 31)


def _healthy(container: Container) -> str:
    return " and healthy" if container.health is Health.HEALTHY else ""
