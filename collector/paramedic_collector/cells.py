"""A container's row: one cell a slot, each the ready lines of that slot, made anew only when their file has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from paramedic_collector.cadvisor import SLOTS, USAGE, WORKING_SET, Slot
from paramedic_collector.exposition import Exposition, label_pairs

_MOST_STARTS = 4096
"""Beginnings of lines kept for one container's devices and interfaces."""


class Cells:
    """The row of one run.

    Args:
        labels: of every series of this container.
    """

    __slots__ = ("_keyed", "_labels", "_pairs", "_starts", "inactive", "kills", "row", "usage")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels, self._pairs = labels, label_pairs(labels)
        self._starts: list[str | None] = [None] * len(SLOTS)
        self._keyed: dict[tuple[int, tuple[str, ...]], str] = {}
        self.row = [""] * len(SLOTS)
        self.usage = -1
        """Bytes of memory in use; negative while unknown."""
        self.inactive = 0
        self.kills: int | None = None
        """Processes of this run that the kernel killed for lack of memory; None while unknown."""

    def reset(self) -> None:
        """Empty the row."""
        self.row = [""] * len(SLOTS)
        self.usage, self.inactive, self.kills = -1, 0, None

    def put(self, slot: Slot, text: str) -> None:
        """Set a slot that has one series to the number that `text` is."""
        index = slot.index
        start = self._starts[index]
        if start is None:
            pairs = label_pairs({**self._labels, **slot.fixed}) if slot.fixed else self._pairs
            start = self._starts[index] = f"{slot.family.name}{{{pairs}}} "
        self.row[index] = start + text

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
        self.row[slot.index] = "\n".join(lines)

    def clear(self, slot: Slot) -> None:
        """A slot without any series."""
        self.row[slot.index] = ""

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


def write(rows: Sequence[list[str]], out: Exposition) -> None:
    """All rows into an exposition, column by column."""
    for slot, column in zip(SLOTS, zip(*rows, strict=True), strict=False):
        lines = [cell for cell in column if cell]
        if lines:
            out.of(slot.family).extend(lines)
