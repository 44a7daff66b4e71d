"""Sealed blocks are read again once a day, a little at a time: so damage is known before somebody asks for just that block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramedic_core.errors import BadInput
from paramedic_metrics.tsdb.part import Part

if TYPE_CHECKING:
    from paramedic_metrics.tsdb.parts import Parts

EVERY = 86400.0
"""Seconds between the beginnings of two rounds; the first begins with the store's life."""
_AT_ONCE = 256 << 10
"""Packed bytes that are read a turn, about: some 2 ms of unpacking each second while a round goes on."""


class Scrub:
    """Goes round the blocks.

    Args:
        parts: what is sealed.
        now: monotonic seconds.
    """

    def __init__(self, parts: Parts, now: float) -> None:
        self._parts, self._next = parts, now
        self._left: list[tuple[Part, int]] = []

    def turn(self, now: float) -> None:
        """Read the next few blocks, when a round is due or goes on."""
        if not self._left:
            if now < self._next:
                return
            self._next = now + EVERY
            self._left = [(part, n) for part in self._parts.all() for n in range(len(part.entries))]
        read = 0
        while self._left and read < _AT_ONCE:
            part, number = self._left.pop()
            read += part.entries[number].length
            self._look(part, number)

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
