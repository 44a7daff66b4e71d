"""Gives memory back to the system: a query's arrays are large and soon gone, and glibc keeps what each thread freed.

Measured: eight server threads that had each answered a query of 1,000 series kept 640 MB between them, for a peak of 110 MB.

But not between the queries of one dashboard: to get 17 MB from the system anew, page by page, for the answer of 1,000 series took
8 ms of 66 on a virtual machine. So what a large query used is kept for some seconds.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""
_ARENAS = 1
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD: what is free at the pool's end goes back beyond the one, what is larger than the other by itself."""
_USUAL, _KEPT = 128 << 10, 32 << 20
"""Bytes: glibc's own, and its highest."""
MUCH = 1 << 18
"""Cells of a query that are worth keeping room for."""
KEEP = 10.0
"""Seconds after the last such query."""
LARGE = 1 << 22
"""Cells (8 bytes each) of a query after which it is worth the milliseconds."""


def _from_libc(name: str) -> Callable[..., int] | None:
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None  # musl has neither, and keeps nothing
    return found


_mallopt, _trim = _from_libc("mallopt"), _from_libc("malloc_trim")


def share() -> None:
    """Let all threads share one pool, which bounds what is kept; to be called before there are many threads."""
    if _mallopt is not None:
        _mallopt(_ARENA_MAX, _ARENAS)


class _Kept:
    """Whether something is kept."""

    def __init__(self) -> None:
        self.until = 0.0
        """Monotonic seconds; 0 while nothing is."""

    def bound(self, size: int) -> None:
        """Bytes that are kept, and that an array is taken from the pool up to."""
        if _mallopt is not None:
            _mallopt(_TRIM_THRESHOLD, size)
            _mallopt(_MMAP_THRESHOLD, size)


_kept = _Kept()


def keep(now: float) -> None:
    """A large query ended now (monotonic seconds): the next one is likely to follow soon."""
    if not _kept.until:
        _kept.bound(_KEPT)
    _kept.until = now + KEEP


def tidy(now: float) -> None:
    """Called now and then: when none followed, all goes back."""
    if 0 < _kept.until <= now:
        _kept.until = 0.0
        _kept.bound(_USUAL)
        give_back()


def give_back() -> None:
    """Return what is free to the system."""
    if _trim is not None:
        _trim(0)
