"""Rings of figures: one hour of samples a series, four bytes each, never more series than a bound."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence


class Rings:
    """Named series that all advance together.

    Args:
        samples: how many each holds.
        series: the most there may be; a further one is dropped and counted.
    """

    def __init__(self, samples: int, series: int = 4096) -> None:
        self._samples, self._most = samples, series
        self._series: dict[str, array[float]] = {}
        self._at = 0
        self.dropped = 0
        """Series for which there was no room."""

    def push(self, values: dict[str, float]) -> None:
        """One more moment: series that `values` lacks get a gap, and one that is nothing but gaps is forgotten."""
        place = self._at % self._samples
        for name, ring in list(self._series.items()):
            ring[place] = values.get(name, math.nan)
            if name not in values and all(math.isnan(v) for v in ring):
                del self._series[name]
        for name in values.keys() - self._series.keys():
            if len(self._series) >= self._most:
                self.dropped += 1
                continue
            ring = array("f", [math.nan]) * self._samples
            ring[place] = values[name]
            self._series[name] = ring
        self._at += 1

    @property
    def room(self) -> int:
        """How many moments still have room before the first that was pushed."""
        return max(0, self._samples - self._at)

    def remember(self, before: Mapping[str, Sequence[float]], count: int) -> None:
        """Put `count` moments before the first one: each series' values, oldest first, NaN for a gap."""
        count = min(count, self.room)
        if not count:
            return
        known, end = self._at, self._at + count
        for name in [*self._series, *(before.keys() - self._series.keys())]:
            earlier = array("f", before.get(name, ())[-count:])
            if name not in self._series and (len(self._series) >= self._most or all(map(math.isnan, earlier))):
                continue
            gap = array("f", [math.nan]) * (count - len(earlier))
            mine = self._series.get(name, array("f", [math.nan]) * known)[:known]
            self._series[name] = gap + earlier + mine + array("f", [math.nan]) * (self._samples - end)
        self._at = end

    def read(self, name: str, most: int = 0) -> list[float | None]:
        """The series, oldest first, gaps as None; the last `most` when given. Never longer than what was pushed."""
        ring = self._series.get(name)
        count = min(self._at, self._samples, most or self._samples)
        if ring is None:
            return [None] * count
        start = (self._at - count) % self._samples
        values = ring[start : start + count] + ring[: max(0, start + count - self._samples)]
        return [v if v == v else None for v in values]  # noqa: PLR0124  only NaN differs from itself; three times as fast

    def last(self, name: str) -> float | None:
        """The newest figure; None when there is none or it is a gap."""
        values = self.read(name, 1)
        return values[0] if values else None
