"""Sender: brings one channel's deliveries out, in a thread of its own, so that a receiver that is down slows nobody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from paramedic_api.messages.item import Delivery
from paramedic_api.messages.kind import Kind
from paramedic_api.messages.post import Rejected, Unsent, place, send
from paramedic_api.messages.store import Batch, MessageStore
from paramedic_core.clock import Clock
from paramedic_core.errors import StoreUnavailable
from paramedic_core.fault import fault
from paramedic_core.limits import Backoff
from paramedic_core.settings import Channel

log = logging.getLogger("paramedic.messages")
_BACKOFF = Backoff(5.0, 600.0)
_PACE = 1.0
"""Seconds between two deliveries: what happens at once is told at once."""
_LOOK = 30.0
_STORE_AGAIN = 5.0


class Sender:
    """One channel's way out.

    Args:
        channel: where to, and what.
        kind: how.
        store: what waits.
        delivery: makes a Delivery of a batch.
        clock: the time.
        on_change: called after each try.
    """

    def __init__(
        self,
        channel: Channel,
        kind: Kind,
        store: MessageStore,
        delivery: Callable[[Batch], Delivery],
        clock: Clock,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.channel, self.kind = channel, kind
        self._store, self._delivery, self._clock, self._on_change = store, delivery, clock, on_change
        self.place = place(channel.url)
        self.failures = 0
        """Tries that did not get through, in this life of the hub."""
        self.error = ""
        """Why the last try did not get through; empty after one that did."""
        self.error_at = 0.0
        self.next_try = 0.0
        self._tries = 0
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"messages-{channel.title}")

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the call under way, which is not waited for: it is sent again by the next life, with the same id."""
        self._stop.set()
        self._wake.set()

    @property
    def alive(self) -> bool:
        """Whether its thread does its work."""
        return self._thread.is_alive() or not self._thread.ident

    def poke(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def try_once(self, delivery: Delivery) -> None:
        """Send one delivery now, past the queue; raises Unsent or Rejected."""
        send(self.kind.call(self.channel, delivery))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                pause = self._step()
            except StoreUnavailable as error:
                self._note(str(error))
                pause = _STORE_AGAIN
            if pause:
                self.next_try = self._clock.now() + pause
                self._clock.wait(self._stop, pause)
                self.next_try = 0.0

    def _step(self) -> float:
        """One try, or one wait for work; returns the seconds to hold back before the next."""
        now = self._clock.now()
        batch, due = self._store.next(self.channel, now)
        if batch is None:
            self._clock.wait(self._wake, min(_LOOK, max(0.05, due - now)) if due else _LOOK)
            self._wake.clear()
            return 0.0
        try:
            self.try_once(self._delivery(batch))
        except Unsent as error:
            self._tries += 1
            self._note(str(error))
            return max(error.retry_after, _BACKOFF.delay(self._tries, luck=now * 1000 % 97 / 97))
        except Rejected as error:
            self._note(f"{error}; {len(batch.items)} not sent")
            self._sure(lambda: self._store.dropped(self.channel, batch))
        else:
            fault("messages.after_send")
            self.error, self._tries = "", 0
            self._sure(lambda: self._store.sent(self.channel, batch, self._clock.now()))
            self._on_change()
        return _PACE

    def _sure(self, mark: Callable[[], None]) -> None:
        """Mark it, however long that takes: what was sent and is not marked would be sent again."""
        while True:
            try:
                mark()
            except StoreUnavailable as error:
                self._note(str(error))
                if self._clock.wait(self._stop, _STORE_AGAIN):
                    return
            else:
                return

    def _note(self, why: str) -> None:
        if why != self.error:
            log.warning("messages to %s: %s", self.channel.title, why)
        self.failures += 1
        self.error, self.error_at = why, self._clock.now()
        self._on_change()
