"""Tells the open pages that something is new: counters by topic, never the content."""

from __future__ import annotations

import threading

TOPICS = ("world", "healing", "vitals")


class Bulletin:
    """Topics with a number that grows. Whoever waits learns which have grown; nothing is queued, so nothing can pile up."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = dict.fromkeys(TOPICS, 0)

    def bump(self, topic: str) -> None:
        """Say that there is something new about `topic`."""
        with self._changed:
            self._numbers[topic] += 1
            self._changed.notify_all()

    def numbers(self) -> dict[str, int]:
        """Where each topic stands."""
        with self._changed:
            return dict(self._numbers)

    def wait(self, seen: dict[str, int], timeout: float) -> dict[str, int]:
        """Wait until some topic stands elsewhere than in `seen`, at most `timeout` seconds; return where each stands."""
        with self._changed:
            self._changed.wait_for(lambda: self._numbers != seen, timeout)
            return dict(self._numbers)

    def wake(self) -> None:
        """Let everybody who waits look at their stop event."""
        with self._changed:
            self._changed.notify_all()
