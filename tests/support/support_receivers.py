"""Somebody else's servers for messages, on real loopback sockets: they take what comes, or misbehave as told."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from paramedic_core.clock import SystemClock
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.server import RoleServer, unix_listener
from paramedic_healer.history import Record
from paramedic_healer.journal import Journal
from paramedic_healer.routes import routes
from support_wait import wait_until

HOST = "0123456789ab"


class Receiver:
    """One server. `answers` are its next statuses, the last for ever; `slow` seconds go by before each answer."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: list[int] = [200]
        self.slow = 0.0
        self.drip = False
        """Its answer comes byte by byte, without end."""
        self.headers: dict[str, str] = {}
        """Of its answers."""
        self.got: list[SimpleNamespace] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._answer(self)

            do_GET = do_POST

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{self.port}"
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Nobody listens any more."""
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()

    def bodies(self) -> list[Any]:
        """What was sent, in order."""
        return [json.loads(r.body) for r in self.got]

    def items(self) -> list[str]:
        """The ids of all items of all webhooks that were taken."""
        return [item["id"] for body in self.bodies() for item in body["items"]]

    def wait(self, count: int, within: float = 30.0) -> None:
        """Return when so many calls came."""
        wait_until(lambda: len(self.got) >= count, within)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        call = SimpleNamespace(method=handler.command, path=handler.path, headers=dict(handler.headers), body=body)
        self.got.append(call)
        if self.slow:
            self._gone.wait(self.slow)
        if self.drip:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            with contextlib.suppress(OSError):
                for _ in range(600):
                    handler.wfile.write(b"X")
                    if self._gone.wait(0.1):
                        return
            return
        with contextlib.suppress(OSError):
            handler.send_response(status)
            for name, value in self.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()


def make_certificate(folder: Path, address: str = "127.0.0.1") -> Path:
    """A self-signed certificate for an address, with its key in the same file."""
    path = folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=receiver", "-addext", f"subjectAltName=IP:{address}", "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@contextlib.contextmanager
def receiver(certificate: Path | None = None, **how: Any) -> Iterator[Receiver]:
    """A receiver that behaves as told; with a certificate (its key in the same file) it speaks TLS."""
    found = Receiver(certificate)
    for name, value in how.items():
        setattr(found, name, value)
    try:
        yield found
    finally:
        found.close()


class Healer:
    """The healer's real journal, served as the healer serves it; incidents are written into it as the brain does.

    Args:
        data: the data directory.
    """

    def __init__(self, data: Path) -> None:
        (data / "run").mkdir(parents=True, exist_ok=True)
        (data / "healer").mkdir(exist_ok=True)
        self._data = data
        self._stop = threading.Event()
        self.journal = Journal(data / "healer/journal.db", HOST)
        self._server: RoleServer | None = None
        self._count = 0

    def start(self) -> None:
        """Answer on its socket."""
        self._stop.clear()
        owner: Any = SimpleNamespace(journal=self.journal)
        paths = routes(owner, HOST, SystemClock(), self._stop)
        served = {p: h for p, h in paths.items() if p in ("GET /journal", "GET /journal/stream")}
        self._server = RoleServer(served, [unix_listener(socket_path(self._data, "healer"))])
        self._server.start()

    def stop(self) -> None:
        """Answer no more; the journal stays."""
        self._stop.set()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def open(self, name: str = "web", cause: str = "unhealthy", *, at: float = 0.0, asked: str = "") -> str:
        """A fault appears; returns the incident's id."""
        self._count += 1
        incident = f"{name}-{cause}-{self._count}"
        self.write("opened", incident, name, at=at, cause=cause, text="Its health check failed 3 times in a row.",
                   since=at, asked=asked, by="")  # fmt: skip
        return incident

    def refuse(self, incident: str, name: str = "web", *, gate: str = "mode", at: float = 0.0) -> None:
        """A gate says no."""
        self.write("decision", incident, name, at=at, decision="refuse", gate=gate, action="restart",
                   reason="it has not been opted in", allow="`paramedic heal enable web`",
                   text="Not restarted: it has not been opted in.")  # fmt: skip

    def fail(self, incident: str, name: str = "web") -> None:
        """A try does not help."""
        self.write(
            "verdict", incident, name, action="restart", verdict="no_effect", text="Its health check fails again."
        )

    def give_up(self, incident: str, name: str = "web") -> None:
        """It is left to a person, with the refusal beside it."""
        self.refuse(incident, name, gate="helps")
        self.write("gave_up", incident, name, gate="helps", text="Given up for now: that was tried 3 times.")

    def close(self, incident: str, name: str = "web", outcome: str = "fixed") -> None:
        """The end of an incident."""
        text = {"fixed": "Well again.", "alone": "It came right by itself."}.get(outcome, "It is over.")
        state = "healed" if outcome == "fixed" else "recovered"
        self.write("closed", incident, name, state=state, outcome=outcome, text=text)

    def write(self, kind: str, incident: str, name: str, *, at: float = 0.0, **body: Any) -> None:
        """One record."""
        self.journal.append([Record(kind, at or time.time(), incident, "a" * 64, name, f"shop/{name}", body)])


@contextlib.contextmanager
def healer(data: Path) -> Iterator[Healer]:
    """The healer's journal, served."""
    found = Healer(data)
    found.start()
    try:
        yield found
    finally:
        found.stop()
        found.journal.close()
