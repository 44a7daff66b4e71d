"""Samples in memory for the query language's tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paramedic_metrics.promql import regex
from paramedic_metrics.promql.labels import value_of
from paramedic_metrics.series import ABSENT, Frame, Labels, Matcher, Selection, bits, present


def labels(name: str = "", **pairs: str) -> Labels:
    """A label set in the store's form."""
    named = {"__name__": name, **pairs} if name else pairs
    return tuple(sorted((key, value) for key, value in named.items() if value))


class MemorySeries:
    """A Queryable over frames that are given once.

    Args:
        frames: with the samples; series of one frame share its times.
    """

    def __init__(self, frames: Sequence[Frame] = ()) -> None:
        self.frames = list(frames)

    @classmethod
    def of(cls, series: dict[Labels, list[tuple[int, float]]]) -> MemorySeries:
        """One frame over the union of all times: cells without a sample are ABSENT.

        Args:
            series: for each label set, times in milliseconds with values.
        """
        times = np.array(sorted({time for samples in series.values() for time, _ in samples}), dtype=np.int64)
        place = {time: column for column, time in enumerate(times.tolist())}
        values = np.full((len(series), len(times)), ABSENT)
        for row, samples in enumerate(series.values()):
            for time, value in samples:
                values[row, place[time]] = value
        values.flags.writeable = False
        return cls([Frame(list(series), times, values, bool(present(values).all()))] if series else [])

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        found = []
        for frame in self.frames:
            chosen = [row for row, each in enumerate(frame.labels) if _fits(each, matchers)]
            low, high = np.searchsorted(frame.times, [start, end], side="right")
            if not chosen or low >= high:
                continue
            values = frame.values[chosen, low:high] if len(chosen) < len(frame.labels) else frame.values[:, low:high]
            whole = frame.whole or bool(present(values).all())
            if whole or (bits(values) != bits(np.array([ABSENT]))[0]).any():
                found.append(Frame([frame.labels[row] for row in chosen], frame.times[low:high], values, whole))
        return Selection.of(found)

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Labels]:
        return sorted(each for frame in self.select(matchers, start, end) for each in frame.labels)

    def label_names(self, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        return sorted({name for each in self.series(matchers, start, end) for name, _ in each})

    def label_values(self, name: str, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        return sorted({value_of(each, name) for each in self.series(matchers, start, end)} - {""})


def _fits(each: Labels, matchers: Sequence[Matcher]) -> bool:
    return all(regex.matches(matcher, value_of(each, matcher.name)) for matcher in matchers)
