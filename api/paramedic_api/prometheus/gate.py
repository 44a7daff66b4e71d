"""So many queries at once and no more: the rest waits a while, and what cannot wait is told so. Thereby the page stays alive."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from paramedic_api.prometheus.errors import QueryProblem


class Gate:
    """Args:
    most: how many run.
    waiting: how many more may wait.
    """

    def __init__(self, most: int, waiting: int) -> None:
        self._most, self._room = most, waiting
        self._changed = threading.Condition()
        self.running = 0
        self.waiting = 0
        self.refused = 0
        """Queries that were told to come again."""

    @contextlib.contextmanager
    def through(self, timeout: float) -> Iterator[None]:
        """Run inside.

        Args:
            timeout: seconds to wait at most.

        Raises:
            QueryProblem: as many run and wait as may, or the wait was too long.
        """
        self._enter(timeout)
        try:
            yield
        finally:
            with self._changed:
                self.running -= 1
                self._changed.notify()

    def _enter(self, timeout: float) -> None:
        with self._changed:
            if self.running >= self._most and self.waiting >= self._room:
                self.refused += 1
                raise QueryProblem(
                    "unavailable", f"{self.running} queries run and {self.waiting} wait: ask again in a moment"
                )
            self.waiting += 1
            try:
                if not self._changed.wait_for(lambda: self.running < self._most, timeout):
                    self.refused += 1
                    raise QueryProblem("timeout", f"query timed out in queue after {timeout:g} s")
                self.running += 1
            finally:
                self.waiting -= 1
