"""Who may do what, from where."""

from __future__ import annotations

import pytest

from support_hub import Stand, stand

AFAR = {"REMOTE_ADDR": "192.0.2.7"}
READS = [
    "/api/v1/status",
    "/api/v1/containers",
    "/api/v1/journal",
    "/metrics",
    "/-/ready",
    "/",
    "/healing",
    "/api/v1/live",
    "/api/v1/logs",
    "/api/v1/logs/tail",
    "/api/v1/names",
]
CHANGES = [
    ("POST", "/api/v1/actions", {"target": "shop-api-1", "action": "restart", "reason": "slow"}, "operator"),
    ("PUT", "/api/v1/services/shop/api/heal", {"mode": "enforce"}, "admin"),
    ("POST", "/api/v1/services/shop/api/heal", {"mode": "default"}, "admin"),
    ("POST", "/api/v1/freeze", {"on": True, "reason": "look"}, "operator"),
    ("POST", "/api/v1/freeze", {"on": False}, "admin"),
]
RANK = ["", "sender", "viewer", "operator", "admin"]


@pytest.mark.parametrize("path", READS)
def test_reading_on_loopback_needs_no_token(reading: Stand, path: str) -> None:
    with reading.client.get(path) as answer:
        assert answer.status_code in (200, 503)


@pytest.mark.parametrize("path", READS)
def test_from_afar_everything_needs_one(path: str) -> None:
    with stand("none", furnished=False, listen="0.0.0.0:9110", allowed_hosts=("hub.example",)) as found:
        base = "http://hub.example:9110"
        answer = found.client.get(path, base_url=base, headers={"Accept": "text/html"})
        if path in ("/", "/healing"):
            assert (answer.status_code, answer.headers["Location"]) == (303, "./login")
        else:
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        for role, right in (("sender", False), ("viewer", True), ("admin", True)):
            with found.client.get(path, base_url=base, headers=found.signed(role)) as signed:
                assert (signed.status_code not in (401, 403)) is right, (role, signed.status_code)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_a_proxy_makes_it_afar(reading: Stand, header: str) -> None:
    assert reading.client.get("/api/v1/status", headers={header: "198.51.100.9"}).status_code == 401


def test_another_machines_address_is_afar(reading: Stand) -> None:
    assert reading.client.get("/api/v1/status", environ_base=AFAR).status_code == 401


@pytest.mark.parametrize("role", RANK)
@pytest.mark.parametrize(("method", "path", "body", "needed"), CHANGES)
def test_who_may_change_what(method: str, path: str, body: dict[str, object], needed: str, role: str) -> None:
    with stand() as found:
        found.wait_known()
        headers = found.signed(role) if role else {}
        answer = found.client.open(path, method=method, json=body, headers=headers)
        if not role:
            assert answer.status_code == 401
        elif RANK.index(role) >= RANK.index(needed):
            assert answer.status_code == 200, answer.text
        else:
            assert answer.status_code == 403
            assert "this needs" in answer.get_json()["detail"] or needed in answer.get_json()["detail"]
        done = found.house.wishes or found.house.grants or found.house.frozen
        assert bool(done) is (answer.status_code == 200)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:9110"},
        {"Host": "localhost@evil.example"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data"},
    ],
)
def test_a_change_that_another_site_sends(headers: dict[str, str]) -> None:
    with stand() as found:
        found.wait_known()
        known = {"Host": "127.0.0.1:9110", "Content-Type": "application/json"}
        body = '{"target": "shop-api-1", "action": "restart", "reason": "x"}'
        sent = {**known, **found.signed("admin"), **headers}
        answer = found.client.post("/api/v1/actions", data=body, headers=sent)
        assert answer.status_code in (400, 403), answer.text
        assert not found.house.wishes


@pytest.mark.parametrize("host", ["localhost:9110", "127.0.0.1", "[::1]:9110", "hub.example:443", "HUB.example"])
def test_known_hosts(host: str) -> None:
    with stand("none", furnished=False, allowed_hosts=("hub.example",)) as found:
        assert found.client.get("/api/v1/status", headers={"Host": host}).status_code == 200


def test_a_rebound_name_reads_nothing(reading: Stand) -> None:
    answer = reading.client.get("/api/v1/containers", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "hub.allowed_hosts" in answer.get_json()["detail"]


def test_a_scrape_with_a_token_may_name_any_host(reading: Stand) -> None:
    answer = reading.client.get("/metrics", headers={"Host": "node7:9110", **reading.signed("viewer")})
    assert answer.status_code == 200


@pytest.mark.parametrize("text", ["", "x", "paramedic_", "paramedic_" + "A" * 43, "paramedic_" + "é" * 43])
def test_wrong_tokens(text: str) -> None:
    with stand("none", furnished=False) as found:
        found.token("admin")
        header = {"Authorization": f"Bearer {text}".encode().decode("latin-1")}
        answer = found.client.get("/api/v1/status", headers=header)
        assert answer.status_code == (401 if text else 200)


def test_trying_tokens_is_slowed_down() -> None:
    with stand("none", furnished=False) as found:
        good = found.signed("viewer")
        wrong = {"Authorization": "Bearer paramedic_" + "A" * 43}
        statuses = [found.client.get("/api/v1/status", headers=wrong).status_code for _ in range(15)]
        assert statuses[:10] == [401] * 10
        assert statuses[-1] == 429
        held = found.client.get("/api/v1/status", headers=good)
        assert held.status_code == 429, "nothing from this address is looked at meanwhile"
        assert int(held.headers["Retry-After"]) > 20
        assert found.client.get("/api/v1/status").status_code == 200


def test_a_damaged_token_file_lets_nobody_in() -> None:
    with stand("none", furnished=False) as found:
        headers = found.signed("admin")
        (found.house.data / "tokens.json").write_text("{")
        answer = found.client.post("/api/v1/freeze", json={"on": True}, headers=headers)
        assert answer.status_code == 503, "what a sender was refused with 4xx would be dropped"
        assert "tokens.json" in answer.get_json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0
        assert found.client.get("/api/v1/status").status_code == 200


def test_the_answer_forbids_scripts_of_others(reading: Stand) -> None:
    headers = reading.client.get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers
