"""A role's own addresses: one that is taken is a state, tried again, not a crash."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable

from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.server import tcp_listener

log = logging.getLogger("paramedic.door")
_AGAIN = 2.0
"""Seconds between two tries."""


class Door:
    """A Component: opens addresses, and goes on trying those that are taken. The socket in `run/` serves meanwhile.

    Args:
        role: whose they are.
    """

    name = "listen"

    def __init__(self, role: str) -> None:
        self._role = role
        self._shut: dict[str, str] = {}
        self._serve: Callable[[socket.socket], None] = lambda listener: listener.close()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="listen")

    def open(self, addresses: Iterable[str]) -> list[socket.socket]:
        """Bind what is free of `HOST:PORT`s; the others are tried again from `start` on."""
        opened = (self._try(address) for address in addresses)
        return [listener for listener in opened if listener is not None]

    def serve_with(self, serve: Callable[[socket.socket], None]) -> None:
        """Say who takes what is opened later."""
        self._serve = serve

    def start(self) -> None:
        if self._shut:
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident:
            self._thread.join(1.0)

    def ready(self) -> Readiness:
        return Readiness(ready=not self._shut, reason="; ".join(self._shut.values()))

    def healthy(self) -> Readiness:
        return Readiness(ready=True)

    def _run(self) -> None:
        while self._shut and not self._stop.wait(_AGAIN):
            for address in tuple(self._shut):
                listener = self._try(address)
                if listener is not None:
                    self._serve(listener)

    def _try(self, address: str) -> socket.socket | None:
        try:
            listener = tcp_listener(address)
        except (OSError, ValueError) as error:
            mend = f"end what holds it, or set {self._role}.listen to another address"
            if isinstance(error, PermissionError):
                # A port below 1024, and this process is no longer root's.
                mend = "restart paramedic when it is free"
            why = f"{self._role} cannot listen on {address} ({error}): {mend}; tried again every {_AGAIN:g} s"
            if self._shut.get(address) != why:
                log.warning("%s", why)
            self._shut = {**self._shut, address: why}
            return None
        if address in self._shut:
            log.info("%s listens on %s now", self._role, address)
            self._shut = {a: why for a, why in self._shut.items() if a != address}
        return listener
