"""Waiting for what a real thread or process does: by a condition and a deadline, never by a guess."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], within: float = 30.0, every: float = 0.01) -> None:
    """Return when `condition` is true; fail when it is not `within` seconds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not so within {within} s: {condition}")
        time.sleep(every)


class ShiftedClock:
    """The system's clock, set so that the test begins at `start`; waits are real."""

    def __init__(self, start: float) -> None:
        self._shift = start - time.time()

    def now(self) -> float:
        return time.time() + self._shift

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, timeout: float) -> bool:
        return event.wait(max(0.0, timeout))
