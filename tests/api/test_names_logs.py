"""Names and logs through the API, from the real dns and logs roles."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from paramedic_api.routes import logs, names
from support_hub import stand
from support_said import Said, events, said
from support_shop import HOST, container_id
from support_wait import wait_until

WEB = "web.shop.svc.paramedic.internal"


@pytest.fixture(scope="module")
def shop() -> Iterator[Said]:
    with said() as found:
        found.say("shop-web-1", *(f"level=info request={n}" for n in range(50)), ago=600)
        found.say("shop-web-2", "level=error msg=refused", ago=60)
        found.say("shop-web-2", "odd \x1b[31mred\x1b[0m", stream="stderr", ago=59)
        found.say("gone-1", "I was here", ago=50)
        found.wait_said(53)
        yield found


def get(shop: Said, path: str, status: int = 200) -> dict[str, Any]:
    answer = shop.stand.client.get(path)
    assert answer.status_code == status, answer.text
    value: dict[str, Any] = answer.get_json()
    return value


def test_every_name_has_its_members_and_why(shop: Said) -> None:
    value = get(shop, "/api/v1/names?limit=500")
    assert set(value) == set(names.NameList.model_fields)
    known = {n["name"].rstrip("."): n for n in value["items"]}
    assert {m["container"] for m in known[WEB]["members"]} == {"shop-web-1", "shop-web-2", "shop-web-3"}
    (mailer,) = known["mailer.crm.svc.paramedic.internal"]["members"]
    assert (mailer["in_service"], mailer["why"]) == (False, "unhealthy")
    assert {n["host"] for n in value["items"]} == {HOST}


def test_names_are_read_page_by_page(shop: Said) -> None:
    found, cursor = [], ""
    while cursor is not None:
        value = get(shop, f"/api/v1/names?limit=20&cursor={cursor}")
        found += [n["name"] for n in value["items"]]
        cursor = value["next"]
    assert found == sorted(set(found))
    assert found == [n["name"] for n in get(shop, "/api/v1/names?limit=500")["items"]]


def test_an_asker_gets_what_it_shares_a_network_with_and_is_told_why_not(shop: Said) -> None:
    mine = get(shop, f"/api/v1/names/resolve?name={WEB}&from=shop-api-1")
    assert len(mine["records"]) == 3
    assert mine["asker"]["container"] == "shop-api-1"
    others = get(shop, f"/api/v1/names/resolve?name={WEB}&from=crm-mailer-1")
    assert (others["records"], others["rcode"]) == ([], "NOERROR")
    assert "no shared network" in others["why"]
    assert [m["why"] for m in others["members"]] == ["no shared network"] * 3
    assert get(shop, f"/api/v1/names/resolve?name={WEB}")["asker"]["kind"] == "host"


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("name=", 400), ("name=x&type=ANY", 400), ("name=" + "a" * 300, 400), ("name=a..b", 400)],
)
def test_a_question_that_is_none_is_refused(shop: Said, query: str, status: int) -> None:
    assert get(shop, f"/api/v1/names/resolve?{query}", status)["detail"]


def test_lines_are_found_by_service_text_level_and_time(shop: Said) -> None:
    value = get(shop, "/api/v1/logs?service=shop/web&limit=3")
    assert set(value) == set(logs.LogLines.model_fields)
    assert [i["text"] for i in value["items"]][1:] == ["level=error msg=refused", "level=info request=49"]
    assert value["items"][0]["stream"] == "stderr"
    assert set(value["items"][0]) == set(logs.LogLine.model_fields)
    assert [i["text"] for i in get(shop, "/api/v1/logs?text=request=7")["items"]] == ["level=info request=7"]
    assert [i["container"] for i in get(shop, "/api/v1/logs?level=error")["items"]] == ["shop-web-2"]
    at = get(shop, "/api/v1/logs?text=refused")["items"][0]["at"]
    later = [i["text"] for i in get(shop, f"/api/v1/logs?from={at}&direction=forward")["items"]]
    assert later[0].startswith("level=error")
    assert "I was here" in later


def test_lines_of_a_container_that_is_gone_are_found(shop: Said) -> None:
    (line,) = get(shop, f"/api/v1/logs?container={container_id('gone-1')[:12]}")["items"]
    assert line["text"] == "I was here"
    assert container_id("gone-1") in [s["id"] for s in get(shop, "/api/v1/logs/streams")["items"]]


@pytest.mark.parametrize("direction", ["backward", "forward"])
def test_lines_are_read_page_by_page_each_once(shop: Said, direction: str) -> None:
    found, cursor = [], ""
    while cursor is not None:
        value = get(shop, f"/api/v1/logs?service=web&limit=7&direction={direction}&cursor={cursor}")
        found += [i["text"] for i in value["items"]]
        cursor = value["next"]
    assert len(found) == 52
    assert len(set(found)) == 52


def test_lines_of_one_moment_are_read_page_by_page_each_once() -> None:
    with said(dns=False) as found:
        found.say("shop-web-1", "first")
        log = found.logs["shop-web-1"]
        moment = 1_700_000_000_000_000_000
        for number in range(20):
            log.line(f"same {number}", ns=moment)
        found.wait_said(21)
        for direction in ("backward", "forward"):
            texts, cursor = [], ""
            while cursor is not None:
                value = get(found, f"/api/v1/logs?text=same&limit=3&direction={direction}&cursor={cursor}")
                texts += [i["text"] for i in value["items"]]
                cursor = value["next"]
            assert sorted(texts) == sorted(f"same {n}" for n in range(20)), direction


@pytest.mark.parametrize(
    "query",
    ["level=loud", "from=yesterday", "to=2026-11-23T06:45:55", "cursor=eA", "limit=0", "direction=up", "from=.5"],
)
def test_a_search_that_is_none_is_refused(shop: Said, query: str) -> None:
    assert get(shop, f"/api/v1/logs?{query}", 400)["detail"]


def test_no_evidence_is_not_found(shop: Said) -> None:
    assert "no lines were kept" in get(shop, "/api/v1/logs/evidence/nope", 404)["detail"]


def test_new_lines_come_as_events_and_the_place_is_given_back() -> None:
    with said(dns=False) as found:
        found.say("shop-web-1", "before")
        found.wait_said(1)
        with found.stand.client.get("/api/v1/logs/tail?service=shop/web&text=new") as answer:
            stream = iter(answer.response)
            assert b"retry" in next(stream)
            stop = threading.Event()

            def speak() -> None:
                # Nothing tells when the role has begun to follow.
                while not stop.wait(0.1):
                    found.say("shop-web-1", "another", "new <b>line</b>")

            speaker = threading.Thread(target=speak)
            speaker.start()
            body = b""
            while b"event: line" not in body:
                body += next(stream)
            stop.set()
            speaker.join()
        lines = [data for name, data in events(body) if name == "line"]
        assert [line["text"] for line in lines] == ["new <b>line</b>"] * len(lines), "only what was asked for"
        slots = found.stand.app.extensions["slots"]
        wait_until(lambda: slots.taken == 0)


def test_without_those_roles_it_is_said_and_nothing_else_fails() -> None:
    with stand() as found:
        found.wait_known()
        for path in ("/api/v1/names", f"/api/v1/names/resolve?name={WEB}", "/api/v1/logs", "/api/v1/logs/streams"):
            answer = found.client.get(path)
            assert answer.status_code == 503, path
            assert "does not answer" in answer.get_json()["detail"]
        with found.client.get("/api/v1/logs/tail") as answer:
            told = events(b"".join(answer.response))
        assert told[-1][0] == "away"
        assert "does not answer" in str(told[-1][1])
        for path in ("/names", "/logs", f"/healing/{found.house.incidents[0]['id']}"):
            page = found.client.get(path)
            assert page.status_code == 200
            assert "does not answer" in page.text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("container=edge-gateway-1", True),
        ("service=edge/gateway", True),
        ("service=gateway&level=error", True),
        ("container=shop-web-1", False),
        ("", False),
        ("container=nobody", False),
    ],
)
def test_the_page_says_whose_lines_are_not_read(shop: Said, query: str, *, told: bool) -> None:
    answer = shop.stand.client.get(f"/logs?{query}")
    assert answer.status_code == 200
    says = "The lines of edge-gateway-1 are not read: its log driver is journald, and only json-file is read."
    assert (says in answer.text) is told
