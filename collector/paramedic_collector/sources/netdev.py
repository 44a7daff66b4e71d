"""Network interfaces: /proc/net/dev (proc_pid_net(5)), one counter of sysfs, and addresses from psutil."""

from __future__ import annotations

import ipaddress
import os
import socket

import psutil

from paramedic_collector.exposition import Exposition, Family, number, prefix
from paramedic_collector.files import Held
from paramedic_collector.net import RECEIVE, TRANSMIT, parse
from paramedic_collector.source import Context, Paths, Source


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


class Netdev(Source):
    """Bytes, packets and errors of each interface, and its addresses."""

    name = "netdev"
    families = (*_COLUMNS, _NO_HANDLER, _ADDRESS)

    def __init__(self) -> None:
        self._file: Held | None = None
        self._known: dict[str, tuple[list[str], Held, str]] = {}
        self._addresses: list[str] = []
        self._addresses_at = float("-inf")

    def collect(self, context: Context, out: Exposition) -> None:
        if self._file is None:
            self._file = Held(_net_dev(context.paths))
        rows = parse(self._file.read())
        for device, words in rows.items():
            self._device(context.paths, device, words, out)
        for gone in self._known.keys() - rows.keys():
            self._known.pop(gone)[1].close()
        if _own_network(context.paths):
            if not 0 <= context.now - self._addresses_at < _REFRESH:
                self._addresses, self._addresses_at = _addresses(), context.now
            out.of(_ADDRESS).extend(self._addresses)

    def close(self) -> None:
        for _, file, _ in self._known.values():
            file.close()
        if self._file is not None:
            self._file.close()

    def _device(self, paths: Paths, device: str, words: list[bytes], out: Exposition) -> None:
        known = self._known.get(device)
        if known is None:
            labels = {"device": device}
            file = Held(paths.sys("class/net", device, "statistics/rx_nohandler"), whole=True)
            known = ([prefix(f.name, labels) for f in _COLUMNS], file, prefix(_NO_HANDLER.name, labels))
            self._known[device] = known
        for family, start, word in zip(_COLUMNS, known[0], words, strict=False):
            out.of(family).append(start + number(int(word)))
        try:
            unhandled = int(known[1].read())
        except OSError:  # an old kernel, a sysfs of another network namespace, or the device has just gone
            return
        out.of(_NO_HANDLER).append(known[2] + number(unhandled))


def _net_dev(paths: Paths) -> str:
    """That of process 1 is the host's also when we live in a container; without it (hidepid) our own."""
    first = paths.proc("1/net/dev")
    return first if os.access(first, os.R_OK) else paths.proc("net/dev")


def _own_network(paths: Paths) -> bool:
    """Psutil asks the kernel about our own network namespace only, so /proc must be ours too."""
    return paths.procfs.rstrip("/") == "/proc"


def _addresses() -> list[str]:
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
            lines.append(prefix(_ADDRESS.name, labels) + "1")
    return sorted(set(lines))


def _length(netmask: str) -> int:
    return int(ipaddress.ip_address(netmask)).bit_count()


def _scope(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return "link-local" if ip.is_loopback or ip.is_link_local else "global"
