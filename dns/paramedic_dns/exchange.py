"""One question to one other server: by UDP with an id and a port of its own, by TCP when the answer was too long."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable

from paramedic_dns.foreign import Foreign, accept
from paramedic_dns.loop import READ, WRITE, Loop, Timer
from paramedic_dns.resolv import Server
from paramedic_dns.wire import CD, HEADER, RD, UDP_SIZE, Query, opt_record

_MOST_STRAYS = 64
"""Packets that are no answer to our question, until it counts as an attack on it."""
Heard = Callable[[Foreign | None, str], None]


class Exchange:
    """Ends exactly once, by calling `heard` with the answer, or with None and why there is none.

    Args:
        loop: where it lives.
        server: who is asked.
        query: the asker's question; of its wishes only CD and DO go along, never its options.
        timeout: seconds, TCP included.
        heard: takes the end.
    """

    def __init__(self, loop: Loop, server: Server, query: Query, timeout: float, heard: Heard) -> None:
        self._loop, self._server, self._query, self._heard = loop, server, query, heard
        self._id = secrets.randbits(16)
        opt = opt_record(UDP_SIZE, dnssec=query.edns.dnssec) if query.edns else b""
        header = HEADER.pack(self._id, RD | query.flags & CD, 1, 0, 0, 1 if opt else 0)
        self._message = header + query.question + opt
        self._strays = 0
        self._inbox = bytearray()
        self._outbox = b""
        self._socket: socket.socket | None = None
        self._timer: Timer = loop.later(timeout, lambda: self._end(None, "timeout"))

    def begin(self) -> None:
        """Ask."""
        try:
            # The kernel draws the source port at random; together with the id it must be guessed (RFC 5452 9.2).
            plug = self._open(socket.SOCK_DGRAM)
            plug.connect(self._server)
            plug.send(self._message)
            self._loop.watch(plug.fileno(), self._udp)
        except OSError as error:
            self._end(None, _word(error))

    def cancel(self) -> None:
        """End without a word."""
        self._heard = lambda _found, _why: None
        self._end(None, "cancelled")

    def _open(self, kind: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._server[0] else socket.AF_INET
        self._socket = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        return self._socket

    def _udp(self, _events: int) -> None:
        assert self._socket is not None
        for _ in range(16):
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(None, _word(error))
                return
            found = accept(data, self._id, self._query.question)
            if found is not None and found.truncated:
                self._switch()
                return
            if found is not None:
                self._end(found, "")
                return
            self._strays += 1
            if self._strays >= _MOST_STRAYS:
                self._end(None, "strays")
                return

    def _switch(self) -> None:
        self._close()
        try:
            plug = self._open(socket.SOCK_STREAM)
            with contextlib.suppress(BlockingIOError):
                plug.connect(self._server)
            self._outbox = len(self._message).to_bytes(2, "big") + self._message
            self._loop.watch(plug.fileno(), self._tcp, WRITE)
        except OSError as error:
            self._end(None, _word(error))

    def _tcp(self, _events: int) -> None:
        assert self._socket is not None
        try:
            if self._outbox:
                self._outbox = self._outbox[self._socket.send(self._outbox) :]
                if not self._outbox:
                    self._loop.watch(self._socket.fileno(), self._tcp, READ)
                return
            piece = self._socket.recv(65537)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(None, _word(error))
            return
        self._inbox += piece
        wanted = 2 + int.from_bytes(self._inbox[:2], "big") if len(self._inbox) >= 2 else 2
        if len(self._inbox) >= wanted > 2:
            found = accept(bytes(self._inbox[2:wanted]), self._id, self._query.question)
            good = found is not None and not found.truncated
            self._end(found if good else None, "" if good else "malformed")
        elif not piece:
            self._end(None, "closed")

    def _end(self, found: Foreign | None, why: str) -> None:
        self._timer.cancel()
        self._close()
        heard, self._heard = self._heard, lambda _found, _why: None
        heard(found, why)

    def _close(self) -> None:
        if self._socket is not None:
            self._loop.unwatch(self._socket.fileno())
            self._socket.close()
            self._socket = None


def _word(error: OSError) -> str:
    return "refused" if isinstance(error, ConnectionRefusedError) else "unreachable"
