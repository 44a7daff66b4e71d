"""Why an asker gets what it gets, and all there is: for people, over the role's own socket."""

from __future__ import annotations

import json
import time
from ipaddress import IPv4Address, ip_address
from typing import Any

from paramedic_core.errors import BadInput, NotFound
from paramedic_core.sys.server import Request, Response, Routes, json_response
from paramedic_dns import names, wire
from paramedic_dns.answer import Answer, Record
from paramedic_dns.lookup import look_back, look_up
from paramedic_dns.names import address_of, below, text
from paramedic_dns.server import DnsServer
from paramedic_dns.views import Asker, Kind, addresses_on, choose, identify, ours
from paramedic_dns.zone import Entry, Member, Zone, in_order

_NUMBERS = {name: number for number, name in wire.TYPES.items()}


def routes(server: DnsServer, ttl: int) -> Routes:
    """Path → handler."""

    def resolve(request: Request) -> Response:
        name, source = request.query.get("name", ""), request.query.get("from", "127.0.0.1")
        return json_response(explain(server, name, request.query.get("type", "A").upper(), source, ttl))

    def records(_request: Request) -> Response:
        return json_response(everything(server))

    return {"GET /resolve": resolve, "GET /records": records}


def explain(server: DnsServer, name: str, kind: str, source: str, ttl: int) -> dict[str, Any]:
    """What an asker would get, and why.

    Raises:
        BadInput: no such type, or no name.
        NotFound: nothing is known yet, or there is no such asker.
    """
    zone, key = _known(server), _key(name)
    if kind not in _NUMBERS:
        raise BadInput(f"{kind[:20]} is no type that is known here: {', '.join(sorted(_NUMBERS))}")
    asker = _asker(server, zone, source)
    shown: dict[str, Any] = {"name": text(key), "type": kind, "asker": _asker_view(zone, asker)}
    address = address_of(key)
    if not asker.known:
        return shown | {"by": "view", "rcode": "REFUSED", "why": "only this host and its networks are answered"}
    if below(key, zone.apex):
        answer = look_up(zone, asker, key, _NUMBERS[kind], ttl)
    elif address is not None and ours(zone, address, server.local):
        answer = look_back(zone, asker, key, _NUMBERS[kind], ttl)
    else:
        return shown | {"by": "forward", "rcode": "", "why": f"not in {text(zone.apex)}: other servers are asked"}
    entry = zone.entries.get(key)
    members = _members_view(entry, asker) if entry else []
    return shown | _answer_view(answer) | {"by": "zone", "members": members, "of": entry.of if entry else ""}


def everything(server: DnsServer) -> dict[str, Any]:
    """Every name with its members, every address that is answered on, every name that was lost to another.

    Raises:
        NotFound: nothing is known yet.
    """
    zone, doors = _known(server), server.doors
    at = max(zone.world.at, server.confirmed())
    rows = [
        {"name": text(e.key), "of": e.of, "rule": str(e.rule), "members": [_place_view(m) for m in e.members]}
        for e in in_order(zone.entries.values())
    ]
    return {
        "zone": text(zone.apex),
        "at": at,
        "age": round(max(0.0, time.time() - at), 3),
        "from_disk": server.from_disk,
        "listen": [f"{a}:{p}" for a, p in sorted(doors.open)],
        "shut": dict(doors.shut),
        "records": rows,
        "conflicts": [{"name": text(c.key), "kept": c.kept, "lost": c.lost} for c in zone.conflicts[:1000]],
    }


def _known(server: DnsServer) -> Zone:
    if server.zone is None:
        raise NotFound("nothing is known of the engine's containers yet: see `paramedic status`")
    return server.zone


def _key(name: str) -> bytes:
    try:
        if not name:
            raise ValueError("a name is missing")
        return names.wire(name)
    except (ValueError, UnicodeError) as error:
        raise BadInput(f"name: {error}") from None


def _asker(server: DnsServer, zone: Zone, source: str) -> Asker:
    """The asker behind an address or a container's name, as it would ask at the gateway of its first network."""
    container = zone.world.find(source)
    if container is None and not _is_address(source):
        raise NotFound(f"there is no container {source[:80]!r} on this host, and it is no address either")
    addresses = [e.address for e in container.endpoints if e.address] if container else [source]
    if container is not None and not addresses:
        raise NotFound(f"{source} has no address: it asks as the host, or not at all")
    probe = identify(zone, addresses[0], "", server.local)
    if probe.kind is Kind.HOST:
        return identify(zone, addresses[0], "127.0.0.1", server.local)
    here = next((a for n in sorted(probe.networks) for a in addresses_on(zone, n, server.local)), "")
    return identify(zone, addresses[0], here, server.local)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _asker_view(zone: Zone, asker: Asker) -> dict[str, Any]:
    return {
        "kind": str(asker.kind),
        "address": asker.address,
        "asks_at": asker.here,
        "container": asker.container,
        "project": asker.scope,
        "networks": sorted(zone.networks.get(n, n[:12]) for n in asker.networks),
    }


def _answer_view(answer: Answer) -> dict[str, Any]:
    return {
        "rcode": wire.RCODES[answer.rcode],
        "records": [_record_view(r) for r in answer.answers],
        "why": answer.why[1] if answer.why else "",
    }


def _record_view(record: Record) -> dict[str, Any]:
    shown = {"name": text(record.owner), "type": wire.TYPES.get(record.type, str(record.type)), "ttl": record.ttl}
    return shown | {"value": _value(record)}


def _value(record: Record) -> str:
    data = record.data
    if record.type == wire.A:
        return str(IPv4Address(data))
    if record.type in (wire.PTR, wire.NS):
        return text(data)
    if record.type == wire.SRV:
        return f"{' '.join(str(int.from_bytes(data[i : i + 2], 'big')) for i in (0, 2, 4))} {text(data[6:])}"
    if record.type == wire.TXT:
        parts = []
        while data:
            parts.append(data[1 : 1 + data[0]].decode("utf-8", "replace"))
            data = data[1 + data[0] :]
        return " ".join(json.dumps(p, ensure_ascii=False) for p in parts)
    return data.hex()


def _members_view(entry: Entry, asker: Asker) -> list[dict[str, Any]]:
    """Each member, whether this asker is given it, and why not."""
    given: dict[str, list[str]] = {}
    chosen = choose(entry, asker)
    for member, address in chosen.given:
        given.setdefault(member.container.id, []).append(address)
    rows = []
    for member in entry.members:
        addresses = given.get(member.container.id, [])
        why = "" if addresses else member.why
        if not addresses and not why:
            why = "no shared network" if member.places else "it has no address"
        rows.append(_place_view(member) | {"given": addresses, "why": why or member.why})
    return rows


def _place_view(member: Member) -> dict[str, Any]:
    return {
        "container": member.container.name,
        "in_service": member.in_service,
        "why": member.why,
        "addresses": {p.network: p.address for p in member.places} or ({"host": "host"} if member.on_host else {}),
    }
