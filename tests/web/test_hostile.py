"""Strings from containers are hostile: they are shown as text, run nowhere, and break no layout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support_browser import Browser
from support_house import House
from support_hub import stand
from support_shop import container

pytestmark = pytest.mark.web

HOSTILE = [
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "'><svg/onload=window.pwned=1>",
    "{{ 7 * 7 }}{% include 'layout.html' %}",
    "</title><script>window.pwned=1</script>",
    "javascript:window.pwned=1",
    "`<b onmouseover=window.pwned=1>`",
    "a" * 400,
    "\u202egnp.exe\u0000\u001b[31m",
    "../../..",
    "?x#y&z=%2f%00",
]


PWNED = "main script, main img[src=x], main [onerror], main [onload], main [onmouseover], a[href^=javascript]"


def _furnish(house: House) -> None:
    """Every string of every role is hostile."""
    house.modes = {}
    incident, entry = house.incidents[0], house.plan[0]
    house.incidents, house.plan = [], []
    for place, text in enumerate(HOSTILE):
        labels = {"com.docker.compose.project": text, "com.docker.compose.service": text}
        bad = replace(container("p", f"s{place}", labels=labels), name=text, image=text, error=text)
        house.change(bad)
        who = {"target": bad.id, "name": text, "service": bad.service_key, "cause": text, "gate": text}
        words = {"title": text, "text": text, "reason": text, "allow": text, "outcome": text, "mode": text}
        story = [{"at": 1.0, "kind": "decision", "gate": text, "text": text}, {"at": 2.0, "kind": text, "text": text}]
        house.incidents.append({**incident, **who, **words, "id": f"i{place}-{text}", "state": "held", "story": story})
        house.plan.append({**entry, **who, **words})
        house.modes[bad.service_key] = {"mode": text, "from": text, "allow": text, "warnings": [text]}
        inputs = {"finding": {text: text}, "gates": {text: {"choice": text, "reason": text, text: text}}}
        house.record(kind=text, incident=f"i{place}-{text}", text=text, inputs=inputs)


def test_hostile_strings_are_text_everywhere(page: Browser) -> None:
    with stand(serve=True) as found:
        _furnish(found.house)
        found.wait_known()
        page.open(found.url)
        page.wait("return document.querySelectorAll('#services tbody tr').length >= 18")
        links = page.run("return [...document.querySelectorAll('#services a.name, #healing b a')].map(a => a.href)")
        assert len(links) > 18
        for url in [found.url, *(found.url + p for p in ("services", "healing", "plan")), *links]:
            page.open(url)
            assert page.run("return window.pwned ?? null") is None, url
            assert page.run("return document.querySelectorAll(arguments[0]).length", PWNED) == 0, url
            assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0, url
        # A name that is a path of dots leads elsewhere, and the browser says so; nothing else may.
        assert [line for line in page.log() if "404" not in line] == []
        page.open("about:blank")
