"""Network interfaces: /proc/net/dev (proc_pid_net(5)), one counter of sysfs, and addresses from psutil."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field

import psutil

from paramedic_collector.exposition import Exposition, Family, digits, number, prefix
from paramedic_collector.filters import Filter
from paramedic_collector.net import RECEIVE, TRANSMIT, rows, words
from paramedic_collector.source import Context, Paths, Source
from paramedic_collector.views import own_network


def _family(key: str) -> Family:
    return Family(f"node_network_{key}_total", "counter", f"Network device statistic {key}.", ("device",))


_COLUMNS = tuple([_family(f"receive_{key}") for key in RECEIVE] + [_family(f"transmit_{key}") for key in TRANSMIT])
_NO_HANDLER = _family("receive_nohandler")
_ADDRESS = Family(
    "node_network_address_info",
    "gauge",
    "node network address by device",
    ("address", "device", "netmask", "scope"),
)
_REFRESH = 60.0
"""Seconds for which addresses are kept: they take a netlink dump."""


@dataclass(slots=True)
class _Interface:
    """What is kept of one interface."""

    starts: list[str]
    file: str
    """Of packets that nobody took; it is not in net/dev."""
    unhandled: str
    row: bytes = b""
    lines: list[str] = field(default_factory=list)
    """Those of `row`: most interfaces are idle from scrape to scrape."""


class Netdev(Source):
    """Bytes, packets and errors of each interface, and its addresses."""

    name = "netdev"
    families = (*_COLUMNS, _NO_HANDLER, _ADDRESS)

    def __init__(self) -> None:
        self._path = ""
        self._wanted = Filter()
        self._known: dict[str, _Interface] = {}
        self._addresses: list[tuple[str, str]] = []
        self._addresses_at = float("-inf")

    def collect(self, context: Context, out: Exposition) -> None:
        settings = context.settings.netdev
        if not self._path:
            self._path = context.paths.net("dev")
            self._wanted = Filter(settings.device_exclude, settings.device_include)
        found = rows(self.files.read(self._path))
        columns = [out.of(family) for family in _COLUMNS]
        for device, row in found.items():
            if self._wanted(device):
                self._device(context.paths, device, row, columns, out)
        for gone in self._known.keys() - found.keys():
            del self._known[gone]
            self.files.forget(context.paths.sys("class/net", gone))
        if settings.address_info:
            if not 0 <= context.now - self._addresses_at < _REFRESH:
                # Psutil asks the kernel about our own network namespace only.
                own = context.paths.procfs.rstrip("/") == "/proc" and own_network(context.paths)
                self._addresses, self._addresses_at = _addresses() if own else [], context.now
            out.of(_ADDRESS).extend([line for device, line in self._addresses if device in found])

    def _device(self, paths: Paths, device: str, row: bytes, columns: list[list[str]], out: Exposition) -> None:
        known = self._known.get(device)
        if known is None:
            labels = {"device": device}
            file = paths.sys("class/net", device, "statistics/rx_nohandler")
            known = _Interface([prefix(f.name, labels) for f in _COLUMNS], file, prefix(_NO_HANDLER.name, labels))
            self._known[device] = known
        if row != known.row:
            known.lines = [start + digits(word) for start, word in zip(known.starts, words(row), strict=False)]
            known.row = row
        for lines, line in zip(columns, known.lines, strict=True):
            lines.append(line)
        unhandled = self.files.number(known.file)
        if unhandled is not None:  # else an old kernel, a sysfs of another network namespace, or it has just gone
            out.of(_NO_HANDLER).append(known.unhandled + number(unhandled))


def _addresses() -> list[tuple[str, str]]:
    """Each with its device, since that may go before they are asked for again."""
    lines = []
    for device, addresses in sorted(psutil.net_if_addrs().items()):
        for address in addresses:
            if address.family not in (socket.AF_INET, socket.AF_INET6) or not address.netmask:
                continue
            ip = ipaddress.ip_address(address.address.partition("%")[0])
            labels = {
                "device": device,
                "address": str(ip),
                "netmask": str(_length(address.netmask)),
                "scope": _scope(ip),
            }
            lines.append((device, prefix(_ADDRESS.name, labels) + "1"))
    return sorted(set(lines))


def _length(netmask: str) -> int:
    return int(ipaddress.ip_address(netmask)).bit_count()


def _scope(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return "link-local" if ip.is_loopback or ip.is_link_local else "global"
