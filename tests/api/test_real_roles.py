"""The hub beside the real healer and the real collector, each on its own socket: what they say is what the hub reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_collector import role as collector
from paramedic_core.clock import SystemClock
from paramedic_core.lifecycle import Component
from paramedic_core.settings import HealerSettings, Settings
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.role import Role, standard_routes
from paramedic_core.sys.server import RoleServer, unix_listener
from paramedic_healer import role as healer
from support_hub import Stand, stand
from support_shop import HOST, container_id
from support_wait import wait_until

SETTINGS = Settings(healer=HealerSettings(startup_grace=0.0))


@contextlib.contextmanager
def _running(role: Role, data: Path) -> Iterator[None]:
    started: list[Component] = []
    server = RoleServer(standard_routes(role), [unix_listener(socket_path(data, role.name))])
    try:
        for component in role.components:
            component.start()
            started.append(component)
        server.start()
        yield
    finally:
        server.stop()
        for component in reversed(started):
            component.stop()


@pytest.fixture(scope="module")
def real() -> Iterator[Stand]:
    with stand("runtime", furnished=False) as found:
        clock = SystemClock()
        with (
            _running(healer.build(SETTINGS, found.house.data, HOST, clock), found.house.data),
            _running(collector.build(SETTINGS, found.house.data, HOST, clock), found.house.data),
        ):
            wait_until(lambda: all(c.ready().ready for c in (found.hub.feed, found.hub.mirror, found.hub.history)))
            wait_until(lambda: found.hub.mirror.incidents() and found.hub.mirror.plan())
            yield found


def test_the_plan_and_its_gate(real: Stand) -> None:
    items = real.client.get("/api/v1/plan").get_json()["items"]
    entry = next(i for i in items if i["name"] == "crm-mailer-1")
    assert (entry["decision"], entry["gate"], entry["would"]) == ("refuse", "mode", True)
    assert entry["reason"] == "it has not been opted in"
    assert "paramedic heal enable crm/mailer" in entry["allow"]


def test_incidents_decisions_and_journal(real: Stand) -> None:
    incident = real.client.get("/api/v1/incidents").get_json()["items"][0]
    assert (incident["name"], incident["state"]) == ("crm-mailer-1", "held")
    assert {s["kind"] for s in incident["story"]} >= {"opened", "decision", "would_act"}
    detail = real.client.get(f"/api/v1/incidents/{incident['id']}").get_json()
    assert detail["warnings"] == []
    assert [r["seq"] for r in detail["records"]] == sorted(r["seq"] for r in detail["records"])
    decision = real.client.get("/api/v1/decisions?target=crm-mailer-1").get_json()["items"][0]
    assert decision["inputs"]["gates"]["mode"]["choice"] == "refuse"
    assert real.client.get("/api/v1/journal").get_json()["items"][0]["kind"] == "opened"


def test_modes(real: Stand) -> None:
    wait_until(lambda: real.client.get("/api/v1/services/crm/mailer").get_json()["mode"] == "observe")
    service = real.client.get("/api/v1/services/crm/mailer").get_json()
    assert "healer.default is observe" in service["mode_from"]


def test_a_wish_is_judged(real: Stand) -> None:
    headers = real.signed("operator")
    wish = {"target": "shop-api-1", "action": "restart", "reason": "slow", "dry_run": True}
    decision = real.client.post("/api/v1/actions", json=wish, headers=headers)
    assert decision.status_code == 200, decision.text
    assert (decision.get_json()["decision"], decision.get_json()["gate"]) == ("refuse", "mode")
    assert decision.get_json()["target"] == container_id("shop-api-1")
    unknown = real.client.post("/api/v1/actions", json={**wish, "action": "dance"}, headers=headers)
    assert unknown.status_code == 404
    assert "restart" in unknown.get_json()["detail"]


def test_the_same_key_is_asked_once(real: Stand) -> None:
    headers = {**real.signed("operator"), "Idempotency-Key": "k1"}
    wish = {"target": "shop-redis-1", "action": "restart", "reason": "slow"}
    first, second = (real.client.post("/api/v1/actions", json=wish, headers=headers).get_json() for _ in range(2))
    assert first["seq"] == second["seq"] > 0
    other = real.client.post("/api/v1/actions", json={**wish, "action": "stop"}, headers=headers)
    assert (other.status_code, other.get_json()["code"]) == (422, "key_reused"), "not the answer to another wish"


@pytest.mark.parametrize(("more", "query"), [({"dryrun": True}, ""), ({}, "?dry_run=true")])
def test_a_field_that_is_not_known_is_named_and_nothing_is_done(real: Stand, more: dict[str, bool], query: str) -> None:
    before = len(real.client.get("/api/v1/journal?limit=500").get_json()["items"])
    wish = {"target": "shop-api-1", "action": "start", "reason": "x", **more}
    answer = real.client.post(f"/api/v1/actions{query}", json=wish, headers=real.signed("operator"))
    assert answer.status_code == 400, answer.text
    assert ("dryrun" if more else "dry_run") in answer.get_json()["detail"]
    assert len(real.client.get("/api/v1/journal?limit=500").get_json()["items"]) == before
    for path in ("journal?targt=x", "plan?hots=x", "history?rnage=1h", "names/resolve?name=a&form=b"):
        misspelt = real.client.get(f"/api/v1/{path}")
        assert (misspelt.status_code, "there is no field" in misspelt.text) == (400, True), path


def test_figures_of_this_machine(real: Stand) -> None:
    def node() -> dict[str, float]:
        found: dict[str, float] = real.client.get("/api/v1/nodes").get_json()["items"][0]
        return found

    wait_until(lambda: node()["cpu_used_ratio"] is not None)
    assert node()["memory_total_bytes"] > node()["memory_used_bytes"] > 1e6
    assert node()["filesystem_size_bytes"] > 1e6
    assert node()["uptime_seconds"] > 0
    assert node()["network_receive_bytes_per_second"] is not None


def test_the_page_shows_it(real: Stand) -> None:
    page = real.client.get("/").text
    assert "would be restarted now, but it has not been opted in." in page
    assert "held back" in page
    assert "human hold" in real.client.get(f"/healing/{real.hub.mirror.incidents()[0]['id']}").text
    assert "to allow it" in real.client.get("/plan").text


def test_a_grant_in_the_world_changes_the_mode(real: Stand) -> None:
    real.house.update(grants={"edge/gateway": "enforce"})
    wait_until(lambda: real.client.get("/api/v1/services/edge/gateway").get_json()["mode"] == "enforce")
    real.house.update(hands=replace(real.house.world.hands, frozen=True))
    wait_until(lambda: real.client.get("/api/v1/services/edge/gateway").get_json()["mode"] == "observe")
