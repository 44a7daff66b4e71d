"""Starting up: what the log has and no part has yet is taken into the head again."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput
from paramedic_metrics.tsdb import records, stats
from paramedic_metrics.tsdb.framing import Record
from paramedic_metrics.tsdb.head import Head
from paramedic_metrics.tsdb.index import Index
from paramedic_metrics.tsdb.parts import Parts, newest_sealed
from paramedic_metrics.tsdb.wal import Wal, place

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
    # An id that only the log knows must never be given to another series.
    highest = index.next - 1
    for where, cells in logged(head.wal):
        highest = max(highest, int(cells.ids.max(initial=0)))
        if where < sealed.get(cells.group, 0):
            continue
        known = np.array([n in index for n in cells.ids.tolist()], np.bool_) if highest >= index.next else None
        if known is not None and not known.all():
            counters.add(stats.UNKNOWN, float((~known).sum()))
            cells = records.Cells(cells.loose, cells.group, cells.t, cells.ids[known], cells.values[known])  # noqa: PLW2901  the part that is known
        if len(cells.ids):
            head.replay(cells, where)
    for part in parts.all():
        highest = max(highest, int(parts.ids(part).max(initial=0)))
    index.next = max(index.next, highest + 1)
    for damage in head.wal.damage:
        counters.add(stats.WAL_CORRUPT)
        counters.add(stats.LOST, damage.lost)
        log.warning("the end of %s could not be read: %d bytes from %d on", damage.path, damage.lost, damage.offset)


def logged(wal: Wal) -> Iterator[tuple[int, records.Cells]]:
    """Everything in the log, in order, with its place."""
    layouts: dict[int, records.Layout] = {}
    before: dict[int, NDArray[np.float64]] = {}
    segment = -1
    for number, record in wal.read():
        if number != segment:
            segment, layouts, before = number, {}, {}
        try:
            cells = _cells(record, layouts, before)
        except (BadInput, UnicodeDecodeError) as error:
            log.warning("a record of segment %d at %d makes no sense: %s", number, record.offset, error)
            continue
        if cells is not None:
            yield place(number, record.offset), cells


def _cells(
    record: Record, layouts: dict[int, records.Layout], before: dict[int, NDArray[np.float64]]
) -> records.Cells | None:
    if record.kind == records.LAYOUT:
        layout = records.unpack_layout(record.payload)
        layouts[layout.number] = layout
        before.pop(layout.number, None)
        return None
    if record.kind == records.CELLS:
        return records.unpack_cells(record.payload)
    if record.kind != records.SCRAPE:
        raise BadInput(f"kind {record.kind} is not known here: is it from a newer paramedic?")
    number, t = records.scrape_layout(record.payload)
    if number not in layouts:
        raise BadInput("a scrape's layout is missing")
    layout = layouts[number]
    values = records.unpack_scrape(record.payload, len(layout.ids), before.get(number))
    before[number] = values
    return records.Cells(layout.loose, layout.group, t, layout.ids, values)
