"""Whether what is being looked up is still wanted: the store has no deadline of its own, and who asks it has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar


def _always() -> None:
    """Nobody set a bound."""


_check: ContextVar[Callable[[], None]] = ContextVar("still_wanted", default=_always)


@contextlib.contextmanager
def watched(check: Callable[[], None]) -> Iterator[None]:
    """What is looked up inside, in this thread, ends when `check` raises."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def look() -> None:
    """Between two pieces of work.

    Raises:
        whatever the check does with which this thread is watched.
    """
    _check.get()()
