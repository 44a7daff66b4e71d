"""One container of the in-memory engine: what is seen of it, and how its process will behave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from paramedic_core.model import Container, Health, State

BACKOFF_FIRST = 0.1
BACKOFF_MOST = 60.0
BACKOFF_RESET = 10.0
"""The engine's own restart policy: 100 ms, doubled up to a minute, from the first again after a run of 10 s
(moby `restartmanager`)."""


@dataclass(slots=True)
class Box:
    """A container and the script that its process follows."""

    seen: Container
    healthy_after: float = 1.0
    """Seconds from a start to the first good probe."""
    sick_starts: int | None = 0
    """How many more starts end in `unhealthy`; None: all of them."""
    crash_after: float = 0.0
    """How long a run lasts that ends in a crash."""
    crash_runs: int | None = 0
    """How many more runs crash; None: all of them."""
    crash_code: int = 1
    deaf: bool = False
    """It hangs: it hears no SIGTERM until it has been started anew."""
    stops_in: float = 0.0
    """Seconds that it needs to end after SIGTERM."""
    by_hand: bool = False
    """Stopped by a person (or a verb): the restart policy leaves it alone until the next start."""
    backoff: float = 0.0
    verdict: int = 0
    """The number of the last word on its health; a probe that was planned before says nothing any more."""
    run: int = 0
    """The number of this run; what was planned for an earlier one does not happen."""

    def change(self, **fields: Any) -> None:
        """Replace fields of what is seen."""
        self.seen = replace(self.seen, **fields)

    def begin(self, now: float, *, pid: int) -> None:
        """A new run."""
        self.run += 1
        self.by_hand = False
        checked = self.seen.health_check is not None
        self.change(
            state=State.RUNNING,
            started_at=now,
            pid=pid,
            exit_code=0,
            oom_killed=False,
            health=Health.STARTING if checked else Health.NONE,
            failing_streak=0,
        )

    def end(self, now: float, code: int) -> None:
        """The run is over."""
        self.run += 1
        # The engine's inspect keeps the last health of a stopped container; only a start resets it.
        self.change(state=State.EXITED, finished_at=now, exit_code=code, pid=0)

    def policy_restarts(self) -> bool:
        """Whether the engine itself will start it again after this end."""
        policy, retries = self.seen.restart_policy, self.seen.restart_retries
        if self.by_hand:
            return False
        if policy == "on-failure":
            return self.seen.exit_code != 0 and (retries == 0 or self.seen.restarts < retries)
        return policy in ("always", "unless-stopped")

    def next_backoff(self, ran: float) -> float:
        """The engine's delay before its next start."""
        self.backoff = BACKOFF_FIRST if ran >= BACKOFF_RESET or not self.backoff else self.backoff * 2
        self.backoff = min(self.backoff, BACKOFF_MOST)
        return self.backoff

    def unhealthy_after(self) -> float:
        """Seconds from a start to `unhealthy`, when every probe fails: start period, then retries × interval."""
        check = self.seen.health_check
        assert check is not None
        return check.start_period + check.retries * check.interval

    def sick_now(self) -> bool:
        """Whether this run turns unhealthy; counts it."""
        return _spend(self, "sick_starts")

    def crashes_now(self) -> bool:
        """Whether this run crashes; counts it."""
        return _spend(self, "crash_runs")


def _spend(box: Box, name: str) -> bool:
    left: int | None = getattr(box, name)
    if left is None:
        return True
    if left > 0:
        setattr(box, name, left - 1)
    return left > 0


def made(
    name: str,
    number: int,
    labels: Mapping[str, str] | None = None,
    *,
    like: Container | None = None,
    created_at: float = 0.0,
    **fields: Any,
) -> Container:
    """A created container, with an id made of `number` and `name`; with `like`, of the same configuration."""
    base = like or Container(id="", name="", state=State.CREATED, image="busybox:latest", image_id="sha256:" + "b" * 64)
    seen = replace(
        base,
        id=(f"{number:08x}" + name.encode().hex()[:56]).ljust(64, "0"),
        name=name,
        state=State.CREATED,
        created_at=created_at,
        started_at=0.0,
        finished_at=0.0,
        exit_code=0,
        oom_killed=False,
        pid=0,
        failing_streak=0,
        restarts=0,
        labels=dict(labels or {}),
        **fields,
    )
    return replace(seen, health=Health.STARTING if seen.health_check else Health.NONE)
