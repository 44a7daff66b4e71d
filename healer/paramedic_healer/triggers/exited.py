"""A container ended with an error, and nothing brings it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from paramedic_core.model import Container, EndedBy, State
from paramedic_healer.finding import Facts, Finding, Trigger


class Exited(Trigger):
    """A container that ended by itself with an error, where no restart policy brings it back.

    A run that a person ended is no fault; one that our own restart ended and could not begin again is. One that nobody witnessed is found, and held by a gate: it may have been a
    person's stop.
    """

    name: ClassVar[str] = "exited"
    ladder: ClassVar[tuple[str, ...]] = ("start",)

    def find(self, facts: Facts, now: float) -> Iterator[Finding]:
        for container in facts.world.containers.values():
            # What our own restart left down is ours to mend, also where only the running are healed.
            failed = _failed(container) and not _comes_back(container) and not self.settings.only_running
            if not _left_down(container, facts) and not failed:
                continue
            if 0 <= now - container.finished_at < self.settings.exited_after:
                continue
            how = _how(container, facts)
            yield Finding(
                container,
                self.name,
                container.finished_at or now,
                f"It {how} (exit code {container.exit_code}), and nothing restarts it.",
                {
                    "exit_code": container.exit_code,
                    "oom_killed": container.oom_killed,
                    "finished_at": container.finished_at,
                    "restart_policy": container.restart_policy,
                    "ended_by": container.ending.by.value if container.ending else EndedBy.UNKNOWN.value,
                },
            )


def _how(container: Container, facts: Facts) -> str:
    if _left_down(container, facts):
        return "was stopped for a restart that failed"
    return "was killed for using too much memory" if container.oom_killed else "ended with an error"


def _left_down(container: Container, facts: Facts) -> bool:
    """Whether our own restart ended it and could not start it again: no policy and no person brings that back."""
    ours = container.ending is not None and container.ending.by is EndedBy.US
    return container.state is State.EXITED and ours and container.name in facts.left_down


def _failed(container: Container) -> bool:
    if container.state is not State.EXITED or not (container.exit_code or container.oom_killed):
        return False
    # A job that somebody ran by hand, or that goes away by itself, is nobody's service.
    if container.auto_remove or container.one_off:
        return False
    by = container.ending.by if container.ending else EndedBy.UNKNOWN
    return by in (EndedBy.NOBODY, EndedBy.UNKNOWN)


def _comes_back(container: Container) -> bool:
    """Whether the engine's restart policy is still at it (facts/healing 3.3: do not race the engine)."""
    if container.restart_policy in ("always", "unless-stopped"):
        return True
    tries_left = container.restart_retries == 0 or container.restarts < container.restart_retries
    return container.restart_policy == "on-failure" and tries_left
