"""Every error is a problem document, and nothing hostile is a 500."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support_hub import Stand, stand

_PATHS = [
    "/api/v1/containers/{}",
    "/api/v1/services/{}",
    "/api/v1/incidents/{}",
    "/api/v1/containers?cursor={}",
    "/api/v1/decisions?target={}",
    "/api/v1/history?service={}",
    "/services/{}",
    "/healing/{}",
]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/-/nothing", 404),
        ("DELETE", "/api/v1/status", 405),
        ("DELETE", "/api/v1/session", 400),
        ("POST", "/api/v1/status", 405),
        ("PUT", "/metrics", 405),
    ],
)
def test_wrong_paths_and_methods(reading: Stand, method: str, path: str, status: int) -> None:
    headers = {**reading.signed("admin"), "Content-Type": "application/json"}
    body = "[]" if status == 400 else "{}"
    answer = reading.client.open(path, method=method, headers=headers, data=None if method == "GET" else body)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["status"] == status
    if status == 405:
        assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"target": 1}',
        b'{"on": "yes"}',
        b"[" * 20_000,
        b'{"a":' * 20_000,
    ],
)
@pytest.mark.parametrize(
    "path", ["/api/v1/actions", "/api/v1/freeze", "/api/v1/session", "/api/v1/services/shop/api/heal"]
)
def test_wrong_bodies(reading: Stand, path: str, body: bytes) -> None:
    headers = {**reading.signed("admin"), "Content-Type": "application/json"}
    answer = reading.client.post(path, data=body, headers=headers)
    assert answer.status_code in (400, 413), answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["detail"]


def test_an_oversized_body_is_refused(reading: Stand) -> None:
    headers = {**reading.signed("admin"), "Content-Type": "application/json"}
    body = json.dumps({"target": "x", "action": "restart", "reason": "y" * 100_000})
    answer = reading.client.post("/api/v1/actions", data=body, headers=headers)
    assert answer.status_code == 413
    assert answer.get_json()["detail"] == "the body is larger than 64 KiB"


def test_fields_are_bounded(reading: Stand) -> None:
    wish = {"target": "shop-api-1", "action": "restart", "reason": "y" * 501}
    answer = reading.client.post("/api/v1/actions", json=wish, headers=reading.signed("admin"))
    assert answer.status_code == 400
    assert "reason" in answer.get_json()["detail"]


def test_a_browser_gets_a_page(reading: Stand) -> None:
    answer = reading.client.get("/services/<script>alert(1)</script>", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_fault_of_ours_is_a_problem_too() -> None:
    with stand("none", furnished=False) as found:
        found.app.add_url_rule("/api/v1/broken", "broken", lambda: str(1 / 0))
        answer = found.client.get("/api/v1/broken")
        assert answer.status_code == 500
        assert answer.get_json()["type"] == "urn:paramedic:problem:internal"
        assert "division" not in answer.text


@given(text=st.text(max_size=60), path=st.sampled_from(_PATHS))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_asked_is_a_500(reading: Stand, text: str, path: str) -> None:
    from urllib.parse import quote

    answer = reading.client.get(path.format(quote(text, safe="")))
    assert answer.status_code < 500, (text, answer.text)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=8), v, max_size=4),
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_is_a_500(reading: Stand, value: object) -> None:
    for path in ("/api/v1/actions", "/api/v1/freeze", "/api/v1/session"):
        body = {"target": value, "action": value, "reason": value, "on": value, "token": value}
        answer = reading.client.post(path, data=json.dumps(body), content_type="application/json")
        assert answer.status_code in (400, 401, 429), answer.text
