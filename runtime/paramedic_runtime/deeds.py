"""When our own verbs were at work, so that what they ended is not taken for a person's doing."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from paramedic_core.world import Acting

_KEPT = 8
_MOST = 4096
_SLACK = 0.005
"""Seconds after a verb's end in which an event is still its own: clocks are read in two processes."""


class Deeds:
    """The spans of time in which a verb was at work, by target; bounded."""

    def __init__(self) -> None:
        self._open: dict[str, float] = {}
        self._spans: dict[str, deque[tuple[float, float]]] = {}

    def note(self, acting: Mapping[str, Acting], now: float) -> None:
        """Take over which verbs are at work at `now` (Unix seconds)."""
        for target in [t for t in self._open if t not in acting]:
            self.own(target, self._open.pop(target), now)
        for target, act in acting.items():
            self._open[target] = act.since

    def own(self, target: str, since: float, until: float) -> None:
        """A verb was at work on `target` from `since` until `until`, as when runtime died amid an act."""
        self._spans.setdefault(target, deque(maxlen=_KEPT)).append((since, until))
        while len(self._spans) > _MOST:
            del self._spans[next(iter(self._spans))]

    def covers(self, target: str, at: float) -> bool:
        """Whether a verb was at work on `target` at `at`."""
        since = self._open.get(target)
        if since is not None and at >= since - _SLACK:
            return True
        return any(a - _SLACK <= at <= b + _SLACK for a, b in self._spans.get(target, ()))
