"""One question about our own names, answered. Pure: zone and asker in, records out."""

from __future__ import annotations

from dataclasses import replace

from paramedic_dns import records, wire
from paramedic_dns.answer import OTHER, Answer, Record
from paramedic_dns.names import parent
from paramedic_dns.views import Asker, Chosen, Kind, choose, shares
from paramedic_dns.zone import Entry, Member, Rule, Zone

BRIEF = 1
"""Seconds for what may be otherwise in a moment."""
_SELF = b"\x05_self"
_NAME_SERVER = b"\x02ns\x03dns"


def look_up(zone: Zone, asker: Asker, key: bytes, kind: int, ttl: int) -> Answer:
    """The answer to a question about a name in the zone."""
    if key == zone.apex:
        return _apex(zone, kind, ttl)
    if key == _SELF + zone.apex:
        found = records.txt(key, describe(zone, asker), 0) if kind == wire.TXT else ()
        return replace(_found(zone, found, BRIEF), lasting=False)
    entry = zone.entries.get(key)
    if entry is None:
        if key in zone.inner:
            return _found(zone, (), ttl)
        return Answer(wire.NXDOMAIN, authority=(records.soa(zone.apex, zone.serial, ttl),))
    if kind == wire.ANY:
        return _found(zone, (records.hinfo(key),), ttl)
    if entry.rule in (Rule.HOST, Rule.TEXT):
        return _found(zone, _fixed(entry, asker, kind, ttl), ttl)
    return _members(zone, entry, asker, kind, ttl)


def look_back(zone: Zone, asker: Asker, key: bytes, kind: int, ttl: int) -> Answer:
    """The answer to a question about a container's address: its name, for those who can reach it there."""
    targets = dict.fromkeys(target for place, target in zone.back.get(key, ()) if shares(place, asker))
    soa = (records.soa(parent(key), zone.serial, ttl),)
    if not targets:
        return Answer(wire.NXDOMAIN, authority=soa)
    if kind not in (wire.PTR, wire.ANY):
        return Answer(authority=soa, lasting=True)
    return Answer(answers=tuple(records.ptr(key, target, ttl) for target in targets), lasting=True)


def describe(zone: Zone, asker: Asker) -> tuple[str, ...]:
    """What we think of an asker, in `name=value` lines."""
    lines = [f"asker={asker.kind}", f"address={asker.address}", f"asked-at={asker.here}"]
    if asker.container:
        lines += [f"container={asker.container}", f"project={asker.scope}"]
    if asker.kind is not Kind.HOST:
        networks = sorted(zone.networks.get(n, n[:12]) for n in asker.networks)
        lines.append(f"networks={','.join(networks)}")
    return (*lines, f"world={zone.world.version}", f"engine={zone.world.engine.status}")


def _apex(zone: Zone, kind: int, ttl: int) -> Answer:
    if kind == wire.SOA:
        return _found(zone, (records.soa(zone.apex, zone.serial, ttl),), ttl)
    if kind == wire.NS:
        return _found(zone, (records.ns(zone.apex, _NAME_SERVER + zone.apex, ttl),), ttl)
    return _found(zone, (records.hinfo(zone.apex),) if kind == wire.ANY else (), ttl)


def _fixed(entry: Entry, asker: Asker, kind: int, ttl: int) -> tuple[Record, ...]:
    if entry.rule is Rule.HOST and kind == wire.A:
        return (records.a(entry.key, asker.here, ttl),)
    if entry.rule is Rule.TEXT and kind == wire.TXT:
        return records.txt(entry.key, entry.texts, ttl)
    return ()


def _members(zone: Zone, entry: Entry, asker: Asker, kind: int, ttl: int) -> Answer:
    chosen = choose(entry, asker)
    life = BRIEF if chosen.brief else ttl
    why = (OTHER, chosen.why) if chosen.why else None
    if kind == wire.TXT:
        return _found(zone, records.txt(entry.key, _texts(entry, chosen), BRIEF), BRIEF)
    if kind == wire.A and entry.port is None:
        addresses = dict.fromkeys(address for _, address in chosen.given)
        return _found(zone, tuple(records.a(entry.key, a, life) for a in addresses), life, why)
    if kind == wire.SRV:
        answers, additional = _services(entry, chosen, life)
        return replace(_found(zone, answers, life, why), additional=additional)
    return _found(zone, (), life)


def _services(entry: Entry, chosen: Chosen, life: int) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    wanted = [(m, number) for m, _ in chosen.given for number in _numbers(entry, m)]
    weight = max(1, 100 // len(wanted)) if wanted else 0
    answers = dict.fromkeys(records.srv(entry.key, number, m.target, life, weight) for m, number in wanted)
    targets = {m.target for m, _ in wanted}
    additional = dict.fromkeys(records.a(m.target, a, life) for m, a in chosen.given if m.target in targets)
    return tuple(answers), tuple(additional)


def _numbers(entry: Entry, member: Member) -> list[int]:
    return [n for name, protocol, n in member.ports if entry.port in (None, (name, protocol))]


def _texts(entry: Entry, chosen: Chosen) -> tuple[str, ...]:
    well = sum(m.in_service for m in entry.members)
    lines = [f"{'container' if entry.rule is Rule.ONE else 'service'}={entry.of}"]
    lines += [f"in-service={well} of {len(entry.members)}"]
    lines += [f"{m.container.name}={m.why}" for m in entry.members if m.why][:8]
    return (*lines, chosen.why) if chosen.why else tuple(lines)


def _found(zone: Zone, answers: tuple[Record, ...], ttl: int, why: tuple[int, str] | None = None) -> Answer:
    """These records; when there are none, the name is there and has none of the type (RFC 2308 2.2)."""
    authority = () if answers else (records.soa(zone.apex, zone.serial, ttl),)
    return Answer(answers=answers, authority=authority, why=why, lasting=True)
