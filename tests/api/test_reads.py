"""Every read: its shape, its host, its units."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from paramedic_api import shapes
from support_hub import Stand
from support_shop import HOST, container_id

READS: dict[str, type[BaseModel]] = {
    "/api/v1/status": shapes.Status,
    "/api/v1/nodes": shapes.Nodes,
    "/api/v1/containers": shapes.Containers,
    "/api/v1/containers/shop-api-2": shapes.Container,
    f"/api/v1/containers/{container_id('shop-web-1')}": shapes.Container,
    "/api/v1/services": shapes.Services,
    "/api/v1/services/shop/api": shapes.Service,
    "/api/v1/plan": shapes.Plan,
    "/api/v1/incidents": shapes.Incidents,
    "/api/v1/decisions": shapes.Decisions,
    "/api/v1/journal": shapes.Records,
    "/api/v1/history": shapes.History,
    "/api/v1/history?service=shop/api": shapes.History,
    "/api/v1/session": shapes.Session,
    "/-/healthy": shapes.Verdict,
}
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


@pytest.mark.parametrize("path", READS)
def test_answer_has_its_shape(reading: Stand, path: str) -> None:
    answer = reading.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    shape = READS[path]
    TypeAdapter(shape).validate_python(answer.get_json())
    assert set(answer.get_json()) == set(shape.model_fields), "fields that the shape does not name, or lacks"


@pytest.mark.parametrize("path", [p for p in READS if p.startswith("/api/") and "session" not in p])
def test_every_object_carries_the_host(reading: Stand, path: str) -> None:
    value = reading.client.get(path).get_json()
    objects = value.get("items", [value])
    assert objects
    assert {o["host"] for o in objects} == {HOST}


@pytest.mark.parametrize("path", READS)
def test_times_are_rfc3339(reading: Stand, path: str) -> None:
    for name, value in _fields(reading.client.get(path).get_json()):
        if name in ("at", "since", "as_of", "until") or name.endswith("_at"):
            assert value is None or _TIME.match(value), (name, value)


def test_incident_with_its_records(reading: Stand) -> None:
    first = reading.house.incidents[0]["id"]
    answer = reading.client.get(f"/api/v1/incidents/{first}").get_json()
    assert answer["incident"]["id"] == first
    assert [r["kind"] for r in answer["records"]][:2] == ["opened", "decision"]
    assert answer["records"][1]["inputs"]["gates"]["fresh"]["choice"] == "do"


def test_status_says_how_things_are(reading: Stand) -> None:
    status = reading.client.get("/api/v1/status").get_json()
    assert status["sentence"] == "12 of 13 containers are well; mailer needs your leave."
    assert status["detail"] == "3 healed in the last 24 hours, 1 held back for you, 1 stopped by hand."
    assert status["containers"] == {"total": 14, "well": 12, "ill": 1, "resting": 1}
    assert (status["healed_last_day"], status["held"]) == (3, 1)


def test_stopped_by_hand_is_a_state_of_its_own(reading: Stand) -> None:
    backup = reading.client.get("/api/v1/services/ops/backup").get_json()
    assert (backup["standing"], backup["running"], backup["wanted"]) == ("stopped by hand", 0, 1)


def test_figures_reach_containers_and_services(reading: Stand) -> None:
    api = reading.client.get("/api/v1/services/shop/api").get_json()
    assert api["memory_limit_bytes"] == 4 * (512 << 20)
    assert api["memory_used_bytes"] == pytest.approx(0.52 * 4 * (512 << 20), rel=0.01)
    node = reading.client.get("/api/v1/nodes").get_json()["items"][0]
    assert node["memory_total_bytes"] == pytest.approx(16e9)
    assert node["cpu_cores"] == 4


@pytest.mark.parametrize("name", ["shop-api-2", container_id("shop-api-2"), container_id("shop-api-2")[:12]])
def test_a_container_by_name_or_id(reading: Stand, name: str) -> None:
    assert reading.client.get(f"/api/v1/containers/{name}").get_json()["name"] == "shop-api-2"


@pytest.mark.parametrize("path", ["containers/nope", "services/nope", "incidents/nope", "history?service=nope", "nope"])
def test_unknown_is_404(reading: Stand, path: str) -> None:
    answer = reading.client.get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["type"] == "urn:paramedic:problem:not_found"


def test_metrics(reading: Stand) -> None:
    text = reading.client.get("/metrics").text
    assert "# TYPE paramedic_hub_requests_total counter" in text
    assert "paramedic_hub_streams 0.0" in text


def test_labels_only_in_the_detail(reading: Stand) -> None:
    listed = reading.client.get("/api/v1/containers").get_json()["items"]
    assert all(c["labels"] is None for c in listed)
    detail = reading.client.get("/api/v1/containers/shop-api-1").get_json()
    assert detail["labels"]["com.docker.compose.service"] == "api"


def _fields(value: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        for name, item in value.items():
            # What the gates saw is theirs to shape.
            if name != "inputs":
                found += [(name, item), *_fields(item)] if not isinstance(item, (dict, list)) else _fields(item)
    elif isinstance(value, list):
        for item in value:
            found += _fields(item)
    return found
