"""What the healer says, kept so that the page has it while the healer is away.

A thread follows the healer's journal; each record makes the rest worth asking anew. What changes with time alone (the
plan) is asked anew when somebody looks and the last answer is older than a few seconds: with no page open, an idle
healer is asked nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from paramedic_core.clock import Clock
from paramedic_core.errors import NotFound, ParamedicError, PeerAway
from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.client import RoleClient

log = logging.getLogger("paramedic.mirror")
MOST_RECORDS = 1000
_FRESH = 3.0
_AGAIN = 2.0
_NAMES = ("id", "target", "name", "service", "cause", "state", "decision", "gate", "host")
_PATHS = {
    "incidents": ("/incidents?limit=200", "incidents"),
    "plan": ("/plan", "plan"),
    "modes": ("/modes", "services"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One incident, as the healer says or as it is remembered."""

    incident: dict[str, Any]
    """Empty when only its records are left."""
    records: list[dict[str, Any]]
    """Oldest first."""
    warning: str = ""
    """Why this may be old."""


class Mirror:
    """A Component.

    Args:
        client: the healer's client.
        clock: the time.
        on_new: called in the follower's thread after each record.
    """

    name = "healer"

    def __init__(self, client: RoleClient, clock: Clock, on_new: Callable[[], None] = lambda: None) -> None:
        self._client, self._clock, self._on_new = client, clock, on_new
        self._records: deque[dict[str, Any]] = deque(maxlen=MOST_RECORDS)
        self._answers: dict[str, Any] = {"incidents": [], "plan": [], "modes": {}}
        self._asked = dict.fromkeys(_PATHS, float("-inf"))
        self._asking = {name: threading.Lock() for name in _PATHS}
        self._answered_at = 0.0
        self._seq = 0
        self._dirty = True
        self._heard = float("-inf")
        self._why = "the healer has not been asked yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="healer-mirror")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def ready(self) -> Readiness:
        silence = self._clock.monotonic() - self._heard
        if silence > 15 or self._why:
            return Readiness(ready=False, reason=self._why or f"the healer has been silent for {silence:.0f} s")
        return Readiness(ready=True)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that follows the healer has ended")

    @property
    def at(self) -> float:
        """When the healer last answered, in Unix seconds; 0 for never."""
        return self._answered_at

    def incidents(self) -> list[dict[str, Any]]:
        """The newest incidents, newest first, as last known."""
        self._fresh("incidents", list)
        return list(self._answers["incidents"])

    def plan(self) -> list[dict[str, Any]]:
        """What would be healed now, as last known."""
        self._fresh("plan", list)
        return list(self._answers["plan"])

    def modes(self) -> dict[str, dict[str, Any]]:
        """The effective mode of each service, by key, as last known."""
        self._fresh("modes", dict)
        return dict(self._answers["modes"])

    def records(self) -> list[dict[str, Any]]:
        """The last journal records, oldest first."""
        return list(self._records)

    def doubt(self) -> None:
        """Something has changed: whoever looks next gets a new answer."""
        for what in _PATHS:
            self._asked[what] = min(self._asked[what], self._clock.monotonic() - _FRESH - 1)

    def incident(self, incident_id: str) -> Found:
        """One incident with all its records, or what is remembered of it while the healer is away.

        Raises:
            NotFound: there is none.
        """
        try:
            answer = self._client.get(f"/incidents/{quote(incident_id, safe='')}", timeout=5.0)
        except PeerAway as error:
            known: dict[str, Any] = next((i for i in self._answers["incidents"] if i.get("id") == incident_id), {})
            records = [r for r in self._records if r.get("incident") == incident_id]
            if not known and not records:
                raise NotFound(f"no incident {incident_id[:100]!r} is remembered here, and {error}") from error
            return Found(known, records, str(error))
        return Found(answer.get("incident") or {}, list(answer.get("records") or []))

    def _fresh(self, what: str, kind: type[Any]) -> None:
        """One caller asks; the others meanwhile get what is known, so a healer that hangs holds one thread at most."""
        now = self._clock.monotonic()
        old_enough = now - self._asked[what] > _FRESH
        if old_enough and self._asking[what].acquire(blocking=self._asked[what] == float("-inf")):
            try:
                if self._clock.monotonic() - self._asked[what] > _FRESH:
                    self._ask(what, kind)
            finally:
                self._asking[what].release()

    def _ask(self, what: str, kind: type[Any]) -> None:
        path, field = _PATHS[what]
        try:
            answer = self._client.get(path, timeout=2.0)
        except (ParamedicError, ValueError) as error:
            self._why = str(error)
            # One that hangs is waited for once, not once for each thing that it could be asked.
            self._asked = dict.fromkeys(_PATHS, self._clock.monotonic())
        else:
            value = answer.get(field) if isinstance(answer, dict) else None
            if isinstance(value, kind):
                self._answers[what] = _sound(value)
                self._answered_at = self._clock.now()
        self._asked[what] = self._clock.monotonic()

    def _run(self) -> None:
        pause = 0.05
        while not self._stop.is_set():
            try:
                for message in self._client.stream(f"/journal/stream?last={MOST_RECORDS}&after={self._seq}", idle=15.0):
                    pause = 0.05
                    self._take(message)
                    if self._stop.is_set():
                        return
                self._why = "the healer ended its stream"
            except ParamedicError as error:
                self._why = str(error)
                log.debug("following the healer: %s", error)
            self._clock.wait(self._stop, pause)
            pause = min(_AGAIN, pause * 2)

    def _take(self, message: Any) -> None:
        self._heard, self._why = self._clock.monotonic(), ""
        record = message.get("record", message) if isinstance(message, dict) else {}
        seq = record.get("seq")
        if not isinstance(seq, int):
            # A beat: a quiet moment to fetch what the records before it have changed, so that it is known if the healer goes.
            if self._dirty:
                self._dirty = False
                for what, answer in self._answers.items():
                    self._fresh(what, type(answer))
            return
        self._seq = max(self._seq, seq)
        self._records.append(record)
        self._dirty = True
        self.doubt()
        self._on_new()


def _sound(value: Any) -> Any:
    """Without entries that are no objects, or whose names are no text: what goes by them here may rely on both."""
    if isinstance(value, dict):
        return {str(k): v for k, v in value.items() if isinstance(v, dict)}
    return [v for v in value if isinstance(v, dict) and all(isinstance(v.get(n, ""), str) for n in _NAMES)]
