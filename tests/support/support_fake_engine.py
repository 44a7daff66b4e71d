"""A Docker Engine over a unix socket that is a `MemoryBackend` inside, with every fault that a real one may have.

    with FakeEngine(folder / "e.sock") as fake:
        web = fake.engine.add("web", health_check=HealthCheck())    # scenario: see MemoryBackend
        DockerBackend(fake.address, clock).containers()
        fake.fault = "garbage"      # silence, garbage, html, empty, endless, half, error, forbidden; "" mends it
        fake.fault_on = "/events"   # only where the path begins so (without the version)
        fake.gone(); fake.back()    # the socket itself

Run as a program it serves a number of containers until it is interrupted: `support_fake_engine.py SOCKET --containers 200`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import select
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from paramedic_core.clock import Clock, SystemClock
from paramedic_core.errors import EngineAway, NotFound, Permanent
from paramedic_core.model import HealthCheck, State
from paramedic_runtime.base import Event
from paramedic_runtime.memory import MemoryBackend
from paramedic_runtime.memory_events import MemoryStream
from paramedic_runtime.translate import NETWORK_ACTIONS
from support_fake_json import event_json, inspect_json, list_json, stats_json

_VERSIONED = re.compile(r"/v(\d+)\.(\d+)(/.*)")


class FakeEngine:
    """The fake.

    Args:
        path: its socket.
        api: the newest API version that it speaks; from 1.52 on it is an engine 29 in every shape.
        clock: the in-memory engine's.
    """

    def __init__(self, path: Path, *, api: str = "1.41", clock: Clock | None = None) -> None:
        self.path, self.api = path, api
        major, _, minor = api.partition(".")
        self.newest = (int(major), int(minor))
        self.modern = self.newest >= (1, 52)
        self.oldest = (1, 40) if self.modern else (1, 12)
        self.clock = clock or SystemClock()
        self.engine = MemoryBackend(self.clock, stop_first=self.modern, version="29.0.0" if self.modern else "20.10.24")
        self.fault, self.fault_on = "", ""
        self.requests: list[str] = []
        """Method and path of every request, at most the last ten thousand."""
        self.stopping = threading.Event()
        self._server: _Server | None = None

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def __enter__(self) -> FakeEngine:
        self.back()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.gone()

    def back(self) -> None:
        """Listen (again)."""
        self._server = _Server(str(self.path), self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name="fake-engine").start()

    def gone(self) -> None:
        """Stop listening, take the socket away, cut every stream."""
        server, self._server = self._server, None
        if server is None:
            return
        self.path.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        self.engine.cut()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, path: str, fake: FakeEngine) -> None:
        self.fake = fake
        super().__init__(path, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes away mid-answer is the tests' doing."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        fake, split = self.server.fake, urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        versioned = _VERSIONED.fullmatch(split.path)
        api = (int(versioned[1]), int(versioned[2])) if versioned else fake.newest
        path = versioned[3] if versioned else split.path
        query = {k: v[0] for k, v in parse_qs(split.query).items()}
        fake.requests.append(f"{method} {path}")
        del fake.requests[:-10_000]
        if fake.fault and path.startswith(fake.fault_on):
            self._misbehave(fake.fault)
            return
        if not fake.oldest <= api <= fake.newest:
            self._json(400, {"message": f"client version {api[0]}.{api[1]} is not supported"})
            return
        try:
            self._route(method, path, query, api)
        except NotFound as error:
            self._json(404, {"message": str(error)})
        except Permanent as error:
            self._json(409, {"message": str(error)})
        except EngineAway:
            self.close_connection = True

    def _route(self, method: str, path: str, query: dict[str, str], api: tuple[int, int]) -> None:
        fake, engine = self.server.fake, self.server.fake.engine
        parts = [unquote(p) for p in path.strip("/").split("/")]
        match method, parts:
            case "GET", ["_ping"]:
                self._json(200, "OK")
            case "GET", ["version"]:
                engine.engine()
                minimum = ".".join(map(str, fake.oldest))
                about = {"Name": "Engine", "Version": engine.engine().version, "Details": {}}
                self._json(
                    200,
                    {
                        "Version": about["Version"],
                        "ApiVersion": fake.api,
                        "MinAPIVersion": minimum,
                        "Components": [about],
                    },
                )
            case "GET", ["info"]:
                self._json(200, {"CgroupDriver": "cgroupfs", "CgroupVersion": "1", "DockerRootDir": "/var/lib/docker"})
            case "GET", ["containers", "json"]:
                self._json(200, [list_json(c, api, fake.clock.now()) for c in engine.containers()])
            case "GET", ["containers", target, "json"]:
                self._json(200, inspect_json(engine.inspect(target), api, modern=fake.modern))
            case "GET", ["containers", target, "stats"]:
                self._json(200, stats_json(engine.usage(target)))
            case "GET", ["images", image, "json"]:
                self._json(200, self._image(image))
            case "GET", ["events"]:
                self._events(query, api)
            case "POST", ["containers", target, verb]:
                self._verb(target, verb, query)
            case _:
                self._json(404, {"message": "page not found"})

    def _image(self, image: str) -> dict[str, Any]:
        holders = [c for c in self.server.fake.engine.containers() if c.image_id == image]
        if not holders:
            raise NotFound(f"No such image: {image}")
        labels = {name: c.labels[name] for c in holders for name in c.image_labels}
        config = {"Labels": labels} if labels or not self.server.fake.modern else {}
        return {"Id": image, "Config": config}

    def _verb(self, target: str, verb: str, query: dict[str, str]) -> None:
        engine = self.server.fake.engine
        running = engine.state_of(target).state in (State.RUNNING, State.PAUSED, State.RESTARTING)
        if verb == "restart":
            engine.restart(target, float(query.get("t", "10")))
        elif verb == "stop":
            engine.stop(target, float(query.get("t", "10")))
        elif verb == "start":
            engine.start(target)
        elif verb == "kill":
            engine.kill(target, query.get("signal", "SIGKILL"))
        else:
            raise NotFound("page not found")
        idle = (verb == "start" and running) or (verb == "stop" and not running)
        self._json(304 if idle else 204, None)

    def _events(self, query: dict[str, str], api: tuple[int, int]) -> None:
        fake = self.server.fake
        since = float(query["since"]) if "since" in query else None
        filters = json.loads(query.get("filters", "{}"))
        wanted = set(filters.get("event", ()))
        if "network" not in filters.get("type", ("network",)):
            wanted -= set(NETWORK_ACTIONS)
        past = "until" in query and float(query["until"]) <= fake.clock.now()
        stream = fake.engine.events(since)
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if past:
                self._tell([e for e in fake.engine.history() if e.at >= (since or 0.0)], wanted, api)
            else:
                self._follow(stream, wanted, api)
            self.wfile.write(b"0\r\n\r\n")
        except EngineAway:
            self.close_connection = True
        finally:
            stream.close()

    def _follow(self, stream: MemoryStream, wanted: set[str], api: tuple[int, int]) -> None:
        fake = self.server.fake
        while not fake.stopping.is_set():
            fake.engine.tick()
            self._tell(stream.drain(), wanted, api)
            if select.select([self.connection], [], [], 0.005)[0]:
                raise EngineAway("the reader has gone")

    def _tell(self, events: list[Event], wanted: set[str], api: tuple[int, int]) -> None:
        for event in events:
            if not wanted or event.action in wanted:
                self._chunk(json.dumps(event_json(event, api)).encode() + b"\n")

    def _misbehave(self, fault: str) -> None:
        self.close_connection = True
        html = b"<html><body><h1>It works!</h1></body></html>"
        match fault:
            case "silence":
                self.server.fake.stopping.wait(30)
            case "garbage":
                self.wfile.write(b"\x00\x01\xff SSH-2.0-OpenSSH_9.2\r\n" * 8)
            case "html":
                self._raw(200, html, "text/html")
            case "forbidden":
                self._raw(403, html, "text/html")
            case "error":
                self._json(500, {"message": "something went wrong inside"})
            case "half":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{")
            case "endless":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                with contextlib.suppress(OSError):
                    while not self.server.fake.stopping.is_set():
                        self._chunk(b"[" * 65536)
            case "trickle":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                with contextlib.suppress(OSError):
                    while not self.server.fake.stopping.wait(0.05):
                        self.wfile.write(b" ")
            case _:
                return  # empty: the connection just closes.

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _json(self, status: int, value: object) -> None:
        self._raw(status, b"" if value is None else json.dumps(value).encode(), "application/json")

    def _raw(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(body)


def crowd(engine: MemoryBackend, count: int) -> list[str]:
    """That many healthy containers of a handful of projects."""
    check = HealthCheck(interval=10.0)
    return [
        engine.add(
            f"shop-{n // 20}-web-{n}",
            health_check=check,
            labels={
                "com.docker.compose.project": f"shop{n // 20}",
                "com.docker.compose.service": f"web{n % 20 // 2}",
                "com.docker.compose.container-number": str(n % 2 + 1),
            },
        )
        for n in range(count)
    ]


def main() -> None:
    """Serve a crowd until interrupted."""
    parser = argparse.ArgumentParser(description="A fake Docker Engine with many containers.")
    parser.add_argument("socket", type=Path)
    parser.add_argument("--containers", type=int, default=200)
    parser.add_argument("--api", default="1.41")
    chosen = parser.parse_args()
    with FakeEngine(chosen.socket, api=chosen.api) as fake:
        crowd(fake.engine, chosen.containers)
        print(fake.address, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


if __name__ == "__main__":
    main()
