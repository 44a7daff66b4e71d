"""A query's pieces of work on two threads: NumPy and pcodec let another thread go on meanwhile.

There is one helper for the whole process, and it works only while one query runs and there is a core for it: of two queries each
has its own thread already, and the hub's pages want one too.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar, cast

from paramedic_metrics.courtesy import COURTESY

T = TypeVar("T")
WORTH = 1 << 18
"""Numbers for which a second thread is worth what it takes to call it, about a millisecond's work."""
_helper = ThreadPoolExecutor(1, "query-helper")
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


def _free(others: int = 1) -> bool:
    return _running <= others and len(os.sched_getaffinity(0)) > 1


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
            COURTESY.give_way()
            try:
                found[number] = work(number)
            except BaseException as error:  # noqa: BLE001  raised again below, in the query's own thread
                failures.append(error)

    helping = None
    if count > 1 and cells >= WORTH and _free():
        helping = _helper.submit(copy_context().run, take, _free)
    take(lambda: True)
    if helping is not None and not helping.cancel():
        helping.result()
    if failures:
        raise failures[0]
    return cast("list[T]", found)


def ahead(work: Callable[[int], T], count: int) -> Iterator[T]:
    """What `work` gives for 0, 1, … `count` - 1, in order; the next is made on the other thread while one is made and used."""
    for number in range(0, count, 2):
        COURTESY.give_way()
        following: Future[T] | None = None
        if number + 1 < count and _free(0):
            following = _helper.submit(work, number + 1)
        try:
            yield work(number)
        except BaseException:
            if following is not None:
                following.cancel()
            raise
        if following is not None and not following.cancel():
            yield following.result()
        elif number + 1 < count:
            COURTESY.give_way()
            yield work(number + 1)
