"""A query's pieces of work on two threads: NumPy and pcodec let another thread go on meanwhile.

Only while one query runs and there is a core for it: of two queries each has its own thread already, and the hub's pages want
one too.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import TypeVar, cast

T = TypeVar("T")
WORTH = 1 << 18
"""Numbers for which a second thread is worth what it takes to begin one, about a millisecond's work."""
_lock = threading.Lock()
_running = 0


@contextlib.contextmanager
def query() -> Iterator[None]:
    """A query runs inside."""
    global _running  # noqa: PLW0603  cores are the process's, whatever engines there are
    with _lock:
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1


def _free() -> bool:
    return _running <= 1 and len(os.sched_getaffinity(0)) > 1


def each(work: Callable[[int], T], count: int, cells: int) -> list[T]:
    """What `work` gives for 0, 1, … `count` - 1; called on two threads where that helps.

    Args:
        work: makes one piece.
        count: of pieces.
        cells: how many numbers all of them have to do with.

    Raises:
        whatever `work` raises first; nothing more is begun after it.
    """
    found: list[T | None] = [None] * count
    numbers = itertools.count()
    failures: list[BaseException] = []

    def take(goes_on: Callable[[], bool]) -> None:
        while not failures and goes_on():
            number = next(numbers)
            if number >= count:
                return
            try:
                found[number] = work(number)
            except BaseException as error:  # noqa: BLE001  raised again below, in the query's own thread
                failures.append(error)

    helper = None
    if count > 1 and cells >= WORTH and _free():
        helper = threading.Thread(target=copy_context().run, args=(take, _free), name="query-helper", daemon=True)
        helper.start()
    take(lambda: True)
    if helper is not None:
        helper.join()
    if failures:
        raise failures[0]
    return cast("list[T]", found)
