"""One thread that waits for every socket and timer of the role (epoll(7)); everything in it runs on that thread alone."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger("paramedic.dns")
READ, WRITE = select.EPOLLIN, select.EPOLLOUT
_BEAT = 5.0
T = TypeVar("T")


class Timer:
    """Something that happens later, unless it is cancelled."""

    __slots__ = ("at", "does")

    def __init__(self, at: float, does: Callable[[], None]) -> None:
        self.at = at
        self.does: Callable[[], None] | None = does

    def cancel(self) -> None:
        """Forget it."""
        self.does = None


class Loop:
    """The thread. Only `start`, `stop`, `call` and `ask` may be called from others."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._watched: dict[int, Callable[[int], None]] = {self._wake: self._woken}
        self._epoll.register(self._wake, READ)
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._calls: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="dns")
        self.errors = 0
        """How many callbacks failed; each was logged."""
        self.beat = time.monotonic()
        """When it last went round; it does every 5 seconds at least."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, last: Callable[[], None]) -> None:
        """Run `last` on the thread, and end; at once when it never began."""
        if not self._thread.ident:
            last()
            self._close()
        elif self._thread.is_alive():
            self.call(last)
            self.call(self._end)
            self._thread.join(2.0)

    @property
    def alive(self) -> bool:
        """Whether it goes round."""
        return not self._thread.ident or (self._thread.is_alive() and time.monotonic() - self.beat < 4 * _BEAT)

    def call(self, does: Callable[[], None]) -> None:
        """Have something done on the thread, soon."""
        self._calls.append(does)
        os.eventfd_write(self._wake, 1)

    def ask(self, asks: Callable[[], T], default: T, within: float = 2.0) -> T:
        """What `asks` returns on the thread; `default` when it does not run, or not in time."""
        if not self._thread.is_alive():
            return default
        found, done = [default], threading.Event()

        def run() -> None:
            found[0] = asks()
            done.set()

        self.call(run)
        done.wait(within)
        return found[0]

    def watch(self, fd: int, does: Callable[[int], None], events: int = READ) -> None:
        """Call `does(events)` whenever something happens to a descriptor."""
        if fd in self._watched:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._watched[fd] = does

    def unwatch(self, fd: int) -> None:
        """Stop watching it; to be called before it is closed."""
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def later(self, seconds: float, does: Callable[[], None]) -> Timer:
        """Do something once, `seconds` from now."""
        timer = Timer(time.monotonic() + seconds, does)
        heapq.heappush(self._timers, (timer.at, next(self._order), timer))
        return timer

    def _run(self) -> None:
        while not self._stopping:
            self.beat = time.monotonic()
            wait = min(_BEAT, max(0.0, self._timers[0][0] - self.beat)) if self._timers else _BEAT
            for fd, events in self._epoll.poll(wait):
                does = self._watched.get(fd)
                if does is not None:
                    self._safely(does, events)
            while self._timers and self._timers[0][0] <= time.monotonic():
                timer = heapq.heappop(self._timers)[2]
                if timer.does is not None:
                    self._safely(timer.does)
        self._close()

    def _woken(self, _events: int) -> None:
        os.eventfd_read(self._wake)
        for _ in range(len(self._calls)):
            self._safely(self._calls.popleft())

    def _safely(self, does: Callable[..., None], *args: int) -> None:
        try:
            does(*args)
        except Exception:
            self.errors += 1
            log.exception("a question or a socket could not be served; going on with the next")

    def _end(self) -> None:
        self._stopping = True

    def _close(self) -> None:
        self._epoll.close()
        os.close(self._wake)
