"""Which events are taken now, and which wait a moment to be taken together. Pure."""

from __future__ import annotations

from paramedic_runtime.base import Event
from paramedic_runtime.keeper import NETWORK, NEWS

WINDOW = 0.05
_MOST = 256


class Coalescer:
    """The first event of a container after quiet is due at once; those within 50 ms of it are due together.

    Order within a container is kept. Events that lead to no inspect neither wait nor make others wait. Those of networks
    wait, and go with the next that does not: they come with each start and end, which must not be told later for it.
    """

    def __init__(self) -> None:
        self._quiet: dict[str, float] = {}
        self._waiting: dict[str, list[Event]] = {}
        self._network: dict[str, tuple[float, list[Event]]] = {}
        self._now: list[Event] = []

    @property
    def due(self) -> float:
        """The monotonic time at which something must be taken; infinity when nothing waits."""
        if self._now:
            return float("-inf")
        dues = [self._quiet[t] for t in self._waiting] + [due for due, _ in self._network.values()]
        return min(dues, default=float("inf"))

    def put(self, event: Event, now: float) -> None:
        """Take in an event at `now` (monotonic seconds)."""
        waiting = self._waiting.get(event.id)
        if waiting is not None:
            waiting.append(event)
            if len(waiting) >= _MOST:
                self._quiet[event.id] = now
        elif event.action not in NEWS:
            self._now.append(event)
        elif event.action in NETWORK:
            due, held = self._network.setdefault(event.id, (now + WINDOW, []))
            held.append(event)
            if len(held) >= _MOST:
                self._network[event.id] = (min(due, now), held)
        elif now >= self._quiet.get(event.id, float("-inf")):
            self._now += [*self._of_networks(event.id), event]
            self._quiet[event.id] = now + WINDOW
        else:
            self._waiting[event.id] = [*self._of_networks(event.id), event]

    def ready(self, now: float) -> list[Event]:
        """What is to be taken at `now`."""
        found, self._now = self._now, []
        for target in [t for t, (due, _) in self._network.items() if due <= now]:
            found += self._of_networks(target)
        for target in [t for t in self._waiting if self._quiet[t] <= now]:
            found += self._waiting.pop(target)
            self._quiet[target] = now + WINDOW
        for target in [t for t, until in self._quiet.items() if until <= now and t not in self._waiting]:
            del self._quiet[target]
        return found

    def rest(self) -> list[Event]:
        """Everything that is left."""
        found, self._now = self._now, []
        for target in tuple(self._network):
            found += self._of_networks(target)
        for events in self._waiting.values():
            found += events
        self._waiting.clear()
        return found

    def _of_networks(self, target: str) -> list[Event]:
        return self._network.pop(target, (0.0, []))[1]
