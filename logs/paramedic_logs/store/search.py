"""Search: the lines of some streams in a range of time, newest or oldest first, with a text in them.

Blocks are looked at in the order of their nearest end, and only until no other can hold a line that belongs to the answer.
"""

from __future__ import annotations

import heapq
import sqlite3
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput
from paramedic_logs import stats
from paramedic_logs.line import GAP, LEVEL_BITS, Line
from paramedic_logs.store.block import Block
from paramedic_logs.store.catalogue import Stream
from paramedic_logs.store.segment import read_block
from paramedic_logs.store.store import Store

MOST = 5000
"""Lines in one answer."""
MOST_TEXT = 8 << 20
"""Bytes of text in one answer."""
_DEADLINE = 3.0
_END = 1 << 62


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for."""

    streams: Collection[int]
    start: int = 0
    """Unix nanoseconds; the first moment that counts."""
    end: int = _END
    """The first that no longer does."""
    text: bytes = b""
    level: int = 0
    """Only lines of at least this level."""
    limit: int = 100
    backward: bool = True


@dataclass(frozen=True, slots=True)
class Hit:
    """One line found."""

    stream: Stream
    line: Line


@dataclass(slots=True)
class Answer:
    """The hits, in the order of the query."""

    hits: list[Hit] = field(default_factory=list)
    more: bool = False
    """The limit was reached: there may be more."""
    partial: bool = False
    """The time was over before all had been looked at."""
    scanned: int = 0
    """Lines in the blocks that were opened."""


def search(store: Store, query: Query, counters: Counters) -> Answer:
    """Look."""
    counters.add(stats.SEARCHES)
    with store.catalogue.lock:
        # Both in one moment, so that no line is seen twice, or not at all.
        heads = [(number, list(head.lines)) for number, head in store.heads.items() if number in query.streams]
        db = store.catalogue.reader()
    try:
        return _Search(store, query, counters, db).run(heads)
    finally:
        db.close()


class _Search:
    def __init__(self, store: Store, query: Query, counters: Counters, db: sqlite3.Connection) -> None:
        self._store, self._query, self._counters, self._db = store, query, counters, db
        self._best: list[tuple[int, int, int, int, Line]] = []
        """(sign × moment, order in the stream, line): a heap with the worst on top."""
        self._text = 0
        self._answer = Answer()

    def run(self, heads: list[tuple[int, list[Line]]]) -> Answer:
        sign = -1 if self._query.backward else 1
        queue: list[tuple[int, int, int, object]] = []
        column = "tmax" if sign < 0 else "tmin"
        for number, near in self._db.execute(
            f"SELECT id, {column} FROM segments WHERE tmin < ? AND tmax >= ?",  # noqa: S608  one of two names of ours
            (self._query.end, self._query.start),
        ):
            queue.append((sign * near, 0, number, None))
        heapq.heapify(queue)
        for number, lines in heads:
            self._scan(number, lines, order=1 << 90)
        deadline = time.monotonic() + _DEADLINE
        while queue:
            near, kind, number, what = heapq.heappop(queue)
            if self._enough(near):
                break
            if time.monotonic() > deadline:
                self._answer.partial = True
                break
            if kind == 0:
                for key, row in self._blocks(number, sign, column):
                    heapq.heappush(queue, (key, 1, row[1], (number, *row)))
            else:
                self._open(what)
        return self._finish()

    def _blocks(self, segment: int, sign: int, column: str) -> Iterator[tuple[int, tuple[int, int, int]]]:
        rows = self._db.execute(
            f"SELECT {column}, stream, start, length FROM blocks WHERE segment = ? AND tmin < ? AND tmax >= ?",  # noqa: S608  one of two names of ours
            (segment, self._query.end, self._query.start),
        )
        for near, stream, start, length in rows:
            if stream in self._query.streams:
                yield sign * near, (stream, start, length)

    def _open(self, what: object) -> None:
        assert isinstance(what, tuple)
        segment, stream, start, length = what
        try:
            block = Block(read_block(self._store.folder, segment, start, length))
        except FileNotFoundError:
            return  # dropped by retention meanwhile
        except (BadInput, OSError):
            self._counters.add(stats.DAMAGED)
            return
        self._answer.scanned += block.count
        if self._query.text and not block.may_hold(self._query.text):
            return
        self._scan(stream, (block.line(i) for i in range(block.count)), order=((segment << 36) + start) << 20)

    def _scan(self, stream: int, lines: Iterator[Line] | list[Line], order: int) -> None:
        query, sign = self._query, 1 if self._query.backward else -1
        for index, line in enumerate(lines):
            if not (query.start <= line.ns < query.end) or not self._fits(line):
                continue
            entry = (sign * line.ns, sign * (order + index), stream, index, line)
            if len(self._best) >= query.limit or self._text > MOST_TEXT:
                self._answer.more = True
                out = heapq.heappushpop(self._best, entry)
                self._text += len(line.text) - len(out[4].text)
            else:
                heapq.heappush(self._best, entry)
                self._text += len(line.text)

    def _fits(self, line: Line) -> bool:
        query = self._query
        if line.meta & GAP:
            return not query.text and not query.level
        return (not query.text or query.text in line.text) and (line.meta & LEVEL_BITS) >= query.level

    def _enough(self, near: int) -> bool:
        """Whether nothing at `near` or beyond can be better than the worst that is kept."""
        if len(self._best) < self._query.limit:
            return False
        if -self._best[0][0] < near:
            self._answer.more = True
            return True
        return False

    def _finish(self) -> Answer:
        streams = self._store.streams
        for entry in sorted(self._best, key=lambda e: e[:3], reverse=True):
            stream = streams.get(entry[2])
            if stream is not None:
                self._answer.hits.append(Hit(stream, entry[4]))
        return self._answer
