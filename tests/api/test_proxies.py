"""Whose word about callers is believed: X-Forwarded-* of trusted proxies, and of nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import g, request

from support_hub import Stand, stand

PUBLIC = "https://ops.example/paramedic/"
CLAIMS = {
    "X-Forwarded-For": "203.0.113.5",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "ops.example",
}


@pytest.fixture(scope="module")
def found() -> Iterator[Stand]:
    with stand("none", furnished=False, public_url=PUBLIC, trusted_proxies=("172.18.0.0/16", "127.0.0.1")) as made:
        yield made


def seen(found: Stand, remote: str, path: str = "/login", **headers: str) -> tuple[str, str, str, str]:
    """What the application sees of a request: caller, scheme, host, base path."""
    with found.app.test_request_context(), found.app.test_client() as client:
        client.get(path, headers=headers, environ_base={"REMOTE_ADDR": remote})
        assert g.caller is not None
        return request.remote_addr or "", request.scheme, request.host, request.root_path


def test_a_trusted_proxys_word_counts(found: Stand) -> None:
    assert seen(found, "172.18.0.9", **CLAIMS) == ("203.0.113.5", "https", "ops.example", "/paramedic")


def test_a_strangers_does_not(found: Stand) -> None:
    assert seen(found, "192.0.2.1", Host="ops.example", **CLAIMS) == ("192.0.2.1", "http", "ops.example", "")
    answer = found.client.get(
        "/login", headers={**CLAIMS, "Host": "evil.example"}, environ_base={"REMOTE_ADDR": "192.0.2.1"}
    )
    assert answer.status_code == 403, "X-Forwarded-Host does not cover a wrong Host"


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5, 172.18.0.2", "203.0.113.5"),
        ("203.0.113.5, unknown, 172.18.0.2", "172.18.0.2"),
        ("unknown", "172.18.0.9"),
        ("", "172.18.0.9"),
        ("2001:db8::7", "2001:db8::7"),
        ("203.0.113.5, " + "172.18.0.2, " * 500 + "172.18.0.2", "172.18.0.2"),
    ],
)
def test_the_client_is_the_nearest_that_is_no_proxy(found: Stand, chain: str, client: str) -> None:
    assert seen(found, "172.18.0.9", **{**CLAIMS, "X-Forwarded-For": chain})[0] == client


def test_a_scheme_that_is_none_is_not_taken(found: Stand) -> None:
    claims = {**CLAIMS, "X-Forwarded-Proto": "javascript"}
    assert seen(found, "172.18.0.9", **claims)[1] == "http"
    del claims["X-Forwarded-Proto"]
    assert seen(found, "172.18.0.9", **claims)[1] == "https", "the public address says so"


def test_through_a_proxy_everything_needs_a_token(found: Stand) -> None:
    for headers in ({}, CLAIMS):
        answer = found.client.get("/api/v1/status", headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"})
        assert answer.status_code == 401


def test_the_logins_cookie_is_secure_and_below_the_path(found: Stand) -> None:
    answer = found.client.post(
        "/paramedic/api/v1/session",
        json={"token": found.token("viewer")},
        headers={**CLAIMS, "Origin": "https://ops.example"},
        environ_base={"REMOTE_ADDR": "172.18.0.9"},
    )
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert "Secure" in cookie
    assert "Path=/paramedic" in cookie


@pytest.mark.parametrize(
    ("origin", "problem"),
    [("https://ops.example", "role"), ("http://ops.example", "other_site"), ("https://evil.example", "other_site")],
)
def test_a_proxy_that_replaces_the_host_is_fine_for_the_public_origin_alone(
    found: Stand, origin: str, problem: str
) -> None:
    headers = {"Host": "127.0.0.1:9110", "Origin": origin, **found.signed("viewer")}
    answer = found.client.post("/api/v1/freeze", json={"on": True}, headers=headers)
    assert answer.get_json()["type"].endswith(f":{problem}")


def test_every_stream_tells_the_proxy_not_to_buffer(found: Stand) -> None:
    with found.client.get("/api/v1/live", headers=found.signed("viewer")) as answer:
        assert answer.headers["X-Accel-Buffering"] == "no"
