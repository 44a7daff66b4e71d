"""Slows down whoever tries tokens: after a few wrong ones an address waits."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from paramedic_core.clock import Clock
from paramedic_core.limits import TokenBucket

WAIT = 30.0
"""Seconds for which nothing from such an address is looked at."""
_BURST, _RATE = 10.0, 1 / 6
_MOST = 1024


@dataclass(slots=True)
class _Address:
    bucket: TokenBucket
    until: float = 0.0


class Attempts:
    """Ten wrong tokens at once and ten a minute are forgiven an address.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, _Address] = OrderedDict()
        self.failures = 0

    def wait(self, address: str) -> float:
        """Seconds for which this address is not to be looked at; 0 when it may try."""
        with self._lock:
            entry = self._seen.get(address)
            return max(0.0, entry.until - self._clock.monotonic()) if entry else 0.0

    def failed(self, address: str) -> None:
        """One wrong token from `address`."""
        now = self._clock.monotonic()
        with self._lock:
            self.failures += 1
            entry = self._seen.setdefault(address, _Address(TokenBucket(_RATE, _BURST)))
            self._seen.move_to_end(address)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
            if not entry.bucket.take(now):
                entry.until = now + WAIT
