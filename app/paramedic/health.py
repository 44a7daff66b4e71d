"""Asks every role now and then whether it is well, and ends those that are not."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from paramedic.loop import NEVER, Loop
from paramedic.nursery import Nursery
from paramedic.probe import DEADLINE, Probe
from paramedic.ward import Stage, Ward
from paramedic_core.sys.identity import socket_path

log = logging.getLogger("paramedic.health")
EVERY = 10.0
"""Seconds between rounds. All roles are asked in one, so that the loop wakes once for all of them."""


class Rounds:
    """The rounds over all wards.

    Args:
        loop: tells when an answer came.
        nursery: whom to ask.
        data: the data directory.
        every: seconds between rounds.
    """

    def __init__(self, loop: Loop, nursery: Nursery, data: Path, every: float = EVERY) -> None:
        self._loop, self._nursery, self._data, self._every = loop, nursery, data, every
        self._next = time.monotonic() + every

    @property
    def deadline(self) -> float:
        return NEVER if self._nursery.closing else self._next

    def look_after(self, now: float) -> None:
        """Ask when it is time; take no answer by the deadline for a bad one; forget who has ended."""
        for ward in self._nursery.wards:
            if ward.probe is not None and (ward.stage is not Stage.UP or ward.why_killed):
                self._drop(ward)
            elif ward.probe is not None and now >= ward.probe.deadline:
                self._told(ward, well=False, what="does not answer")
        if now >= self.deadline:
            self._next = now + self._every
            for ward in self._nursery.wards:
                if ward.stage is Stage.UP and ward.probe is None and not ward.why_killed:
                    self._ask(ward, now)

    def _ask(self, ward: Ward, now: float) -> None:
        try:
            ward.probe = Probe(socket_path(self._data, ward.name), now + min(DEADLINE, self._every))
        except OSError as error:
            self._told(ward, well=False, what=f"cannot be reached ({error})")
            return
        self._loop.watch(ward.probe.fd, lambda: self._heard(ward))

    def _heard(self, ward: Ward) -> None:
        well = ward.probe.heard() if ward.probe is not None else None
        if well is not None:
            self._told(ward, well=well, what="says that it is not healthy")

    def _told(self, ward: Ward, *, well: bool, what: str) -> None:
        self._drop(ward)
        end = ward.life.answered(well=well)
        if not well:
            log.warning("%s %s (%d in a row)", ward.name, what, ward.life.misses)
        if end:
            ward.kill(f"it {what}")

    def _drop(self, ward: Ward) -> None:
        if ward.probe is not None:
            self._loop.unwatch(ward.probe.fd)
            ward.probe.close()
            ward.probe = None
