"""Lists: paging to the end, and bounds."""

from __future__ import annotations

import pytest

from paramedic_api.lists import cursor_of
from support_hub import Stand


def _walk(stand: Stand, path: str, limit: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    cursor, rounds = "", 0
    while True:
        answer = stand.client.get(path, query_string={"limit": limit, "cursor": cursor}).get_json()
        assert len(answer["items"]) <= limit
        found += answer["items"]
        rounds += 1
        assert rounds < 50
        if not answer["next"]:
            return found
        cursor = answer["next"]


@pytest.mark.parametrize("limit", [1, 3, 14, 100])
@pytest.mark.parametrize(
    ("path", "key"),
    [("containers", "name"), ("services", "key"), ("incidents", "id"), ("decisions", "seq"), ("journal", "seq")],
)
def test_paging_gives_each_item_once(reading: Stand, path: str, key: str, limit: int) -> None:
    whole = [i[key] for i in reading.client.get(f"/api/v1/{path}").get_json()["items"]]
    assert [i[key] for i in _walk(reading, f"/api/v1/{path}", limit)] == whole
    assert len(set(whole)) == len(whole) > 0


@pytest.mark.parametrize("path", ["nodes", "containers", "services", "plan", "incidents", "decisions", "journal"])
def test_a_huge_limit_is_cut(reading: Stand, path: str) -> None:
    assert reading.client.get(f"/api/v1/{path}?limit=1000000000").status_code == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", "cursor=%00", "cursor=" + "a" * 400])
@pytest.mark.parametrize("path", ["containers", "incidents", "decisions", "journal"])
def test_a_wrong_query_is_400(reading: Stand, path: str, query: str) -> None:
    answer = reading.client.get(f"/api/v1/{path}?{query}")
    if answer.status_code == 200:
        # %00 is four zero digits short of a cursor: it stands for the start where any text may.
        assert query == "cursor=%00"
        return
    assert answer.status_code == 400
    assert answer.get_json()["type"] == "urn:paramedic:problem:bad_input"


@pytest.mark.parametrize("key", ["x", "-1", "1e9", "9" * 30, "²"])
def test_a_cursor_of_another_list_is_400(reading: Stand, key: str) -> None:
    assert reading.client.get(f"/api/v1/journal?cursor={cursor_of(key)}").status_code == 400


def test_another_hosts_list_is_empty(reading: Stand) -> None:
    assert reading.client.get("/api/v1/containers?host=ffffffffffff").get_json()["items"] == []
    assert len(reading.client.get(f"/api/v1/containers?host={reading.hub.host}").get_json()["items"]) == 14
