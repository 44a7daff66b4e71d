"""What changes seldom and is dear to find, kept for a while: lists of sensors, zones, CPUs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Args:
    seconds: how long a value is kept. What is plugged in or loaded later is seen after so long.
    """

    __slots__ = ("_at", "_seconds", "_value")

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._at = float("-inf")
        self._value: T | None = None

    def get(self, now: float, make: Callable[[], T]) -> T:
        """The value, made anew when it is too old, or when the clock was set back.

        Args:
            now: Unix seconds.
            make: makes it; what it raises is the caller's, and the next call tries again.
        """
        if self._value is None or not 0 <= now - self._at < self._seconds:
            self._value, self._at = make(), now
        return self._value
