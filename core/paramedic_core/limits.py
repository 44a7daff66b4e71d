"""Limits as pure arithmetic: windows, backoff, token bucket. Time is always an argument, in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` events in any `seconds`."""

    count: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.count} per {_span(self.seconds)}"

    def free_at(self, times: Iterable[float], now: float) -> float:
        """The first moment, `now` or later, at which one more event fits.

        Args:
            times: when the earlier events were.
            now: the present.
        """
        inside = sorted(t for t in times if t > now - self.seconds)
        if len(inside) < self.count:
            return now
        return inside[len(inside) - self.count] + self.seconds


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential delay: `first × factor^(n−1)`, at most `most`, plus up to `jitter` of itself (facts/healing 3.3)."""

    first: float = 10.0
    most: float = 300.0
    factor: float = 2.0
    jitter: float = 0.25

    def delay(self, tries: int, luck: float = 0.0) -> float:
        """Seconds to wait after `tries` tries; none before the first.

        Args:
            tries: how many there were.
            luck: a number from 0 to 1 that places the jitter.
        """
        if tries <= 0:
            return 0.0
        # The exponent is capped: past 64 doublings the power would overflow long after `most` has cut it.
        base = min(self.most, self.first * self.factor ** min(tries - 1, 64))
        return base * (1 + self.jitter * luck)


class TokenBucket:
    """`burst` tokens, refilled at `rate` a second.

    Args:
        rate: tokens a second.
        burst: the most that it holds.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._at = burst, float("-inf")

    def take(self, now: float) -> bool:
        """Take one token, if there is one at `now` (monotonic seconds)."""
        if self._at > float("-inf"):
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"
