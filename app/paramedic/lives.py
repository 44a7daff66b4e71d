"""When an ended role is started again, and when a silent one is given up: pure arithmetic. Times are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass

from paramedic_core.limits import Backoff

RESTART = Backoff(first=0.1, most=10.0, factor=2.0, jitter=0.0)
SETTLED = 60.0
"""A life this long clears the record."""
MISSES = 3
"""So many health questions in a row without a good answer end a life."""


@dataclass(slots=True)
class Life:
    """The record of one role's lives."""

    restarts: int = 0
    """Ends that nobody had asked for."""
    short: int = 0
    """How many of them in a row came before `SETTLED`."""
    began: float = 0.0
    misses: int = 0

    def start(self, now: float) -> None:
        """A new life begins."""
        self.began, self.misses = now, 0

    def ended(self, now: float) -> float:
        """It ended by itself; returns the seconds to wait: none at first, then 0.1 doubling up to 10."""
        if now - self.began >= SETTLED:
            self.short = 0
        wait = RESTART.delay(self.short)
        self.short += 1
        self.restarts += 1
        return wait

    def answered(self, *, well: bool) -> bool:
        """A health question's outcome; returns whether the life must end."""
        self.misses = 0 if well else self.misses + 1
        return self.misses >= MISSES
