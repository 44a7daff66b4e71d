"""With `sending` the only file that knows waitress: 40 half-sent requests do not block it, and every stream holds one thread."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

from waitress.server import create_server

from paramedic_api.hub import Hub
from paramedic_api.lobby import Application
from paramedic_api.sending import Channel
from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.page import page
from paramedic_core.sys.server import tcp_listener

log = logging.getLogger("paramedic.serve")
_THREADS = 8
_MOST_HEADER = 224 << 10
"""Bytes of a request before its body. A query may have 64 KiB, each byte of which is three in an address."""
_MOST_BODY = 4 << 20
"""Bytes of any request: remote writes are the largest. Views take less."""
_MOST_WAITING = 4 << 20
"""Bytes of a stream that wait to be sent; whoever makes more of it waits too."""
_SEND = 128 << 10
"""What the kernel takes of an answer at a time: waitress copies as much as it might take, however little it then does."""
_AGAIN = 2.0


class Server:
    """A Component: serves the application on `hub.listen`. A port that is taken is a state, tried again, not a crash.

    Args:
        app: the application, as WSGI has it.
        hub: whose settings say where and how many streams.
    """

    name = "server"

    def __init__(self, app: Application, hub: Hub) -> None:
        self._app, self._hub = app, hub
        self._server: Any = None
        self._why = "not started yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="server")
        self.port = 0
        """The port that it listens on; 0 before it does."""

    @property
    def listens(self) -> str:
        """`HOST:PORT` at which it is reached now; empty before it listens."""
        return f"{self._hub.settings.hub.listen.rpartition(':')[0]}:{self.port}" if self.port else ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._hub.stopping.set()
        self._hub.bulletin.wake()
        server, self._server = self._server, None
        if server is not None:
            # Streams see the event and end their answers whole; then everything is closed.
            server.task_dispatcher.shutdown(timeout=1.0)
            close_in_its_loop(server)
        if self._thread.ident:
            self._thread.join(0.8)

    def ready(self) -> Readiness:
        return Readiness(ready=not self._why, reason=self._why)

    def healthy(self) -> Readiness:
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the server's thread has ended")

    def _run(self) -> None:
        while not self._stop.is_set():
            server = self._bind()
            if server is not None and self._stop.is_set():
                _close(server)
            elif server is not None:
                self._why = ""
                server.run()
                self._why = "the server has ended"
            else:
                self._stop.wait(_AGAIN)

    def _bind(self) -> Any:
        listen = self._hub.settings.hub.listen
        try:
            listener = tcp_listener(listen)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND)
        except (OSError, ValueError) as error:
            why = f"cannot listen on hub.listen = {listen}: {error}; tried again every {_AGAIN:g} s"
            if why != self._why:
                log.warning("%s", why)
            self._why = why
            return None
        self.port = int(listener.getsockname()[1])
        log.info("the page is at %s", page(self._hub.settings.hub))
        self._server = create_server(
            self._app,
            sockets=[listener],
            threads=_THREADS + self._hub.settings.hub.streams,
            connection_limit=512,
            channel_timeout=30,
            max_request_header_size=_MOST_HEADER,
            max_request_body_size=_MOST_BODY,
            # Lets a stream see that its reader has gone (`waitress.client_disconnected`).
            channel_request_lookahead=2,
            # They are not believed, but they tell that a proxy stands in front: see `hosts.from_afar`.
            clear_untrusted_proxy_headers=False,
            asyncore_use_poll=True,
            # What a slow reader leaves lying waits in memory, never in a file, and never more than this.
            outbuf_high_watermark=_MOST_WAITING,
            outbuf_overflow=4 * _MOST_WAITING,
            ident="paramedic",
        )
        self._server.channel_class = Channel
        return self._server


def close_in_its_loop(server: Any) -> None:
    """Close all of a running waitress server, in the thread of its loop: its map of sockets is not for two threads."""
    pulled = threading.Event()

    def close() -> None:
        # The loop may be awake already, of another's pull: it must not close the pipe before this one is written to it.
        pulled.wait(1.0)
        _close(server)

    server.trigger.pull_trigger(close)
    pulled.set()


def _close(server: Any) -> None:
    for dispatcher in list(server._map.values()):  # noqa: SLF001  waitress has no public way to end an embedded loop
        dispatcher.close()
