"""A role's HTTP server: HTTP/1.1 over a unix socket or TCP, a bounded number of threads, deadlines.

It is for the traffic between roles and for scrapes; browsers are the hub's business (`paramedic_api.serve`). Bodies are
small and JSON; a streamed answer holds one thread.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from paramedic_core.errors import BadInput, ParamedicError
from paramedic_core.problems import CONTENT_TYPE, problem, problem_of

if TYPE_CHECKING:
    from paramedic_core.sys.tls import ServerTls  # ssl is 2 MB that only a role with a certificate needs

log = logging.getLogger("paramedic.server")

MOST_BODY = 1 << 20
_REQUEST_DEADLINE = 10.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a unix socket (SO_PEERCRED, unix(7)): the kernel's word, not the caller's."""

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    """What stood for each `{name}` of the route."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    peer: Peer | None = None
    """None over TCP."""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            BadInput: it is none.
        """
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"the body of {self.method} {self.path} is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise BadInput(f"the body of {self.method} {self.path} must be a JSON object")
        return value


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; a body that is an iterator is streamed, piece by piece."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response]
Routes = Mapping[str, Handler]
"""`"GET /acts/{key}"` → handler."""


def json_response(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(value, separators=(",", ":")).encode(), status)


def unix_listener(path: Path, mode: int = 0o660, uid: int = -1, gid: int = -1) -> socket.socket:
    """A listening unix socket; one that a dead process left is replaced.

    Raises:
        BadInput: the path is too long for the kernel (108 bytes with the final NUL, unix(7)).
    """
    if len(os.fsencode(path)) > 107:
        raise BadInput(f"{path} is too long for a unix socket (107 bytes at most): choose a shorter data directory")
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.bind(str(path))
    path.chmod(mode)
    if uid >= 0 or gid >= 0:
        os.chown(path, uid, gid)
    listener.listen(64)
    return listener


def tcp_listener(address: str) -> socket.socket:
    """A listening TCP socket at `HOST:PORT`.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), int(port)))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


class RoleServer:
    """Serves routes on listeners that are already bound.

    Args:
        routes: see `Routes`.
        listeners: from `unix_listener` and `tcp_listener`; closed by `stop`.
        connections: the most at once; one more is answered 503.
        tls: of TCP connections; None: plain.
    """

    def __init__(
        self, routes: Routes, listeners: list[socket.socket], *, connections: int = 64, tls: ServerTls | None = None
    ) -> None:
        self._routes = [(m, tuple(p.split("/")), h) for (m, p), h in ((k.split(" ", 1), h) for k, h in routes.items())]
        self._listeners = listeners
        self._most, self._tls = connections, tls
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._started = False
        self.stopping = threading.Event()
        """Set by `stop`; streams end when they see it."""
        self.refused = 0
        """Connections turned away because there were too many."""

    def start(self) -> None:
        """Begin to serve; returns at once."""
        with self._lock:
            self._started = True
            for listener in self._listeners:
                self._serve_on(listener)

    def add(self, listener: socket.socket) -> None:
        """Serve on one more listener, which may come late."""
        with self._lock:
            if self.stopping.is_set():
                listener.close()
                return
            self._listeners.append(listener)
            if self._started:
                self._serve_on(listener)

    def _serve_on(self, listener: socket.socket) -> None:
        thread = threading.Thread(target=self._accept, args=(listener,), daemon=True, name="accept")
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """Close listeners and connections."""
        with self._lock:
            self.stopping.set()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(1.0)

    def _accept(self, listener: socket.socket) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if self.stopping.is_set():
                    return
                log.warning("accept failed, trying again in a second: %s", error)
                self.stopping.wait(1.0)
                continue
            if self._admit(connection):
                threading.Thread(target=self._serve, args=(connection,), daemon=True, name="connection").start()

    def _admit(self, connection: socket.socket) -> bool:
        now = time.monotonic()
        with self._lock:
            # A connection that is slow to say what it wants must not keep others out: the stalest makes room.
            stale = [c for c, since in self._open.items() if now - since > _REQUEST_DEADLINE]
            if len(self._open) >= self._most and not stale:
                self.refused += 1
                with contextlib.suppress(OSError):
                    connection.sendall(
                        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
                    )
                connection.close()
                return False
            for slow in stale:
                with contextlib.suppress(OSError):
                    slow.shutdown(socket.SHUT_RDWR)
            self._open[connection] = now
        return True

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None and connection.family != socket.AF_UNIX:
                connection = self._secured(connection, self._tls)
            _Connection(connection, self)
        except OSError as error:
            log.debug("a connection ended early: %s", error)
        except Exception:
            # A streamed answer failed half-way: the caller sees it end without its last chunk.
            log.exception("a connection failed")
        finally:
            with self._lock:
                self._open.pop(connection, None)
            connection.close()

    def _secured(self, connection: socket.socket, tls: ServerTls) -> socket.socket:
        wrapped = tls.wrap(connection)
        with self._lock:
            # The old object has let go of its descriptor: what is shut when it is too slow must be the new one.
            self._open[wrapped] = self._open.pop(connection, time.monotonic())
        try:
            tls.handshake(wrapped)
        except BaseException:
            with self._lock:
                self._open.pop(wrapped, None)
            wrapped.close()
            raise
        return wrapped

    def _busy(self, connection: socket.socket, *, busy: bool) -> None:
        """Only the time spent waiting for a request counts against a connection."""
        with self._lock:
            if connection in self._open:
                self._open[connection] = float("inf") if busy else time.monotonic()

    def answer(self, request: Request) -> Response:
        """Route one request; every error becomes a problem document."""
        parts = tuple(request.path.split("/"))
        allowed = []
        for method, pattern, handler in self._routes:
            params = _match(pattern, parts)
            if params is None:
                continue
            if method != request.method:
                allowed.append(method)
                continue
            return _call(handler, request, params)
        if allowed:
            document = problem(405, "method", "Method not allowed", f"{request.path} takes {', '.join(allowed)}")
            return _problem_response(document, {"Allow": ", ".join(allowed)})
        return _problem_response(problem(404, "not_found", "Not found", f"there is no {request.path} here"))


def _call(handler: Handler, request: Request, params: Mapping[str, str]) -> Response:
    try:
        return handler(
            Request(request.method, request.path, request.query, params, request.headers, request.body, request.peer)
        )
    except ParamedicError as error:
        return _problem_response(problem_of(error))
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return _problem_response(problem(500, "internal", "Internal error", "see this role's log"))


def _problem_response(document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(document).encode(), int(document["status"]), CONTENT_TYPE, headers or {})


def _match(pattern: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    params = {}
    for want, got in zip(pattern, parts, strict=True):
        if want.startswith("{"):
            params[want.strip("{}")] = unquote(got)
        elif want != got:
            return None
    return params


class _Connection(BaseHTTPRequestHandler):
    """The standard library's HTTP parser over one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "paramedic"
    sys_version = ""
    timeout = _REQUEST_DEADLINE

    def __init__(self, connection: socket.socket, owner: RoleServer) -> None:
        self._owner = owner
        if connection.family != socket.AF_UNIX:
            # Head and body are two writes: by Nagle's algorithm the second would wait for a delayed ACK, 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(connection, ("", 0), None)  # type: ignore[arg-type]

    def handle_one_request(self) -> None:
        self._owner._busy(self.connection, busy=False)  # noqa: SLF001  the two classes are one thing
        super().handle_one_request()

    def _dispatch(self) -> None:
        try:
            request = self._read()
        except BadInput as error:
            self.close_connection = True
            self._send(_problem_response(problem_of(error)))
            return
        self._owner._busy(self.connection, busy=True)  # noqa: SLF001  the two classes are one thing
        self._send(self._owner.answer(request))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _dispatch  # noqa: N815  http.server's names

    def _read(self) -> Request:
        try:
            split = urlsplit(self.path)
            query = dict(parse_qsl(split.query, max_num_fields=64))
        except ValueError as error:
            raise BadInput(f"the address is malformed: {error}") from None
        length = self.headers.get("Content-Length", "0")
        digits = length.isascii() and length.isdigit() and len(length) < 12
        if "Transfer-Encoding" in self.headers or not digits or int(length) > MOST_BODY:
            raise BadInput(f"a body needs a Content-Length of at most {MOST_BODY} bytes")
        body = self.rfile.read(int(length)) if int(length) else b""
        if len(body) < int(length):
            raise BadInput(f"the body ended after {len(body)} of {length} bytes")
        headers = {k.lower(): v for k, v in self.headers.items()}
        method = "GET" if self.command == "HEAD" else self.command
        return Request(method, split.path, query, {}, headers, body, _peer(self.connection))

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if isinstance(response.body, bytes):
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            # A HEAD has the headers alone.
            for piece in response.body if self.command != "HEAD" else ():
                if piece:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if self.command != "HEAD":
                self.wfile.write(b"0\r\n\r\n")
        finally:
            close = getattr(response.body, "close", None)
            if close is not None:
                close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        log.debug(format, *args)


def _peer(connection: socket.socket) -> Peer | None:
    if connection.family != socket.AF_UNIX:
        return None
    return Peer(*struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)))
