"""Unpacked blocks and stripes, as many as fit into a bound of bytes; the least recently used go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")


class Cache:
    """A bounded map; safe for several threads.

    Args:
        most: bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._items: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Hashable, make: Callable[[], T], weigh: Callable[[T], int]) -> T:
        """What is kept under `key`; made, weighed and kept when it is not there.

        Args:
            key: its name.
            make: makes it; called without a lock, perhaps twice at once.
            weigh: its bytes.
        """
        with self._lock:
            found = self._items.get(key)
            if found is not None:
                self._items.move_to_end(key)
                self.hits += 1
                return cast(T, found[0])
            self.misses += 1
        made = make()
        weight = weigh(made) + 200
        if weight <= self._most // 4:
            with self._lock:
                if key not in self._items:
                    self._items[key] = (made, weight)
                    self.bytes += weight
                while self.bytes > self._most:
                    _, (_, gone) = self._items.popitem(last=False)
                    self.bytes -= gone
        return made

    def forget(self, owner: Hashable) -> None:
        """Drop all whose key is a tuple that begins with `owner`."""
        with self._lock:
            for key in [k for k in self._items if isinstance(k, tuple) and k[0] == owner]:
                self.bytes -= self._items.pop(key)[1]
