"""Starting up: what the log has and no part has yet is taken into the head again."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput
from paramedic_metrics.tsdb import records, stats
from paramedic_metrics.tsdb.framing import Hole, Record
from paramedic_metrics.tsdb.head import Head
from paramedic_metrics.tsdb.index import Ids, Index
from paramedic_metrics.tsdb.parts import Parts, newest_sealed
from paramedic_metrics.tsdb.wal import Wal, place
from paramedic_metrics.tsdb.window import WIDE

log = logging.getLogger("paramedic.metrics.tsdb")


def replay(head: Head, index: Index, parts: Parts, counters: Counters) -> None:
    """Fill the head from its log.

    Args:
        head: empty.
        index: all series that are known.
        parts: what is sealed.
        counters: see `stats`.
    """
    sealed = newest_sealed(parts.all())
    # What was sealed is known by its place: no new record may get one that lies before.
    head.wal.resume(max(sealed.values(), default=0))
    named = np.zeros(index.next, np.bool_)
    named[index.all()] = True
    # An id that only the log knows must never be given to another series.
    highest = index.next - 1
    looked_at: dict[str, tuple[Ids, NDArray[np.bool_]]] = {}
    waiting = _Waiting(head)
    for where, cells in logged(head.wal):
        # Scrapes of one layout share the array of their series.
        ids, known = looked_at.get(cells.group, (None, None))
        if known is None or ids is not cells.ids:
            highest = max(highest, int(cells.ids.max(initial=0)))
            known = cells.ids < len(named)
            known[known] = named[cells.ids[known]]
            looked_at[cells.group] = cells.ids, known
        if where < sealed.get(cells.group, 0):
            continue
        if not known.all():
            counters.add(stats.UNKNOWN, float((~known).sum()))
            cells = records.Cells(cells.loose, cells.group, cells.t, cells.ids[known], cells.values[known])  # noqa: PLW2901  the part that is known
        if len(cells.ids):
            waiting.add(cells, where)
    waiting.empty()
    for part in parts.all():
        highest = max(highest, int(parts.ids(part).max(initial=0)))
    index.next = max(index.next, highest + 1)
    for damage in head.wal.damage:
        counters.add(stats.WAL_CORRUPT)
        counters.add(stats.LOST, damage.lost)
        log.warning(
            "%d bytes of %s, from %d on, could not be read: what came in then is lost, `paramedic tsdb check` shows more",
            damage.lost, damage.path, damage.offset,
        )  # fmt: skip


class _Waiting:
    """Scrapes of one layout, put together: they are taken in many at once."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._groups: dict[str, tuple[Ids, list[tuple[records.Cells, int]]]] = {}

    def add(self, cells: records.Cells, place: int) -> None:
        """The next of the log."""
        ids, some = self._groups.get(cells.group, (None, []))
        if ids is not cells.ids:
            # Another list of series may have series of other groups: what is before it must be in its place.
            self.empty()
            some = []
            self._groups[cells.group] = cells.ids, some
        elif len(some) >= WIDE:
            self._head.replay(some)
            some.clear()
        some.append((cells, place))

    def empty(self) -> None:
        """Take in all."""
        for _, some in self._groups.values():
            self._head.replay(some)
            some.clear()


def logged(wal: Wal) -> Iterator[tuple[int, records.Cells]]:
    """Everything in the log, in order, with its place."""
    decoder = Decoder()
    segment, senseless = -1, 0
    for number, item in wal.read():
        if number != segment:
            _tell(segment, senseless)
            segment, decoder, senseless = number, Decoder(), 0
        try:
            cells = decoder.take(item)
        except BadInput as error:
            if not senseless:
                log.warning("the record of segment %d at %d makes no sense: %s", number, item.offset, error)
            senseless += 1
            continue
        if cells is not None:
            yield place(number, item.offset), cells
    _tell(segment, senseless)


def _tell(segment: int, senseless: int) -> None:
    if senseless > 1:
        log.warning("%d records of segment %d make no sense without what is lost", senseless, segment)


class Decoder:
    """What the records of one segment say, one after the other."""

    def __init__(self) -> None:
        self._layouts: dict[int, records.Layout] = {}
        self._before: dict[int, NDArray[np.float64]] = {}

    def take(self, item: Record | Hole) -> records.Cells | None:
        """The samples of the next record; None when it has none.

        Raises:
            BadInput: it makes no sense, or what it refers to is lost.
        """
        if isinstance(item, Hole):
            # A scrape says what has changed since the one before: without that nothing is known of the rest.
            self._before.clear()
            return None
        try:
            return self._taken(item)
        except BadInput:
            self._before.clear()
            raise
        except (UnicodeDecodeError, ValueError) as error:
            self._before.clear()
            raise BadInput(f"a record cannot be read: {error}") from error

    def _taken(self, record: Record) -> records.Cells | None:
        if record.kind == records.LAYOUT:
            layout = records.unpack_layout(record.payload)
            self._layouts[layout.number] = layout
            self._before.pop(layout.number, None)
            return None
        if record.kind == records.CELLS:
            return records.unpack_cells(record.payload)
        if record.kind != records.SCRAPE:
            raise BadInput(f"kind {record.kind} is not known here: is it from a newer paramedic?")
        number, t = records.scrape_layout(record.payload)
        if number not in self._layouts:
            raise BadInput("a scrape's layout is missing")
        layout = self._layouts[number]
        values = records.unpack_scrape(record.payload, len(layout.ids), self._before.get(number))
        self._before[number] = values
        return records.Cells(layout.loose, layout.group, t, layout.ids, values)
