"""From pieces of windows to frames: which rows and columns are wanted, and how they are put together.

Series are put together by the groups that they were in during the time asked for, nearly always one: these have one
column of moments, window after window. Where windows overlap (late samples, a series that changed its group), moments are
joined, and of two samples at one moment the one that is sealed already counts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from paramedic_core.errors import BadInput, LimitExceeded
from paramedic_metrics.series import ABSENT, Frame, Labels, Selection, present
from paramedic_metrics.tsdb import columns
from paramedic_metrics.tsdb.block import Block
from paramedic_metrics.tsdb.cache import Cache
from paramedic_metrics.tsdb.group import absent
from paramedic_metrics.tsdb.index import Ids, Index

MOST_CELLS = 50_000_000
"""Of one query, as Prometheus' own limit (--query.max-samples)."""


class Piece(Protocol):
    """Some rows and columns of one group."""

    group: int

    def spoil(self, why: BadInput, /) -> Piece | None:
        """Told when it could not be read; what can be read of it nevertheless, if anything."""

    def ids(self) -> Ids:
        """One a row, in any order."""

    def times(self) -> NDArray[np.int64]:
        """Ascending."""

    def holed(self, rows: NDArray[np.int64]) -> bool:
        """Whether the rows that are not −1 may have ABSENT or STALE cells."""

    def fill(self, out: NDArray[np.float64], rows: NDArray[np.int64], span: tuple[int, int], at: int) -> None:
        """As `Block.fill`."""


class Live:
    """A piece of unpacked cells."""

    def __init__(self, group: int, ids: Ids, times: NDArray[np.int64], cells: NDArray[np.float64]) -> None:
        self.group, self._ids, self._times, self._cells = group, ids, times, cells

    def ids(self) -> Ids:
        """One a row."""
        return self._ids

    def times(self) -> NDArray[np.int64]:
        """Ascending."""
        return self._times

    def holed(self, rows: NDArray[np.int64]) -> bool:
        """Whether the rows that are not −1 have ABSENT or STALE cells."""
        cells, wanted = self._cells[: len(rows)], rows >= 0
        return not bool(present(cells if wanted.all() else cells[wanted]).all())

    def fill(self, out: NDArray[np.float64], rows: NDArray[np.int64], span: tuple[int, int], at: int) -> None:
        """As `Block.fill`."""
        wanted = np.flatnonzero(rows >= 0)
        begin, end = span
        out[rows[wanted], at : at + end - begin] = self._cells[wanted, begin:end]

    @staticmethod
    def spoil(why: BadInput, /) -> Piece | None:
        """Memory is never damaged on its own."""
        raise why


class Stored:
    """A piece that is a block.

    Args:
        group: the hash of its group's key.
        block: its stripes still packed.
        key: its name in the cache.
        cache: keeps unpacked stripes.
        damaged: told when it cannot be read; gives what can be.
    """

    def __init__(
        self,
        group: int,
        block: Block,
        key: tuple[Hashable, ...],
        cache: Cache,
        damaged: Callable[[BadInput], Piece | None],
    ) -> None:
        self.group, self._damaged = group, damaged
        self._block, self._key, self._cache = block, key, cache

    def spoil(self, why: BadInput, /) -> Piece | None:
        """Told when it could not be read; what can be read of it nevertheless, if anything."""
        return self._damaged(why)

    def ids(self) -> Ids:
        """One a row."""
        return self._block.ids

    def times(self) -> NDArray[np.int64]:
        """Ascending."""
        return self._block.times

    def holed(self, rows: NDArray[np.int64]) -> bool:
        """Whether the rows that are not −1 may have ABSENT or STALE cells."""
        return bool(self._block.holed[rows >= 0].any())

    def fill(self, out: NDArray[np.float64], rows: NDArray[np.int64], span: tuple[int, int], at: int) -> None:
        """As `Block.fill`."""

        def fetch(stripe: int) -> NDArray[np.float64]:
            return self._cache.get((*self._key, stripe), lambda: self._block.stripe(stripe), lambda rows: rows.nbytes)

        if columns.few(self._block, rows, span):
            columns.fill(self._block, out, rows, span, at, key=self._key, cache=self._cache, fetch=fetch)
        else:
            self._block.fill(out, rows, span, at, fetch)


@dataclass(slots=True)
class _Use:
    """A piece, and what of it is wanted."""

    piece: Piece
    wanted: NDArray[np.int64]
    """For each of its rows, which of the series asked for; −1 for none."""
    times: NDArray[np.int64]
    span: tuple[int, int]


_Mine = tuple[_Use, NDArray[np.int64]]
"""What is wanted of a piece, and for each of its rows the row of the result; −1 for none."""
_BEFORE, _AFTER = -(2**62), 2**62


def frames(pieces: Iterable[Piece], ids: Ids, index: Index, start: int, end: int, most: int = MOST_CELLS) -> Selection:
    """The samples of series, read when they are wanted; what turns out to be damaged then is left out.

    Args:
        pieces: where they are; of two samples at one moment, the earlier piece's counts.
        ids: the series, ascending.
        index: knows their labels.
        start: Unix milliseconds, exclusive.
        end: inclusive.
        most: how many cells may be made.

    Raises:
        LimitExceeded: it would be more.
    """
    uses, inside = _uses(pieces, ids, start, end)
    kinds = _Kinds.of(inside, len(ids))
    makers: list[Callable[[], Frame | None]] = []
    counts: list[int] = []
    cells = 0
    for number, groups in enumerate(kinds.groups):
        members = kinds.members[number]
        mine = [
            (use, rows)
            for group in groups
            for use in uses[group]
            if (rows := kinds.rows(use, group, number)) is not None
        ]
        if not mine:
            continue
        cells += len(members) * sum(len(use.times) for use, _ in mine)
        if cells > most:
            raise LimitExceeded(
                f"the query would read more than {most} samples: ask for fewer series or a shorter time"
            )
        makers.append(partial(_made, mine, index.labels_of(ids[members].tolist())))
        counts.append(len(members))
    return Selection(makers, counts, cells)


@dataclass(slots=True)
class _Kinds:
    """Series that are in the same groups are of one kind, which becomes one frame."""

    kind: NDArray[np.int64]
    """Of each series."""
    members: list[NDArray[np.int64]]
    """The series of each kind."""
    row: NDArray[np.int64]
    """Of each series in its kind."""
    groups: list[list[int]]
    """In which groups the series of each kind are."""
    plain: set[int]
    """The groups that have series of one kind only."""

    @classmethod
    def of(cls, inside: dict[int, NDArray[np.int64]], count: int) -> _Kinds:
        kind, row = np.full(count, -1), np.empty(count, np.int64)
        for number, places in enumerate(inside.values()):
            if int(kind[places].max()) >= 0:
                return cls._mixed(inside, count)
            kind[places] = number
            row[places] = np.arange(len(places))
        return cls(kind, list(inside.values()), row, [[group] for group in inside], set(inside))

    @classmethod
    def _mixed(cls, inside: dict[int, NDArray[np.int64]], count: int) -> _Kinds:
        """Where some are in more than one group."""
        _, kind = np.unique(_signature(inside, count), return_inverse=True)
        order = np.argsort(kind, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(kind))[:-1])
        row = np.empty(count, np.int64)
        row[order] = np.concatenate([np.arange(len(each)) for each in members])
        groups: list[list[int]] = [[] for _ in members]
        plain = set()
        for group, places in inside.items():
            kinds = kind[places]
            numbers = [int(kinds[0])] if (kinds == kinds[0]).all() else np.unique(kinds).tolist()
            if len(numbers) == 1:
                plain.add(group)
            for number in numbers:
                groups[number].append(group)
        return cls(kind, members, row, groups, plain)

    def rows(self, use: _Use, group: int, number: int) -> NDArray[np.int64] | None:
        """For each row of a piece, which of the kind's it is; −1 for none, None when none is."""
        wanted = use.wanted
        rows = self.row[wanted]
        if group in self.plain:
            rows[wanted < 0] = -1
            return rows
        rows[(wanted < 0) | (self.kind[wanted] != number)] = -1
        return rows if (rows >= 0).any() else None


def _uses(
    pieces: Iterable[Piece], ids: Ids, start: int, end: int
) -> tuple[dict[int, list[_Use]], dict[int, NDArray[np.int64]]]:
    """What is wanted of which piece, and which of the series there are, both by group."""
    # One more than the place, and nought for none: noughts that nobody writes to take no memory, however high an id is.
    place = np.zeros(int(ids[-1]) + 1 if len(ids) else 0, np.int64)
    place[ids] = np.arange(1, len(ids) + 1)
    bounds = np.array([start, end], np.int64)
    uses: dict[int, list[_Use]] = {}
    found: dict[int, list[NDArray[np.int64]]] = {}
    for piece in pieces:
        times = piece.times()
        begin, stop = times.searchsorted(bounds, side="right").tolist()
        have = piece.ids()
        if begin >= stop or not len(ids):
            continue
        wanted = place[np.minimum(have, len(place) - 1)] - 1
        wanted[have >= len(place)] = -1
        known = wanted >= 0
        member = wanted if known.all() else wanted[known]
        if not len(member):
            continue
        uses.setdefault(piece.group, []).append(_Use(piece, wanted, times[begin:stop], (begin, stop)))
        found.setdefault(piece.group, []).append(member)
    return uses, {group: _together(members) for group, members in found.items()}


def _together(members: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Each once; a piece has each of its series once, and most of a group's have the same."""
    if all(np.array_equal(members[0], more) for more in members[1:]):
        return members[0]
    return np.unique(np.concatenate(members))


def _signature(inside: dict[int, NDArray[np.int64]], count: int) -> NDArray[np.uint64]:
    """For each series, a number that tells which groups it is in."""
    signature = np.zeros(count, np.uint64)
    for group, members in inside.items():
        mixed = signature[members] * np.uint64(0x9E3779B97F4A7C15) + np.uint64(group * 2 + 1)
        signature[members] = mixed ^ (mixed >> np.uint64(29))
    return signature


def joined(
    pieces: Sequence[Piece], ids: Ids, start: int = _BEFORE, end: int = _AFTER
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """All samples of series in pieces of one group; of two at one moment, the earlier piece's.

    Args:
        pieces: not empty.
        ids: ascending, at least one of them in a piece with moments in this time.
        start: Unix milliseconds, exclusive.
        end: inclusive.

    Raises:
        Spoiled: one of them is damaged.
    """
    uses, _ = _uses(pieces, ids, start, end)
    mine = [(use, use.wanted) for group in uses.values() for use in group]
    times, cells, _ = _cells(mine, len(ids))
    return times, cells


def _made(mine: list[_Mine], labels: list[Labels]) -> Frame | None:
    while mine:
        try:
            return _frame(mine, labels)
        except Spoiled as spoiled:
            mine = [left for each in mine for left in _left(each, spoiled)]
    return None


def _left(each: _Mine, spoiled: Spoiled) -> list[_Mine]:
    """What is left of something that is wanted when a block has turned out to be damaged."""
    use, rows = each
    if use is not spoiled.use:
        return [each]
    if spoiled.rest is None:
        return []
    keep = np.isin(use.piece.ids(), spoiled.rest.ids())
    return [(_Use(spoiled.rest, use.wanted[keep], use.times, use.span), rows[keep])]


def _frame(mine: list[_Mine], labels: list[Labels]) -> Frame | None:
    times, out, holed = _cells(mine, len(labels))
    if holed:
        return _trimmed(labels, times, out)
    out.flags.writeable = False
    return Frame(labels, times, out, whole=True)


def _cells(mine: list[_Mine], rows: int) -> tuple[NDArray[np.int64], NDArray[np.float64], bool]:
    """The moments, the cells, and whether there may be holes."""
    ordered = [[each] for each in sorted(mine, key=_begin)]
    if all(int(one[0][0].times[-1]) < int(other[0][0].times[0]) for one, other in pairwise(ordered)):
        times = mine[0][0].times if len(mine) == 1 else np.concatenate([window[0][0].times for window in ordered])
        return times, *_side_by_side(ordered, rows, len(times))
    windows: dict[tuple[int, int, bytes], list[_Mine]] = {}
    for use, target in mine:
        # Blocks of the same window, each with some of the rows.
        key = (int(use.times[0]), len(use.times), use.times.tobytes())
        windows.setdefault(key, []).append((use, target))
    ordered = [windows[key] for key in sorted(windows)]
    times = np.concatenate([window[0][0].times for window in ordered])
    if (np.diff(times) > 0).all() and all(_apart(window) for window in ordered):
        out, holed = _side_by_side(ordered, rows, len(times))
        return times, out, holed
    times = np.unique(times)
    return times, _overlapping(mine, rows, times), True


def _begin(each: _Mine) -> int:
    return int(each[0].times[0])


def _apart(window: list[_Mine]) -> bool:
    """Whether no row is in two pieces of a window."""
    if len(window) == 1:
        return True
    rows = np.concatenate([target[target >= 0] for _, target in window])
    return len(np.unique(rows)) == len(rows)


def _side_by_side(ordered: list[list[_Mine]], rows: int, columns: int) -> tuple[NDArray[np.float64], bool]:
    """Windows that come one after the other; and whether there may be holes."""
    out = np.empty((rows, columns))
    holed, at = False, 0
    for window in ordered:
        width = len(window[0][0].times)
        if sum(int(np.count_nonzero(target >= 0)) for _, target in window) < rows:
            out[:, at : at + width] = ABSENT
            holed = True
        for use, target in window:
            holed = holed or use.piece.holed(target)
            _read(use, out, target, at)
        at += width
    return out, holed


def _overlapping(mine: list[_Mine], rows: int, times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Windows of which some share moments."""
    out = np.full((rows, len(times)), ABSENT)
    for use, target in mine:
        some = np.full((rows, len(use.times)), ABSENT)
        _read(use, some, target, 0)
        columns = np.searchsorted(times, use.times)
        before = out[:, columns]
        out[:, columns] = np.where(absent(before), some, before)
    return out


def _read(use: _Use, out: NDArray[np.float64], target: NDArray[np.int64], at: int) -> None:
    try:
        use.piece.fill(out, target, use.span, at)
    except BadInput as error:
        raise Spoiled(use, use.piece.spoil(error)) from error


class Spoiled(Exception):
    """A block turned out to be damaged while it was read.

    Args:
        use: the block, and what of it was wanted.
        rest: what can be read of it.
    """

    def __init__(self, use: _Use, rest: Piece | None) -> None:
        super().__init__()
        self.use, self.rest = use, rest


def _trimmed(labels: Sequence[Labels], times: NDArray[np.int64], out: NDArray[np.float64]) -> Frame | None:
    """Without the rows and columns in which there is nothing."""
    there = ~absent(out)
    rows: NDArray[np.bool_] = np.logical_or.reduce(there, axis=1)
    columns: NDArray[np.bool_] = np.logical_or.reduce(there, axis=0)
    if not rows.any():
        return None
    if not rows.all():
        labels, out, there = (
            [one for one, yes in zip(labels, rows.tolist(), strict=True) if yes],
            out[rows],
            there[rows],
        )
    if not columns.all():
        times, out = times[columns], out[:, columns]
    out = np.ascontiguousarray(out)
    whole = bool(present(out).all())
    out.flags.writeable = False
    return Frame(labels, times, out, whole)
