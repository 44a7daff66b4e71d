"""Sealed blocks are read again once a day, a little at a time: so damage is known before somebody asks for just that block."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from paramedic_core.errors import BadInput

if TYPE_CHECKING:
    from paramedic_metrics.tsdb.part import Part
    from paramedic_metrics.tsdb.parts import Parts

EVERY = 86400.0
"""Seconds between the beginnings of two rounds; the first begins with the store's life."""
_AT_ONCE = 256 << 10
"""Packed bytes that are read a turn, at least, about: some 2 ms of unpacking each second while a round goes on."""


class Scrub:
    """Goes round the blocks.

    Args:
        parts: what is sealed.
        now: monotonic seconds.
    """

    def __init__(self, parts: Parts, now: float) -> None:
        self._parts, self._next = parts, now
        self._share = _AT_ONCE
        self._left: list[tuple[str, int]] = []
        """Names of parts, and blocks of them: who holds a part holds its space on the disk, and a round takes hours."""

    def turn(self, now: float) -> None:
        """Read the next few blocks, when a round is due or goes on."""
        if not self._left:
            if now < self._next:
                return
            self._next = now + EVERY
            self._begin()
        there = {part.name: part for part in self._parts.all()}
        read = 0
        while self._left and read < self._share:
            name, number = self._left.pop()
            part = there.get(name)
            if part is not None:  # it may be merged meanwhile, or too old
                read += part.entries[number].length
                self._look(part, number)

    def _begin(self) -> None:
        parts = self._parts.all()
        self._left = [(part.name, n) for part in parts for n in range(len(part.entries))]
        # With a turn a second a round of any size has ended in half the time, before the next is due.
        size = sum(entry.length for part in parts for entry in part.entries)
        self._share = max(_AT_ONCE, math.ceil(2 * size / EVERY))

    def _look(self, part: Part, number: int) -> None:
        if part.lost(number):
            return
        try:
            bad = part.block(number).bad()
        except BadInput as error:
            self._parts.spoil(part, number, error)
            return
        if bad.keys() - part.damaged.get(number, frozenset()):
            self._parts.spoil(part, number, BadInput(next(iter(bad.values()))))
