"""Healing events for an application's own Fluentd: sent when they can be, never waited for.

fluent-logger has no acknowledgement and loses what waits when it is closed, so this is a convenience: the record of what
happened is the healer's journal.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any

from paramedic_core.config.units import host_port
from paramedic_core.counters import Counters
from paramedic_core.lifecycle import Readiness
from paramedic_logs import stats

log = logging.getLogger("paramedic.logs.events")

_MOST_WAITING = 1000
_TIMEOUT = 2.0
_BUFFER = 1 << 20
_FIELDS = (
    "seq", "host", "incident", "target", "name", "service", "cause", "text", "decision", "gate", "reason", "action",
    "status", "detail", "verdict", "state", "outcome", "mode",
)  # fmt: skip


class Events:
    """A Component.

    Args:
        address: `HOST:PORT` of a Fluentd or Fluent Bit.
        tag: the first part of the tag.
        counters: see `stats`.
    """

    name = "events"

    def __init__(self, address: str, tag: str, counters: Counters) -> None:
        self._host, self._port = host_port(address)
        self._tag, self._counters = tag, counters
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(_MOST_WAITING)
        self._reason = ""
        self._thread = threading.Thread(target=self._run, daemon=True, name="events")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What still waits is tried once more, and lost if nobody takes it."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        if self._thread.is_alive():
            self._thread.join(1.5)

    def ready(self) -> Readiness:
        """Always; the reason says when nobody takes them."""
        return Readiness(ready=True, reason=self._reason)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that sends healing events has ended")

    def hand(self, record: dict[str, Any]) -> None:
        """One record of the healer's journal; returns at once."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._counters.add(stats.DROPPED, what="events")

    def _run(self) -> None:
        # Imported only where it is used: it takes half a megabyte.
        from fluent.sender import EventTime, FluentSender  # type: ignore[import-untyped]  # noqa: PLC0415

        sender = FluentSender(
            self._tag, self._host, self._port, bufmax=_BUFFER, timeout=_TIMEOUT, buffer_overflow_handler=self._overflow
        )
        while (record := self._waiting.get()) is not None:
            data = {name: record[name] for name in _FIELDS if record.get(name) not in (None, "")}
            if sender.emit_with_time(str(record.get("kind", "record")), EventTime(float(record.get("at") or 0)), data):
                self._reason = ""
            else:
                self._reason = f"healing events cannot be sent to {self._host}:{self._port}: {sender.last_error}"
                sender.clear_last_error()
        sender.close()

    def _overflow(self, _pending: bytes) -> None:
        # fluent-logger throws away all that waits at once.
        self._counters.add(stats.DROPPED, what="events")
