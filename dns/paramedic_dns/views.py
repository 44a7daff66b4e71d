"""Who asks, and which of a name's members that asker is given. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from paramedic_core.model import Endpoint
from paramedic_dns.names import MOST_LABEL
from paramedic_dns.netif import Interface
from paramedic_dns.zone import NO_PROJECT, Entry, Member, Rule, Zone

_BRIDGE = "br-"


class Kind(StrEnum):
    """What an asker is to us."""

    HOST = "host"
    """A process in the host's own network namespace: it reaches every network."""
    CONTAINER = "container"
    NETWORK = "network"
    """An address of one of the engine's networks that belongs to no container we know: one that has just started."""
    STRANGER = "stranger"
    """Neither: it gets no answer."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks."""

    kind: Kind
    address: str
    here: str
    """Our address at which it asked."""
    networks: frozenset[str] = frozenset()
    """Ids of the networks that it is on; for the host they do not matter."""
    near: str = ""
    """The id of that one of them on which it asked."""
    container: str = ""
    scope: str = ""

    @property
    def view(self) -> tuple[bool, frozenset[str], str]:
        """Askers of one view get the same answers, but to `_self`."""
        return self.kind is Kind.HOST, self.networks, self.here

    @property
    def known(self) -> bool:
        return self.kind is not Kind.STRANGER


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an asker is given of a name."""

    given: tuple[tuple[Member, str], ...] = ()
    """Members with the address of each."""
    brief: bool = False
    """It may be otherwise in a moment: to be forgotten at once."""
    why: str = ""
    """What is unusual about it, in words."""


def identify(zone: Zone | None, address: str, here: str, local: Sequence[Interface]) -> Asker:
    """The asker behind a source address.

    Args:
        zone: what is known of containers; None: nothing.
        address: where the question came from.
        here: our address at which it arrived.
        local: this host's interfaces.
    """
    if address.startswith("127.") or any(i.address == address for i in local):
        return Asker(Kind.HOST, address, here)
    if zone is None:
        return Asker(Kind.STRANGER, address, here)
    container = zone.sources.get(address)
    if container is not None:
        ids = frozenset(e.network_id for e in container.endpoints)
        near = next((n for n in sorted(ids) if here_is_on(zone, n, here, local)), "")
        return Asker(Kind.CONTAINER, address, here, ids, near, container.name, container.project or NO_PROJECT)
    network = _network_of(zone, address, local)
    if network:
        return Asker(Kind.NETWORK, address, here, frozenset((network,)), network)
    return Asker(Kind.STRANGER, address, here)


def here_is_on(zone: Zone, network: str, here: str, local: Sequence[Interface]) -> bool:
    """Whether `here` is the host's address on a network."""
    return here in addresses_on(zone, network, local)


def addresses_on(zone: Zone, network: str, local: Sequence[Interface]) -> tuple[str, ...]:
    """The host's addresses on a network: the gateway that the engine told, and that of the bridge named after it.

    An `internal` network has a bridge with an address, and no gateway.
    """
    gateway = zone.gateways.get(network, "")
    bridge = f"{_BRIDGE}{network[:12]}"
    return tuple(i.address for i in local if i.address == gateway or i.name == bridge)


def ours(zone: Zone | None, address: IPv4Address, local: Sequence[Interface]) -> bool:
    """Whether an address belongs to one of the engine's networks on this host."""
    if zone is None:
        return False
    return str(address) in zone.sources or bool(_network_of(zone, str(address), local))


def choose(entry: Entry, asker: Asker) -> Chosen:
    """The members of a name that this asker is given, and with which address."""
    if entry.rule is Rule.HOST:
        return Chosen()
    reached = [(m, a) for m in entry.members for a in _addresses(m, asker)]
    if not reached:
        return Chosen(brief=True, why=_nothing(entry))
    well = tuple((m, a) for m, a in reached if m.in_service)
    if entry.rule in (Rule.ONE, Rule.ALL):
        return Chosen(tuple(reached), brief=len(well) < len(reached))
    if well:
        return Chosen(well)
    out = f"0 of {len({m.container.id for m, _ in reached})} in service"
    if entry.rule is Rule.HEALTHY:
        return Chosen(brief=True, why=out)
    return Chosen(tuple(reached), brief=True, why=f"{out}: all are given")


def shares(place: Endpoint, asker: Asker) -> bool:
    """Whether an asker can reach a place."""
    return asker.kind is Kind.HOST or place.network_id in asker.networks


def _addresses(member: Member, asker: Asker) -> list[str]:
    """A container gets one address of each member, on the network on which it asked if that is shared; the host all."""
    if member.on_host:
        return ["127.0.0.1" if asker.kind is Kind.HOST else asker.here]
    shared = [p for p in member.places if shares(p, asker)]
    if asker.kind is Kind.HOST:
        return sorted({p.address for p in shared})
    shared.sort(key=lambda p: (p.network_id != asker.near, p.network, p.address))
    return [shared[0].address] if shared else []


def _nothing(entry: Entry) -> str:
    placed = {p.network for m in entry.members for p in m.places}
    if not placed:
        states = sorted({m.why for m in entry.members if m.why})
        return f"nothing of it has an address ({', '.join(states) or 'no network'})"
    return f"no shared network: it is on {', '.join(sorted(placed))[:MOST_LABEL]}"


def _network_of(zone: Zone, address: str, local: Sequence[Interface]) -> str:
    try:
        wanted = IPv4Address(address)
    except ValueError:
        return ""
    for network in zone.networks:
        for interface in local:
            if wanted in interface.at.network and interface.address in addresses_on(zone, network, (interface,)):
                return network
    return ""
