"""Messages: follows the healer's journal and keeps each channel's sender supplied. A Component of the hub."""

from __future__ import annotations

import concurrent.futures
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from paramedic_api.messages import kinds
from paramedic_api.messages.item import Delivery, Item
from paramedic_api.messages.kind import Kind
from paramedic_api.messages.post import Rejected, Unsent
from paramedic_api.messages.sender import Sender
from paramedic_api.messages.store import Batch, Counts, MessageStore
from paramedic_core.clock import Clock
from paramedic_core.errors import Conflict, NotFound, ParamedicError
from paramedic_core.lifecycle import Readiness
from paramedic_core.registry import discover
from paramedic_core.settings import Settings, Told
from paramedic_core.sys.client import RoleClient

log = logging.getLogger("paramedic.messages")
FIRST_LOOK = 900.0
"""Seconds of the journal that are read when messages are switched on: what happens now may have begun before the hub was up."""
_PAGE = 500
_LOOK = 15.0
_AGAIN = 2.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test."""

    channel: str
    error: str
    """Empty when the receiver took it."""
    seconds: float


class Messages:
    """Tells people, by the channels of `notify`.

    Args:
        settings: `notify` and the hub's.
        data: the data directory.
        host: this host's id.
        node: this host's name for people.
        healer: the healer's client.
        clock: the time.
        on_change: called when the state of a channel may have changed.
    """

    name = "messages"

    def __init__(
        self,
        settings: Settings,
        data: Path,
        host: str,
        node: str,
        healer: RoleClient,
        clock: Clock,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings, self._host, self._node, self._healer, self._clock = settings, host, node, healer, clock
        self._path = data / "hub/messages.db"
        self._on_change = on_change
        self._store: MessageStore | None = None
        self.senders: list[Sender] = []
        """One a channel, in the order of `notify`."""
        self._why = ""
        self._checked = False
        self._testing = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="messages")

    def start(self) -> None:
        if not self._settings.notify:
            # Where nobody is told, what was to be told once is no news any more.
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = store = MessageStore(self._path, self._settings.notify)
        known = found_kinds()
        self.senders = [
            Sender(channel, known[channel.kind], store, self._delivery, self._clock, self._on_change)
            for channel in self._settings.notify
        ]
        for sender in self.senders:
            sender.start()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        for sender in self.senders:
            sender.stop()

    def ready(self) -> Readiness:
        return Readiness(ready=not self._why, reason=self._why)

    def healthy(self) -> Readiness:
        threads = [s.alive for s in self.senders] + ([self._thread.is_alive()] if self._thread.ident else [])
        return Readiness(ready=all(threads), reason="" if all(threads) else "a thread that sends messages has ended")

    def poke(self) -> None:
        """The journal has something new."""
        self._wake.set()

    def counts(self) -> dict[str, Counts]:
        """Each channel's figures."""
        if self._store is None:
            return {}
        return {sender.channel.title: self._store.counts(sender.channel) for sender in self.senders}

    def figure(self, name: str) -> dict[str, float]:
        """One of each channel's `Counts`, by channel."""
        return {channel: float(getattr(counts, name)) for channel, counts in self.counts().items()}

    def failures(self) -> dict[str, float]:
        """Tries that did not get through, by channel."""
        return {sender.channel.title: float(sender.failures) for sender in self.senders}

    def test(self, channel: str = "") -> list[Tried]:
        """Send a test to one channel, or to all, past the queue; returns when each has answered or run out of time.

        Raises:
            NotFound: there is no such channel.
            Conflict: another test is under way.
        """
        chosen = [s for s in self.senders if channel in ("", s.channel.title)]
        if channel and not chosen:
            names = ", ".join(s.channel.title for s in self.senders) or "none"
            raise NotFound(f"there is no channel {channel[:60]!r}: there are {names} (setting notify)")
        if not self._testing.acquire(blocking=False):
            raise Conflict("another test is under way: wait for its end", retry_after=5.0)
        try:
            with concurrent.futures.ThreadPoolExecutor(max(1, len(chosen))) as pool:
                return list(pool.map(self._try, chosen))
        finally:
            self._testing.release()

    def _try(self, sender: Sender) -> Tried:
        began = time.monotonic()
        error = ""
        text = "Messages from paramedic get here. Nothing has happened: somebody tries them out."
        item = Item("test", Told.HEALED, self._clock.now(), self._host, "", "", "paramedic", "", "", text)
        try:
            sender.try_once(Delivery(f"test-{secrets.token_hex(8)}", self._node, (item,), self._page(), test=True))
        except (Unsent, Rejected) as failed:
            error = str(failed)
        return Tried(sender.channel.title, error, round(time.monotonic() - began, 3))

    def _delivery(self, batch: Batch) -> Delivery:
        one = batch.items[0].incident if len(batch.items) == 1 else ""
        return Delivery(batch.delivery, self._node, batch.items, self._page("healing", one))

    def _page(self, *path: str) -> str:
        """A link to the page; empty where nobody said how people reach it."""
        base = self._settings.hub.public_url
        return base + "/".join(quote(part, safe="") for part in path if part) if base else ""

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                while self._read_page() and not self._stop.is_set():
                    pass
                self._why = ""
            except ParamedicError as error:
                self._checked = False
                if str(error) != self._why:
                    log.debug("reading the journal for messages: %s", error)
                self._why = str(error)
                self._clock.wait(self._stop, _AGAIN)
                continue
            self._clock.wait(self._wake, _LOOK)
            self._wake.clear()

    def _read_page(self) -> bool:
        """Take in one page of the healer's journal; returns whether there may be more."""
        store = self._store
        assert store is not None
        now = self._clock.now()
        cursor = store.cursor()
        if cursor is None:
            store.take((), self._first(now), now)
            return True
        records = _records(self._healer.get(f"/journal?after={cursor}&limit={_PAGE}"))
        if not records:
            return self._began_anew(store, cursor, now)
        lost = int(records[0]["seq"]) - cursor - 1
        if lost and cursor:
            log.warning("%d records of the healer's journal went before their messages could be made", lost)
        store.take(records, int(records[-1]["seq"]), now)
        for sender in self.senders:
            sender.poke()
        return len(records) == _PAGE

    def _first(self, now: float) -> int:
        newest = _records(self._healer.get("/journal?limit=1000&newest=1"))
        fresh = [int(r["seq"]) for r in newest if _at(r) >= now - FIRST_LOOK]
        return min(fresh) - 1 if fresh else max((int(r["seq"]) for r in newest), default=0)

    def _began_anew(self, store: MessageStore, cursor: int, now: float) -> bool:
        """A journal that was set aside as damaged begins again at 1: then so do we."""
        if self._checked:
            return False
        newest = _records(self._healer.get("/journal?limit=1&newest=1"))
        self._checked = True
        if max((int(r["seq"]) for r in newest), default=0) >= cursor:
            return False
        log.warning("the healer's journal has begun anew: so do the messages")
        store.take((), 0, now)
        return True


def found_kinds() -> dict[str, Kind]:
    """Every kind of channel there is, by name."""
    registry = discover(kinds, Kind)
    for failure in registry.failures:
        log.error("%s cannot be used: %s", failure.module, failure.reason)
    return {name: kind() for name, kind in registry.plugins.items()}


def _records(answer: Any) -> list[dict[str, Any]]:
    found = answer.get("records") if isinstance(answer, dict) else None
    return [r for r in found or () if isinstance(r, dict) and isinstance(r.get("seq"), int)]


def _at(record: dict[str, Any]) -> float:
    at = record.get("at")
    return float(at) if isinstance(at, (int, float)) else 0.0
