"""One role in the supervisor's care: its process, its record, and what it is waiting for."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from paramedic.lives import Life
from paramedic.loop import NEVER
from paramedic.probe import Probe
from paramedic.roles import Spec

START_DEADLINE = 120.0
"""Seconds from the fork until a role must have said that it is ready: only one that hangs takes so long."""
KILL_AFTER = 4.0
"""Seconds from SIGTERM to SIGKILL."""


class Stage(StrEnum):
    """Where a role is in its life."""

    WAITING = "waiting"
    """It has no process, and gets one when its backoff is over."""
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(slots=True)
class Ward:
    """One role. Times are monotonic seconds, but for `since` and `last_exit`, which are for people (Unix seconds)."""

    spec: Spec
    life: Life = field(default_factory=Life)
    stage: Stage = Stage.WAITING
    pid: int = 0
    start_at: float = 0.0
    """When its next life may begin."""
    kill_at: float = NEVER
    """When it is killed, for not being ready or not having stopped by then."""
    ready_fd: int = -1
    probe: Probe | None = None
    since: float = 0.0
    last_exit: dict[str, Any] = field(default_factory=dict)
    why_killed: str = ""

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def deadline(self) -> float:
        """When it must be looked after, if nothing happens before."""
        start = self.start_at if self.stage is Stage.WAITING else NEVER
        answer = self.probe.deadline if self.probe is not None else NEVER
        return min(self.kill_at, start, answer)

    def ask_to_stop(self, kill_at: float) -> None:
        """SIGTERM now, and SIGKILL at `kill_at`."""
        if self.pid and self.stage is not Stage.STOPPING:
            self.stage, self.kill_at = Stage.STOPPING, kill_at
            self._signal(signal.SIGTERM)

    def kill(self, why: str) -> None:
        """SIGKILL now."""
        self.why_killed, self.kill_at = why, NEVER
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # One that has ended is still ours until it is reaped, so this can hit no other process.
        with contextlib.suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, number)

    def state(self) -> dict[str, Any]:
        """For `supervisor.json`."""
        state = {
            "pid": self.pid,
            "stage": str(self.stage),
            "restarts": self.life.restarts,
            "since": round(self.since, 3),
        }
        return {**state, "last_exit": self.last_exit} if self.last_exit else state


def how(status: int) -> str:
    """A wait status (wait(2)) in words."""
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exited with status {os.waitstatus_to_exitcode(status)}"
