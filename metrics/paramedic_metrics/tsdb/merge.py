"""Larger parts of small ones: long windows take fewer bytes, and few files are opened faster.

A part that was just sealed has windows of a few hundred moments. Several of these become one with windows of up to 720
(*level* 1), several of those one of a day or so (level 2), its blocks copied as they are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paramedic_core.errors import BadInput
from paramedic_core.fault import fault
from paramedic_metrics.tsdb import read, stats
from paramedic_metrics.tsdb.distinct import distinct
from paramedic_metrics.tsdb.group import absent
from paramedic_metrics.tsdb.index import NONE, Ids
from paramedic_metrics.tsdb.part import Content, Copy, Part

if TYPE_CHECKING:
    from paramedic_metrics.tsdb.store import Store

log = logging.getLogger("paramedic.metrics.tsdb")

WINDOW = 720
"""Moments of a block, at most."""
ENOUGH = (3, 8)
"""How many parts of a level are merged, at least; those of the first also when their windows together are long enough."""
MANY = 12
MOST_ROWS = 4096
"""Series of a block, at most, so that merging takes little memory."""
_OF_RETENTION = 12
"""A part spans no more than this share of what is kept, so that what is too old can go."""


def merge(store: Store, stop: threading.Event) -> int:
    """Merge what is due; returns how many parts were merged.

    Raises:
        OSError: the disk is full; nothing has changed.
    """
    done = 0
    for level in (0, 1):
        chosen = due([p for p in store.parts.all() if p.level == level], level, store.settings.retention)
        if not chosen or stop.is_set():
            continue
        contents = _kept(store, _joined(store, chosen, stop) if level == 0 else _copied(store, chosen), chosen)
        sealed: dict[str, int] = {}
        for part in chosen:
            sealed |= {key: max(place, sealed.get(key, 0)) for key, place in part.sealed.items()}
        try:
            part = store.parts.write(contents, sealed, chosen, level + 1)
        except Stopped:
            return done
        with store.head.lock:
            store.parts.swap([part], chosen)
        fault("tsdb.after_merge_swap")
        for old in chosen:
            store.parts.remove(old)
            store.cache.forget(old.name)
        store.counters.add(stats.COMPACTIONS)
        done += len(chosen)
    return done


def due(parts: Sequence[Part], level: int, retention: float) -> list[Part]:
    """Which parts of a level should be merged now, the oldest first. Pure.

    Args:
        parts: all of the level, the oldest first.
        level: theirs.
        retention: seconds that samples are kept.
    """
    chosen: list[Part] = []
    for part in parts:
        span = max(p.tmax for p in (*chosen, part)) - min(p.tmin for p in (*chosen, part))
        if chosen and span > retention * 1000 / _OF_RETENTION:
            if len(chosen) > 1:
                break
            chosen = []
        chosen.append(part)
    if len(chosen) < ENOUGH[level]:
        return []
    if level == 0 and len(chosen) < MANY and _longest(chosen) < WINDOW:
        return []
    return chosen


class Stopped(Exception):
    """The store is being stopped: the merge is left undone."""


def _longest(parts: Sequence[Part]) -> int:
    """Moments of the group that has most of them."""
    moments: dict[int, int] = {}
    for part in parts:
        for entry in part.entries:
            moments[entry.group] = moments.get(entry.group, 0) + entry.moments
    return max(moments.values(), default=0)


def _kept(store: Store, contents: Iterator[Content | Copy], parts: Sequence[Part]) -> Iterator[Content | Copy]:
    """The contents; and before their file gets its name, what of its sources could not be read is kept."""
    yield from contents
    store.parts.set_aside(parts)


def _copied(store: Store, parts: Sequence[Part]) -> Iterator[Content | Copy]:
    for part in parts:
        for number, entry in enumerate(part.entries):
            if part.lost(number):
                continue
            try:
                found = part.block(number)
                if number in part.damaged:
                    yield Content(entry.group, found.ids, found.times, found.values(), found.samples)
                else:
                    yield Copy(entry, part.bytes_of(number), found.ids)
            except BadInput as error:
                store.parts.spoil(part, number, error)


def _joined(store: Store, parts: Sequence[Part], stop: threading.Event) -> Iterator[Content]:
    groups: dict[int, list[tuple[Part, int]]] = {}
    for part in parts:
        for number, entry in enumerate(part.entries):
            groups.setdefault(entry.group, []).append((part, number))
    for group, places in groups.items():
        if stop.is_set():
            raise Stopped
        places.sort(key=lambda place: place[0].entries[place[1]].tmin)
        run: list[tuple[Part, int]] = []
        moments, end = 0, 0
        for place in places:
            entry = place[0].entries[place[1]]
            # Windows that share moments stay together: apart, nobody would know any more which of them was sealed first.
            if run and moments + entry.moments > WINDOW and entry.tmin > end:
                yield from _windows(store, group, run)
                run, moments = [], 0
            end = max(end, entry.tmax) if run else entry.tmax
            run.append(place)
            moments += entry.moments
        yield from _windows(store, group, run)


def _windows(store: Store, group: int, places: list[tuple[Part, int]]) -> Iterator[Content]:
    """Windows as one, or as several that share no moment where it would be too long."""
    # Of two samples at one moment the one that was sealed first counts, whichever window begins first.
    sealed = sorted(places, key=lambda place: (place[0].name, place[1]))
    times = distinct(np.concatenate([np.empty(0, np.int64), *(piece.times() for piece in _pieces(store, sealed))]))
    for some in np.array_split(times, max(1, -(-len(times) // WINDOW))):
        if len(some):
            yield from _window(store, group, sealed, int(some[0]), int(some[-1]))


def _pieces(store: Store, places: list[tuple[Part, int]]) -> list[read.Piece]:
    """What of them can be read."""
    return [
        piece
        for part, number in places
        if not part.lost(number) and (piece := store.parts.piece(part, number, store.cache)) is not None
    ]


def _window(store: Store, group: int, places: list[tuple[Part, int]], start: int, end: int) -> Iterator[Content]:
    """The moments from `start` to `end`, both inclusive; not more than one block in memory."""
    every = distinct(np.concatenate([NONE, *(piece.ids() for piece in _pieces(store, places))]))
    for at in range(0, len(every), MOST_ROWS):
        some = every[at : at + MOST_ROWS]
        found = _block(store, places, some, start, end)
        if found is None:
            continue
        times, cells = found
        there = ~absent(cells)
        # A series of one of the windows may have nothing in this piece of it.
        rows = np.flatnonzero(there.any(axis=1))
        if 0 < len(rows) < len(some):
            some, cells = some[rows], cells[rows]
        if len(rows):
            yield Content(group, some, times, cells, int(there.sum()))


def _block(
    store: Store, places: list[tuple[Part, int]], ids: Ids, start: int, end: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Moments and cells of these series; None when nothing of them can be read."""
    while True:
        pieces = [
            piece
            for piece in _pieces(store, places)
            if np.searchsorted(piece.times(), start) < np.searchsorted(piece.times(), end, side="right")
            and np.isin(ids, piece.ids()).any()
        ]
        try:
            return read.joined(pieces, ids, start - 1, end) if pieces else None
        except read.Spoiled:
            continue
