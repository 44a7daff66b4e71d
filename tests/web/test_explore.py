"""The explorer: whole without a script, with a pointer where there is one, and errors with their place."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from support_browser import Browser
from support_hub import Stand, stand
from support_series import labels

pytestmark = pytest.mark.web
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


@pytest.fixture(scope="module")
def known() -> Iterator[Stand]:
    """A hub with an hour of three series."""
    with stand(serve=True) as found:
        found.wait_known()
        now = int(time.time()) // 15 * 15
        samples = [
            (labels("load", host=host), (now - 3600 + 15 * n) * 1000, 1.5 + place + math.sin(n / 20 + place))
            for n in range(240)
            for place, host in enumerate(("a", "b", HOSTILE))
        ]
        found.hub.measured.metrics.store.add(samples)
        yield found


def test_it_is_whole_without_a_script(known: Stand) -> None:
    page = known.client.get("/explore", query_string={"expr": "load", "range": "1h"}).text
    assert page.count('<path class="s') == 3
    assert "load{host=&#34;a&#34;}" in page
    assert HOSTILE not in page
    assert ">3 series<" in page.replace(" </h2>", "<").replace("</h2>", "<")
    begin = known.client.get("/explore").text
    assert "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes" in begin
    assert '<option value="load">' in begin
    assert "There is no such series" in known.client.get("/explore", query_string={"expr": "nothing"}).text


def test_an_error_has_its_place(known: Stand) -> None:
    page = known.client.get("/explore", query_string={"expr": "sum(rate(load[5m]) + <b>"}).text
    assert "parse error" in page
    assert "<mark>&lt;</mark>" in page or "<mark>" in page
    assert "<b>" not in page.split("<main")[1].split('class="where"')[1].split("</code>")[0]
    execution = known.client.get("/explore", query_string={"expr": "load + on() load"}).text
    assert "many" in execution
    for odd in ("load[5m]", "'text'", "(" * 5000, "\x00", "a" * 20_000):
        assert known.client.get("/explore", query_string={"expr": odd, "range": "century"}).status_code == 200


def test_the_chart_answers_the_pointer(page: Browser, known: Stand) -> None:
    page.open(f"{known.url}explore?expr=load&range=1h")
    page.wait("return document.querySelector('#plot .uplot canvas') !== null")
    last = page.text("td[data-value]")
    page.run(
        "const over = document.querySelector('#plot .u-over'); const box = over.getBoundingClientRect();"
        "over.dispatchEvent(new MouseEvent('mousemove', {bubbles: true, clientX: box.left + box.width / 3, clientY: box.top + 40}))"
    )
    page.wait("return document.querySelector('#at').innerText !== 'last'")
    assert page.text("td[data-value]") != ""
    assert last
    assert page.run("return document.title") == "Explore · paramedic"
    assert page.run("return document.querySelectorAll('nav a[aria-current]').length") == 1


def test_a_wrong_expression_is_marked(page: Browser, known: Stand) -> None:
    page.open(f"{known.url}explore?expr={quote('sum(load')}&range=15m")
    assert "parse error" in page.text(".notice.bad")
    assert page.run("return document.querySelector('.where mark') !== null")


def test_a_query_that_takes_too_long_is_ended_and_said(known: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    from paramedic_api.page import explorer

    monkeypatch.setattr(explorer, "_PATIENCE", 0.0)
    page = known.client.get("/explore", query_string={"expr": "load"}).text
    assert "took longer than" in page or "timed out in queue" in page
