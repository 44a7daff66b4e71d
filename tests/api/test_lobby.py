"""The application is loaded by the first request that needs it, and nobody can tell from the answers."""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from werkzeug.test import Client, create_environ

from paramedic_api.app import make_app
from paramedic_api.hub import Hub
from paramedic_api.lobby import Application, Lobby
from paramedic_api.serve import Server
from support_hub import Stand, stand
from support_wait import wait_until

Answer = tuple[int, list[tuple[str, str]], bytes]


class Maker:
    """Makes applications, and counts them."""

    def __init__(self) -> None:
        self.made, self.fails = 0, 0
        self.may = threading.Event()
        self.may.set()

    def __call__(self, hub: Hub) -> Application:
        assert self.may.wait(30)
        self.made += 1
        if self.made <= self.fails:
            raise ImportError("there is no jinja2 here")
        return make_app(hub)


@contextmanager
def lobby(found: Stand, maker: Maker) -> Iterator[int]:
    """A second server of a hub, before whose application stands a lobby; gives its port."""
    server = Server(Lobby(found.hub, maker), found.hub)
    server.start()
    try:
        wait_until(lambda: server.port and server.ready().ready)
        yield server.port
    finally:
        server.stop()


def ask(port: int, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, sorted(h for h in answer.getheaders() if h[0] != "Date"), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
@pytest.mark.parametrize(("roles", "status"), [((), 200), (("none",), 503)])
def test_whether_it_is_well_is_said_without_the_application(path: str, roles: tuple[str, ...], status: int) -> None:
    maker = Maker()
    with stand(*roles, serve=True) as found, lobby(found, maker) as port:
        if not roles:
            found.wait_known()
        answer = ask(port, path)
        assert maker.made == 0
        assert answer == ask(found.server.port, path)
        assert answer[0] == (status if path == "/-/ready" else 200)
        # Both are counted, by route and status.
        count = found.hub.metrics.registry.get_sample_value(
            "paramedic_hub_requests_total", {"route": path, "status": str(answer[0])}
        )
        assert count == 2


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/", "GET", {}),
        ("/api/v1/status", "GET", {}),
        ("/metrics", "GET", {}),
        ("/-/no", "GET", {}),
        ("/-/ready", "POST", {}),
        ("/-/ready", "HEAD", {}),
        ("/-/ready", "GET", {"Host": "evil.example"}),
        ("/-/ready", "GET", {"Authorization": "Bearer wrong"}),
        ("/-/ready", "GET", {"X-Forwarded-For": "192.0.2.1"}),
        ("/-/ready", "GET", {"X-Real-IP": "192.0.2.1"}),
    ],
)
def test_all_else_is_the_applications(path: str, method: str, headers: dict[str, str]) -> None:
    maker = Maker()
    with stand(serve=True) as found, lobby(found, maker) as port:
        found.wait_known()
        answer = ask(port, path, method, headers)
        assert maker.made == 1
        right = ask(found.server.port, path, method, headers)
        assert answer[0] == right[0]
        if path not in ("/", "/api/v1/status", "/metrics"):  # which say what time it is, and count
            assert answer == right
        # And from then on it answers everything.
        assert ask(port, "/-/healthy")[0] == 200
        assert maker.made == 1


@pytest.mark.parametrize(
    ("settings", "remote"),
    [
        ({}, "192.0.2.1"),
        ({"listen": "0.0.0.0:9110"}, "127.0.0.1"),
        ({"public_url": "https://watch.example/"}, "127.0.0.1"),
        ({"trusted_proxies": ("127.0.0.1/32",)}, "127.0.0.1"),
    ],
)
def test_from_afar_it_needs_a_token_as_ever(settings: dict[str, object], remote: str) -> None:
    maker = Maker()
    with stand(**settings) as found:
        environ = create_environ("/-/ready", "http://127.0.0.1:9110/", environ_base={"REMOTE_ADDR": remote})
        answer = Client(Lobby(found.hub, maker)).open(dict(environ))
        assert maker.made == 1
        right = Client(found.app).open(dict(environ))
        assert (answer.status_code, answer.data) == (right.status_code, right.data)
        assert answer.status_code == 401


def test_many_first_requests_make_one_application() -> None:
    maker = Maker()
    maker.may.clear()
    with stand(serve=True) as found, lobby(found, maker) as port:
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(ask(port, "/api/v1/nodes")[0]), daemon=True)
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        # While it is being made, whether the hub is well is still said.
        assert ask(port, "/-/healthy")[0] == 200
        maker.may.set()
        for thread in threads:
            thread.join(30)
        assert answers == [200] * 6
        assert maker.made == 1


def test_what_cannot_be_loaded_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    maker = Maker()
    maker.fails = 1
    with stand(serve=True) as found, lobby(found, maker) as port, caplog.at_level(logging.ERROR):
        status, headers, body = ask(port, "/api/v1/nodes")
        assert status == 500
        assert ("Content-Type", "application/problem+json") in headers
        assert b"urn:paramedic:problem:internal" in body
        assert any("there is no jinja2 here" in (r.exc_text or "") for r in caplog.records)
        assert ask(port, "/api/v1/nodes")[0] == 200
        assert maker.made == 2
