"""Queries step aside while a page is made: both need the interpreter, and a person waits for the one.

Of two threads that want the interpreter each gets half of it, so a page of 5 ms beside a query and its helper takes 15, and more
where a processor is wanted by others too. Asked between two pieces of work, which are a few milliseconds long, a query lets the
page go first. It waits a bounded time, and seldom twice in a row, so that no flood of pages holds up queries.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

MOST = 0.1
"""Seconds that a piece of work waits at most."""
REST = 0.1
"""Seconds for which nothing waits after one that waited in vain."""


_goes_first: ContextVar[bool] = ContextVar("goes_first", default=False)
"""A page's own query does not wait for that page."""


class Courtesy:
    """Args:
    monotonic: the time, in seconds.
    most: see `MOST`.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, most: float = MOST) -> None:
        self._monotonic, self._most = monotonic, most
        self._changed = threading.Condition()
        self._first = 0
        """How many are being made that go first."""
        self._not_before = 0.0
        self.waiting = 0
        """Pieces of work that wait now."""
        self.waited = 0
        """How often one did."""

    @contextlib.contextmanager
    def first(self) -> Iterator[None]:
        """What is done inside goes before queries."""
        with self._changed:
            self._first += 1
        token = _goes_first.set(True)
        try:
            yield
        finally:
            _goes_first.reset(token)
            with self._changed:
                self._first -= 1
                if not self._first:
                    self._changed.notify_all()

    def give_way(self) -> None:
        """Wait while something goes first, but not for long."""
        if not self._first or _goes_first.get() or self._monotonic() < self._not_before:
            return
        with self._changed:
            self.waiting += 1
            self.waited += 1
            if not self._changed.wait_for(lambda: not self._first, self._most):
                self._not_before = self._monotonic() + REST
            self.waiting -= 1


COURTESY = Courtesy()
"""The process's: there is one interpreter, whatever engines and pages there are."""
