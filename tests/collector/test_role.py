"""The role as a whole: its paths over HTTP, a World from a runtime that comes and goes, tokens beyond loopback."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_collector.role import build
from paramedic_core.clock import SystemClock
from paramedic_core.codec import to_plain
from paramedic_core.settings import CollectorSettings, Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import Role, standard_routes
from paramedic_core.sys.server import Request, Response, RoleServer, tcp_listener, unix_listener
from paramedic_core.sys.tokens import TokenStore
from paramedic_core.world import World
from support_collector import container, samples, world
from support_wait import wait_until


class Runtime:
    """A runtime role that only streams a World."""

    def __init__(self, data: Path, given: World) -> None:
        self._given = given
        self._end = threading.Event()
        self._server = RoleServer({"GET /world/stream": self._stream}, [unix_listener(socket_path(data, "runtime"))])
        self._server.start()

    def _stream(self, _request: Request) -> Response:
        def lines() -> Iterator[bytes]:
            yield json.dumps({"world": to_plain(self._given)}).encode() + b"\n"
            while not self._end.wait(0.2):
                yield json.dumps({"beat": self._given.at}).encode() + b"\n"

        return Response(lines(), content_type="application/x-ndjson")

    def stop(self) -> None:
        self._end.set()
        self._server.stop()


class Running:
    """The collector, served as its process would serve it."""

    def __init__(self, data: Path, settings: CollectorSettings) -> None:
        self.role: Role = build(Settings(collector=settings), data, "cafe", SystemClock())
        tcp = tcp_listener("127.0.0.1:0")
        self.url = f"http://127.0.0.1:{tcp.getsockname()[1]}/metrics"
        self._server = RoleServer(standard_routes(self.role), [unix_listener(socket_path(data, "collector")), tcp])
        for component in self.role.components:
            component.start()
        self._server.start()
        self.client = RoleClient(socket_path(data, "collector"), "collector")
        self.client.wait()

    def metrics(self) -> dict[str, float]:
        return samples(self.client.text("/metrics"))

    def stop(self) -> None:
        self._server.stop()
        for component in reversed(self.role.components):
            component.stop()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def running(data: Path) -> Iterator[Running]:
    found = Running(data, CollectorSettings())
    yield found
    found.stop()


def test_it_measures_the_node_without_runtime_and_says_so(running: Running) -> None:
    found = running.metrics()
    assert found["node_load1"] >= 0
    assert any(key.startswith("node_filesystem_size_bytes") for key in found)
    assert 'node_id="cafe"' in next(key for key in found if key.startswith("node_meta"))
    assert found["paramedic_collector_runtime_silence_seconds"] == float("inf")
    assert found["paramedic_collector_scrapes_total"] >= 1
    assert found["process_resident_memory_bytes"] > 0
    parts = running.client.get("/-/ready")["parts"]
    assert parts["world"]["ready"]
    assert "no World yet" in parts["world"]["reason"]
    assert running.client.get("/-/healthy")["healthy"]


def test_the_last_world_is_shown_while_runtime_is_away(running: Running, data: Path) -> None:
    runtime = Runtime(data, world([container(restarts=7)]))
    wait_until(lambda: any("container_restarts_total" in key for key in running.metrics()))
    assert running.metrics()["paramedic_collector_runtime_silence_seconds"] < 60
    runtime.stop()
    found = running.metrics()
    assert [value for key, value in found.items() if "container_restarts_total" in key] == [7]
    assert found["node_load1"] >= 0
    runtime = Runtime(data, replace(world([container(restarts=8)]), epoch="another"))
    wait_until(lambda: 8 in [v for key, v in running.metrics().items() if "container_restarts_total" in key])
    runtime.stop()


def test_it_is_plain_text_over_tcp_too(running: Running) -> None:
    with urllib.request.urlopen(running.url, timeout=5) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert b"\nnode_load1 " in answer.read()


def test_beyond_loopback_a_token_is_needed(data: Path) -> None:
    text = TokenStore(data / "tokens.json").create("prometheus", "viewer")
    sender = TokenStore(data / "tokens.json").create("webhook", "sender")
    running = Running(data, CollectorSettings(listen="0.0.0.0:9112"))
    try:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {sender}"}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(running.url, headers=headers), timeout=5)
            assert refused.value.code == 401
            assert refused.value.headers["WWW-Authenticate"] == "Bearer"
            assert json.load(refused.value)["type"] == "urn:paramedic:problem:no_token"
            refused.value.close()
        asked = urllib.request.Request(running.url, headers={"Authorization": f"Bearer {text}"})
        with urllib.request.urlopen(asked, timeout=5) as answer:
            assert answer.status == 200
        assert running.metrics()["node_load1"] >= 0  # its own socket has its own rights
    finally:
        running.stop()


def test_it_listens_where_the_setting_says(data: Path) -> None:
    assert build(Settings(), data, "x", SystemClock()).listen == ("127.0.0.1:9112",)
    off = Settings(collector=CollectorSettings(listen=""))
    assert build(off, data, "x", SystemClock()).listen == ()
