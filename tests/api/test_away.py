"""Roles that are away are shown, never a 500; what was known stays."""

from __future__ import annotations

import time

import pytest

from paramedic_core.lifecycle import Component
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.server import unix_listener
from support_hub import Stand, stand
from support_wait import wait_until

PATHS = ["status", "nodes", "containers", "services", "plan", "incidents", "decisions", "journal", "history"]
PAGES = ["/", "/services", "/services/shop/api", "/healing", "/plan"]


@pytest.mark.parametrize("role", ["runtime", "healer", "collector"])
def test_what_was_known_stays(role: str) -> None:
    with stand() as found:
        found.wait_known()
        before = {path: found.client.get(f"/api/v1/{path}").get_json() for path in PATHS}
        found.house.stop(role)
        parts: dict[str, Component] = {
            "runtime": found.hub.feed,
            "healer": found.hub.mirror,
            "collector": found.hub.history,
        }
        part = parts[role]
        # The feed forgives a silence of 15 s: here the clock is moved instead of waiting.
        if role == "runtime":
            found.hub.feed._heard -= 20
        wait_until(lambda: not part.ready().ready)
        for path in PATHS:
            answer = found.client.get(f"/api/v1/{path}")
            assert answer.status_code == 200, (path, answer.text)
            if "items" in before[path]:
                assert len(answer.get_json()["items"]) == len(before[path]["items"]), path
        ready = found.client.get("/-/ready")
        assert ready.status_code == 503
        assert ready.get_json()["parts"][part.name]["reason"]
        assert found.client.get("/-/healthy").status_code == 200
        for page in PAGES:
            assert found.client.get(page).status_code == 200, page


def test_a_list_warns_of_old_knowledge() -> None:
    with stand() as found:
        found.wait_known()
        found.client.get("/api/v1/incidents")
        found.house.stop("healer")
        wait_until(lambda: not found.hub.mirror.ready().ready)
        for path in ("incidents", "decisions", "journal", "plan"):
            answer = found.client.get(f"/api/v1/{path}").get_json()
            assert "healer" in answer["warnings"][0], path
        first = found.house.incidents[0]["id"]
        detail = found.client.get(f"/api/v1/incidents/{first}").get_json()
        assert detail["records"]
        assert detail["warnings"]


def test_a_role_that_comes_back_is_heard_again() -> None:
    with stand() as found:
        found.wait_known()
        found.house.stop("healer")
        wait_until(lambda: not found.hub.mirror.ready().ready)
        found.house.start("healer")
        wait_until(lambda: found.hub.mirror.ready().ready)


def test_before_anything_is_known() -> None:
    with stand("none", furnished=False) as found:
        status = found.client.get("/api/v1/status")
        assert status.status_code == 200
        assert status.get_json()["sentence"] == "Waiting for the first look at this host."
        assert status.get_json()["as_of"] is None
        for path in ("nodes", "containers", "services", "containers/x"):
            answer = found.client.get(f"/api/v1/{path}")
            assert answer.status_code == 503
            assert answer.get_json()["type"] == "urn:paramedic:problem:peer_away"
            assert int(answer.headers["Retry-After"]) >= 1
        for path in ("plan", "incidents", "decisions", "journal", "history"):
            assert found.client.get(f"/api/v1/{path}").status_code == 200, path
        for page in ("/", "/services", "/healing", "/plan", "/login"):
            assert found.client.get(page).status_code == 200, page


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/actions", {"target": "shop-api-1", "action": "restart", "reason": "x"}),
        ("POST", "/api/v1/freeze", {"on": True}),
        ("PUT", "/api/v1/services/shop/api/heal", {"mode": "off"}),
    ],
)
def test_a_wish_without_the_role_is_said_not_done(method: str, path: str, body: dict[str, object]) -> None:
    with stand() as found:
        found.wait_known()
        headers = found.signed("admin")
        found.house.stop("healer", "runtime")
        answer = found.client.open(path, method=method, json=body, headers=headers)
        assert answer.status_code == 503
        assert "paramedic run" in answer.get_json()["detail"]


def test_strange_answers_of_a_role_are_no_500() -> None:
    with stand() as found:
        found.wait_known()
        found.house.incidents = [{"id": 7, "story": "none", "opened_at": "soon", "title": None, "state": []}]
        found.house.plan = [{"target": None, "decision": 4}]
        found.house.modes = {"shop/api": {"mode": None}}
        found.house.record(kind="decision", incident="x", inputs=3)
        _ask_everything(found)


def _ask_everything(found: Stand) -> None:
    wait_until(lambda: found.hub.mirror.incidents() == [] and found.hub.mirror.plan() == [])
    for path in PATHS:
        assert found.client.get(f"/api/v1/{path}").status_code < 500, path
    for page in PAGES:
        assert found.client.get(page).status_code == 200, page


def test_a_healer_that_hangs_holds_nobody_long() -> None:
    with stand("runtime", "collector") as found, unix_listener(socket_path(found.house.data, "healer")):
        # It accepts, and never answers.
        wait_until(lambda: found.hub.feed.ready().ready)
        began = time.monotonic()
        for _ in range(3):
            assert found.client.get("/").status_code == 200
        assert time.monotonic() - began < 9.0
        assert "healer" in found.client.get("/-/ready").get_json()["parts"]["healer"]["reason"]
