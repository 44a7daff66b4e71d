"""From the head to parts, from parts to larger ones, and what is removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paramedic_core.fault import fault
from paramedic_metrics.series import ABSENT
from paramedic_metrics.tsdb import stats
from paramedic_metrics.tsdb.block import Block, encode
from paramedic_metrics.tsdb.distinct import distinct
from paramedic_metrics.tsdb.group import Closed, Group, absent
from paramedic_metrics.tsdb.index import Ids
from paramedic_metrics.tsdb.merge import MOST_ROWS
from paramedic_metrics.tsdb.part import Content
from paramedic_metrics.tsdb.parts import known_ids
from paramedic_metrics.tsdb.window import WIDE

if TYPE_CHECKING:
    from paramedic_metrics.tsdb.store import Store

SEAL_MOMENTS = 240
"""Moments of a group that are sealed together, at least."""
PLENTY = SEAL_MOMENTS + WIDE
"""Moments of a group for which sealing does not wait any longer; what else is due is sealed with it."""
IDLE = 1800.0
"""Seconds without a sample after which a group is sealed as it is, and forgotten."""
MOST_LOG = 256 << 20
"""Bytes of the log from which on everything is sealed."""


def pack_closed(store: Store) -> None:
    """Pack the closed windows of the head: they take a tenth of the memory then."""
    with store.head.lock:
        closed = [c for g in store.head.groups.values() for c in g.closed if c.packed is None]
    for window in closed:
        if store.upkeep.stopping:
            return
        ids, cells = _tidy(window.ids, window.cells)
        packed = Block(memoryview(encode(ids, window.times, cells)))
        with store.head.lock:
            window.packed = packed
            window.ids, window.cells = ids, np.empty((0, 0))


def pressing(store: Store) -> bool:
    """Whether sealing should not wait."""
    return store.wal.size > MOST_LOG


def plenty(store: Store) -> bool:
    """Whether a group has so many moments to seal that it should not wait for the others: they come quickly."""
    with store.head.lock:
        return any(_moments(group) >= PLENTY for group in store.head.groups.values())


def seal(store: Store, *, everything: bool) -> int:
    """Seal what is due: of each group the closed windows; of idle ones, or when `everything` is asked, all.

    Returns:
        how many samples were sealed.

    Raises:
        OSError: the disk is full; nothing has changed.
    """
    head = store.head
    now = store.upkeep.now()
    press = everything or pressing(store)
    with head.lock:
        taken: dict[Group, list[Closed]] = {}
        sealed: dict[str, int] = {}
        for group in head.groups.values():
            idle = now - group.touched > IDLE
            if press or idle:
                group.close()
                group.close_late()
            if group.closed and (press or idle or _moments(group) >= SEAL_MOMENTS):
                taken[group] = list(group.closed)
                remaining = [w.place for w in (group.open, group.late) if w is not None]
                sealed[group.key] = min(remaining, default=head.wal.end)
    samples = 0
    if taken:
        store.upkeep.series.sync()
        part = store.parts.write(_contents(taken), sealed)
        samples = part.samples
        fault("tsdb.before_swap")
        with head.lock:
            store.parts.swap([part])
            for group, windows in taken.items():
                group.closed = [c for c in group.closed if c not in windows]
        store.counters.add(stats.SEALED, samples)
        store.counters.add(stats.COMPACTIONS)
    with head.lock:
        for group in [g for g in head.groups.values() if now - g.touched > IDLE]:
            if not group.closed and group.open is None and group.late is None:
                head.retire(group)
        keep = min((g.first_place(head.wal.end) for g in head.groups.values()), default=head.wal.end)
    fault("tsdb.before_log_drop")
    store.wal.drop_before(keep)
    return samples


def retain(store: Store, now: float) -> int:
    """Remove the parts that are too old or too much; returns how many.

    Args:
        store: whose.
        now: Unix seconds.
    """
    oldest = (now - store.settings.retention) * 1000
    removed = 0
    for part in sorted(store.parts.all(), key=lambda p: p.tmax):
        too_old = part.tmax < oldest
        too_much = store.parts.bytes + store.wal.size > store.settings.retention_bytes
        if not (too_old or too_much):
            break
        store.parts.remove(part)
        store.cache.forget(part.name)
        store.counters.add(stats.TIME_RETENTION if too_old else stats.SIZE_RETENTION)
        removed += 1
    return removed


def sweep(store: Store, upto: int) -> int:
    """Forget the series below `upto` that nothing has samples of; returns how many.

    Raises:
        BadInput: a part does not say what it has.
    """
    fresh = store.index.without(_alive(store, upto))
    # A series that got a place, and one that was added, since we looked: then another time.
    with store.head.lock, store.index.lock:
        alive = np.flatnonzero(_alive(store, upto)).astype(np.uint32)
        if fresh.unknown(alive[[n in store.index for n in alive.tolist()]]) >= 0:
            return 0
        gone = len(store.index) - len(fresh)
        return gone if store.index.become(fresh) else 0


def _alive(store: Store, upto: int) -> NDArray[np.bool_]:
    with store.head.lock:
        alive = known_ids(store.parts, upto)
        for group in store.head.groups.values():
            for ids in (group.ids[: group.count], *(c.ids for c in group.closed)):
                alive[ids[ids < upto]] = True
        return alive


def _moments(group: Group) -> int:
    return sum(len(c.times) for c in group.closed)


def _contents(taken: dict[Group, list[Closed]]) -> Iterator[Content]:
    for windows in taken.values():
        for group in dict.fromkeys(w.group for w in windows):
            for ids, times, cells in _joined([w for w in windows if w.group == group]):
                for at in range(0, len(ids), MOST_ROWS):
                    some = cells[at : at + MOST_ROWS]
                    yield Content(group, ids[at : at + MOST_ROWS], times, some, int((~absent(some)).sum()))


def _joined(windows: list[Closed]) -> Iterator[tuple[Ids, NDArray[np.int64], NDArray[np.float64]]]:
    """Windows one after the other as one; those that overlap by themselves, in the order in which they were closed.

    For of two samples at one moment the earlier window's counts, in the head as in a part.
    """
    runs: list[list[Closed]] = []
    for window in windows:
        fitting = next((run for run in runs if window.times[0] > run[-1].times[-1]), None)
        if fitting is None:
            runs.append([window])
        else:
            fitting.append(window)
    for run in runs:
        parts = [_cells(w) for w in run]
        ids = distinct(np.concatenate([p[0] for p in parts]))
        times = np.concatenate([w.times for w in run])
        cells = np.full((len(ids), len(times)), ABSENT)
        at = 0
        for (have, part), window in zip(parts, run, strict=True):
            cells[np.searchsorted(ids, have), at : at + len(window.times)] = part
            at += len(window.times)
        if len(ids):
            yield ids, times, cells


def _cells(window: Closed) -> tuple[Ids, NDArray[np.float64]]:
    if window.packed is not None:
        return window.packed.ids, window.packed.values()
    return _tidy(window.ids, window.cells)


def _tidy(ids: Ids, cells: NDArray[np.float64]) -> tuple[Ids, NDArray[np.float64]]:
    """Rows by ascending id, without those in which there is nothing."""
    cells = cells[: len(ids)]
    there = np.flatnonzero(~absent(cells).all(axis=1))
    order = there[np.argsort(ids[there])]
    return ids[order], np.ascontiguousarray(cells[order])
