"""Which local addresses are answered on: opened as networks come, closed as they go, and why one cannot be."""

from __future__ import annotations

import errno
import ipaddress
import logging
from collections.abc import Iterable, Sequence

from paramedic_core.errors import ConfigError
from paramedic_core.settings import DnsSettings
from paramedic_dns.desk import Desk
from paramedic_dns.loop import Loop
from paramedic_dns.netif import Interface
from paramedic_dns.stats import Stats
from paramedic_dns.tcp import Connections, TcpDoor
from paramedic_dns.udp import UdpDoor
from paramedic_dns.views import addresses_on
from paramedic_dns.zone import Zone

log = logging.getLogger("paramedic.dns")
LOOPBACK = "127.0.0.1"
_MOST = 256


class Doors:
    """Used on the loop's thread only; `open` and `shut` may be read from others.

    Args:
        settings: which addresses, which port.

    Raises:
        ConfigError: `dns.listen` holds no address, or a wildcard.
    """

    def __init__(self, settings: DnsSettings, loop: Loop, desk: Desk, stats: Stats) -> None:
        self._fixed = tuple(_checked(a) for a in settings.listen)
        self._port, self._loop, self._desk, self._stats = settings.port, loop, desk, stats
        self.connections = Connections(loop, desk, stats)
        self._doors: dict[str, tuple[UdpDoor, TcpDoor]] = {}
        self.open: frozenset[tuple[str, int]] = frozenset()
        """Where we answer."""
        self.shut: dict[str, str] = {}
        """Where we should and do not: the address, and why."""

    def settle(self, zone: Zone | None, local: Sequence[Interface]) -> None:
        """Open what should be open now, close what should not."""
        wanted = list(dict.fromkeys(self._fixed or (LOOPBACK, *_bridges(zone, local))))[:_MOST]
        shut = {}
        for address in wanted:
            why = _published(zone, address, self._port)
            if not why and address not in self._doors:
                why = self._try(address)
            if why:
                shut[address] = why
        for address in [a for a in self._doors if a not in wanted or a in shut]:
            self._close(address)
        for address, why in shut.items():
            if self.shut.get(address) != why:
                log.warning("not answering on %s:%d: %s", address, self._port, why)
        self.shut = shut
        self.open = frozenset((a, self._port) for a in self._doors)

    def close(self) -> None:
        """Close all."""
        for address in list(self._doors):
            self._close(address)
        self.connections.close()
        self.open = frozenset()

    def _try(self, address: str) -> str:
        try:
            udp = UdpDoor(address, self._port, self._loop, self._desk, self._stats)
        except OSError as error:
            return _why(error, address, self._port)
        try:
            tcp = TcpDoor(address, self._port, self.connections)
        except OSError as error:
            udp.close()
            return _why(error, address, self._port)
        udp.open()
        tcp.open()
        self._doors[address] = (udp, tcp)
        log.info("answering on %s:%d", address, self._port)
        return ""

    def _close(self, address: str) -> None:
        for door in self._doors.pop(address):
            door.close()
        log.info("no longer answering on %s:%d", address, self._port)


def _bridges(zone: Zone | None, local: Sequence[Interface]) -> Iterable[str]:
    if zone is None:
        return ()
    return [a for network in sorted(zone.networks) for a in addresses_on(zone, network, local)]


def _published(zone: Zone | None, address: str, port: int) -> str:
    """Why a container that publishes the port is in the way; the engine's rules would take its packets from us."""
    if zone is None:
        return ""
    for container in zone.world.containers.values():
        for one in container.ports:
            everywhere = one.host_address in ("", "0.0.0.0", "::")  # noqa: S104  compared, not bound
            if one.host_port == port and container.running and (everywhere or one.host_address == address):
                return f"the container {container.name} publishes port {port}: stop that, or set dns.port to another"
    return ""


def _why(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"something else holds port {port} there: end it (see `ss -lunp 'sport = :{port}'`), or set dns.port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no right to open port {port}: it needs root or CAP_NET_BIND_SERVICE, or set dns.port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this host"
    return error.strerror or str(error)


def _checked(value: str) -> str:
    try:
        address = ipaddress.IPv4Address(value.strip())
    except ValueError:
        raise ConfigError(f"dns.listen: {value!r} is no IPv4 address (the port is dns.port)") from None
    if address.is_unspecified or address.is_multicast:
        raise ConfigError(
            f"dns.listen: {value} is not one local address: name each, or leave it empty for the usual ones"
        )
    return str(address)
