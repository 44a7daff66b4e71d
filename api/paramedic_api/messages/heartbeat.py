"""Heartbeat: calls an address while runtime and healer are well, so that somebody notices when it stays out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from paramedic_api.messages.kind import Call
from paramedic_api.messages.post import Rejected, Unsent, place, send
from paramedic_core.clock import Clock
from paramedic_core.errors import ParamedicError
from paramedic_core.lifecycle import Readiness
from paramedic_core.settings import HeartbeatSettings
from paramedic_core.sys.client import RoleClient

log = logging.getLogger("paramedic.heartbeat")
_LONGEST = 10.0


class Heartbeat:
    """A Component.

    Args:
        settings: where, and how often.
        roles: those that must be well: each is asked itself, just before the call.
        blind: why the engine is not seen now; empty when it is.
        clock: the time.
    """

    name = "heartbeat"

    def __init__(
        self, settings: HeartbeatSettings, roles: tuple[RoleClient, ...], blind: Callable[[], str], clock: Clock
    ) -> None:
        self._settings, self._roles, self._blind, self._clock = settings, roles, blind, clock
        self.place = place(settings.url) if settings.url else ""
        self.sent = self.failures = self.withheld = 0
        self.last_sent = 0.0
        self.error = ""
        """Why the last one was not sent or did not get through; empty when it did."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="heartbeat")

    def start(self) -> None:
        if self._settings.url:
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def ready(self) -> Readiness:
        return Readiness(ready=True)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that sends the heartbeat has ended")

    def _run(self) -> None:
        # The first one waits for the other roles to come up, not for a whole minute.
        self._clock.wait(self._stop, min(5.0, self._settings.interval))
        while not self._stop.is_set():
            self.beat()
            self._clock.wait(self._stop, self._settings.interval)

    def beat(self) -> None:
        """Look whether all is well, and call; or say why not."""
        ill = self.ill()
        if ill:
            self.withheld += 1
            self._note(f"held back: {ill}")
            return
        try:
            send(Call("GET", self._settings.url, timeout=min(_LONGEST, self._settings.interval)))
        except (Unsent, Rejected) as error:
            self.failures += 1
            self._note(str(error))
        else:
            self.sent += 1
            self.last_sent, self.error = self._clock.now(), ""

    def ill(self) -> str:
        """Why there must be no sign of life now; empty when all is well."""
        for role in self._roles:
            try:
                good, parts = role.verdict("ready", timeout=3.0)
            except ParamedicError as error:
                return str(error)
            if not good:
                reasons = [str(p.get("reason")) for p in parts.values() if isinstance(p, dict) and not p.get("ready")]
                return f"{role.role} is not ready: {'; '.join(reasons)[:300]}"
        return self._blind()

    def _note(self, why: str) -> None:
        if why != self.error:
            log.warning("heartbeat: %s", why)
        self.error = why
