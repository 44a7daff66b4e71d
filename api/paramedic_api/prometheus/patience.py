"""When a query must end: its time is over, nobody waits for it any more, or the hub ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

from paramedic_api.prometheus.errors import QueryProblem
from paramedic_core.clock import Clock


class Patience:
    """Says when a query must end; it is asked between two pieces of work, as a `threading.Event` would be.

    Args:
        seconds: how long the query may take.
        clock: the time.
        gone: whether the asker has left.
        ending: set when the hub ends.
    """

    def __init__(self, seconds: float, clock: Clock, gone: Callable[[], bool], ending: threading.Event) -> None:
        self._seconds, self._clock, self._gone, self._ending = seconds, clock, gone, ending
        self._end = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._end - self._clock.monotonic())

    def is_set(self) -> bool:
        return self.left <= 0 or self._ending.is_set() or self._gone()

    @property
    def event(self) -> threading.Event:
        """Itself, as the engine takes it: it asks `is_set` and nothing else."""
        return cast("threading.Event", self)

    def reason(self) -> QueryProblem:
        """Why it was ended."""
        if self.left <= 0:
            return QueryProblem("timeout", f"query timed out in expression evaluation ({self._seconds:g} s)")
        return QueryProblem("canceled", "query was canceled")
