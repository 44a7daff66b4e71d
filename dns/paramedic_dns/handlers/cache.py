"""Remembers other servers' answers, and asks once for all who ask the same at one time."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from paramedic_dns.answer import Answer
from paramedic_dns.foreign import Foreign, aged
from paramedic_dns.handler import Ask, Done, Handler, Kit, Then
from paramedic_dns.wire import CD

_MOST_ENTRIES = 4096
_MOST_BYTES = 4 << 20
_MOST_WAITING = 64
_Key = tuple[bytes, int, bool, bool]
"""Question, the CD bit, EDNS, the DO bit: what another server's answer depends on."""


@dataclass(frozen=True, slots=True)
class _Kept:
    foreign: Foreign
    since: float


class CacheHandler(Handler):
    """A bounded memory of foreign answers; the one that was put in first goes first."""

    name = "cache"
    order = 80

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0
        self._waiting: dict[_Key, list[Done]] = {}
        kit.stats.gauge("coredns_cache_entries", "Foreign answers in memory.", lambda: float(len(self._kept)))

    def take(self, ask: Ask, done: Done, then: Then) -> None:
        """Answer from memory, wait for the same question that is under way, or hand on and remember."""
        query = ask.query
        dnssec = query.edns is not None and query.edns.dnssec
        key = (query.question[:-4].lower() + query.question[-4:], query.flags & CD, query.edns is not None, dnssec)
        kept = self._kept.get(key)
        age = time.monotonic() - kept.since if kept else 0.0
        if kept and age < kept.foreign.life:
            kind = "success" if kept.foreign.positive else "denial"
            self.kit.stats.add("coredns_cache_hits_total", type=kind)
            done(Answer(kept.foreign.rcode, foreign=aged(kept.foreign, int(age)), by=self.name))
            return
        self.kit.stats.add("coredns_cache_misses_total")
        waiting = self._waiting.get(key)
        if waiting is not None:
            if len(waiting) < _MOST_WAITING:
                # Also what keeps a circle of servers that ask one another from growing.
                waiting.append(done)
            else:
                self.kit.stats.add("paramedic_dns_dropped_total", reason="waiting")
            return
        self._waiting[key] = [done]
        then(ask, lambda answer: self._heard(key, answer))

    def remember(self, key: _Key, foreign: Foreign) -> None:
        """Put an answer in, if it may be remembered."""
        self._forget(key)
        if not foreign.life:
            return
        self._kept[key] = _Kept(foreign, time.monotonic())
        self._bytes += len(foreign.message)
        while len(self._kept) > _MOST_ENTRIES or self._bytes > _MOST_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: _Key) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._bytes -= len(old.foreign.message)

    def _heard(self, key: _Key, answer: Answer) -> None:
        if answer.source is not None:
            self.remember(key, answer.source)
        for done in self._waiting.pop(key, ()):
            done(answer)
