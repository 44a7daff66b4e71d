"""The supervisor's one loop: sleeps in poll(2) until a signal, something to read, or a deadline. No thread, no ticking."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterable

NEVER = float("inf")


class Loop:
    """What to wake up for.

    Args:
        signals: these are told by `wait` instead of doing what they do by default.
    """

    def __init__(self, signals: Iterable[signal.Signals]) -> None:
        self._poll = select.poll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._came: set[int] = set()
        self._wake, told = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for number in signals:
            # Python tells of a signal through the pipe only while the signal has a handler.
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        self.watch(self._wake, self._signalled)

    def watch(self, fd: int, reader: Callable[[], None]) -> None:
        """Call `reader` whenever `fd` has something to read, or has ended."""
        self._readers[fd] = reader
        self._poll.register(fd, select.POLLIN)

    def unwatch(self, fd: int) -> None:
        """Stop watching; to be called before `fd` is closed."""
        if self._readers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def wait(self, until: float) -> set[int]:
        """Sleep until something happens, at most until `until` (monotonic seconds); return the signals that came."""
        timeout = None
        if until < NEVER:
            # Rounded up: waking just before a deadline would spin until it has passed.
            timeout = max(0, int((until - time.monotonic()) * 1000) + 1)
        for fd, _event in self._poll.poll(timeout):
            reader = self._readers.get(fd)
            if reader is not None:
                reader()
        came, self._came = self._came, set()
        return came

    def _signalled(self) -> None:
        self._came.update(os.read(self._wake, 512))
