"""The head: what was appended and is not sealed yet, by scrape group, and the rules of appending."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from paramedic_core.clock import Clock
from paramedic_core.errors import BadInput, NotFound
from paramedic_core.fault import fault
from paramedic_metrics.tsdb import records
from paramedic_metrics.tsdb.distinct import among, distinct
from paramedic_metrics.tsdb.group import NEVER, Group, Outcome, Plan, absent, judge, patterns, some_rows
from paramedic_metrics.tsdb.index import Ids
from paramedic_metrics.tsdb.wal import Wal

AHEAD = 600_000
"""Milliseconds by which a sample may be ahead of the clock, as Prometheus has it."""
_NOBODY = 0
"""Nought, so that series nobody has take no memory: a page of noughts is made when it is written to."""
_WHOLE_EVERY = 64
"""Scrapes after which all of one is logged again, not just what has changed: so much is lost with a damaged record."""
_FEW = 8
"""Series from which on it pays to know a group's list again."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken."""

    late: int
    """Milliseconds by which a sample may be behind the newest of all when its series has newer ones; 0: not at all."""
    keep: int
    """Milliseconds after which samples are dropped anyway."""


class Head:
    """All groups.

    Args:
        wal: the log; what is appended goes there first.
        rules: what is taken.
        clock: the time.
        unknown: the first of these series that has been forgotten; −1 when none has.
    """

    def __init__(self, wal: Wal, rules: Rules, clock: Clock, unknown: Callable[[Ids], int]) -> None:
        self._unknown = unknown
        self.lock = threading.RLock()
        """Held to change it, and to take a view of it."""
        self.wal, self.rules, self._clock = wal, rules, clock
        self.groups: dict[str, Group] = {}
        self._slots: dict[int, Group] = {}
        self._next_slot = _NOBODY + 1
        self.newest = NEVER
        self._layouts = 0
        self._owner: NDArray[np.int32] = np.zeros(1024, np.int32)
        self._row: NDArray[np.int32] = np.zeros(1024, np.int32)
        self._loose: NDArray[np.bool_] = np.zeros(64, np.bool_)
        """By slot; the first is for nobody's series."""
        self._full: list[Group] = []
        """Loose groups whose window is full: it is looked at whether they are one group."""
        self._meeting: dict[int, Group] = {}
        """Loose groups by their newest moment: where a new series of that moment belongs."""

    def append(self, plan: Plan, t: int, values: NDArray[np.float64]) -> Outcome:
        """One scrape: one value for each series of the plan, all at one moment.

        Args:
            plan: which series.
            t: Unix milliseconds.
            values: in the plan's order; ABSENT where a series has none this time.

        Raises:
            StoreUnavailable: the log cannot be written; nothing was taken.
            BadInput: it is not one value for each series.
            NotFound: a series has been forgotten: ask for its id again.
        """
        if len(values) != len(plan.ids):
            raise BadInput(f"{len(values)} values were given for {len(plan.ids)} series")
        values = np.ascontiguousarray(values, np.float64)
        with self.lock:
            if not self._within(t):
                return Outcome(out_of_bounds=len(values))
            group = self._bind(plan)
            if t <= group.newest:
                here = ~absent(values)
                return self._mixed(group, t, plan.rows[here], values[here])
            return self._scraped(group, plan, t, values)

    def write(self, ids: Ids, times: NDArray[np.int64], values: NDArray[np.float64]) -> Outcome:
        """Samples of any series and moments, as remote write brings them.

        Args:
            ids: of each sample.
            times: Unix milliseconds.
            values: none ABSENT.

        Raises:
            StoreUnavailable: the log cannot be written; those before were taken, so the whole may be sent again.
        """
        outcome = Outcome()
        values = np.ascontiguousarray(values, np.float64)
        with self.lock:
            self._split_full()
            owners = self._settle(ids, times)
            for t, group, at in _by_moment(times, owners, self._slots):
                if not self._within(t):
                    outcome.add(Outcome(out_of_bounds=len(at)))
                    continue
                done = self._again(group, t, ids[at], values[at])
                if done is not None:
                    outcome.add(done)
                    continue
                # A series twice at one moment: the first counts.
                unique, first = np.unique(ids[at], return_index=True)
                rows = self._row[unique].astype(np.int64)
                done = self._mixed(group, t, rows, values[at][first])
                done.same += len(at) - len(unique)
                outcome.add(done)
        return outcome

    def replay(self, some: Sequence[tuple[records.Cells, int]]) -> None:
        """Take in what the log has, as it was taken in then.

        Args:
            some: of one group, and with the very same array of series; each with its place.
        """
        if not some:
            return
        cells = some[0][0]
        known = self.groups.get(cells.group)
        plan = known.plan if known is not None else None
        if plan is None or plan.ids is not cells.ids:
            plan = Plan(cells.group, cells.ids, cells.loose)
        group = self._bind(plan)
        group.plan = plan
        times = [each.t for each, _ in some]
        if times[0] > group.newest and all(a < b for a, b in pairwise(times)):
            group.extend(times, plan.rows, np.array([each.values for each, _ in some]), [place for _, place in some])
            self._moved(group, times[-1])
            return
        for each, place in some:
            if each.t > group.newest:
                self._append(group, each.t, plan.rows, each.values, place)
            else:
                here = ~absent(each.values)
                self._put(group, each.t, plan.rows[here], each.values[here], place)

    def retire(self, group: Group) -> None:
        """Forget a group of which everything is sealed."""
        self._owner[self._owner == group.slot] = _NOBODY
        del self.groups[group.key], self._slots[group.slot]
        group.generation = -2
        if self._meeting.get(group.newest) is group:
            del self._meeting[group.newest]

    def thin(self, age: int) -> int:
        """Give up the rows of series that come and go, so that a target whose series do takes no more and more memory.

        Args:
            age: milliseconds without a sample.

        Returns:
            how many rows.
        """
        gone = 0
        with self.lock:
            for group in self.groups.values():
                ids = group.forget(group.newest - age)
                if len(ids):
                    self._owner[ids[self._owner[ids] == group.slot]] = _NOBODY
                    kept = group.ids[: group.count]
                    mine = self._owner[kept] == group.slot
                    self._row[kept[mine]] = np.flatnonzero(mine)
                    gone += len(ids)
        return gone

    def samples(self) -> int:
        """How many cells are held unpacked."""
        with self.lock:
            return sum(
                window.cells.size for g in self.groups.values() for window in (g.open, g.late) if window is not None
            ) + sum(c.cells.size for g in self.groups.values() for c in g.closed)

    def _known(self, ids: Ids) -> None:
        """Whether they have not been forgotten; asked when series get a place, so that they stay known afterwards."""
        unknown = self._unknown(ids)
        if unknown >= 0:
            raise NotFound(f"series {unknown} is not known any more: ask for its id again")

    def _within(self, t: int) -> bool:
        now = int(self._clock.now() * 1000)
        return now - self.rules.keep <= t <= now + AHEAD

    def _bind(self, plan: Plan) -> Group:
        """The plan's group, with a row for each series."""
        group = plan.home
        if group is not None and group.generation == plan.generation:
            return group
        self._known(plan.ids)
        group = self._group(plan.group, loose=plan.loose)
        self._own(group, plan.ids)
        plan.rows = self._row[plan.ids].astype(np.int64)
        plan.home, plan.generation, plan.segment, plan.before = group, group.generation, -1, None
        return group

    def _group(self, key: str, *, loose: bool) -> Group:
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = self._slots[self._next_slot] = Group(key, self._next_slot, loose=loose)
            group.touched = self._clock.monotonic()
            if self._next_slot + 1 >= len(self._loose):
                self._loose = np.concatenate([self._loose, np.zeros(len(self._loose), np.bool_)])
            self._loose[self._next_slot] = loose
            self._next_slot += 1
        return group

    def _own(self, group: Group, ids: Ids) -> None:
        """Make the series rows of this group, wherever they were."""
        if len(ids):
            self._own_room(int(ids.max()))
        foreign = ids[self._owner[ids] != group.slot]
        if not len(foreign):
            return
        last, value = np.full(len(foreign), NEVER), np.zeros(len(foreign))
        for slot in distinct(self._owner[foreign]).tolist():
            if slot != _NOBODY:
                # Who had them must not write to them unasked.
                other = self._slots[slot]
                other.generation += 1
                mine = self._owner[foreign] == slot
                rows = self._row[foreign[mine]]
                last[mine], value[mine] = other.last[rows], other.value[rows]
        had = np.flatnonzero(among(group.ids[: group.count], foreign))
        if len(had):
            back = group.ids[had]
            at = np.searchsorted(foreign, back, sorter=(order := np.argsort(foreign)))
            group.last[had], group.value[had] = last[order[at]], value[order[at]]
            group.newest = max(group.newest, int(group.last[had].max()))
            self._owner[back], self._row[back] = group.slot, had
            keep = ~among(foreign, back)
            foreign, last, value = foreign[keep], last[keep], value[keep]
        rows = group.add(foreign, last, value)
        self._owner[foreign], self._row[foreign] = group.slot, rows

    def _log(self, plan: Plan, t: int, values: NDArray[np.float64]) -> int:
        self.wal.ready(64 + 13 * len(values) + len(plan.group))
        if plan.segment != self.wal.segment or plan.changes >= _WHOLE_EVERY:
            self._layouts += 1
            plan.layout, plan.before, plan.segment = self._layouts, None, -1
            layout = records.Layout(plan.layout, plan.loose, plan.group, plan.ids)
            first = self.wal.append(records.LAYOUT, records.pack_layout(layout))
            plan.segment, plan.changes = self.wal.segment, 0
        else:
            first = -1
        place = self.wal.append(records.SCRAPE, records.pack_scrape(plan.layout, t, values, plan.before))
        plan.before = values.copy()
        plan.changes += 1
        return place if first < 0 else first

    def _append(self, group: Group, t: int, rows: NDArray[np.int64], values: NDArray[np.float64], place: int) -> int:
        group.writable(place).append(t, rows, values)
        holes = absent(values)
        if holes.any():
            rows, values = rows[~holes], values[~holes]
        group.last[rows], group.value[rows] = t, values
        self._moved(group, t)
        return len(rows)

    def _put(self, group: Group, t: int, rows: NDArray[np.int64], values: NDArray[np.float64], place: int) -> None:
        """Write cells that may be anywhere."""
        if t <= group.closed_until:
            window = group.latecomers(place)
        elif group.open is not None and group.open.column(t) >= 0:
            window = group.open
        else:
            # Closing a full window may put this moment behind it.
            window = group.writable(place)
            window = window if t > group.closed_until else group.latecomers(place)
        column = window.insert(t)
        free = window.free(column, rows)
        rows, values = rows[free], values[free]
        window.cells[rows, column] = values
        newer = t > group.last[rows]
        group.last[rows[newer]], group.value[rows[newer]] = t, values[newer]
        if group.loose:
            self._look_at(group)
        self._moved(group, t)

    def _moved(self, group: Group, t: int) -> None:
        if t > group.newest:
            if group.loose:
                if self._meeting.get(group.newest) is group:
                    del self._meeting[group.newest]
                self._meeting[t] = group
            group.newest = t
        self.newest = max(self.newest, t)
        group.touched = self._clock.monotonic()

    def _mixed(self, group: Group, t: int, rows: NDArray[np.int64], values: NDArray[np.float64]) -> Outcome:
        late = self.rules.late
        verdict = judge(group, t, rows, values, late=late > 0, oldest=self.newest - late)
        rows, values = rows[verdict.take], values[verdict.take]
        if len(rows):
            cells = records.Cells(group.loose, group.key, t, group.ids[rows], values)
            payload = records.pack_cells(cells)
            self.wal.ready(len(payload) + 16)
            place = self.wal.append(records.CELLS, payload)
            fault("tsdb.after_log_cells")
            self._put(group, t, rows, values, place)
        return verdict.outcome

    def _again(self, group: Group, t: int, ids: Ids, values: NDArray[np.float64]) -> Outcome | None:
        """Take a loose group's next moment as a scrape, if it has the very series of the one before; else None."""
        if t <= group.newest or len(ids) < _FEW:
            return None
        plan = group.plan
        if plan is None or len(plan.ids) != len(ids) or not (plan.ids == ids).all():
            unique = len(distinct(ids)) == len(ids)
            group.plan = Plan(group.key, ids.copy(), loose=True) if unique else None
            return None
        self._bind(plan)
        outcome = self._scraped(group, plan, t, values)
        self._look_at(group)
        return outcome

    def _scraped(self, group: Group, plan: Plan, t: int, values: NDArray[np.float64]) -> Outcome:
        """Write a moment that is later than all others of the group."""
        place = self._log(plan, t, values)
        fault("tsdb.after_log")
        return Outcome(stored=self._append(group, t, plan.rows, values, place))

    def _look_at(self, group: Group) -> None:
        """Whether its window is full, so that it is looked at before the next write."""
        if group.open is not None and group.open.full and group not in self._full:
            self._full.append(group)

    def _settle(self, ids: Ids, times: NDArray[np.int64]) -> NDArray[np.int32]:
        """The loose group of each sample's series; new series join those that began at the same moment."""
        if len(ids):
            self._own_room(int(ids.max()))
        slots = self._owner[ids]
        stray = ~self._loose[slots]
        if stray.any():
            self._known(ids[stray])
            order = np.lexsort((times[stray], ids[stray]))
            unique, first = np.unique(ids[stray][order], return_index=True)
            begins = times[stray][order][first]
            for t in distinct(begins).tolist():
                group = self._meeting.get(t)
                if group is None:
                    group = self._group(f"loose/{t}/{self._next_slot}", loose=True)
                    self._meeting[t] = group
                self._own(group, unique[begins == t])
            slots = self._owner[ids]
        return slots

    def _split_full(self) -> None:
        """Take loose groups apart whose series turn out to have different moments.

        Series that began at the same moment may belong to two senders. Done between writes, when the open window is full.
        """
        full, self._full = self._full, []
        for group in full:
            if self.groups.get(group.key) is not group or group.open is None or not group.open.full:
                continue
            group.close()
            window = group.closed[-1]
            kinds = patterns(window)
            for number, rows in enumerate(kinds[1:], start=1):
                other = self._group(f"{group.key}/{number}/{self._next_slot}", loose=True)
                # It stays with the group in whose name the log has it, so that both are sealed at once.
                group.closed.append(some_rows(window, rows, other.hash))
                self._own(other, window.ids[rows])
                other.closed_until = int(group.closed[-1].times[-1])
            if len(kinds) > 1:
                group.closed[group.closed.index(window)] = some_rows(window, kinds[0], group.hash)

    def _own_room(self, most: int) -> None:
        if most >= len(self._owner):
            room = max(most + 1, 2 * len(self._owner))
            self._owner, self._row = _longer(self._owner, room), _longer(self._row, room)


def _longer(have: NDArray[np.int32], room: int) -> NDArray[np.int32]:
    longer = np.zeros(room, np.int32)
    longer[: len(have)] = have
    return longer


def _by_moment(
    times: NDArray[np.int64], owners: NDArray[np.int32], slots: dict[int, Group]
) -> Iterator[tuple[int, Group, NDArray[np.int64]]]:
    """Samples of one moment and one group at a time, the oldest first."""
    order = np.lexsort((owners, times))
    edges = np.flatnonzero((np.diff(times[order]) != 0) | (np.diff(owners[order]) != 0)) + 1
    for at in np.split(order, edges):
        if len(at):
            yield int(times[at[0]]), slots[int(owners[at[0]])], at
