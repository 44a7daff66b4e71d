"""Where every question comes: read, told apart by who asks, answered by the chain, and kept ready for the next who asks it.

An answer that holds for everybody of a view until the names change is kept as the whole message without its id, under the
question's whole message without its id. When the names change, all of them are thrown away: to build one takes 20 µs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from paramedic_core.registry import discover
from paramedic_dns import handlers, wire
from paramedic_dns.answer import PROHIBITED, Answer, write
from paramedic_dns.handler import Ask, Done, Handler, Kit, Then
from paramedic_dns.views import Asker, identify

_MOST_READY = 4096
"""Kept answers of one view."""
_MOST_SOURCES = 4096
_MOST_TURNS = 4
Send = Callable[[bytes], None]


@dataclass(slots=True)
class Ready:
    """An answer kept for the next who asks."""

    replies: tuple[bytes, ...]
    """Messages without their id, each with another record first."""
    type: int
    rcode: int
    by: str
    hits: int = 0
    told: int = 0


@dataclass(slots=True)
class Source:
    """An address that asks, as long as the names stay as they are."""

    asker: Asker
    ready: dict[bytes, Ready] = field(default_factory=dict)
    """Shared with all askers of the same view."""


class Desk:
    """Used on the loop's thread only.

    Args:
        kit: what handlers are made of.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit, self._stats = kit, kit.stats
        self._views: dict[object, dict[bytes, Ready]] = {}
        self._sources: dict[str, dict[str, Source]] = {}
        found = discover(handlers, Handler)
        self.failures = tuple(f"{f.module}: {f.reason}" for f in found.failures)
        """Handlers that cannot be used, and why."""
        self._chain: Then = _refuse
        for kind in sorted(found.plugins.values(), key=lambda k: k.order, reverse=True):
            self._chain = _link(kind(kit), self._chain)

    def sources(self, here: str) -> dict[str, Source]:
        """Those who asked at one of our addresses, by theirs: what a socket looks at first."""
        return self._sources.setdefault(here, {})

    def ask(self, data: bytes, address: str, here: str, send: Send, *, tcp: bool = False) -> None:
        """Answer one message that no kept answer fits.

        Args:
            data: the message.
            address: where it came from.
            here: where it arrived.
            send: takes the answer, now or later; it is not called when there is to be none.
            tcp: whether it came over TCP.
        """
        began = time.perf_counter()
        query = wire.read(data)
        if isinstance(query, wire.Wrong):
            self._wrong(query, send)
            return
        source = self._source(address, here)

        def done(answer: Answer) -> None:
            self._finish(data, query, source, answer, send, tcp=tcp)
            self._stats.duration.observe(time.perf_counter() - began)

        refused = _refusal(query, source.asker, tcp=tcp)
        if refused is not None:
            done(refused)
        else:
            self._chain(Ask(query, source.asker, tcp), done)

    def clear(self) -> None:
        """Forget every kept answer, and who is who: the names have changed."""
        self.count()
        self._views.clear()
        for sources in self._sources.values():
            sources.clear()

    def count(self) -> None:
        """Hand in what the kept answers counted themselves."""
        for ready in self._views.values():
            for one in ready.values():
                if new := one.hits - one.told:
                    one.told = one.hits
                    self._stats.asked(one.type, one.rcode, one.by, "udp", new)
                    self._stats.add("paramedic_dns_prebuilt_total", new)

    def _source(self, address: str, here: str) -> Source:
        known = self.sources(here)
        source = known.get(address)
        if source is None:
            if len(known) >= _MOST_SOURCES:
                known.clear()
            asker = identify(self._kit.zone(), address, here, self._kit.local())
            source = Source(asker)
            if asker.known:
                source.ready = self._views.setdefault(asker.view, source.ready)
                known[address] = source
        return source

    def _wrong(self, wrong: wire.Wrong, send: Send) -> None:
        if wrong.reply:
            self._stats.add("paramedic_dns_malformed_total", reason=wrong.reason)
            send(wrong.reply)
        else:
            self._stats.add("paramedic_dns_dropped_total", reason=wrong.reason)

    def _finish(self, data: bytes, query: wire.Query, source: Source, answer: Answer, send: Send, *, tcp: bool) -> None:
        self._stats.asked(query.type, answer.rcode, answer.by, "tcp" if tcp else "udp")
        known = source.asker.known
        message = write(query, answer, tcp=tcp, recursion=known)
        send(message)
        # Mixed letters, options and names that are not there could each be asked in endless variety.
        plain = query.question[:-4] == query.key and not (query.edns and query.edns.options)
        if answer.lasting and plain and known and not tcp and answer.rcode == wire.NOERROR:
            turns = range(min(len(answer.answers), _MOST_TURNS) or 1)
            replies = tuple(write(query, answer, tcp=False, recursion=True, turn=n)[2:] for n in turns)
            if len(source.ready) >= _MOST_READY:
                self.count()
                source.ready.clear()
            source.ready[data[2:]] = Ready(replies, query.type, answer.rcode, answer.by)


def _refusal(query: wire.Query, asker: Asker, *, tcp: bool) -> Answer | None:
    if not asker.known:
        why = (PROHIBITED, "only this host and its engine's networks are answered")
        return Answer(wire.REFUSED, authoritative=False, why=why, by="view")
    if query.type in (wire.AXFR, wire.IXFR):
        return Answer(wire.REFUSED if tcp else wire.NOTIMP, authoritative=False, by="view")
    return None


def _refuse(_ask: Ask, done: Done) -> None:
    """The end of the chain: nobody's name. REFUSED makes Docker's resolver ask its next server."""
    done(Answer(wire.REFUSED, authoritative=False, by="end"))


def _link(handler: Handler, then: Then) -> Then:
    return lambda ask, done: handler.take(ask, done, then)
