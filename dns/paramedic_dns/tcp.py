"""A TCP listener on one local address: many questions a connection, in any pieces, each with its length before it (RFC 7766).

Bounded: connections, and those of one asker; the time until a question is whole; the time without one; answers that the
asker does not take; questions under way.
"""

from __future__ import annotations

import select
import socket
import time
from collections import Counter

from paramedic_dns.desk import Desk
from paramedic_dns.loop import READ, WRITE, Loop
from paramedic_dns.stats import Stats

_MOST = 64
_MOST_OF_ONE = 16
_IDLE = 10.0
"""Seconds without a whole question, after which a connection ends."""
_MOST_UNSENT = 256 << 10
_MOST_UNDER_WAY = 16
_SWEEP = 2.0


class Connections:
    """All connections of all listeners, so that the bounds hold for them together."""

    def __init__(self, loop: Loop, desk: Desk, stats: Stats) -> None:
        self.loop, self.desk, self.stats = loop, desk, stats
        self._open: dict[Connection, None] = {}
        self._of: Counter[str] = Counter()
        self._sweeping = False

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, plug: socket.socket, address: str, here: str) -> None:
        """Serve a new connection, or close it when there are too many."""
        if self._of[address] >= _MOST_OF_ONE or (len(self._open) >= _MOST and not self._make_room()):
            self.stats.add("paramedic_dns_dropped_total", reason="connections")
            plug.close()
            return
        self._of[address] += 1
        connection = Connection(plug, address, here, self)
        self._open[connection] = None
        if not self._sweeping:
            self._sweeping = True
            self.loop.later(_SWEEP, self._sweep)

    def gone(self, connection: Connection) -> None:
        """A connection has ended."""
        if connection in self._open:
            del self._open[connection]
            self._of[connection.address] -= 1
            if not self._of[connection.address]:
                del self._of[connection.address]

    def close(self, here: str | None = None) -> None:
        """End all, or those at one of our addresses."""
        for connection in list(self._open):
            if here is None or connection.here == here:
                connection.close()

    def _make_room(self) -> bool:
        quiet = [c for c in self._open if not c.under_way]
        if quiet:
            min(quiet, key=lambda c: c.since).close()
        return bool(quiet)

    def _sweep(self) -> None:
        old = time.monotonic() - _IDLE
        for connection in list(self._open):
            if connection.since < old and not connection.under_way:
                connection.close()
        self._sweeping = bool(self._open)
        if self._sweeping:
            self.loop.later(_SWEEP, self._sweep)


class Connection:
    """One asker's connection."""

    def __init__(self, plug: socket.socket, address: str, here: str, all_: Connections) -> None:
        self.address, self.here = address, here
        self.since = time.monotonic()
        """When the last whole question came, or the connection."""
        self.under_way = 0
        self._socket, self._all = plug, all_
        self._inbox, self._outbox = bytearray(), bytearray()
        self._ended = self._closed = False
        all_.loop.watch(plug.fileno(), self._happens)

    def close(self) -> None:
        """End it."""
        if not self._closed:
            self._closed = True
            self._all.loop.unwatch(self._socket.fileno())
            self._socket.close()
            self._all.gone(self)

    def _happens(self, events: int) -> None:
        if events & (select.EPOLLHUP | select.EPOLLERR):
            self.close()
            return
        try:
            if events & WRITE:
                self._flush()
            elif not self._ended:
                self._receive()
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def _receive(self) -> None:
        piece = self._socket.recv(65536)
        self._inbox += piece
        self._ended = not piece
        self._serve()

    def _serve(self) -> None:
        """Take whole questions, as many as may be under way; the others wait in the kernel, which slows the asker."""
        while not self._closed and self.under_way < _MOST_UNDER_WAY and (end := self._whole()):
            data = bytes(self._inbox[2:end])
            del self._inbox[:end]
            self.since = time.monotonic()
            if len(data) < 12 or data[2] & 0x80:
                self._all.stats.add("paramedic_dns_dropped_total", reason="tcp")
                self.close()
                return
            self.under_way += 1
            self._all.desk.ask(data, self.address, self.here, self._answer, tcp=True)
        if not self._closed:
            self._settle()

    def _whole(self) -> int:
        """Where the first question ends, if it is whole; else 0."""
        end = 2 + int.from_bytes(self._inbox[:2], "big")
        return end if len(self._inbox) >= max(end, 2) else 0

    def _answer(self, message: bytes) -> None:
        self.under_way -= 1
        if self._closed:
            return
        was_full = self.under_way == _MOST_UNDER_WAY - 1
        self._outbox += len(message).to_bytes(2, "big") + message
        if len(self._outbox) > _MOST_UNSENT:
            self._all.stats.add("paramedic_dns_dropped_total", reason="slow")
            self.close()
            return
        try:
            self._flush()
        except BlockingIOError:
            self._settle()
        except OSError:
            self.close()
        if was_full and not self._closed and self._whole():
            self._all.loop.call(self._serve)

    def _flush(self) -> None:
        while self._outbox:
            del self._outbox[: self._socket.send(self._outbox)]
        self._settle()

    def _settle(self) -> None:
        """Wait for what comes next: room to send, a question, or the end."""
        if self._ended and not self._outbox and not self.under_way and not self._whole():
            self.close()
            return
        reading = not self._ended and self.under_way < _MOST_UNDER_WAY
        self._all.loop.watch(
            self._socket.fileno(), self._happens, (WRITE if self._outbox else 0) | (READ if reading else 0)
        )


class TcpDoor:
    """Bound at once.

    Args:
        address: a local address.
        port: its port.

    Raises:
        OSError: it cannot be bound.
    """

    def __init__(self, address: str, port: int, connections: Connections) -> None:
        self._address, self._connections = address, connections
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            # Only so that connections of the process before are no obstacle; a listener of another server still is.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((address, port))
            self._socket.listen(_MOST)
        except OSError:
            self._socket.close()
            raise

    def open(self) -> None:
        """Begin to accept."""
        self._connections.loop.watch(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """End, with its connections."""
        self._connections.loop.unwatch(self._socket.fileno())
        self._socket.close()
        self._connections.close(self._address)

    def _accept(self, _events: int) -> None:
        for _ in range(16):
            try:
                plug, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._rest(error)
                return
            plug.settimeout(0)
            self._connections.admit(plug, peer[0], self._address)

    def _rest(self, _error: OSError) -> None:
        """Out of descriptors: look away for a moment, so that the loop does not spin."""
        loop, fd = self._connections.loop, self._socket.fileno()
        self._connections.stats.add("paramedic_dns_dropped_total", reason="accept")
        loop.unwatch(fd)
        loop.later(1.0, lambda: self.open() if self._socket.fileno() >= 0 else None)
