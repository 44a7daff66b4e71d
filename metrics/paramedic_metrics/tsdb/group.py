"""Scrape groups: series whose samples are taken at the same moments, and their part of the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from paramedic_metrics.series import ABSENT_BITS, bits
from paramedic_metrics.tsdb.block import Block
from paramedic_metrics.tsdb.index import NONE, Ids
from paramedic_metrics.tsdb.part import hash_of
from paramedic_metrics.tsdb.window import Window

N = TypeVar("N", bound=np.generic)
NEVER = -(2**62)
"""Before all moments."""
_DENSE = 0.75
"""The share of cells that must hold a sample in a group that stays together."""
_MOST_KINDS = 16
_SPARE = 256
"""Rows that may be without samples for long before anything is done about it."""


@dataclass(slots=True, eq=False)
class Closed:
    """A window that is no longer written to."""

    ids: Ids
    """One a row; the rows after them are empty."""
    times: NDArray[np.int64]
    cells: NDArray[np.float64]
    place: int
    """Where in the log its first sample is."""
    group: int
    """The hash of the key of the group that its series are in from now on."""
    packed: Block | None = None
    """It as a block, when the cells have been given up for it."""
    number: int = field(default_factory=count().__next__)
    """Never used twice: its name in the cache."""


class Group:
    """One group of the head. Whoever changes it holds the head's lock.

    Args:
        key: its name; the same after a restart.
        slot: its number in the head.
        loose: remote-written: samples may come to any of its moments.
    """

    def __init__(self, key: str, slot: int, *, loose: bool) -> None:
        self.key, self.slot, self.loose = key, slot, loose
        self.hash = hash_of(key)
        self.generation = 0
        """Grows when rows get other places: plans made before are made anew."""
        self.ids: Ids = NONE
        self.last: NDArray[np.int64] = np.empty(0, np.int64)
        """The newest moment of each row."""
        self.value: NDArray[np.float64] = np.empty(0)
        """And its value."""
        self.count = 0
        self.newest = NEVER
        self.closed_until = NEVER
        """The last moment of the last closed window: older samples go to the late one."""
        self.open: Window | None = None
        self.late: Window | None = None
        self.closed: list[Closed] = []
        self.plan: Plan | None = None
        """Of a loose group: the series of its last moment."""
        self.touched = 0.0
        """When it was last written to, monotonic seconds."""

    def add(self, ids: Ids, last: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.int64]:
        """New rows; returns where they are."""
        count = self.count + len(ids)
        if count > len(self.ids):
            room = max(count, len(self.ids) + len(self.ids) // 4)
            self.ids = _longer(self.ids, room)
            self.last = _longer(self.last, room)
            self.value = _longer(self.value, room)
        rows = np.arange(self.count, count)
        self.ids[rows], self.last[rows], self.value[rows] = ids, last, value
        self.count = count
        if len(last):
            self.newest = max(self.newest, int(last.max()))
        if self.open is not None:
            self.open.room(count)
        if self.late is not None:
            self.late.room(count)
        return rows

    def forget(self, before: int) -> Ids:
        """Give up the rows of series that had no sample for long, when they are most of them; returns whose.

        Args:
            before: a moment; rows with a sample since, or in a window that is open, stay.
        """
        keep = self.last[: self.count] >= before
        windows = [w for w in (self.open, self.late) if w is not None]
        for window in windows:
            keep |= (~absent(window.cells[: self.count])).any(axis=1)
        gone = ~keep
        if gone.sum() < max(_SPARE, int(keep.sum())):
            return NONE
        ids = self.ids[: self.count][gone]
        rows = np.flatnonzero(keep)
        self.ids, self.last, self.value, self.count = self.ids[rows], self.last[rows], self.value[rows], len(rows)
        for window in windows:
            # In a copy: what a reader holds stays as it is.
            window.cells = window.cells[: len(keep)][keep]
        self.generation += 1
        return ids

    def writable(self, place: int) -> Window:
        """The open window; a full one is closed first."""
        if self.open is not None and self.open.full:
            self.close()
        if self.open is None:
            self.open = Window(self.count, place)
        return self.open

    def extend(
        self, times: list[int], rows: NDArray[np.int64], values: NDArray[np.float64], places: Sequence[int]
    ) -> None:
        """Write moments that are later than all others, many at once.

        Args:
            times: ascending.
            rows: of which series.
            values: shape (times, rows).
            places: of each moment in the log.
        """
        at = 0
        while at < len(times):
            window = self.writable(places[at])
            end = at + window.left
            window.extend(times[at:end], rows, values[at:end])
            at = end
        there = ~absent(values)
        # The last of each row.
        newest = len(times) - 1 - there[::-1].argmax(axis=0)
        some = np.flatnonzero(there.any(axis=0))
        self.last[rows[some]] = np.array(times)[newest[some]]
        self.value[rows[some]] = values[newest[some], some]

    def latecomers(self, place: int) -> Window:
        """The window of samples that come after theirs was closed."""
        if self.late is not None and self.late.full:
            self.close_late()
        if self.late is None:
            self.late = Window(self.count, place)
        return self.late

    def close(self) -> None:
        """Write to the open window no more."""
        if self.open is not None and self.open.times:
            self._close(self.open)
            self.closed_until = max(self.closed_until, self.open.times[-1])
        self.open = None

    def close_late(self) -> None:
        """Write to the late window no more."""
        if self.late is not None and self.late.times:
            self._close(self.late)
        self.late = None

    def first_place(self, end: int) -> int:
        """Where in the log its oldest sample is that is not sealed; `end` when there is none."""
        windows = [w.place for w in (self.open, self.late) if w is not None]
        return min([*windows, *(c.place for c in self.closed)], default=end)

    def _close(self, window: Window) -> None:
        times, cells = window.view()
        # The ids' array is only ever added to behind this end, or replaced.
        self.closed.append(Closed(self.ids[: self.count], times, cells, window.place, self.hash))


@dataclass(slots=True, eq=False)
class Plan:
    """The series of a scrape, as rows of its group: made once, used for each scrape until the list of series changes.

    `Store.plan` makes it; the store makes its insides anew when that is needed.
    """

    group: str
    ids: Ids
    loose: bool = False
    home: Group | None = None
    generation: int = -1
    rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    segment: int = -1
    """Of the log, to which the layout was written."""
    layout: int = 0
    before: NDArray[np.float64] | None = None
    """The values of the last record."""
    changes: int = 0
    """Records since the layout was written."""


@dataclass(slots=True)
class Outcome:
    """What became of samples."""

    stored: int = 0
    same: int = 0
    """Were there already, with the same value: nothing to do, no error."""
    duplicate: int = 0
    """Another value was there at this moment."""
    out_of_order: int = 0
    too_old: int = 0
    """Out of order, and beyond the window in which that is accepted."""
    out_of_bounds: int = 0
    """Beyond retention, or too far in the future."""

    @property
    def refused(self) -> int:
        """How many were not taken."""
        return self.duplicate + self.out_of_order + self.too_old + self.out_of_bounds

    @property
    def reason(self) -> str:
        """Why the first kind of refused ones was, in Prometheus' words; empty when none was."""
        if self.duplicate:
            return "duplicate sample for timestamp"
        if self.out_of_order:
            return "out of order sample"
        if self.too_old:
            return "too old sample"
        return "out of bounds" if self.out_of_bounds else ""

    def add(self, other: Outcome) -> None:
        """Count another's too."""
        self.stored += other.stored
        self.same += other.same
        self.duplicate += other.duplicate
        self.out_of_order += other.out_of_order
        self.too_old += other.too_old
        self.out_of_bounds += other.out_of_bounds


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be written, of samples of one moment that are not all new."""

    take: NDArray[np.bool_]
    outcome: Outcome


def judge(
    group: Group, t: int, rows: NDArray[np.int64], values: NDArray[np.float64], *, late: bool, oldest: int
) -> Verdict:
    """Prometheus' rules (tsdb/head_append.go, appendable): what to do with each sample.

    Args:
        group: the group.
        t: the moment.
        rows: of which series.
        values: the samples.
        late: whether samples older than their series' newest are taken at all.
        oldest: the moment from which on they are.
    """
    last = group.last[rows]
    same_moment = t == last
    differs = bits(values) != bits(group.value[rows])
    older = t < last
    outcome = Outcome(same=int((same_moment & ~differs).sum()), duplicate=int((same_moment & differs).sum()))
    take = t > last
    behind = int(older.sum())
    if behind and late and t >= oldest:
        window = group.open if t > group.closed_until else group.late
        column = window.column(t) if window is not None else -1
        if window is not None and column >= 0:
            full = older & ~window.free(column, rows)
            outcome.same += int(full.sum())
            older &= ~full
        take = take | older
    elif late:
        outcome.too_old = behind
    else:
        outcome.out_of_order = behind
    outcome.stored = int(take.sum())
    return Verdict(take, outcome)


def patterns(window: Closed) -> list[NDArray[np.int64]]:
    """Rows with samples at the same moments, the most first; all in one where that says too little.

    Rows without any sample are in none.
    """
    there = ~absent(window.cells[: len(window.ids)])
    used = np.flatnonzero(there.any(axis=1))
    columns = there[used].any(axis=0)
    if there[used][:, columns].mean() >= _DENSE:
        return [used]
    _, kind, size = np.unique(np.packbits(there[used], axis=1), axis=0, return_inverse=True, return_counts=True)
    if len(size) > max(_MOST_KINDS, len(used) // 8):
        return [used]
    return [used[kind.ravel() == n] for n in np.argsort(-size, kind="stable").tolist()]


def some_rows(window: Closed, rows: NDArray[np.int64], group: int) -> Closed:
    """A part of a window, without the moments at which it has nothing."""
    cells = window.cells[rows]
    columns = np.flatnonzero((~absent(cells)).any(axis=0))
    return Closed(window.ids[rows], window.times[columns], np.ascontiguousarray(cells[:, columns]), window.place, group)


def absent(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where there is nothing."""
    mask: NDArray[np.bool_] = bits(values) == ABSENT_BITS
    return mask


def _longer(array: NDArray[N], room: int) -> NDArray[N]:
    longer = np.empty(room, array.dtype)
    longer[: len(array)] = array
    return longer
