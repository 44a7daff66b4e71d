"""SIGHUP: read and check everything, then replace the roles whose part changed, one after another; a mistake changes nothing."""

from __future__ import annotations

import logging
import time
from typing import Any

from paramedic.loading import Loading
from paramedic.loop import NEVER, Loop
from paramedic.nursery import Nursery
from paramedic.options import Options
from paramedic.roles import changed
from paramedic.ward import KILL_AFTER, START_DEADLINE, Stage, Ward
from paramedic_core.errors import ConfigError
from paramedic_core.settings import Settings

log = logging.getLogger("paramedic.reload")


class Reload:
    """At most one reload at a time; one more that is asked for meanwhile follows it.

    Args:
        loop: tells when the configuration has been read.
        nursery: whose roles to replace.
        options: how to read it.
    """

    def __init__(self, loop: Loop, nursery: Nursery, options: Options) -> None:
        self._loop, self._nursery, self._options = loop, nursery, options
        self._loading: Loading | None = None
        self._queue: list[Ward] = []
        self._asked = 0.0
        self._again = False
        self._last: dict[str, Any] = {"successful": True, "at": round(time.time(), 3)}

    @property
    def busy(self) -> bool:
        return self._loading is not None or bool(self._queue)

    @property
    def deadline(self) -> float:
        if self._loading is not None:
            return self._loading.deadline
        return self._asked + KILL_AFTER + START_DEADLINE if self._queue else NEVER

    def state(self) -> dict[str, Any]:
        """For `supervisor.json`: `successful`, when (`at`), and the mistakes."""
        return self._last

    def ask(self) -> None:
        """Begin, or do it again after the one under way."""
        if self.busy:
            self._again = True
            return
        try:
            self._loading = Loading(self._options)
        except OSError as error:
            self._failed(f"the configuration cannot be read now: {error}")
            return
        self._loop.watch(self._loading.fd, self._heard)

    def look_after(self, now: float) -> None:
        """Go on with the replacing, as far as it goes without waiting."""
        if self._loading is not None and now >= self._loading.deadline:
            self._read()
        while self._queue and self._replaced(self._queue[0], now):
            self._queue.pop(0)
            self._asked = 0.0
            if not self._queue:
                log.info("the new configuration is in force")
        if self._again and not self.busy:
            self._again = False
            self.ask()

    def _heard(self) -> None:
        if self._loading is not None and self._loading.heard():
            self._read()

    def _read(self) -> None:
        loading, self._loading = self._loading, None
        assert loading is not None
        self._loop.unwatch(loading.fd)
        loading.close()
        try:
            self._take(loading.result())
        except ConfigError as error:
            self._failed(str(error))

    def _take(self, settings: Settings) -> None:
        old = self._nursery.settings
        if settings.data != old.data:
            raise ConfigError(f"data cannot change from {old.data} to {settings.data} while running: restart paramedic")
        # The reverse of the order of starting: everything else first, and runtime last.
        self._queue = [w for w in reversed(self._nursery.wards) if changed(w.spec, old, settings)]
        self._nursery.settings = settings
        self._last = {"successful": True, "at": round(time.time(), 3)}
        log.info(
            "replacing %s", ", ".join(w.name for w in self._queue) or "no role: nothing that concerns them changed"
        )

    def _replaced(self, ward: Ward, now: float) -> bool:
        """One step of replacing `ward`; returns whether the next may follow."""
        if not self._asked:
            self._asked = now
            ward.start_at = min(ward.start_at, now)
            ward.ask_to_stop(now + KILL_AFTER)
            return False
        # WAITING again means that it was tried with the new settings and ended: the others are not kept from them.
        tried = ward.life.began >= self._asked and ward.stage in (Stage.UP, Stage.WAITING)
        return tried or now >= self.deadline

    def _failed(self, mistakes: str) -> None:
        self._last = {"successful": False, "at": round(time.time(), 3), "mistakes": mistakes}
        log.error("the configuration has mistakes; nothing was changed")
        for line in mistakes.splitlines():
            log.error("%s", line)
