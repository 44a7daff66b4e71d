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

from paramedic_core.errors import BadInput
from paramedic_core.fault import fault
from paramedic_metrics.tsdb import read, stats
from paramedic_metrics.tsdb.distinct import distinct
from paramedic_metrics.tsdb.group import absent
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
        contents = _kept(store, _joined(store, chosen, stop) if level == 0 else _copied(chosen), chosen)
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


def _copied(parts: Sequence[Part]) -> Iterator[Content | Copy]:
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
                part.spoil(number, error)


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
        moments = 0
        for place in [*places, None]:
            length = place[0].entries[place[1]].moments if place is not None else 0
            if run and (place is None or moments + length > WINDOW):
                yield from _window(store, group, run)
                run, moments = [], 0
            if place is not None:
                run.append(place)
                moments += length


def _window(store: Store, group: int, places: list[tuple[Part, int]]) -> Iterator[Content]:
    # Of two samples at one moment the one that was sealed first counts, whichever window begins first.
    sealed = sorted(places, key=lambda place: (place[0].name, place[1]))
    while True:
        pieces = [
            piece
            for part, number in sealed
            if not part.lost(number) and (piece := store.parts.piece(part, number, store.cache)) is not None
        ]
        if not pieces:
            return
        try:
            ids = distinct(np.concatenate([piece.ids() for piece in pieces]))
            made = []
            for at in range(0, len(ids), MOST_ROWS):
                some = ids[at : at + MOST_ROWS]
                times, cells = read.joined(pieces, some)
                made.append(Content(group, some, times, cells, int((~absent(cells)).sum())))
        except read.Spoiled:
            continue
        yield from made
        return
