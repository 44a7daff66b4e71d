"""Alertmanager's webhook through the hub: who may send it, what is taken, and that 202 means stored."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
from collections.abc import Iterator

import pytest

from paramedic_core.clock import SystemClock
from paramedic_core.settings import HealerSettings, Settings
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener
from paramedic_healer import role as healer
from support_hub import Stand, stand
from support_shop import HOST

PATH = "/api/v1/alerts/webhook"
JOURNAL = "healer/journal.db"


def notification(*names: str, **labels: str) -> dict[str, object]:
    """What Alertmanager 0.25 sends."""
    return {
        "receiver": "paramedic",
        "status": "firing",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "Slow", "name": name, "paramedic_action": "restart", **labels},
                "annotations": {"summary": "p99 is 9 s"},
                "startsAt": "2026-11-23T06:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus/graph",
                "fingerprint": f"f-{name}"[:64],
            }
            for name in names
        ],
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "version": "4",
        "groupKey": "{}",
        "truncatedAlerts": 0,
    }


@pytest.fixture
def real() -> Iterator[Stand]:
    """A served hub beside the real healer."""
    with stand("runtime", "collector", furnished=False, serve=True) as found:
        data = found.house.data
        role = healer.build(Settings(healer=HealerSettings(startup_grace=0.0)), data, HOST, SystemClock())
        server = RoleServer(standard_routes(role), [unix_listener(socket_path(data, "healer"))])
        for component in role.components:
            component.start()
        server.start()
        try:
            found.wait_known()
            yield found
        finally:
            server.stop()
            for component in reversed(role.components):
                component.stop()


def test_what_was_answered_with_202_is_in_the_journal(real: Stand) -> None:
    answer = real.client.post(PATH, json=notification("shop-api-1", "shop-web-1"), headers=real.signed("sender"))
    assert answer.status_code == 202, answer.text
    assert answer.get_json() == {"host": HOST, "alerts": 2, "new": 2}
    journal = RoleClient(socket_path(real.house.data, "healer"), "healer").get("/journal?limit=100")["records"]
    assert [r["fingerprint"] for r in journal if r["kind"] == "alert"] == ["f-shop-api-1", "f-shop-web-1"]
    again = real.client.post(PATH, json=notification("shop-api-1", "shop-web-1"), headers=real.signed("sender"))
    assert (again.status_code, again.get_json()["new"]) == (202, 0), "a copy is no news"


def test_only_a_sender_may_and_a_sender_may_nothing_else(real: Stand) -> None:
    assert real.client.post(PATH, json=notification("x")).status_code == 401
    for role in ("viewer", "operator", "admin"):
        assert real.client.post(PATH, json=notification("x"), headers=real.signed(role)).status_code == 403
    headers = real.signed("sender")
    wish = {"target": "shop-api-1", "action": "restart", "reason": "slow"}
    for method, path, body in (
        ("POST", "/api/v1/actions", wish),
        ("POST", "/api/v1/freeze", {"on": True}),
        ("PUT", "/api/v1/services/shop/api/heal", {"mode": "off"}),
        ("GET", "/api/v1/containers", None),
    ):
        assert real.client.open(path, method=method, json=body, headers=headers).status_code == 403, path


def test_what_cannot_be_stored_is_503() -> None:
    with stand("runtime", "collector", furnished=False) as found:
        answer = found.client.post(PATH, json=notification("shop-api-1"), headers=found.signed("sender"))
        assert answer.status_code == 503
        assert answer.get_json()["type"].endswith(":peer_away")
        assert "Retry-After" in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"alerts": "x"},
        {"alerts": [1]},
        {"alerts": [{"status": "odd", "labels": {}}]},
        {"alerts": [{"status": "firing", "labels": {"a": 1}}]},
        {"alerts": [{"status": "firing", "labels": {}}] * 501},
    ],
)
def test_what_is_no_notification_is_refused_whole(real: Stand, body: dict[str, object]) -> None:
    answer = real.client.post(PATH, json=body, headers=real.signed("sender"))
    assert answer.status_code == 400
    assert "alerts" in answer.get_json()["detail"]


def test_a_large_one_is_taken_and_one_too_large_is_not(real: Stand) -> None:
    headers = real.signed("sender")
    large = notification(*(f"c{n}" for n in range(500)), note="x" * 900)
    assert 500_000 < len(json.dumps(large)) < 1 << 20
    assert real.client.post(PATH, json=large, headers=headers).status_code == 202
    huge = real.client.post(PATH, json={"alerts": [], "x": "y" * (1 << 20)}, headers=headers)
    assert huge.status_code == 413
    assert "1024 KiB" in huge.get_json()["detail"]
    other = real.client.post("/api/v1/freeze", json={"on": True, "reason": "y" * 70_000}, headers=real.signed("admin"))
    assert (other.status_code, "64 KiB" in other.text) == (413, True), "only this one takes more than 64 KiB"


def test_fifty_megabytes_are_refused_at_once_and_nothing_is_lost(real: Stand) -> None:
    token = real.token("sender")
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", real.server.port), timeout=20) as plug:
        plug.sendall(f"{head}Content-Length: {50 << 20}\r\n\r\n".encode())
        assert plug.recv(4096).startswith(b"HTTP/1.1 413"), "before a byte of the body was sent"
    with socket.create_connection(("127.0.0.1", real.server.port), timeout=20) as plug:
        plug.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        piece, sent = b"100000\r\n" + b" " * (1 << 20) + b"\r\n", 0
        with contextlib.suppress(ConnectionError):
            while sent < 50:
                plug.sendall(piece)
                sent += 1
        assert sent < 49, "it hung up amid the body"
    answer = real.client.post(PATH, json=notification("shop-api-1"), headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 202


def test_a_forged_host_and_another_sites_page_are_refused(real: Stand) -> None:
    headers = real.signed("sender")
    forged = real.client.post(PATH, json=notification("x"), headers=headers, base_url="http://evil.example")
    assert (forged.status_code, forged.get_json()["type"].rpartition(":")[2]) == (403, "unknown_host")
    other = real.client.post(PATH, json=notification("x"), headers={**headers, "Origin": "http://evil.example"})
    assert other.status_code == 403


def test_a_journal_that_cannot_be_written_is_503_and_the_copy_sent_later_is_taken(real: Stand) -> None:
    headers = real.signed("sender")
    # Another writer holds the file, for longer than the healer waits.
    with contextlib.closing(sqlite3.connect(real.house.data / JOURNAL, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        answer = real.client.post(PATH, json=notification("shop-api-1"), headers=headers)
        blocker.execute("ROLLBACK")
    assert (answer.status_code, "journal" in answer.get_json()["detail"]) == (503, True), answer.text
    again = real.client.post(PATH, json=notification("shop-api-1"), headers=headers)
    assert (again.status_code, again.get_json()["new"]) == (202, 1)
