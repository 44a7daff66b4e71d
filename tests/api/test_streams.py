"""The real server: live streams, their cap, slow clients, and a stop that does not wait."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from paramedic_api import serve, streams
from support_hub import Stand, stand
from support_shop import container
from support_wait import wait_until


class Reader:
    """One page's stream."""

    def __init__(self, found: Stand) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", found.server.port, timeout=15)
        self.connection.request("GET", "/api/v1/live", headers={"Host": "localhost"})
        self.response = self.connection.getresponse()

    def events(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Each event's name and data."""
        name = ""
        while line := self.response.readline():
            text = line.decode().strip()
            if text.startswith("event: "):
                name = text.removeprefix("event: ")
            elif text.startswith("data: "):
                yield name, json.loads(text.removeprefix("data: "))

    def close(self) -> None:
        """Leave."""
        self.response.close()
        self.connection.close()


@pytest.fixture
def served() -> Iterator[Stand]:
    with stand(serve=True, streams=3, scrape_interval=3600.0) as found:
        yield found


def _get(found: Stand, path: str, timeout: float = 5.0) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", found.server.port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_change_is_told_at_once(served: Stand) -> None:
    served.wait_known()
    reader = Reader(served)
    events = reader.events()
    assert next(events)[0] == "beat"
    served.house.change(container("shop", "cart"))
    # At once, so before the next beat; but a machine that is busy may take that long.
    assert next(e for e in events if e[0] != "beat")[0] == "world"
    served.house.record(kind="opened", incident="i", text="x")
    assert next(e for e in events if e[0] != "world")[0] == "healing"
    reader.close()


def test_a_beat_tells_the_age_and_comes_in_time(served: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    assert streams.HEARTBEAT == 5.0
    monkeypatch.setattr(streams, "HEARTBEAT", 0.5)
    served.wait_known()
    reader = Reader(served)
    events = reader.events()
    _name, data = next(events)
    assert data["at"] == pytest.approx(time.time(), abs=30)
    assert data["heard"] is True
    began = time.monotonic()
    assert next(e for e in events if e[0] == "beat")
    assert time.monotonic() - began < 10
    reader.close()


def test_one_stream_too_many_is_told_to_poll(served: Stand) -> None:
    readers = [Reader(served) for _ in range(3)]
    assert [r.response.status for r in readers] == [200] * 3
    late = Reader(served)
    assert late.response.status == 503
    assert late.response.headers["Retry-After"] == "30"
    assert json.loads(late.response.read())["type"] == "urn:paramedic:problem:too_many_streams"
    late.close()
    status, _ = _get(served, "/api/v1/status")
    assert status == 200, "others are served meanwhile"
    for reader in readers:
        reader.close()
    wait_until(lambda: served.app.extensions["slots"].taken == 0)
    again = Reader(served)
    assert again.response.status == 200
    again.close()


def test_a_reader_that_left_frees_its_place_though_nothing_happens(served: Stand) -> None:
    reader = Reader(served)
    next(reader.events())
    assert served.app.extensions["slots"].taken == 1
    reader.close()
    wait_until(lambda: served.app.extensions["slots"].taken == 0)


def test_forty_half_sent_requests_block_nobody(served: Stand) -> None:
    served.wait_known()
    slow = []
    try:
        for number in range(40):
            half = socket.create_connection(("127.0.0.1", served.server.port), timeout=5)
            body = b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
            if number % 2:
                body = b"POST /api/v1/actions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n{"
            half.sendall(body)
            slow.append(half)
        for _ in range(5):
            began = time.monotonic()
            assert _get(served, "/api/v1/status")[0] == 200
            assert time.monotonic() - began < 8.0
    finally:
        for half in slow:
            half.close()


@pytest.mark.parametrize("size", [70_000, 5_000_000])
def test_an_oversized_body_is_refused(served: Stand, size: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=5)
    headers = {"Content-Type": "application/json", "Content-Length": str(size), **served.signed("admin")}
    connection.putrequest("POST", "/api/v1/actions")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    if size < 4 << 20:
        connection.send(b"x" * size)
    assert connection.getresponse().status == 413
    connection.close()


def test_stop_ends_open_streams_at_once() -> None:
    with stand(serve=True, streams=5) as found:
        readers = [Reader(found) for _ in range(5)]
        for reader in readers:
            next(reader.events())
        began = time.monotonic()
        found.server.stop()
        assert time.monotonic() - began < 8.0
        assert not found.server._thread.is_alive()
        for reader in readers:
            reader.close()


def test_a_port_that_is_taken_is_a_state(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    tries: list[str] = []
    real = serve.tcp_listener
    monkeypatch.setattr(serve, "_AGAIN", 0.01)
    monkeypatch.setattr(serve, "tcp_listener", lambda address: (tries.append(address), real(address))[1])
    caplog.set_level("INFO", "paramedic.serve")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with stand("none", furnished=False, listen=f"127.0.0.1:{port}") as found:
            found.server.start()
            wait_until(lambda: "cannot listen" in found.server.ready().reason)
            assert str(port) in found.server.ready().reason
            assert found.server.healthy().ready
            wait_until(lambda: len(tries) > 5)
            said = [r.levelname for r in caplog.records if r.name == "paramedic.serve"]
            assert said == ["WARNING"], "it is said once, and no page is promised"
            taken.close()
            wait_until(lambda: found.server.ready().ready)
            assert f"the page is at http://127.0.0.1:{port}/" in caplog.messages
            assert _get(found, "/api/v1/status")[0] == 200


def test_an_answer_to_a_head_has_no_body(served: Stand) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=5)
    connection.request("HEAD", "/api/v1/status")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    connection.close()


def test_freezing_is_told() -> None:
    with stand(serve=True, scrape_interval=3600.0) as found:
        found.wait_known()
        reader = Reader(found)
        events = reader.events()
        next(events)
        found.house.update(hands=replace(found.house.world.hands, frozen=True))
        assert next(events)[0] == "world"
        assert json.loads(_get(found, "/api/v1/status")[1])["frozen"] is True
        reader.close()


@pytest.mark.parametrize(
    ("asked", "status", "kind"),
    [
        (b"POST /api/v1/actions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n", 413, "too_large"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400, "bad_input"),
    ],
)
def test_what_the_server_itself_refuses_is_a_problem_document(
    served: Stand, asked: bytes, status: int, kind: str
) -> None:
    with socket.create_connection(("127.0.0.1", served.server.port), timeout=10) as plug:
        plug.sendall(asked)
        response = http.client.HTTPResponse(plug)
        response.begin()
        document = json.loads(response.read())
    assert (response.status, response.getheader("Content-Type")) == (status, "application/problem+json")
    assert (document["status"], document["type"]) == (status, f"urn:paramedic:problem:{kind}")
    assert document["detail"]
