"""So many queries at once and no more: the rest waits a while, and what cannot wait is told so. Thereby the page stays alive.

One place is never a heavy query's: what a rule, the healer or a small panel asks does not stand behind a dashboard over ten
thousand series. How heavy a query is shows when it is known how many series match; one that turns out heavy while another runs
gives its place away and waits.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from paramedic_api.prometheus.errors import QueryProblem

HEAVY = 2_000_000
"""Samples of a query, all that it reads together, from which on it is heavy: some tenths of a second of a processor."""


class _Ticket:
    """One query inside the gate."""

    def __init__(self, end: float) -> None:
        self.end = end
        self.samples = 0
        self.heavy = False
        self.inside = True


class Gate:
    """Args:
    most: how many run.
    waiting: how many more may wait.
    heavy: see `HEAVY`.
    """

    def __init__(self, most: int, waiting: int, heavy: int = HEAVY) -> None:
        self._most, self._room, self._from = most, waiting, heavy
        self._most_heavy = max(1, most - 1)
        self._changed = threading.Condition()
        self._here = threading.local()
        self.running = 0
        self.heavy = 0
        """How many of those that run are heavy."""
        self.waiting = 0
        self.refused = 0
        """Queries that were told to come again."""

    @contextlib.contextmanager
    def through(self, timeout: float) -> Iterator[None]:
        """Run inside, in this thread.

        Args:
            timeout: seconds to wait at most.

        Raises:
            QueryProblem: as many run and wait as may, or the wait was too long.
        """
        ticket = _Ticket(time.monotonic() + timeout)
        with self._changed:
            if self.running >= self._most and self.waiting >= self._room:
                self.refused += 1
                raise QueryProblem(
                    "unavailable", f"{self.running} queries run and {self.waiting} wait: ask again in a moment"
                )
            self._wait(timeout, lambda: self.running < self._most)
        self._here.ticket = ticket
        try:
            yield
        finally:
            self._here.ticket = None
            with self._changed:
                self.running -= ticket.inside
                self.heavy -= ticket.heavy
                self._changed.notify_all()

    def weigh(self, samples: int) -> None:
        """What the query of this thread is about to read; returns when it may. Nothing for who came by no gate.

        Raises:
            QueryProblem: it is heavy, and the wait for the others was too long.
        """
        ticket: _Ticket | None = getattr(self._here, "ticket", None)
        if ticket is None or ticket.heavy:
            return
        ticket.samples += samples
        if ticket.samples < self._from:
            return
        with self._changed:
            if self.heavy >= self._most_heavy:
                self.running -= 1
                ticket.inside = False
                self._changed.notify_all()
                left = max(0.0, ticket.end - time.monotonic())
                self._wait(left, lambda: self.heavy < self._most_heavy and self.running < self._most)
                ticket.inside = True
            self.heavy += 1
            ticket.heavy = True

    def _wait(self, timeout: float, free: Callable[[], bool]) -> None:
        """Take a place when there is one."""
        self.waiting += 1
        try:
            if not self._changed.wait_for(free, timeout):
                self.refused += 1
                raise QueryProblem("timeout", f"query timed out in queue after {timeout:g} s")
            self.running += 1
        finally:
            self.waiting -= 1
