"""The page in a real Chromium: whole, live, and without a complaint from the browser."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_core.model import Health
from support_browser import Browser
from support_hub import Stand, stand
from support_shop import container, container_id

pytestmark = pytest.mark.web


def test_overview_says_how_things_are(page: Browser, still: Stand) -> None:
    page.open(still.url)
    assert page.text("h1") == "12 of 13 containers are well; mailer needs your leave."
    assert "1 stopped by hand" in page.text(".sub")
    assert "would be restarted now, but it has not been opted in." in page.text("#rise")
    assert "paramedic heal enable crm/mailer" in page.text("#healing")
    assert page.text("nav [aria-current]") == "Overview"
    assert "Docker 29.0.1" in page.text("footer")
    assert page.run("return getComputedStyle(document.querySelector('.vitals')).display") == "grid"


@pytest.mark.parametrize("path", ["", "services", "services/shop/api", "healing", "plan", "login", "services/nope"])
@pytest.mark.parametrize("dark", [False, True])
def test_every_page_fits_and_pleases(page: Browser, still: Stand, tmp_path: Path, path: str, dark: bool) -> None:
    for width, height in ((1320, 1000), (390, 800)):
        page.look(width, height, dark=dark)
        page.open(still.url + path)
        assert page.text("h1")
        overflow = page.run("return document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{path} is {overflow} px wider than {width}"
        assert len(page.picture(tmp_path / f"{width}.png")) > 5000
        assert page.run("return getComputedStyle(document.body).backgroundColor") == (
            "rgb(20, 23, 26)" if dark else "rgb(251, 251, 249)"
        )
    if path == "services/nope":
        assert "404" in page.log()[0], "the browser itself notes the status"


def test_every_link_leads_to_a_page(page: Browser, still: Stand) -> None:
    seen, todo = set(), [still.url]
    while todo:
        url = todo.pop()
        if url in seen:
            continue
        seen.add(url)
        page.open(url)
        assert page.text("h1"), url
        todo += page.run("return [...document.querySelectorAll('a[href]')].map(a => a.href.split('#')[0])")
        assert len(seen) < 60
    assert all(url.startswith(still.url) for url in seen), "a link leaves the hub"
    assert len(seen) > 12


def test_incident_shows_evidence_and_inputs(page: Browser, still: Stand) -> None:
    page.open(f"{still.url}healing/{still.house.incidents[0]['id']}")
    assert page.text("h1") == "api.2: healed"
    assert "To be restarted: every gate passed." in page.text("#story")
    page.run("document.querySelector('details summary').click()")
    assert "failing_streak" in page.text("details")
    assert "human hold" in page.text("details")


def test_a_change_appears_by_itself(page: Browser, shop: Stand) -> None:
    page.open(shop.url)
    page.run("window.same = true")
    began = time.monotonic()
    shop.house.change(container("shop", "cart"))
    page.wait("return document.querySelector('#services').innerText.includes('cart')")
    assert time.monotonic() - began < 8, "by the stream, not by polling"
    assert page.run("return window.same"), "the page was not loaded anew"
    assert page.text("h1").startswith("13 of 14")
    mailer = shop.house.world.containers[container_id("crm-mailer-1")]
    shop.house.plan = []
    shop.house.change(replace(mailer, health=Health.HEALTHY))
    shop.house.record(kind="closed", incident="x", text="Well again.")
    page.wait("return document.querySelector('h1').innerText === 'All 14 containers are well.'")
    assert page.run("return document.title").startswith("All 14 containers are well.")


def test_focus_survives_an_update(page: Browser, shop: Stand) -> None:
    page.open(shop.url)
    page.run("document.querySelector('#services-count').focus()")
    shop.house.change(container("shop", "cart"))
    page.wait("return document.querySelector('#services-count').innerText.includes('15')")
    assert page.run("return document.activeElement.id") == "services-count"
    page.run("[...document.querySelectorAll('#services a')].find(a => a.innerText === 'worker').focus()")
    shop.house.change(container("shop", "basket"))
    page.wait("return document.querySelector('#services').innerText.includes('basket')")
    assert page.run("return document.activeElement.innerText") == "worker", "though it stands a line lower now"


def test_it_works_from_the_keyboard(page: Browser, still: Stand) -> None:
    page.open(still.url)
    page.press("\ue004")
    assert page.run("return document.activeElement.innerText") == "To the content"
    reached = set()
    for _ in range(30):
        page.press("\ue004")
        if page.run("return document.activeElement === document.body"):
            break
        reached.add(page.run("return document.activeElement.innerText.trim()"))
        outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", "where the focus is can be seen"
    assert {"Services", "Healing", "Plan", "mailer", "gateway"} <= reached


def test_state_is_never_told_by_colour_alone(page: Browser, still: Stand) -> None:
    page.open(still.url)
    lone = page.run(
        "return [...document.querySelectorAll('.dot')].filter(d => !d.parentElement.innerText.trim()).length"
    )
    assert lone == 0
    assert "unhealthy" in page.text("#services")
    assert "stopped by hand" in page.text("#services")
    assert "near its memory limit" in page.text("#services")


def test_runtime_away_is_seen(page: Browser, shop: Stand) -> None:
    page.open(shop.url)
    shop.house.stop("runtime")
    shop.hub.feed._heard -= 20
    page.wait("return document.querySelector('[data-at]').classList.contains('stale')", within=15)
    assert "stale" in page.text("[data-at]")
    page.wait("return document.querySelector('#notices').innerText.includes('old')")
    assert page.text("h1").startswith("12 of 13"), "what was known stays"


def test_the_hub_away_is_seen(page: Browser, shop: Stand) -> None:
    page.open(shop.url)
    page.run("window.same = true")
    shop.server.stop()
    page.wait("return document.querySelector('[data-at]').classList.contains('stale')", within=15)
    assert page.run("return window.same"), "what was known stays"
    page.open("about:blank")
    page.log()


def test_as_many_live_pages_as_may_be_then_polling(page: Browser) -> None:
    with stand(serve=True, streams=0) as found:
        found.wait_known()
        page.open(found.url)
        found.house.change(container("shop", "cart"))
        page.wait("return document.querySelector('#services').innerText.includes('cart')", within=15)
        assert "stale" not in page.text("[data-at]")
        assert all("503" in line for line in page.log())
        page.open("about:blank")


def test_charts_are_drawn(page: Browser, still: Stand) -> None:
    page.open(f"{still.url}services/shop/api")
    page.wait("return document.querySelectorAll('.chart canvas').length === 2")
    assert page.run("return document.querySelectorAll('.chart canvas')[0].width") > 200


def test_without_scripts_it_is_whole(page: Browser, still: Stand) -> None:
    page.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(still.url)
        source = page._call("GET", page._session + "/source", None)
    finally:
        page.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert "12 of 13 containers are well" in source
    assert "<svg" in source
