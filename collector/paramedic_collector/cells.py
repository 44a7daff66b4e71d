"""A container's row: one cell a slot, each the ready lines of that slot, made anew only when their file has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import is_

from paramedic_collector.cadvisor import SLOTS, USAGE, WORKING_SET, Slot
from paramedic_collector.exposition import Exposition, label_pairs

_MOST_STARTS = 4096
"""Beginnings of lines kept for one container's devices and interfaces."""


class Cells:
    """The row of one run.

    Args:
        labels: of every series of this container.
        dirty: where to note the slots that change, of the table that the row is in; for nobody unless given.
    """

    __slots__ = ("_dirty", "_keyed", "_labels", "_pairs", "_starts", "inactive", "kills", "row", "unlimited", "usage")

    def __init__(self, labels: Mapping[str, str], dirty: set[int] | None = None) -> None:
        self._labels, self._pairs = labels, label_pairs(labels)
        self._dirty: set[int] = set() if dirty is None else dirty
        self._starts: list[str | None] = [None] * len(SLOTS)
        self._keyed: dict[tuple[int, tuple[str, ...]], str] = {}
        self.row = [""] * len(SLOTS)
        self.usage = -1
        """Bytes of memory in use; negative while unknown."""
        self.inactive = 0
        self.kills: int | None = None
        """Processes of this run that the kernel killed for lack of memory; None while unknown."""
        self.unlimited = False
        """Whether no memory limit holds here, neither its own nor one above."""

    def reset(self) -> None:
        """Empty the row, which is another list from now on."""
        self.row = [""] * len(SLOTS)
        self.usage, self.inactive, self.kills, self.unlimited = -1, 0, None, False

    def put(self, slot: Slot, text: str) -> None:
        """Set a slot that has one series to the number that `text` is."""
        index = slot.index
        start = self._starts[index]
        if start is None:
            pairs = label_pairs({**self._labels, **slot.fixed}) if slot.fixed else self._pairs
            start = self._starts[index] = f"{slot.family.name}{{{pairs}}} "
        self._set(index, start + text)

    def put_each(self, slot: Slot, names: Sequence[str], values: Iterable[tuple[tuple[str, ...], str]]) -> None:
        """Set a slot that has several series.

        Args:
            slot: which.
            names: the labels that tell its series apart.
            values: their values, and the number, of each series.
        """
        lines = []
        for key, text in values:
            start = self._keyed.get((slot.index, key))
            if start is None:
                if len(self._keyed) >= _MOST_STARTS:
                    self._keyed.clear()
                pairs = label_pairs({**self._labels, **dict(zip(names, key, strict=True))})
                start = self._keyed[slot.index, key] = f"{slot.family.name}{{{pairs}}} "
            lines.append(start + text)
        self._set(slot.index, "\n".join(lines))

    def clear(self, slot: Slot) -> None:
        """A slot without any series."""
        self._set(slot.index, "")

    def _set(self, index: int, lines: str) -> None:
        if self.row[index] != lines:
            self.row[index] = lines
            self._dirty.add(index)

    def memory(self, *, usage: int | None = None, inactive: int | None = None) -> None:
        """Tell a new number that the working set is made of, and set that."""
        if usage is not None:
            self.usage = usage
            self.put(USAGE, str(usage))
        if inactive is not None:
            self.inactive = inactive
        if self.usage >= 0:
            # Without the page cache that the kernel would drop first, and never below zero, as in cAdvisor.
            self.put(WORKING_SET, str(max(0, self.usage - self.inactive)))


class Table:
    """The rows of all containers, told column by column; a column in which no cell has changed is not made again."""

    def __init__(self) -> None:
        self.dirty: set[int] = set()
        """The slots that changed since they were last told, in whichever row."""
        self._rows: list[list[str]] = []
        self._columns = [""] * len(SLOTS)

    def write(self, rows: list[list[str]], out: Exposition) -> None:
        """Put the rows into an exposition: each slot's lines as one text.

        Args:
            rows: each the `row` of cells that note in `dirty` what changes, or a new list.
            out: where to.
        """
        # The very same lists in the same order: then all that changed has been noted.
        same = len(rows) == len(self._rows) and all(map(is_, rows, self._rows))
        for index in self.dirty if same else range(len(SLOTS)):
            self._columns[index] = "\n".join([row[index] for row in rows if row[index]])
        self.dirty.clear()
        self._rows = rows
        for slot, lines in zip(SLOTS, self._columns, strict=True):
            if lines:
                out.of(slot.family).append(lines)
