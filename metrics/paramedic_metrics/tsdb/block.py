"""A block: one window of one scrape group, as bytes. Each row is read by itself.

    offset  size
    0       4       "PMB1"
    4       4       CRC-32 of all that follows, up to the first stripe (zlib.crc32)
    8       11 × 4  counts: rows, moments, constants, dynamic rows, firsts, runs, stripes; bytes of the table and of the
                    moments; divisors; flags (1: as below; 0: an older one, whose places and runs' rows are themselves)
    52      …       moments (Unix milliseconds, a packed column), the table (a packed column of bytes), the stripes

The table has, one after the other: ids of the series, where each row is (a constant, else a row of a stripe), both less
the one before (uint32), the constants (float64), exponents of the dynamic rows (int8), firsts of their differences (int64),
the runs (row less the one before, start, length: uint32; bits: uint64), of the stripes their rows, bytes (uint32) and order
(int8), and the divisors (dynamic row: uint32; divisor: int64).

What is no finite number (NaN, STALE, ABSENT, infinities) is written down as runs of one bit pattern, and the row goes on
as before meanwhile: so it costs nothing where there is none, and every payload survives. Rows that do not change are one
number. Of the others, equal ones are kept once (a file system that is mounted twice); they are scaled to integers and put
together with alike rows in stripes of some thousand differences, each a packed column with its own checksum: rows are
unpacked only when they are wanted.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Container, Iterator
from copy import copy
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paramedic_core.errors import BadInput
from paramedic_metrics.series import ABSENT_BITS, STALE_BITS, bits
from paramedic_metrics.tsdb import codec, scaling
from paramedic_metrics.tsdb.distinct import distinct
from paramedic_metrics.tsdb.index import MOST_IDS
from paramedic_metrics.tsdb.scaling import RAW_EXPONENT
from paramedic_metrics.tsdb.source import Source

_HEAD = struct.Struct("<4sI11I")
MAGIC = b"PMB1"
MOST_MOMENTS = 4096
MOST_ROWS = 1 << 22
_STRIPE = 8192
"""Numbers in a stripe, about."""
_AT_ONCE = 1 << 16
"""Numbers of several stripes that are worked on together: what fits the processor's cache."""
_MOST_STRIPE = 1 << 20
_MOST_CELLS = 1 << 28
_MOST_TABLE = 1 << 28
"""What is larger is none of ours: it is not even unpacked."""
_RAW_ORDER = 3
_DIFFERENCES = 1
"""The flag."""
_HOLES = np.array([ABSENT_BITS, STALE_BITS], np.uint64)
_STRIPED = {0: 1, 1: 1, 2: 2, _RAW_ORDER: 0}
"""How many firsts a row has, by order of differences."""

Fetch = Callable[[int], NDArray[Any]]
"""Gives a stripe, from a cache perhaps."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of cells with the same bits, none of them finite."""

    row: NDArray[np.uint32]
    start: NDArray[np.uint32]
    length: NDArray[np.uint32]
    bits: NDArray[np.uint64]

    def write(self, out: NDArray[np.float64], rows: NDArray[np.int64], begin: int, end: int, at: int) -> None:
        """Put them into `out`, whose column `at` is our column `begin`; `rows` maps ours to its, −1 for none."""
        target = rows[self.row]
        first = np.maximum(self.start.astype(np.int64), begin)
        last = np.minimum(self.start.astype(np.int64) + self.length, end)
        for i in np.flatnonzero((target >= 0) & (first < last)).tolist():
            bits(out)[target[i], at + first[i] - begin : at + last[i] - begin] = self.bits[i]


def encode(
    ids: NDArray[np.uint32], times: NDArray[np.int64], values: NDArray[np.float64], first: int = codec.PCO
) -> bytes:
    """A block.

    Args:
        ids: series, ascending, one a row.
        times: ascending, at most MOST_MOMENTS.
        values: shape (rows, times); ABSENT where there is no sample.
        first: the codec to try first.
    """
    runs, values = _without_runs(values)
    constant = (bits(values) == bits(values)[:, :1]).all(axis=1)
    changing = np.flatnonzero(~constant)
    constants = len(ids) - len(changing)
    dynamic, kind = _once(values, changing)
    scaled = scaling.scale(values[dynamic])
    divisors = scaling.divisors(scaled.integers)
    integers = scaling.divide(scaled.integers, divisors)
    orders, sizes = scaling.differences(integers)
    orders[scaled.exponents == RAW_EXPONENT] = _RAW_ORDER
    ranked = np.lexsort((sizes, orders))
    divided = np.flatnonzero(divisors[ranked] != 1)
    place = np.empty(len(ids), np.uint32)
    place[constant] = np.arange(constants)
    place[changing] = constants + np.argsort(ranked)[kind]
    stripes: list[bytes] = []
    firsts: list[NDArray[np.int64]] = []
    shape: list[tuple[int, int, int]] = []
    for order, rows in _stripes(ranked, orders, len(times)):
        if order == _RAW_ORDER:
            packed = codec.pack(values[dynamic[rows]].ravel(), codec=first)
        else:
            low, begins = scaling.lower(integers[rows], order)
            firsts.append(begins.ravel())
            packed = codec.pack(low.ravel(), codec=first, differ=False)
        stripes.append(packed)
        shape.append((len(rows), len(packed), order))
    begun = np.concatenate(firsts) if firsts else np.empty(0, np.int64)
    table = b"".join(
        part.tobytes()
        for part in (
            _less_before(ids), _less_before(place), values[constant, 0].astype("<f8"), scaled.exponents[ranked],
            begun.astype("<i8"), _less_before(runs.row), runs.start.astype("<u4"), runs.length.astype("<u4"),
            runs.bits.astype("<u8"), np.array([s[0] for s in shape], "<u4"), np.array([s[1] for s in shape], "<u4"),
            np.array([s[2] for s in shape], np.int8), divided.astype("<u4"), divisors[ranked][divided].astype("<i8"),
        )
    )  # fmt: skip
    moments = codec.pack(times)
    packed_table = codec.pack(np.frombuffer(table, np.uint8), codec=codec.ZSTD)
    counts = (len(ids), len(times), constants, len(dynamic), len(begun), len(runs.row), len(shape))
    head = _HEAD.pack(MAGIC, 0, *counts, len(packed_table), len(moments), len(divided), _DIFFERENCES)
    crc = zlib.crc32(packed_table, zlib.crc32(moments, zlib.crc32(head[8:])))
    return head[:4] + struct.pack("<I", crc) + head[8:] + moments + packed_table + b"".join(stripes)


class Block:
    """A block that is read where it lies.

    Args:
        data: begins with the block; may be longer.

    Raises:
        BadInput: its head is damaged.
    """

    def __init__(self, data: Source) -> None:
        if len(data) < _HEAD.size:
            raise BadInput("a block is cut")
        head = data[: _HEAD.size]
        magic, crc, *counts, table_size, times_size, divided, flags = _HEAD.unpack(head)
        rows, moments, constants, dynamic, firsts, runs, stripes = counts
        start = _HEAD.size + times_size + table_size
        if magic != MAGIC or len(data) < start or table_size + times_size > _MOST_TABLE:
            raise BadInput("no block begins here, or its head is damaged")
        body = data[_HEAD.size : start]
        if zlib.crc32(body, zlib.crc32(head[8:])) != crc:
            raise BadInput("a block's head is damaged")
        size = 8 * rows + 8 * constants + dynamic + 8 * firsts + 20 * runs + 9 * stripes + 12 * divided
        if rows > MOST_ROWS or moments > MOST_MOMENTS or size > _MOST_TABLE or rows * moments > _MOST_CELLS:
            raise BadInput("a block would be larger than any of ours")
        if constants + dynamic > rows or firsts > 2 * dynamic or max(stripes, divided) > dynamic or not moments:
            raise BadInput("a block's counts contradict each other")
        if flags > _DIFFERENCES:
            raise BadInput(f"a block has flags that are not known here ({flags}): is it from a newer paramedic?")
        self.times, _ = codec.unpack(body, moments, np.int64)
        table = _Table(codec.unpack(body[times_size:], size, np.uint8)[0])
        gaps = table.take("<u4", rows)
        self.ids: NDArray[np.uint32] = np.cumsum(gaps, dtype=np.uint32)
        self._place = _add_before(table.take("<u4", rows), flags)
        self._constants = table.take("<f8", constants)
        self._exponents = table.take("i1", dynamic)
        begun = table.take("<i8", firsts)
        run_rows = _add_before(table.take("<u4", runs), flags)
        self.runs = Runs(run_rows, table.take("<u4", runs), table.take("<u4", runs), table.take("<u8", runs))
        self._stripe_rows = table.take("<u4", stripes).astype(np.int64)
        sizes, self._orders = table.take("<u4", stripes).astype(np.int64), table.take("i1", stripes)
        self._starts = np.concatenate([[0], np.cumsum(self._stripe_rows)])
        divides, self._divisors = table.take("<u4", divided), np.ones(dynamic, np.int64)
        self._offsets = start + np.concatenate([[0], np.cumsum(sizes)])
        self.length = int(self._offsets[-1])
        if not self._sound(gaps, len(data)) or (divides >= dynamic).any():
            raise BadInput("a block is cut, or its table contradicts its head")
        self._divisors[divides] = table.take("<i8", divided)
        self._twins = _twins(self._place, constants + dynamic)
        counted = self._stripe_rows * np.array([_STRIPED[o] for o in self._orders.tolist()], np.int64)
        if counted.sum() != firsts:
            raise BadInput("a block's table contradicts its head")
        self._firsts = np.split(begun, np.cumsum(counted)[:-1]) if stripes else []
        self._data = data
        self.holed = np.zeros(rows, np.bool_)
        """Rows with an ABSENT or STALE cell."""
        self.holed[self.runs.row[np.isin(self.runs.bits, _HOLES)]] = True
        steady = np.flatnonzero(self._place < constants)
        self.holed[steady] |= np.isin(bits(self._constants)[self._place[steady]], _HOLES)

    def _sound(self, gaps: NDArray[np.uint32], size: int) -> bool:
        """Whether all numbers of the table are such that nothing can be read that is not there."""
        rows, moments, dynamic = len(gaps), len(self.times), len(self._exponents)
        places = np.zeros(len(self._constants) + dynamic, np.bool_)
        if rows and int(self._place.max()) >= len(places):
            return False
        places[self._place] = True
        ends = self.runs.start.astype(np.int64) + self.runs.length
        return bool(
            self._starts[-1] == dynamic
            and size >= self.length
            and set(self._orders.tolist()) <= set(_STRIPED)
            and (self._stripe_rows * moments <= np.where(self._stripe_rows == 1, MOST_MOMENTS, _MOST_STRIPE)).all()
            and places.all()
            and (gaps[1:] > 0).all()
            and int(gaps.sum(dtype=np.uint64)) < MOST_IDS
            and (np.diff(self.times) > 0).all()
            and ((self._exponents >= RAW_EXPONENT) & (self._exponents < len(scaling.POWERS))).all()
            and (self.runs.row < rows).all()
            and (ends <= moments).all()
        )

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes, stripes apart."""
        numbers = len(self.times) + len(self._constants) + len(self._divisors)
        return 600 + 13 * len(self.ids) + 8 * numbers + 20 * len(self.runs.row)

    @property
    def stripes(self) -> int:
        """How many there are."""
        return len(self._orders)

    def stripe(self, number: int) -> NDArray[Any]:
        """The numbers of one stripe as they are kept: differences in the smallest type that holds them, or floats.

        Raises:
            BadInput: it is damaged.
        """
        rows, columns = int(self._stripe_rows[number]), len(self.times)
        data = self._data[int(self._offsets[number]) : int(self._offsets[number + 1])]
        if self._orders[number] == _RAW_ORDER:
            return codec.unpack(data, rows * columns, np.float64)[0].reshape(rows, columns)
        return scaling.smallest(codec.unpack(data, rows * columns, np.int64)[0].reshape(rows, columns))

    @property
    def samples(self) -> int:
        """How many cells are not ABSENT."""
        gone = int(self.runs.length[self.runs.bits == ABSENT_BITS].sum(dtype=np.int64))
        steady = self._place[self._place < len(self._constants)]
        never = int((bits(self._constants)[steady] == ABSENT_BITS).sum())
        return (len(self.ids) - never) * len(self.times) - gone

    def without(self, stripes: Container[int]) -> Block:
        """It without the rows of some stripes; the others are read as before."""
        keep = np.ones(len(self.ids), np.bool_)
        keep[self.rows_of(stripes)] = False
        renumbered = np.cumsum(keep) - 1
        less = copy(self)
        less.ids, less._place, less.holed = self.ids[keep], self._place[keep], self.holed[keep]  # noqa: SLF001  of our own class
        less._twins = _twins(less._place, len(self._constants) + len(self._exponents))  # noqa: SLF001  as above
        mine = keep[self.runs.row]
        less.runs = Runs(
            renumbered[self.runs.row[mine]].astype(np.uint32), self.runs.start[mine], self.runs.length[mine],
            self.runs.bits[mine],
        )  # fmt: skip
        return less

    def bad(self) -> dict[int, str]:
        """The stripes that are damaged, each with what is wrong; reads all of it."""
        found = {}
        for number in range(self.stripes):
            try:
                self.stripe(number)
            except BadInput as error:
                found[number] = str(error)
        return found

    def rows_of(self, stripes: Container[int]) -> NDArray[np.int64]:
        """The rows that are in these stripes."""
        inside = np.array([number in stripes for number in range(self.stripes)], np.bool_)
        place = self._place.astype(np.int64) - len(self._constants)
        at = np.searchsorted(self._starts, place, side="right") - 1
        return np.flatnonzero((place >= 0) & np.append(inside, False)[np.minimum(at, self.stripes)])

    def _values(self, first: int, last: int, span: tuple[int, int], fetch: Fetch) -> NDArray[np.float64]:
        """The columns `span` of some stripes of one order, without the runs."""
        low = [fetch(number) for number in range(first, last)]
        together = low[0] if len(low) == 1 else np.concatenate(low)
        order = int(self._orders[first])
        if order == _RAW_ORDER:
            return together[:, span[0] : span[1]]
        firsts = np.concatenate(self._firsts[first:last]).reshape(len(together), -1)
        whole = scaling.raise_again(together, firsts, order, span)
        mine = slice(int(self._starts[first]), int(self._starts[last]))
        by = self._divisors[mine]
        if (by != 1).any():
            whole = scaling.multiply(whole, firsts[:, :1], by)
        return scaling.unscale(whole, self._exponents[mine])

    def fill(
        self,
        out: NDArray[np.float64],
        rows: NDArray[np.int64],
        span: tuple[int, int],
        at: int,
        fetch: Fetch,
    ) -> None:
        """Write rows into a matrix.

        Args:
            out: the matrix.
            rows: for each of our rows, which of its; −1 for none.
            span: our first column and the one after the last.
            at: its column for the first.
            fetch: gives a stripe by its number.
        """
        begin, end = span
        columns = slice(at, at + end - begin)
        # In the order of their places: constants, then stripe after stripe.
        places = self._targets(rows)
        steady, target = places[: len(self._constants)], places[len(self._constants) :]
        wanted = np.flatnonzero(steady >= 0)
        out[steady[wanted], columns] = self._constants[wanted][:, None]
        wanted = np.flatnonzero(target >= 0)
        stripes = distinct(np.searchsorted(self._starts, wanted, side="right") - 1)
        for first, last in self._together(stripes, end - begin):
            here = target[self._starts[first] : self._starts[last]]
            some = self._values(first, last, span, fetch)
            if len(wanted) < len(target):
                chosen = np.flatnonzero(here >= 0)
                here, some = here[chosen], some[chosen]
            out[here, columns] = some
        twins, source = rows[self._twins], places[self._place[self._twins]]
        wanted = np.flatnonzero((twins >= 0) & (twins != source))
        out[twins[wanted], columns] = out[source[wanted], columns]
        if len(self.runs.row):
            self.runs.write(out, rows, begin, end, at)

    def _targets(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each place, the row of a matrix that gets it; of several rows that have it, one that is wanted."""
        target = np.full(len(self._constants) + len(self._exponents), -1)
        target[self._place] = rows
        if len(self._twins):
            twins = self._twins[rows[self._twins] >= 0]
            target[self._place[twins]] = rows[twins]
        return target

    def _together(self, stripes: NDArray[np.int64], columns: int) -> Iterator[tuple[int, int]]:
        """Stripes that are neighbours and of one order, as many as are best worked on at once: the first, and the one after the last."""
        first = last = -1
        for number in stripes.tolist():
            rows = int(self._starts[number + 1] - self._starts[max(first, 0)])
            alike = number == last and self._orders[number] == self._orders[first]
            if first >= 0 and not (alike and rows * columns <= _AT_ONCE):
                yield first, last
                first = -1
            if first < 0:
                first = number
            last = number + 1
        if first >= 0:
            yield first, last

    def values(self) -> NDArray[np.float64]:
        """All of it.

        Raises:
            BadInput: a stripe is damaged.
        """
        out = np.empty((len(self.ids), len(self.times)))
        self.fill(out, np.arange(len(self.ids)), (0, len(self.times)), 0, self.stripe)
        return out


class _Table:
    """Arrays one after the other."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data, self._at = data, 0

    def take(self, kind: str, count: int) -> NDArray[Any]:
        size = np.dtype(kind).itemsize * count
        self._at += size
        native = np.dtype(kind).newbyteorder("=")
        return np.frombuffer(self._data[self._at - size : self._at].tobytes(), kind).astype(native, copy=False)


def _less_before(column: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Each less the one before, modulo 2³²."""
    return np.diff(column, prepend=np.uint32(0)).astype("<u4")


def _add_before(column: NDArray[np.uint32], flags: int) -> NDArray[np.uint32]:
    """What `_less_before` was given; the column itself in an older block."""
    return np.cumsum(column, dtype=np.uint32) if flags & _DIFFERENCES else column


def _twins(place: NDArray[np.uint32], places: int) -> NDArray[np.int64]:
    """The rows that share their place with another."""
    holders = np.bincount(place, minlength=places)
    return np.flatnonzero(holders[place] > 1)


def _once(values: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first row of each kind of equal ones; and of which kind each row is."""
    seen: dict[bytes, int] = {}
    kinds: list[int] = []
    dynamic: list[int] = []
    for row in rows.tolist():
        kind = seen.setdefault(blake2b(values[row].tobytes(), digest_size=16).digest(), len(seen))
        if kind == len(dynamic):
            dynamic.append(row)
        kinds.append(kind)
    return np.array(dynamic, np.int64), np.array(kinds, np.int64)


def _stripes(
    ranked: NDArray[np.int64], orders: NDArray[np.int8], columns: int
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Rows of one order each, as many as fit."""
    sorted_orders = orders[ranked]
    for order in _STRIPED:
        # Floats as they are have nothing in common with their neighbours.
        rows = 1 if order == _RAW_ORDER else max(1, _STRIPE // max(1, columns))
        first, last = np.searchsorted(sorted_orders, (order, order + 1))
        for begin in range(int(first), int(last), rows):
            yield order, ranked[begin : min(begin + rows, int(last))]


def _without_runs(values: NDArray[np.float64]) -> tuple[Runs, NDArray[np.float64]]:
    """The runs, and a copy in which each of their cells has the finite value before (else after) it."""
    odd = ~np.isfinite(values)
    changing = (bits(values) != bits(values)[:, :1]).any(axis=1)
    odd &= changing[:, None]  # a row that is all the same is a constant, whatever it is
    rows = np.flatnonzero(odd.any(axis=1))
    if not len(rows):
        none = np.empty(0, np.uint32)
        return Runs(none, none, none, np.empty(0, np.uint64)), values
    part, mask = values[rows], odd[rows]
    raw = bits(part)
    starts = mask.copy()
    starts[:, 1:] &= ~mask[:, :-1] | (raw[:, 1:] != raw[:, :-1])
    at = np.flatnonzero(starts.ravel())
    row, column = np.divmod(at, values.shape[1])
    # A run ends where the next begins, where its row ends, or at the next finite cell.
    ends = starts | ~mask
    stops = np.append(np.flatnonzero(ends.ravel()), mask.size)
    following = stops[np.searchsorted(stops, at, side="right")]
    length = np.minimum(following, (row + 1) * values.shape[1]) - at
    runs = Runs(
        rows[row].astype(np.uint32), column.astype(np.uint32), length.astype(np.uint32), raw[row, column].copy()
    )
    index = np.where(mask, -1, np.arange(values.shape[1]))
    forward = np.maximum.accumulate(index, axis=1)
    begin = np.where(mask.all(axis=1), 0, (~mask).argmax(axis=1))
    forward = np.where(forward < 0, begin[:, None], forward)
    part = np.take_along_axis(part, forward, axis=1)
    part[mask.all(axis=1)] = 0.0
    filled = values.copy()
    filled[rows] = part
    return runs, filled
