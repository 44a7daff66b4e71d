"""Asks the host's own servers for names that are not ours, on behalf of the host and its containers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from paramedic_dns.answer import NETWORK_ERROR, NO_REACHABLE, OTHER, Answer
from paramedic_dns.exchange import Exchange
from paramedic_dns.foreign import Foreign
from paramedic_dns.handler import Ask, Done, Handler, Kit, Then
from paramedic_dns.resolv import Server, Upstreams
from paramedic_dns.wire import NOERROR, NXDOMAIN, RCODES, SERVFAIL

_MOST_UNDER_WAY = 256
"""Each holds a descriptor."""
_MOST_OF_ONE = 64
"""So that no single asker takes all the room."""


class ForwardHandler(Handler):
    """One server after the other, within one time for all."""

    name = "forward"
    order = 90

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._upstreams = Upstreams(kit.settings.upstreams)
        self._under_way: Counter[str] = Counter()
        kit.stats.gauge("paramedic_dns_forwarding", "Questions under way to other servers.", self._count)

    def take(self, ask: Ask, done: Done, then: Then) -> None:
        """Forward what asks for recursion; the rest of the chain refuses what does not."""
        if not ask.query.recurse:
            then(ask, done)
            return
        servers = self._upstreams.now(self.kit.doors())
        if not servers:
            done(self._failed(NO_REACHABLE, "no other server is known: set dns.upstreams, or fill /etc/resolv.conf"))
            return
        who = ask.asker.address
        if self._under_way.total() >= _MOST_UNDER_WAY or self._under_way[who] >= _MOST_OF_ONE:
            self.kit.stats.add("coredns_forward_max_concurrent_rejects_total")
            done(self._failed(OTHER, "too many questions are under way"))
            return
        self._under_way[who] += 1

        def finish(answer: Answer) -> None:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]
            done(answer)

        _Round(self.kit, self._upstreams, servers, ask, finish, self._failed).next()

    def _count(self) -> float:
        return float(self._under_way.total())

    def _failed(self, code: int, words: str) -> Answer:
        return Answer(SERVFAIL, authoritative=False, why=(code, words), by=self.name)


class _Round:
    """One question on its way through the servers."""

    def __init__(
        self,
        kit: Kit,
        upstreams: Upstreams,
        servers: list[Server],
        ask: Ask,
        done: Done,
        failed: Callable[[int, str], Answer],
    ) -> None:
        self._kit, self._upstreams, self._ask, self._done, self._failed = kit, upstreams, ask, done, failed
        # A single server is asked twice: one lost packet must not cost the answer.
        self._left = servers if len(servers) > 1 else servers * 2
        self._each = kit.settings.forward_timeout / len(self._left)
        self._end = time.monotonic() + kit.settings.forward_timeout
        self._last: Foreign | None = None
        self._why = ""

    def next(self) -> None:
        """Ask the next server, or give up."""
        left = self._end - time.monotonic()
        if not self._left or left <= 0.01:
            if self._last is not None:
                self._done(_answer(self._last))
            else:
                self._done(self._failed(NETWORK_ERROR, f"no other server answered ({self._why or 'timeout'})"))
            return
        server = self._left.pop(0)
        heard: Callable[[Foreign | None, str], None] = lambda found, why: self._heard(server, found, why)  # noqa: E731  a name for its type
        Exchange(self._kit.loop, server, self._ask.query, min(left, self._each), heard).begin()

    def _heard(self, server: Server, found: Foreign | None, why: str) -> None:
        good = found is not None and found.rcode in (NOERROR, NXDOMAIN)
        result = RCODES.get(found.rcode, str(found.rcode)) if found is not None else why
        self._kit.stats.add("coredns_proxy_requests_total", to=f"{server[0]}:{server[1]}", rcode=result)
        self._upstreams.went(server, well=found is not None)
        if good and found is not None:
            self._done(_answer(found))
            return
        self._last, self._why = found or self._last, why or self._why
        # Refused at once is no lost packet: the same server is not asked again.
        if why in ("refused", "unreachable") or found is not None:
            self._left = [s for s in self._left if s != server]
        self.next()


def _answer(found: Foreign) -> Answer:
    return Answer(found.rcode, foreign=found.message, source=found, by=ForwardHandler.name)
