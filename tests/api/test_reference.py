"""The API's description: complete, committed, and true."""

from __future__ import annotations

from typing import Any

import pytest

from paramedic_api.reference import document, pages
from support_hub import Stand
from support_repo import ROOT


@pytest.mark.parametrize("name", ["api.md", "openapi.json"])
def test_the_committed_reference_is_up_to_date(name: str) -> None:
    committed = (ROOT / "docs/reference" / name).read_text(encoding="utf-8")
    assert committed == pages()[name], "run: python -m paramedic_api.reference docs/reference"


def test_the_served_document_is_the_committed_one(reading: Stand) -> None:
    assert reading.client.get("/api/v1/openapi.json").get_json() == document()


def test_every_route_of_the_api_is_described(reading: Stand) -> None:
    described = set(document()["paths"])
    rules = {str(rule) for rule in reading.app.url_map.iter_rules()}
    plain = {rule.replace("<path:", "<").replace("<", "{").replace(">", "}") for rule in rules}
    undocumented = {r for r in plain if r.startswith(("/api/", "/-/"))} - described
    # The description of itself, and the streams, which are no JSON and are described in words.
    assert undocumented == {"/api/v1/openapi.json", "/api/v1/live", "/api/v1/logs/tail"}


def test_every_view_says_what_it_does_and_answers() -> None:
    for path, methods in document()["paths"].items():
        for method, view in methods.items():
            assert view["summary"], (path, method)
            assert "<" not in view["summary"], (path, method)
            assert {"401", "403"} <= set(view["responses"]), (path, method)
            problems = {s for s in view["responses"] if not s.startswith("2")}
            for status in problems:
                schema = view["responses"][status]["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/Problem"), (path, method, status)


def test_every_reference_leads_somewhere() -> None:
    found = document()
    schemas = found["components"]["schemas"]
    for reference in _references(found):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference


def test_broken_routes_are_reported_by_name(reading: Stand) -> None:
    assert reading.app.extensions["broken_routes"] == ()


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [r for v in value.values() for r in _references(v)]
    return [r for v in value for r in _references(v)] if isinstance(value, list) else []
