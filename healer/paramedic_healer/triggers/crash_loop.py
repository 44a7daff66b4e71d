"""The engine starts a container again and again, and it does not stay up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from paramedic_core.model import State
from paramedic_healer.finding import Facts, Finding, Trigger


class CrashLoop(Trigger):
    """A container that its restart policy has started many times lately, and that has not stayed up since.

    `healer.crash_loop_restarts` starts within `healer.crash_loop_window`; over when it has run for
    `healer.verified_after`.
    """

    name: ClassVar[str] = "crash_loop"
    ladder: ClassVar[tuple[str, ...]] = ("restart",)

    def find(self, facts: Facts, now: float) -> Iterator[Finding]:
        settings = self.settings
        for container in facts.world.containers.values():
            if container.restart_policy == "no" or container.restarts < 1:
                continue
            if container.state not in (State.RUNNING, State.RESTARTING):
                continue
            if self.settings.only_running and not container.running:
                continue
            recent = [t for t in container.starts if now - settings.crash_loop_window < t <= now + 1.0]
            # Starts ahead of now were told by a clock that has been set back since. The first start is not a restart.
            if len(recent) <= settings.crash_loop_restarts:
                continue
            if container.running and now - container.started_at >= settings.verified_after:
                continue
            span = now - recent[0]
            yield Finding(
                container,
                self.name,
                recent[0],
                f"It was started {len(recent)} times in {span:.0f} s and does not stay up "
                f"(last exit code {container.last_exit_code}).",
                {"starts": len(recent), "span_seconds": round(span, 3), "exit_code": container.last_exit_code},
            )
