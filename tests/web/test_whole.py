"""Everything real: a private engine, `paramedic run` with every role, and a browser that watches a heal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support_browser import Browser
from support_engine import PrivateEngine
from support_paramedic import Paramedic, paramedic
from support_ports import free_port

pytestmark = [pytest.mark.web, pytest.mark.engine]

CHECK = (
    "--health-cmd",
    "test -f /tmp/well",
    "--health-interval",
    "0.5s",
    "--health-retries",
    "1",
    "--stop-timeout",
    "1",
)
WELL = ("sh", "-c", "touch /tmp/well; exec sleep 100000")
PROJECT = ("--label", "com.docker.compose.project=page")
NAMES = ("page-web-1", "page-db-1")


@pytest.fixture
def whole(private_engine: PrivateEngine, page: Browser) -> Iterator[tuple[Paramedic, str]]:
    for name, service in zip(NAMES, ("web", "db"), strict=True):
        leave = ("--label", "paramedic.heal=true") if service == "web" else ()
        service_label = ("--label", f"com.docker.compose.service={service}")
        private_engine.run(name, *WELL, options=(*CHECK, *PROJECT, *service_label, *leave))
    hub, collector = free_port(), free_port()
    roles = ("runtime", "collector", "healer", "hub")
    settings: dict[str, Any] = {"hub__listen": f"127.0.0.1:{hub}", "collector__listen": f"127.0.0.1:{collector}"}
    try:
        with paramedic(private_engine.host, roles=roles, hub__scrape_interval="1s", **settings) as running:
            yield running, f"http://127.0.0.1:{hub}/"
            complaints = page.log()
            page.open("about:blank")
        assert not complaints, complaints
    finally:
        private_engine.remove(*NAMES)


def test_a_heal_is_seen_from_start_to_end(
    private_engine: PrivateEngine, page: Browser, whole: tuple[Paramedic, str]
) -> None:
    _running, url = whole
    page.open(url)
    page.wait("return document.querySelector('h1').innerText === 'Both containers are well.'", within=30)
    page.wait("return document.querySelector('#vitals').innerText.includes('%')", within=30)
    page.run("window.same = true")
    private_engine.docker("exec", "page-web-1", "rm", "/tmp/well")
    page.wait("return document.querySelector('#healing').innerText.includes('Its health check failed')", within=30)
    page.wait("return document.querySelector('#healing .pill')?.innerText === 'healed'", within=40)
    steps = page.run(
        "return [...document.querySelectorAll('#healing .steps li')].map(s => s.innerText.split('\\n')[0])"
    )
    assert steps == ["unhealthy", "decided", "restarted", "well", "verified"]
    page.wait("return document.querySelector('.sub').innerText.includes('1 healed in the last 24 hours')")
    assert page.run("return window.same"), "all of it live, without loading anew"
    page.run("document.querySelector('#healing b a').click()")
    page.wait("return document.querySelector('h1').innerText === 'web: healed'")
    assert "To be restarted: every gate passed." in page.text("#story")


def test_one_switch_on_the_page_lets_a_held_service_be_healed(
    private_engine: PrivateEngine, page: Browser, whole: tuple[Paramedic, str]
) -> None:
    running, url = whole
    page.open(url)
    private_engine.docker("exec", "page-db-1", "rm", "/tmp/well")
    page.wait("return document.querySelector('#rise').innerText.includes('it has not been opted in')", within=30)
    page.wait("return document.querySelector('h1').innerText.includes('db needs your leave')")
    token = json.loads(running.cli("token", "create", "page", "--role", "admin", "-o", "json").stdout)["token"]
    page.open(f"{url}login#{token}")
    page.wait("return document.querySelector('[data-logout]')")
    page.open(f"{url}plan")
    page.run("document.querySelector('[data-mode-of] button').click()")
    page.wait("return document.querySelector('#said').innerText.includes('switched')")
    running.wait_journal("closed", "page-db-1")
    assert len(private_engine.events(target="page-db-1", actions=("restart",))) == 1
    page.open(f"{url}services/page/db")
    assert "a grant says page/db: enforce" in page.text("#mode-of")
