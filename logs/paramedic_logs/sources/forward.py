"""Forward input: takes lines that others send, and acknowledges them when they are durable.

One thread, many connections. What is sent waits in the pump's inbox; while that is full nothing more is read, so senders
wait, and nothing is dropped. The names in it are claims: it feeds no container's evidence.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import selectors
import socket
import threading
from collections import deque

import msgpack  # type: ignore[import-untyped]  # it has no stubs

from paramedic_core.clock import Clock
from paramedic_core.counters import Counters
from paramedic_core.errors import BadInput
from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.server import tcp_listener
from paramedic_logs import stats
from paramedic_logs.pipeline import Batch, Pipeline
from paramedic_logs.sources.fluent import Message, Reader

log = logging.getLogger("paramedic.logs.forward")

MOST_CONNECTIONS = 64
_CHUNK = 64 << 10
_IDLE = 600.0
_MOST_HALF = 16 << 20
_MOST_ACKS = 64 << 10
_QUIET = 60.0
"""Seconds in which a sender that goes on sending what is not taken is not named again."""


class _Peer:
    def __init__(self, plug: socket.socket, host: str, now: float) -> None:
        self.plug, self.host, self.heard = plug, host, now
        self.reader = Reader()
        self.out = b""
        self.closed = False


class Forward:
    """A Component.

    Args:
        address: `HOST:PORT`.
        pipeline: where lines go.
        clock: the time.
        counters: see `stats`.
    """

    name = "forward"

    def __init__(self, address: str, pipeline: Pipeline, clock: Clock, counters: Counters) -> None:
        self._address, self._pipeline, self._clock, self._counters = address, pipeline, clock, counters
        self._selector = selectors.DefaultSelector()
        self._peers: dict[int, _Peer] = {}
        self._told: dict[str, float] = {}
        """When a sender was named last, by its address."""
        self._acks: deque[tuple[_Peer, bytes]] = deque()
        self._listener: socket.socket | None = None
        self._stop = threading.Event()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._problem = ""
        self._thread = threading.Thread(target=self._run, daemon=True, name="forward")

    def start(self) -> None:
        """Bind; raises ConfigError's cause, an OSError, as a reason in `ready` only: the files are read anyway."""
        try:
            self._listener = tcp_listener(self._address)
        except OSError as error:
            self._problem = (
                f"logs.forward.listen {self._address} cannot be had ({error}): set another, or end what holds it"
            )
            log.warning("%s", self._problem)
            return
        self._listener.settimeout(0)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._listener is not None
        return int(self._listener.getsockname()[1])

    def stop(self) -> None:
        self._stop.set()
        os.eventfd_write(self._wake, 1)
        if self._thread.is_alive():
            self._thread.join(1.5)

    def ready(self) -> Readiness:
        return Readiness(ready=not self._problem, reason=self._problem)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that takes Forward messages has ended")

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for key, events in self._selector.select(5.0):
                    self._event(key, events)
                self._send_acks()
                self._end_idle()
        finally:
            for peer in list(self._peers.values()):
                self._drop(peer)
            if self._listener is not None:
                self._listener.close()
            self._selector.close()

    def _event(self, key: selectors.SelectorKey, events: int) -> None:
        if key.fileobj is self._listener:
            self._accept()
        elif key.fileobj == self._wake:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        elif isinstance(key.data, _Peer) and not key.data.closed:
            if events & selectors.EVENT_WRITE:
                self._write(key.data)
            if events & selectors.EVENT_READ and not key.data.closed:
                self._read(key.data)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            plug, address = self._listener.accept()
        except OSError:
            return  # it went again, or there are no descriptors: the next turn tells
        if len(self._peers) >= MOST_CONNECTIONS:
            self._counters.add(stats.DROPPED, what="connection")
            plug.close()
            return
        plug.settimeout(0)
        peer = self._peers[plug.fileno()] = _Peer(plug, str(address[0]), self._clock.monotonic())
        self._selector.register(plug, selectors.EVENT_READ, peer)

    def _read(self, peer: _Peer) -> None:
        try:
            data = peer.plug.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(peer)
            return
        peer.heard = self._clock.monotonic()
        try:
            for message in peer.reader.feed(data, self._clock.now()):
                if not self._hand(peer, message):
                    return
        except BadInput as error:
            self._counters.add(stats.MALFORMED, origin="forward")
            self._tell(peer, error)
            self._drop(peer)
            return
        if peer.reader.waiting > _CHUNK:
            self._bound()

    def _tell(self, peer: _Peer, error: BadInput) -> None:
        """Name the sender and what is not taken: its own log may say no more than that it was cut off."""
        now = self._clock.monotonic()
        self._told = {host: at for host, at in self._told.items() if now - at < _QUIET}
        if peer.host not in self._told and len(self._told) < MOST_CONNECTIONS:
            self._told[peer.host] = now
            log.warning("a Forward connection from %s was ended: %s", peer.host, error)

    def _bound(self) -> None:
        """Half-sent messages of all together take so much memory, and no more."""
        peers = sorted(self._peers.values(), key=lambda p: p.reader.waiting)
        total = sum(p.reader.waiting for p in peers)
        while total > _MOST_HALF:
            largest = peers.pop()
            total -= largest.reader.waiting
            self._counters.add(stats.DROPPED, what="connection")
            self._drop(largest)

    def _hand(self, peer: _Peer, message: Message) -> bool:
        """Into the pump's inbox, however long that takes; whether we are still to go on."""
        if message.wrong:
            self._counters.add(stats.MALFORMED, message.wrong, origin="forward")
        chunk = message.chunk

        def stored() -> None:
            if chunk is not None:
                self._acks.append((peer, msgpack.packb({"ack": chunk})))
                os.eventfd_write(self._wake, 1)

        while not self._stop.is_set():
            try:
                self._pipeline.inbox.put(Batch(message.lines, stored), timeout=0.5)
            except queue.Full:
                continue
            self._pipeline.wake()
            return True
        return False

    def _send_acks(self) -> None:
        while self._acks:
            peer, data = self._acks.popleft()
            if peer.closed:
                continue
            peer.out += data
            if len(peer.out) > _MOST_ACKS:
                # It asks for acknowledgements and does not read them.
                self._drop(peer)
                continue
            self._write(peer)

    def _write(self, peer: _Peer) -> None:
        try:
            peer.out = peer.out[peer.plug.send(peer.out) :] if peer.out else b""
        except BlockingIOError:
            pass
        except OSError:
            self._drop(peer)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.out else 0)
        self._selector.modify(peer.plug, wanted, peer)

    def _end_idle(self) -> None:
        now = self._clock.monotonic()
        for peer in list(self._peers.values()):
            if now - peer.heard > _IDLE:
                self._drop(peer)

    def _drop(self, peer: _Peer) -> None:
        if peer.closed:
            return
        peer.closed = True
        self._peers.pop(peer.plug.fileno(), None)
        self._selector.unregister(peer.plug)
        peer.plug.close()
