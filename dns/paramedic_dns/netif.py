"""This host's own IPv4 addresses, asked of the kernel (netdevice(7)): which to answer on, and which networks are ours."""

from __future__ import annotations

import fcntl
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

_SIOCGIFADDR, _SIOCGIFNETMASK = 0x8915, 0x891B
_REQUEST = struct.Struct("16s16x8x")


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface and its first IPv4 address."""

    name: str
    at: IPv4Interface

    @property
    def address(self) -> str:
        return str(self.at.ip)


def interfaces() -> tuple[Interface, ...]:
    """Every interface that has an IPv4 address. One that vanishes meanwhile is left out."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asker:
        for _, name in socket.if_nameindex():
            request = _REQUEST.pack(name.encode()[:15])
            try:
                address = _ask(asker, _SIOCGIFADDR, request)
                mask = _ask(asker, _SIOCGIFNETMASK, request)
            except OSError:
                continue
            found.append(Interface(name, IPv4Interface(f"{address}/{mask}")))
    return tuple(found)


def _ask(asker: socket.socket, what: int, request: bytes) -> IPv4Address:
    return IPv4Address(fcntl.ioctl(asker.fileno(), what, request)[20:24])
