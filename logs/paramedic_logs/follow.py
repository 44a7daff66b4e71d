"""Follows the healer's journal: keeps the lines of its moments, and hands every record to who wants it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.errors import ParamedicError, StoreUnavailable
from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.client import RoleClient
from paramedic_logs.evidence import AFTER, is_moment, moment
from paramedic_logs.store.store import Store

log = logging.getLogger("paramedic.logs.follow")
_NOTE = "healer_seq"


class Follower:
    """A Component.

    Args:
        client: the healer's.
        store: where lines are.
        clock: the time.
        counters: see `stats`.
    """

    name = "healer"

    def __init__(self, client: RoleClient, store: Store, clock: Clock, counters: Counters) -> None:
        self._client, self._store, self._clock, self._counters = client, store, clock, counters
        self.heard: Callable[[dict[str, Any]], None] = lambda _record: None
        """Gets every record; may be set before `start`. After a crash some may come again."""
        self._reason = "the healer has not been asked yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="healer-journal")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def ready(self) -> Readiness:
        """Always: lines are kept without the healer too."""
        return Readiness(ready=True, reason=self._reason)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that follows the healer has ended")

    def _run(self) -> None:
        pause = 0.1
        while not self._stop.is_set():
            try:
                self._follow()
                pause = 0.1
            except StoreUnavailable as error:
                # The record stays unread: it comes again.
                self._reason = str(error)
            except ParamedicError as error:
                self._reason = f"evidence waits for the healer: {error}"
            self._stop.wait(pause)
            pause = min(5.0, pause * 2)

    def _follow(self) -> None:
        after = int(self._store.catalogue.note(_NOTE) or 0)
        for record in self._client.stream(f"/journal/stream?after={after}", idle=15.0):
            self._reason = ""
            if self._stop.is_set():
                return
            if isinstance(record, dict) and "seq" in record:
                self.take(record)

    def take(self, record: dict[str, Any]) -> None:
        """One record of the healer's journal, once: its lines are kept and it is noted, both or neither.

        Raises:
            StoreUnavailable: the disk is full.
        """
        seq, body, incident = int(record["seq"]), b"", ""
        if is_moment(record):
            wait = float(record["at"]) + AFTER + 1.5 - self._clock.now()
            if self._clock.wait(self._stop, min(wait, AFTER + 1.5)):
                return
            body, incident = moment(self._store, self._counters, record), str(record["incident"])
            self._store.catalogue.add_evidence(seq, incident, float(record["at"]), body)
        elif seq % 20 == 0:
            # Only a note of how far it was read: what is read twice changes nothing.
            self._store.catalogue.add_evidence(seq, "", 0.0, b"")
        self.heard(record)
