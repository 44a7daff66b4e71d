"""World → names. Pure: who asks, and so what is answered, is the business of `views`.

Below the zone: `SERVICE.PROJECT.svc` (before it `all.`, `healthy.`, `headless.`, `_PORT._PROTO.`, an instance),
`CONTAINER.ct`, `ID.ct`, `HOST.node`, `_self`, `dns-version`. A plain container is a service of the project `default`.
When two services come to the same labels, the one whose oldest container is older has the name, and the other is told in
`conflicts`; an instance that is named as a prefix is has the name too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from paramedic_core import model
from paramedic_core.model import Container, Endpoint, State
from paramedic_core.world import World
from paramedic_dns.names import MOST_LABEL, MOST_NAME, label, parent, reverse, spellings, wire
from paramedic_dns.slim import SRV_LABEL, TASK_NAME

NO_PROJECT = "default"
_PROTOCOLS = ("tcp", "udp", "sctp")
VERSION = "1"
"""Of this grammar; the TXT record of `dns-version`."""


class Rule(StrEnum):
    """Which members of a name are given."""

    SERVICE = "service"
    """Those in service; when none is, all of them, to be forgotten at once."""
    ALL = "all"
    """All that have an address."""
    HEALTHY = "healthy"
    """Those in service, even when that is none."""
    ONE = "one"
    """One container, however it is."""
    HOST = "host"
    """The host, by the address at which it was asked."""
    TEXT = "text"
    """No address."""


@dataclass(frozen=True, slots=True)
class Member:
    """A container as the target of a name."""

    container: Container
    target: bytes
    """The key of its own name: what SRV and PTR records lead to."""
    places: tuple[Endpoint, ...]
    """Where it can be reached; those of another container when it lives in that one's network namespace."""
    in_service: bool
    why: str
    """Why it is out of service, in words; empty when it is in."""
    ports: tuple[tuple[str, str, int], ...] = ()
    """Name, protocol and number of each."""
    on_host: bool = False
    """It has no network of its own: it is where the host is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name."""

    key: bytes
    of: str
    """The service key, or the container's name."""
    rule: Rule
    members: tuple[Member, ...] = ()
    port: tuple[str, str] | None = None
    """Only this port, by name and protocol, and only SRV records."""
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """A name that two services come to."""

    key: bytes
    kept: str
    lost: str


@dataclass(slots=True)
class Zone:
    """All names of one World. Never changed once it is built."""

    apex: bytes
    world: World
    entries: dict[bytes, Entry] = field(default_factory=dict)
    inner: set[bytes] = field(default_factory=set)
    """Names that are only on the way to others (empty non-terminals): they exist, and have nothing."""
    back: dict[bytes, list[tuple[Endpoint, bytes]]] = field(default_factory=dict)
    """Reverse names: the place, and the name that it leads to."""
    sources: dict[str, Container] = field(default_factory=dict)
    """By address, the container that asks from there."""
    networks: dict[str, str] = field(default_factory=dict)
    """Id → name of each network that a container is on."""
    gateways: dict[str, str] = field(default_factory=dict)
    """Network id → the host's address on it, where the engine told it."""
    conflicts: list[Conflict] = field(default_factory=list)

    @property
    def serial(self) -> int:
        """For the SOA record: seconds, so that it grows."""
        return int(self.world.at) & 0xFFFFFFFF


def build(world: World, domain: str, node: str = "") -> Zone:
    """The zone of a World.

    Args:
        world: what is known.
        domain: the zone's name.
        node: the host's name; its id is always one.
    """
    zone = Zone(wire(domain), world)
    owners = {c.id: c for c in world.containers.values()} | {c.name: c for c in world.containers.values()}
    members: dict[str, Member] = {}
    for container in world.containers.values():
        members[container.id] = _member(container, owners, world, zone.apex)
        _place(zone, container)
    by_service = _services(world)
    for key, group in by_service:
        for member in (members[c.id] for c in group):
            _add_service_instance(zone, key, member)
    for key, group in by_service:
        _add_service(zone, key, tuple(members[c.id] for c in group))
    for container in sorted(world.containers.values(), key=lambda c: (c.created_at, c.id)):
        member = members[container.id]
        for name in (*spellings(container.name), label(container.short_id)):
            _claim(zone, Entry(_key(zone, name, "ct"), container.name, Rule.ONE, (member,)))
        for place in member.places if container.network_mode.partition(":")[0] != "container" else ():
            zone.back.setdefault(reverse(place.address), []).append((place, member.target))
    for name in dict.fromkeys((label(node or world.host), label(world.host))):
        _claim(zone, Entry(_key(zone, name, "node"), world.host, Rule.HOST))
    _claim(zone, Entry(_key(zone, "ns", "dns"), world.host, Rule.HOST))
    _claim(zone, Entry(_key(zone, "dns-version"), "paramedic", Rule.TEXT, texts=(VERSION,)))
    return zone


def service_of(container: Container) -> tuple[str, str]:
    """The service's name and its scope, as they stand in names."""
    return container.service, container.project or NO_PROJECT


def _services(world: World) -> list[tuple[str, list[Container]]]:
    """Service key → its containers, the oldest service first; one-off containers serve nobody."""
    found: dict[str, list[Container]] = {}
    for container in sorted(world.containers.values(), key=lambda c: (c.created_at, c.id)):
        if not container.one_off:
            found.setdefault(container.service_key, []).append(container)
    return sorted(found.items(), key=lambda item: (item[1][0].created_at, item[0]))


def _member(container: Container, owners: Mapping[str, Container], world: World, apex: bytes) -> Member:
    service, scope = service_of(container)
    kind, _, owner_name = container.network_mode.partition(":")
    owner = owners.get(owner_name) if kind == "container" else None
    alive = container.state in (State.RUNNING, State.PAUSED)
    places = (owner or container).endpoints if alive else ()
    why = _why_out(container, world)
    if owner is not None and not why and not owner.running:
        why = f"{owner.name}, whose network it uses, is {owner.state}"
    places = tuple(p for p in places if _ipv4(p.address))
    on_host = kind == "host" and alive
    if not (why or places or on_host):
        why = "it has no IPv4 address"
    return Member(
        container=container,
        target=_name(apex, label(_instance(container)), label(service), label(scope), "svc"),
        places=places,
        in_service=not why,
        why=why,
        ports=_ports(container),
        on_host=on_host,
    )


def _ipv4(address: str) -> bool:
    try:
        return bool(ipaddress.IPv4Address(address))
    except ValueError:
        return False


def _why_out(container: Container, world: World) -> str:
    acting = world.acting.get(container.id)
    if acting is not None:
        return f"being acted on ({acting.verb})"
    if not container.running:
        return str(container.state)
    return "" if container.well else str(container.health)


def _instance(container: Container) -> str:
    """Compose's number, Swarm's slot (or node, for a global service), else the container's own name."""
    number = container.labels.get(model.COMPOSE_NUMBER, "")
    task = container.labels.get(TASK_NAME, "").removeprefix(container.labels.get(model.SWARM_SERVICE, "") + ".")
    return number or task.partition(".")[0] or container.name


def _ports(container: Container) -> tuple[tuple[str, str, int], ...]:
    sound = [p for p in container.ports if p.protocol in _PROTOCOLS and 0 < p.number < 65536]
    found = dict.fromkeys((str(p.number), p.protocol, p.number) for p in sound)
    for name, value in sorted(container.labels.items()):
        port, _, protocol = name.removeprefix(SRV_LABEL).partition("._")
        if not name.startswith(SRV_LABEL) or protocol not in _PROTOCOLS or len(port) >= MOST_LABEL:
            continue
        if value.isdecimal() and len(value) <= 5 and 0 < int(value) < 65536:
            found[label(port.lstrip("_")), protocol, int(value)] = None
    return tuple(found)[:64]


def _place(zone: Zone, container: Container) -> None:
    for place in container.endpoints:
        zone.networks[place.network_id] = place.network
        if place.gateway:
            zone.gateways[place.network_id] = place.gateway
        if place.address and container.state in (State.RUNNING, State.PAUSED):
            zone.sources[place.address] = container


def _add_service_instance(zone: Zone, of: str, member: Member) -> None:
    service, scope = service_of(member.container)
    for instance in spellings(_instance(member.container)):
        for key in _keys(zone, service, scope):
            _claim(zone, Entry(_name(key, instance), of, Rule.ONE, (member,)))


def _add_service(zone: Zone, of: str, members: tuple[Member, ...]) -> None:
    service, scope = service_of(members[0].container)
    ports = dict.fromkeys((name, protocol) for m in members for name, protocol, _ in m.ports)
    for key in _keys(zone, service, scope):
        _claim(zone, Entry(key, of, Rule.SERVICE, members))
        for prefix, rule in _PREFIXES:
            _claim(zone, Entry(_name(key, prefix), of, rule, members))
        for name, protocol in ports:
            full = _name(key, f"_{name}", f"_{protocol}")
            _claim(zone, Entry(full, of, Rule.SERVICE, members, port=(name, protocol)))


_PREFIXES = (
    ("all", Rule.ALL),
    ("healthy", Rule.HEALTHY),
    ("headless", Rule.SERVICE),
    ("tasks", Rule.SERVICE),
)
"""`headless` and `tasks` (Swarm's word) never give a virtual address; there is none yet."""


def _claim(zone: Zone, entry: Entry) -> None:
    """Enter a name, unless an older one has it; instances of one service that share a name are one name."""
    if len(entry.key) > MOST_NAME:
        zone.conflicts.append(Conflict(entry.key, f"longer than {MOST_NAME} bytes", entry.of))
        return
    known = zone.entries.get(entry.key)
    if known is None:
        zone.entries[entry.key] = entry
        above = parent(entry.key)
        while above not in zone.inner and len(above) > len(zone.apex):
            zone.inner.add(above)
            above = parent(above)
    elif known.of == entry.of and known.rule is entry.rule is Rule.ONE:
        zone.entries[entry.key] = Entry(entry.key, entry.of, Rule.ONE, known.members + entry.members)
    elif known.of != entry.of:
        zone.conflicts.append(Conflict(entry.key, known.of, entry.of))


def _keys(zone: Zone, service: str, scope: str) -> list[bytes]:
    return [_key(zone, s, p, "svc") for s in spellings(service) for p in spellings(scope)]


def _key(zone: Zone, *labels: str) -> bytes:
    return _name(zone.apex, *labels)


def _name(above: bytes, *labels: str) -> bytes:
    return b"".join([bytes((len(part),)) + part.encode("ascii") for part in labels]) + above


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Entries in an order for people: by the labels from the right."""
    return sorted(entries, key=lambda e: _labels(e.key)[::-1])


def _labels(key: bytes) -> list[bytes]:
    found = []
    while key[0]:
        found.append(key[1 : 1 + key[0]])
        key = parent(key)
    return found
