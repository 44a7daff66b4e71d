"""A damaged store of metrics is said on the page: a real store, a block of which has one wrong bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from support_browser import Browser
from support_hub import stand
from support_tsdb import spoilt

pytestmark = pytest.mark.web


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_says_what_is_damaged_and_what_to_do(page: Browser, tmp_path: Path, dark: bool) -> None:
    with stand(serve=True, prepare=lambda data: spoilt(data / "metrics")) as found:
        found.wait_known()
        for width, height in ((1320, 1000), (390, 800)):
            page.look(width, height, dark=dark)
            page.open(found.url)
            page.wait("return document.querySelector('#notices .notice.bad')?.innerText.includes('damaged')")
            overflow = page.run("return document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{overflow} px wider than {width}"
            assert len(page.picture(tmp_path / f"{width}.png")) > 5000
        said = page.text("#notices .notice.bad")
        assert "Stored metrics are damaged, and queries go on without what is lost." in said
        assert "parts/00000001.part: up to " in said
        assert "samples of" in said
        commands = page.run("return [...document.querySelectorAll('#notices code')].map(c => c.innerText)")
        assert commands == [f"paramedic tsdb {word} --data {found.house.data}" for word in ("check", "repair")]
        top = page.run("return document.querySelector('#notices').getBoundingClientRect().bottom")
        assert top < height, "not in the first view"
        assert "Stored metrics are damaged" in found.client.get("/api/v1/status").get_json()["damage"]
        page.open("about:blank")


def test_a_whole_store_is_not_spoken_of(page: Browser) -> None:
    with stand(serve=True) as found:
        found.wait_known()
        page.open(found.url)
        assert "damaged" not in page.text("main")
        assert found.client.get("/api/v1/status").get_json()["damage"] == ""
        page.open("about:blank")
