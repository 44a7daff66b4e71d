"""Answers for the zone, and for the addresses of the engine's networks."""

from __future__ import annotations

from paramedic_dns import wire
from paramedic_dns.answer import NOT_READY, Answer
from paramedic_dns.handler import Ask, Done, Handler, Then
from paramedic_dns.lookup import look_back, look_up
from paramedic_dns.names import address_of, below
from paramedic_dns.views import ours


class ZoneHandler(Handler):
    """Our own names."""

    name = "zone"
    order = 10

    def take(self, ask: Ask, done: Done, then: Then) -> None:
        """Answer what is ours; it is never asked of anybody else."""
        zone, key = self.kit.zone(), ask.query.key
        ttl = int(self.kit.settings.ttl)
        if below(key, self.kit.apex):
            if zone is None:
                # Not NXDOMAIN: askers would remember that the name is not there.
                why = (NOT_READY, "nothing is known of the engine's containers yet")
                done(Answer(wire.SERVFAIL, why=why, authoritative=False))
            else:
                done(look_up(zone, ask.asker, key, ask.query.type, ttl))
            return
        address = address_of(key)
        if zone is not None and address is not None and ours(zone, address, self.kit.local()):
            done(look_back(zone, ask.asker, key, ask.query.type, ttl))
            return
        then(ask, done)
