"""The head's windows as a query reads them."""

from __future__ import annotations

from paramedic_metrics.tsdb import read
from paramedic_metrics.tsdb.cache import Cache
from paramedic_metrics.tsdb.head import Head


def pieces_of(head: Head, start: int, end: int, cache: Cache) -> list[read.Piece]:
    """What may have samples of `start` < t <= `end`; the caller holds the head's lock."""
    pieces: list[read.Piece] = []
    for group in head.groups.values():
        for closed in group.closed:
            if closed.times[-1] <= start or closed.times[0] > end:
                continue
            if closed.packed is not None:
                key = ("head", closed.number)
                pieces.append(read.Stored(closed.group, closed.packed, key, cache, read.Live.spoil))
            else:
                pieces.append(read.Live(closed.group, closed.ids, closed.times, closed.cells))
        for window in (group.open, group.late):
            if window is not None and window.times and window.times[-1] > start and window.times[0] <= end:
                times, cells = window.view()
                pieces.append(read.Live(group.hash, group.ids[: group.count], times, cells))
    return pieces
