"""The pages of logs and names in a real Chromium, over the real roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_core.model import Endpoint, Health
from support_browser import Browser
from support_said import Said, said
from support_shop import container, container_id
from support_wait import wait_until

pytestmark = pytest.mark.web
WEB = "web.shop.svc.paramedic.internal"
HOSTILE = [
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "\x1b[2J\x1b[31mred\x1b[0m \x1b]0;title\x07 text",
    "\u202egnp.exe\u0000",
    "{{ 7 * 7 }}",
    "x" * 6000,
]
PWNED = "main script, main img[src=x], main [onerror]"


@pytest.fixture
def shop(page: Browser) -> Iterator[Said]:
    with said(serve=True) as found:
        found.say("shop-web-1", *(f"level=info request={n}" for n in range(5)), ago=600)
        found.say("shop-web-2", "level=error msg=refused", ago=60)
        found.say("gone-1", "the one before", ago=50)
        found.wait_said(7)
        yield found
        complaints = page.log()
        page.open("about:blank")
    assert not complaints, complaints


def lines(page: Browser) -> list[str]:
    found: list[str] = page.run("return [...document.querySelectorAll('#lines code')].map(c => c.textContent)")
    return found


def follow(page: Browser, shop: Said, name: str) -> None:
    """Return when new lines of a container are shown: there is no other sign that it is being followed."""

    def seen() -> bool:
        shop.say(name, "marker")
        return bool(page.run("return document.querySelector('#lines').innerText.includes('marker')"))

    wait_until(seen, 20, every=0.2)


def test_a_search_by_hand(page: Browser, shop: Said) -> None:
    page.open(f"{shop.stand.url}logs")
    assert lines(page)[-2:] == ["level=error msg=refused", "the one before"], "the newest stand at the end"
    assert "1 of them no longer there" in page.text(".sub")
    assert "(gone)" in page.text("#lines li.gone .who")
    page.run(
        "document.querySelector('[name=text]').value = 'request=3'; document.querySelector('form').requestSubmit()"
    )
    page.wait("return location.search.includes('request')")
    assert lines(page) == ["level=info request=3"]
    page.open(f"{shop.stand.url}logs?service=shop/web&level=warn")
    assert lines(page) == ["level=error msg=refused"]
    assert page.run("return document.querySelector('[name=level]').value") == "warn"
    page.open(f"{shop.stand.url}logs?text=nowhere")
    assert "No such line" in page.text("#lines")


def test_without_scripts_it_is_whole(page: Browser, shop: Said) -> None:
    page.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(f"{shop.stand.url}logs?text=refused")
        picture = page.devtools("DOM.getDocument", depth=-1)
        assert "level=error msg=refused" in str(picture)
        assert "'hidden'" in str(picture), "the button that only scripts can serve"
    finally:
        page.devtools("Emulation.setScriptExecutionDisabled", value=False)


def test_following_shows_new_lines_and_stops(page: Browser, shop: Said) -> None:
    page.open(f"{shop.stand.url}logs?service=shop/web")
    page.run("document.querySelector('[data-tail]').focus(); window.same = true")
    page.press("\ue007")
    page.wait("return document.querySelector('[data-tail]').getAttribute('aria-pressed') === 'true'")
    follow(page, shop, "shop-web-1")
    shop.say("shop-web-1", "level=warn fresh <i>line</i>")
    page.wait("return document.querySelector('#lines').innerText.includes('fresh <i>line</i>')")
    assert page.run("return [...document.querySelectorAll('#lines .lvl')].at(-1).className") == "lvl warn"
    assert page.run("return document.querySelectorAll('#lines i').length") == 0
    page.run("document.querySelector('[data-tail]').click()")
    assert page.text("[data-tail]") == "Follow"
    assert page.run("return window.same")


def test_hostile_lines_are_text_searched_and_followed(page: Browser, shop: Said) -> None:
    page.open(f"{shop.stand.url}logs?container=shop-web-3")
    page.run("document.querySelector('[data-tail]').click()")
    follow(page, shop, "shop-web-3")
    shop.say("shop-web-3", *HOSTILE, "the end")
    page.wait("return document.querySelector('#lines').innerText.includes('the end')")
    followed = [text for text in lines(page) if text != "marker"]
    page.open(f"{shop.stand.url}logs?container=shop-web-3")
    searched = [text for text in lines(page) if text != "marker"]
    for texts in (followed, searched):
        assert texts[:2] == HOSTILE[:2]
        assert texts[2].split() == ["red", "text"], "a terminal's orders are left out"
        assert "\u202e" not in texts[3]
        assert texts[4] == "{{ 7 * 7 }}"
        assert 4000 <= len(texts[5]) < 4100
    assert page.run("return window.pwned ?? null") is None
    assert page.run("return document.querySelectorAll(arguments[0]).length", PWNED) == 0
    assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0


def test_an_incident_shows_the_lines_that_were_kept(page: Browser, shop: Said) -> None:
    incident = shop.stand.house.incidents[0]
    shop.say("shop-api-2", "level=error database <b>refused</b>")
    shop.wait_said(8)
    who = {"target": container_id("shop-api-2"), "name": "shop-api-2", "service": "shop/api"}
    shop.stand.house.record(kind="opened", incident=incident["id"], text="Ill.", **who)
    page.open(f"{shop.stand.url}healing/{incident['id']}")
    page.wait("return document.querySelector('#evidence').innerText.includes('refused')", within=30)
    opened = "return [...document.querySelectorAll('#evidence details[open] code')].map(c => c.textContent)"
    assert "level=error database <b>refused</b>" in page.run(opened)
    page.open(page.run("return document.querySelector('#evidence details[open] .after a').href"))
    assert "around one moment" in page.text("#lines-title")
    assert "level=error database <b>refused</b>" in lines(page)


def test_names_say_who_is_in_service_and_why_not(page: Browser, shop: Said) -> None:
    page.open(f"{shop.stand.url}names")
    assert "mailer.crm (0 of 1)" in page.text("h1")
    assert "out of service: unhealthy" in page.text("#service-names")
    page.run("window.same = true")
    ill = shop.stand.house.world.containers[container_id("shop-web-2")]
    shop.stand.house.change(replace(ill, health=Health.UNHEALTHY))
    page.wait("return document.querySelector('h1').innerText.includes('web.shop (2 of 3)')")
    assert page.run("return window.same"), "by itself"


def test_hostile_names_are_text(page: Browser, shop: Said) -> None:
    for place, text in enumerate(HOSTILE[:5]):
        labels = {"com.docker.compose.project": text, "com.docker.compose.service": text}
        bad = replace(container("p", f"s{place}", labels=labels), name=text)
        shop.stand.house.change(replace(bad, endpoints=(Endpoint(text, f"{text}-id", f"172.28.0.{place + 2}", ""),)))
    page.open(f"{shop.stand.url}names")
    page.wait("return document.querySelector('#service-names').innerText.includes('onerror')")
    page.run("document.querySelector('#other-names').open = true")
    links = page.run("return [...document.querySelectorAll('#service-names a')].map(a => a.href)")
    assert len(links) >= 12
    for url in [
        f"{shop.stand.url}names",
        *links,
        f"{shop.stand.url}names?name=%22%3E%3Cscript%3E&from=%3Cimg%20src=x%3E",
    ]:
        page.open(url)
        assert page.run("return window.pwned ?? null") is None, url
        assert page.run("return document.querySelectorAll(arguments[0]).length", PWNED) == 0, url
        assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0, url


def test_what_an_asker_would_get(page: Browser, shop: Said) -> None:
    page.open(f"{shop.stand.url}names")
    page.run("document.querySelector('[name=name]').value = arguments[0]", WEB)
    page.run("document.querySelector('[name=from]').value = 'crm-mailer-1'")
    page.run("document.querySelector('.ask').requestSubmit()")
    page.wait("return document.querySelector('#answer')")
    assert "has nothing for this asker" in page.text("#answer")
    assert "no shared network" in page.text("#answer")
    page.open(f"{shop.stand.url}names?name={WEB}&from=shop-api-1")
    assert page.text("#answer").count(f"{WEB} ") == 3
    page.open(f"{shop.stand.url}names?name={WEB}&from=nobody<b>")
    assert page.text("#answer")
    assert page.run("return document.querySelectorAll('#answer b').length") <= 1


@pytest.mark.parametrize("path", ["logs", "logs?service=shop/web", "names", f"names?name={WEB}&from=shop-api-1"])
@pytest.mark.parametrize("dark", [False, True])
def test_they_fit_and_can_be_reached_by_keyboard(
    page: Browser, shop: Said, tmp_path: Path, path: str, dark: bool
) -> None:
    for width, height in ((1320, 1000), (390, 800)):
        page.look(width, height, dark=dark)
        page.open(shop.stand.url + path)
        assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0, width
        assert len(page.picture(tmp_path / f"{width}.png")) > 5000
    page.look(1320, 1000)
    reached = set()
    for _ in range(24):
        page.press("\ue004")
        if page.run("return document.activeElement === document.body"):
            break
        reached.add(page.run("return document.activeElement.name || document.activeElement.innerText.trim()"))
        assert page.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert {"name", "from", "type", "Ask"} <= reached or {"service", "container", "text", "level", "Search"} <= reached
