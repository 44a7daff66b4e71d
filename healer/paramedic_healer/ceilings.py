"""What runtime's guards have refused, and until when: a full ceiling is not asked again before it is free. Pure.

The ceiling itself is runtime's, which counts every act; here is only what its refusals told, taken from the records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramedic_healer.history import Record

LONGEST_RETRY = 300.0
"""Seconds: what runtime refused, and did not say until when, is asked again within these."""
LONGEST_CEILING = 86400.0
"""Seconds for which a ceiling is believed to be full, whatever runtime said."""
LATELY = 3600.0
"""Seconds, as long as runtime's own window: so long after the host's ceiling one act at a time is asked for."""
MOST = 1000
"""Services whose ceiling is remembered."""
_HOST = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What one of runtime's guards said of the last try."""

    reason: str
    allow: str
    """What would help, in words; empty where the reason says it."""
    until: float
    """When it is asked again, Unix seconds; 0 is not known."""
    at: float
    """When it was said, Unix seconds."""

    def holds(self, now: float) -> bool:
        """Whether it is still too early to ask; a clock that was set back must not make that moment last."""
        return self.at - LONGEST_RETRY <= now < self.until


class Ceilings:
    """The host's ceiling and those of services, as far as they are known to be full."""

    def __init__(self) -> None:
        self._known: dict[str, Refusal] = {}

    def refused(self, record: Record) -> Refusal:
        """Take in an outcome that one of runtime's guards refused."""
        body = record.body
        refusal = Refusal(str(body["detail"]), str(body["allow"]), float(body["until"]), record.at)
        if body["code"] == "ceiling_host":
            self._known[_HOST] = refusal
        elif body["code"] == "ceiling_target" and record.service:
            self._known[record.service] = refusal
            for name in [name for name in self._known if name != _HOST][:-MOST]:
                del self._known[name]
        return refusal

    def passed(self, service: str, asked_at: float) -> None:
        """An act that was asked for at `asked_at` was let through: what was refused before that is no longer so."""
        for name in (_HOST, service):
            known = self._known.get(name)
            if known is not None and known.at < asked_at < known.until:
                self._known[name] = replace(known, until=asked_at)

    def over(self, service: str, now: float, *, busy: bool) -> Refusal | None:
        """What holds back an act on a service now; None when nothing is known to.

        Args:
            service: the target's.
            now: Unix seconds.
            busy: an act was asked for and not answered yet. Just after the host's ceiling was full nobody knows how many acts
                fit, so they are asked for one by one.
        """
        full = [known for name in (_HOST, service) if (known := self._known.get(name)) and known.holds(now)]
        if full:
            return max(full, key=lambda known: known.until)
        host = self._known.get(_HOST)
        if host is not None and busy and self._lately(host, now):
            reason = "this host was at the outer ceiling lately: one act at a time, for the oldest fault first"
            return Refusal(reason, "", 0.0, host.at)
        return None

    def lately(self, now: float) -> bool:
        """Whether the host's ceiling was full a while ago, and is not known to be now."""
        host = self._known.get(_HOST)
        return host is not None and self._lately(host, now)

    def forget(self, now: float) -> None:
        """Drop what no longer says anything."""
        for name, known in list(self._known.items()):
            if not known.holds(now) and not self._lately(known, now):
                del self._known[name]

    def _lately(self, known: Refusal, now: float) -> bool:
        return known.until <= now < known.until + LATELY
