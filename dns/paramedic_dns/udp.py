"""A UDP socket on one local address. An answer leaves from the address that was asked: a wildcard socket's might not."""

from __future__ import annotations

import contextlib
import socket
import time

from paramedic_dns.desk import Desk
from paramedic_dns.loop import Loop
from paramedic_dns.stats import Stats

_DEPTH = 64
"""Packets that are taken in one wake, so that one loud socket does not starve the others."""
_MOST_QUESTION = 4096
_BUFFER = 1 << 20


class UdpDoor:
    """Bound at once.

    Args:
        address: a local address.
        port: its port.

    Raises:
        OSError: it cannot be bound.
    """

    def __init__(self, address: str, port: int, loop: Loop, desk: Desk, stats: Stats) -> None:
        self._address, self._loop, self._desk, self._stats = address, loop, desk, stats
        self._sources = desk.sources(address)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            # No SO_REUSEADDR: what another server holds must be refused here, not shared.
            self._socket.bind((address, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]

    def open(self) -> None:
        """Begin to answer."""
        self._loop.watch(self._socket.fileno(), self._drain)

    def close(self) -> None:
        """End."""
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()

    def _drain(self, _events: int) -> None:
        receive, send, sources = self._socket.recvfrom, self._socket.sendto, self._sources
        began, served = time.perf_counter(), 0
        for _ in range(_DEPTH):
            try:
                data, peer = receive(_MOST_QUESTION)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error that an earlier answer met
            source = sources.get(peer[0])
            ready = source.ready.get(data[2:]) if source is not None else None
            if ready is None:
                self._slowly(data, peer)
                continue
            ready.hits = turn = ready.hits + 1
            replies = ready.replies
            served += 1
            try:
                send(data[:2] + replies[turn % len(replies)], peer)
            except OSError:
                self._stats.add("paramedic_dns_dropped_total", reason="send")
        if served:
            self._stats.duration.observe((time.perf_counter() - began) / served, served)

    def _slowly(self, data: bytes, peer: tuple[str, int]) -> None:
        self._desk.ask(data, peer[0], self._address, lambda message: self._send(message, peer))

    def _send(self, message: bytes, peer: tuple[str, int]) -> None:
        sent = False
        with contextlib.suppress(OSError):  # the network is full or gone, or the socket was closed meanwhile
            sent = self._socket.sendto(message, peer) > 0
        if not sent:
            self._stats.add("paramedic_dns_dropped_total", reason="send")
