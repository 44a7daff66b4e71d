"""Logging in on the page."""

from __future__ import annotations

from dataclasses import replace

from paramedic_api.sessions import COOKIE, LIFETIME, Sessions
from paramedic_core.clock import FakeClock
from paramedic_core.settings import HealerSettings, Mode
from paramedic_core.sys.tokens import Token
from support_hub import stand

TOKEN = Token("1", "ada", "admin", "0" * 64, 0.0)


def test_a_cookie_stands_for_the_token() -> None:
    with stand() as found:
        found.wait_known()
        client, token = found.client, found.token("operator")
        answer = client.post("/api/v1/session", json={"token": f" {token}\n"})
        assert answer.get_json()["role"] == "operator"
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert token not in cookie
        assert client.get("/api/v1/session").get_json()["role"] == "operator"
        wish = {"target": "shop-api-1", "action": "restart", "reason": "slow"}
        assert client.post("/api/v1/actions", json=wish).status_code == 200
        assert found.house.wishes[0]["by"].startswith("operator-")


def test_the_cookie_alone_is_no_leave_for_other_sites() -> None:
    with stand() as found:
        client = found.client
        client.post("/api/v1/session", json={"token": found.token("admin")})
        forged = {"Origin": "https://evil.example"}
        assert client.post("/api/v1/freeze", json={"on": True}, headers=forged).status_code == 403
        assert not found.house.frozen


def test_logging_out_ends_it() -> None:
    with stand("none", furnished=False) as found:
        client = found.client
        client.post("/api/v1/session", json={"token": found.token("admin")})
        stolen = client.get_cookie(COOKIE)
        assert stolen is not None
        assert client.delete("/api/v1/session").status_code == 200
        client.set_cookie(COOKIE, stolen.value)
        assert client.get("/api/v1/session").get_json() == {"name": "", "role": "viewer"}


def test_a_revoked_token_ends_its_sessions() -> None:
    with stand("none", furnished=False) as found:
        client = found.client
        client.post("/api/v1/session", json={"token": found.token("admin")})
        found.house.tokens.revoke("admin-0")
        assert client.post("/api/v1/freeze", json={"on": True}).status_code == 401


def test_a_wrong_token_opens_none() -> None:
    with stand("none", furnished=False) as found:
        answer = found.client.post("/api/v1/session", json={"token": "paramedic_" + "A" * 43})
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers


def test_a_grant_by_cookie_passes_the_token_on() -> None:
    with stand() as found:
        found.wait_known()
        client, token = found.client, found.token("admin")
        client.post("/api/v1/session", json={"token": token})
        answer = client.put("/api/v1/services/crm/mailer/heal", json={"mode": "enforce"})
        assert answer.status_code == 200, answer.text
        assert found.house.seen_headers[0]["authorization"] == f"Bearer {token}"
        assert found.house.grants[0]["service"] == "crm/mailer"


def test_a_grant_says_which_mode_counts_now() -> None:
    with stand() as found:
        found.wait_known()
        path, signed = "/api/v1/services/crm/mailer/heal", found.signed("admin")
        given = found.client.put(path, json={"mode": "enforce"}, headers=signed).get_json()
        assert (given["mode"], given["effective"]) == ("enforce", "enforce")
        healer = HealerSettings(services={"crm/mailer": Mode.OBSERVE})
        found.hub.settings = replace(found.hub.settings, healer=healer)
        given = found.client.put(path, json={"mode": "enforce"}, headers=signed).get_json()
        assert (given["mode"], given["effective"]) == ("enforce", "observe")
        assert given["why"] == "healer.services says crm/mailer: observe"


def test_sessions_expire_and_are_bounded() -> None:
    clock = FakeClock()
    sessions = Sessions(clock)
    first = sessions.open("t", TOKEN)
    assert sessions.find(first) is not None
    clock.advance(LIFETIME + 1)
    assert sessions.find(first) is None
    values = [sessions.open("t", TOKEN) for _ in range(400)]
    assert len(sessions) == 256
    assert sessions.find(values[-1]) is not None
    assert sessions.find(values[0]) is None


def test_use_keeps_a_session_for_three_days_at_most() -> None:
    clock = FakeClock()
    sessions = Sessions(clock)
    value = sessions.open("t", TOKEN)
    for _ in range(12):
        clock.advance(LIFETIME / 2)
        assert sessions.find(value) is not None
    clock.advance(LIFETIME / 2)
    assert sessions.find(value) is None


def test_a_session_never_prints_its_token() -> None:
    sessions = Sessions(FakeClock())
    found = sessions.find(sessions.open("paramedic_secret", TOKEN))
    assert "secret" not in repr(found)
