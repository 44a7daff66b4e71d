"""Applications that are scraped through the collector: good ones, hostile ones, and a real one by a real Prometheus."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paramedic_collector.apps import Apps
from paramedic_collector.fetch import fetch
from paramedic_collector.negotiate import OPENMETRICS, TEXT
from paramedic_collector.targets import Target
from paramedic_core.clock import FakeClock, SystemClock
from paramedic_core.errors import BadInput, NotFound, PeerAway
from paramedic_core.model import Container, Endpoint, State
from paramedic_core.settings import CollectorSettings, ScrapeSettings
from paramedic_core.sys.server import Request, Response, RoleServer, tcp_listener
from support_collector import container, world
from support_engine import PrivateEngine
from support_ports import free_port
from support_wait import wait_until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"


class App:
    """A server that answers each connection with what `say` writes to it."""

    def __init__(self, say: Callable[[socket.socket], None]) -> None:
        self._say, self.asked = say, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._run, daemon=True)]
        self._threads[0].start()
        self.request = b""

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.asked += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.request = connection.recv(65536)
            self._say(connection)

    def target(self, path: str = "/metrics") -> Target:
        return Target(container(), "127.0.0.1", self.port, path)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], App]]:
    made: list[App] = []

    def make(say: Callable[[socket.socket], None]) -> App:
        made.append(App(say))
        return made[-1]

    yield make
    for app in made:
        app.close()


def says(*pieces: bytes) -> Callable[[socket.socket], None]:
    def say(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return say


Serve = Callable[[Callable[[socket.socket], None]], App]


def test_a_whole_answer_in_either_format(serve: Serve) -> None:
    app = serve(says(HEAD + b"Content-Length: 4\r\n\r\nx 1\n"))
    assert fetch(app.target("/a?b=c"), 5, 100) == (b"x 1\n", False)
    assert app.request.startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"Accept-Encoding: identity" in app.request
    om = serve(says(HEAD.replace(b"text/plain", b"application/openmetrics-text; version=1.0.0") + b"\r\nx 1\n# EOF\n"))
    assert fetch(om.target(), 5, 100) == (b"x 1\n# EOF\n", True)
    chunked = serve(says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\nx 1\n\r\n", b"0\r\n\r\n"))
    assert fetch(chunked.target(), 5, 100) == (b"x 1\n", False)


def _drip(connection: socket.socket) -> None:
    for byte in HEAD * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("say", "error", "why"),
    [
        (says(HEAD + b"Content-Length: 400\r\n\r\nx 1\n"), PeerAway, "does not finish"),
        (says(HEAD + b"Content-Length: 400\r\n\r\n" + b"x 1\n" * 100), BadInput, "more than 100 bytes"),
        (says(HEAD + b"\r\n", b"x 1\n" * 100_000), BadInput, "more than 100 bytes"),
        (says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), BadInput, "answers 302"),
        (says(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), BadInput, "answers 500"),
        (says(HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b"), BadInput, "packs its answer"),
        (says(HEAD.replace(b"text/plain", b"text/html") + b"\r\n<html>"), BadInput, "is no exposition"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), PeerAway, "does not answer"),
        (says(b""), PeerAway, "does not answer"),
        (says(b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 1000), PeerAway, "does not answer"),
        (_drip, PeerAway, r"within 0\.5 s"),
        (lambda connection: (connection.recv(1), None)[1], PeerAway, r"within 0\.5 s"),
    ],
)  # fmt: skip
def test_whatever_it_does_there_is_an_error_in_time(
    serve: Serve, say: Callable[[socket.socket], None], error: type[Exception], why: str
) -> None:
    app = serve(say)
    with pytest.raises(error, match=why):
        fetch(app.target(), 0.5, 100)


def test_a_chunk_of_less_than_nothing_is_not_read_until_the_other_side_ends(serve: Serve) -> None:
    def say(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx 1\n")
        connection.recv(1)  # until the other side has had enough

    app = serve(say)
    with pytest.raises(PeerAway, match="IncompleteRead"):
        fetch(app.target(), 20, 100)


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_body_that_drips_and_ends_with_its_connection_is_cut_in_time(serve: Serve, version: bytes) -> None:
    cut = threading.Event()

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(HEAD.replace(b"HTTP/1.1", version) + b"\r\n")
            for _ in range(400):
                connection.sendall(b"#")
                time.sleep(0.02)
        except OSError:
            cut.set()

    app = serve(drip)
    with pytest.raises(PeerAway, match=r"within 0\.5 s"):
        fetch(app.target(), 0.5, 1 << 20)
    assert cut.wait(10)  # else it was heard to its own end


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(PeerAway, match="refused"):
        fetch(Target(container(), "127.0.0.1", free_port()), 5, 100)


def _apps(monkeypatch: pytest.MonkeyPatch, app: App, clock: Any, **limits: Any) -> tuple[Apps, Container]:
    """A relay to a server of the test's, which has no address of a container's."""
    c = container(labels={"paramedic.scrape.port": "1"}, endpoints=(Endpoint("n", "n", "10.9.9.9"),))
    found = Apps(CollectorSettings(scrape=ScrapeSettings(**limits)), lambda: given, clock)
    given = world([c])
    monkeypatch.setattr("paramedic_collector.apps.wanted", lambda *_: ({c.id: app.target()}, {}))
    return found, c


def _get(apps: Apps, c: Container, **headers: str) -> Response:
    route = apps.routes()["GET /apps/{id}/metrics"]
    return route(Request("GET", f"/apps/{c.id}/metrics", params={"id": c.id}, headers=headers))


def test_it_is_passed_on_as_it_is_and_asked_once_a_second_at_most(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = serve(says(HEAD + b'\r\nx{a="b"} 1\n'))
    clock = FakeClock()
    apps, c = _apps(monkeypatch, app, clock)
    for _ in range(3):
        answer = _get(apps, c)
        assert (answer.body, answer.content_type) == (b'x{a="b"} 1\n', TEXT)
    assert app.asked == 1
    clock.advance(1.5)
    _get(apps, c)
    assert app.asked == 2
    assert apps.outcomes == {"ok": 2}
    om = serve(says(HEAD.replace(b"text/plain", b"application/openmetrics-text") + b"\r\n# EOF\n"))
    apps, c = _apps(monkeypatch, om, clock)
    assert _get(apps, c).content_type == OPENMETRICS


@pytest.mark.parametrize(("body", "why"), [(b"<html>\n", "no sample"), (b"x 1\n" * 9, "more than 5 samples")])
def test_of_a_bad_answer_nothing_is_taken(serve: Serve, monkeypatch: pytest.MonkeyPatch, body: bytes, why: str) -> None:
    app = serve(says(HEAD + b"\r\n" + body))
    apps, c = _apps(monkeypatch, app, FakeClock(), sample_limit=5)
    for _ in range(2):
        with pytest.raises(PeerAway, match=why):
            _get(apps, c)
    assert apps.outcomes == {"failed": 2}


def test_why_one_is_not_scraped_is_logged_once_until_it_is_well(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "paramedic.collector")
    body = [b"x 1\nbad line here\n"]
    app, clock = serve(lambda connection: connection.sendall(HEAD + b"\r\n" + body[0])), FakeClock()
    apps, c = _apps(monkeypatch, app, clock)
    for turn in range(2):
        body[0] = b"x 1\nbad line here\n"
        for _ in range(3):
            clock.advance(2)
            with pytest.raises(PeerAway, match="line 2 is no sample: 'bad line here'"):
                _get(apps, c)
        assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
            "the application of container web is not scraped: line 2 is no sample: 'bad line here'"
        ] * (turn + 1)
        body[0] = b"x 1\n"
        for _ in range(2):
            clock.advance(2)
            _get(apps, c)
        assert sum(r.getMessage() == "the application of container web is scraped again" for r in caplog.records) == (
            turn + 1
        )


def test_it_answers_before_the_scraper_gives_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = serve(lambda connection: (connection.recv(1), None)[1])
    apps, c = _apps(monkeypatch, app, SystemClock())
    with pytest.raises(PeerAway, match=r"not within 0.36 s"):
        _get(apps, c, **{"x-prometheus-scrape-timeout-seconds": "0.4"})


def test_applications_that_hang_leave_room(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = serve(lambda connection: (connection.recv(1), None)[1])
    apps, c = _apps(monkeypatch, app, SystemClock(), timeout=0.3)
    for _ in range(16):
        assert apps._free.acquire(blocking=False)
    with pytest.raises(PeerAway, match="16 other applications"):
        _get(apps, c)
    assert app.asked == 0


def test_only_who_asks_for_it_is_scraped() -> None:
    c = container(endpoints=(Endpoint("n", "n", "10.9.9.9"),))
    apps = Apps(CollectorSettings(), lambda: world([c]), FakeClock())
    with pytest.raises(NotFound, match="see /targets"):
        _get(apps, c)
    assert Apps(CollectorSettings(), lambda: None, FakeClock()).targets() == {}


_CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: containers
    http_sd_configs: [{{url: "http://127.0.0.1:{port}/targets", refresh_interval: 1s}}]
"""


def _of(facts: dict[str, Any]) -> Container:
    networks = facts["NetworkSettings"]["Networks"]
    endpoints = tuple(Endpoint(name, n["NetworkID"], n["IPAddress"]) for name, n in networks.items())
    return Container(
        facts["Id"], facts["Name"].lstrip("/"), State.RUNNING, labels=facts["Config"]["Labels"], endpoints=endpoints
    )


def test_a_real_prometheus_finds_and_scrapes_a_real_container(private_engine: PrivateEngine, tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no prometheus (Debian: prometheus)")
    name, network = "collector-app", "collector-apps"
    labels = {"paramedic.scrape.port": "8000", "paramedic.scrape.path": "/m.txt", "paramedic.scrape.interval": "1s",
              "com.docker.compose.project": "shop", "com.docker.compose.service": "web"}  # fmt: skip
    options = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    script = "echo 'orders_total{kind=\"book\"} 42' >/tmp/m.txt; exec httpd -f -p 8000 -h /tmp"
    private_engine.docker("network", "create", network)
    try:
        private_engine.run(name, "sh", "-c", script, options=[*options, "--network", network])
        given = world([_of(private_engine.inspect(name))])
        apps = Apps(CollectorSettings(), lambda: given, SystemClock())
        listener = tcp_listener("127.0.0.1:0")
        server = RoleServer(apps.routes(), [listener])
        server.start()
        with _prometheus(program, listener.getsockname()[1], tmp_path) as ask:
            wait_until(lambda: ask("orders_total"), within=40, every=0.3)
            found = ask("orders_total")[0]
            assert found["value"][1] == "42"
            address = next(iter(given.containers.values())).endpoints[0].address
            assert found["metric"] == {
                "__name__": "orders_total", "kind": "book", "job": "shop/web", "instance": f"{address}:8000", "container": name,
            }  # fmt: skip
            private_engine.docker("kill", name)
            wait_until(lambda: [r["value"][1] for r in ask("up")] == ["0"], within=20, every=0.3)
            assert ask("orders_total") == []  # stale at once
        server.stop()
    finally:
        private_engine.remove(name)
        private_engine.docker("network", "rm", network)


@contextlib.contextmanager
def _prometheus(program: str, port: int, folder: Path) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    config, web = folder / "prometheus.yml", free_port()
    config.write_text(_CONFIG.format(port=port))
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{web}",
    ]

    def ask(query: str) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{web}/api/v1/query?query={urllib.parse.quote(query)}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return found
        except OSError:
            return []

    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
        try:
            yield ask
        finally:
            running.terminate()
            running.wait(30)
