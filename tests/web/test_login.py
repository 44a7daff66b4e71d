"""Logging in, and what a person may do then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paramedic_core.settings import HealerSettings, Mode
from support_browser import Browser
from support_hub import Stand

pytestmark = pytest.mark.web


def _login(page: Browser, shop: Stand, role: str) -> None:
    page.open(f"{shop.url}login")
    page.run("document.querySelector('#token').value = arguments[0]", shop.token(role))
    page.run("document.querySelector('[data-login]').requestSubmit()")
    page.wait("return document.querySelector('[data-logout]')?.innerText.includes(arguments[0])", role)


def test_nobody_sees_controls_before(page: Browser, shop: Stand) -> None:
    for path in ("", "plan", "services/crm/mailer"):
        page.open(shop.url + path)
        assert page.run("return document.querySelectorAll('[data-mode-of],[data-freeze]').length") == 0


def test_an_admin_switches_a_service(page: Browser, shop: Stand) -> None:
    _login(page, shop, "admin")
    page.open(f"{shop.url}services/crm/mailer")
    page.run("document.querySelector('#mode-choice').value = 'enforce'")
    page.run("document.querySelector('[data-mode-of]').requestSubmit()")
    page.wait("return document.querySelector('#said').innerText.includes('switched')")
    assert [(g["service"], g["mode"]) for g in shop.house.grants] == [("crm/mailer", "enforce")]


def test_a_switch_that_the_file_outvotes_says_so(page: Browser, shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    healer = HealerSettings(services={"crm/mailer": Mode.OBSERVE})
    monkeypatch.setattr(shop.hub, "settings", replace(shop.hub.settings, healer=healer))
    _login(page, shop, "admin")
    page.open(f"{shop.url}services/crm/mailer")
    page.run("document.querySelector('#mode-choice').value = 'enforce'")
    page.run("document.querySelector('[data-mode-of]').requestSubmit()")
    page.wait("return document.querySelector('#said').innerText.includes('switched')")
    assert "but it stays observe: healer.services says crm/mailer: observe" in page.text("#said")


def test_an_admin_switches_in_the_table_and_on_the_banner(page: Browser, shop: Stand) -> None:
    _login(page, shop, "admin")
    page.open(f"{shop.url}services")
    page.run(
        "const form = document.querySelector('[data-mode-of=\\'edge/gateway\\']');"
        "form.mode.value = 'off'; form.requestSubmit()"
    )
    page.wait("return document.querySelector('#said').innerText.includes('switched')")
    page.open(shop.url)
    assert "paramedic heal enable crm/mailer" in page.text("#rise"), "the one change is said"
    page.run("document.querySelector('#rise button').click()")
    page.wait("return document.querySelector('#said').innerText.includes('switched')")
    assert [(g["service"], g["mode"]) for g in shop.house.grants] == [
        ("edge/gateway", "off"),
        ("crm/mailer", "enforce"),
    ]


def test_the_plan_has_the_one_change(page: Browser, shop: Stand) -> None:
    _login(page, shop, "admin")
    page.open(f"{shop.url}plan")
    page.run("document.querySelector('[data-mode-of] button').click()")
    page.wait("return document.querySelector('#said').innerText.includes('switched')")
    assert shop.house.grants[0]["mode"] == "enforce"


def test_an_operator_freezes_and_an_admin_lets_go(page: Browser, shop: Stand) -> None:
    _login(page, shop, "operator")
    page.run("document.querySelector('[data-freeze=on]').click()")
    page.wait("return document.querySelector('#notices').innerText.includes('frozen')")
    assert "frozen" in page.text("#mode")
    assert page.run("return document.querySelectorAll('[data-freeze]').length") == 0, "an operator cannot lift it"
    _login(page, shop, "admin")
    page.run("document.querySelector('[data-freeze=off]').click()")
    page.wait("return !document.querySelector('#notices').innerText")
    assert [f["on"] for f in shop.house.frozen] == [True, False]


def test_a_wrong_token_is_said(page: Browser, shop: Stand) -> None:
    page.open(f"{shop.url}login")
    page.run(
        "document.querySelector('#token').value = 'paramedic_x'; document.querySelector('[data-login]').requestSubmit()"
    )
    page.wait("return document.querySelector('#said').innerText.includes('not known')")
    assert all("401" in line for line in page.log())


def test_a_login_link_logs_in_and_leaves_no_trace(page: Browser, shop: Stand) -> None:
    page.open(f"{shop.url}login#{shop.token('viewer')}")
    page.wait("return document.querySelector('[data-logout]')?.innerText.includes('viewer')")
    assert page.run("return location.hash") == ""
    assert page.run("return document.cookie") == "", "scripts cannot read the session"


def test_logging_out(page: Browser, shop: Stand) -> None:
    _login(page, shop, "operator")
    page.run("document.querySelector('[data-logout]').click()")
    page.wait("return document.querySelector('header').innerText.includes('Log in')")
    assert len(shop.hub.sessions) == 0
