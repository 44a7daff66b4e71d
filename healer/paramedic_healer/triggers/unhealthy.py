"""A running container fails its own health check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from paramedic_core.model import Health
from paramedic_healer.finding import Facts, Finding, Trigger


class Unhealthy(Trigger):
    """A running container that the engine calls unhealthy.

    The engine has already counted `retries` failures in a row before it says so, and none in the start period.
    """

    name: ClassVar[str] = "unhealthy"
    ladder: ClassVar[tuple[str, ...]] = ("restart",)

    def find(self, facts: Facts, now: float) -> Iterator[Finding]:
        for container in facts.world.containers.values():
            if not container.running or container.health is not Health.UNHEALTHY:
                continue
            streak = container.failing_streak
            times = f"{streak} times in a row" if streak > 1 else "as often as it may"
            yield Finding(
                container,
                self.name,
                container.health_since or now,
                f"Its health check failed {times}.",
                {"health": container.health.value, "failing_streak": streak, "started_at": container.started_at},
            )
