"""Answers for the names that no server of another may be asked for (RFC 6761 §6.3 and §6.4)."""

from __future__ import annotations

from paramedic_dns import records, wire
from paramedic_dns.answer import Answer, Record
from paramedic_dns.handler import Ask, Done, Handler, Then
from paramedic_dns.names import below
from paramedic_dns.names import wire as key_of

_LOCALHOST, _INVALID = key_of("localhost"), key_of("invalid")
_HERE = {wire.A: b"\x7f\x00\x00\x01", wire.AAAA: bytes(15) + b"\x01"}
_TTL = 86_400
"""Seconds; it never changes."""


class LocalHandler(Handler):
    """`localhost` is whoever asks; `invalid` is nobody. Another's answer to either would be a mistake, or an attack."""

    name = "local"
    order = 50

    def take(self, ask: Ask, done: Done, then: Then) -> None:
        """Answer what is special; hand on the rest."""
        key, kind = ask.query.key, ask.query.type
        soa = (records.soa(_LOCALHOST, 1, _TTL),)
        if below(key, _LOCALHOST):
            here = tuple(Record(key, each, _TTL, _HERE[each]) for each in _HERE if kind in (each, wire.ANY))
            done(Answer(answers=here, authority=() if here else soa, by=self.name))
        elif below(key, _INVALID):
            done(Answer(wire.NXDOMAIN, authority=(records.soa(_INVALID, 1, _TTL),), by=self.name))
        else:
            then(ask, done)
